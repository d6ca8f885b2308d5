"""How values look in a notebook: small HTML, escaped, readable on light and dark ground, dull when there is nothing.

Colours are mixed into the ground (``color-mix``) and the text keeps the page's own colour, so that no theme has to be
known. Nothing is loaded from anywhere, nothing runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vibeworkbench.client.rooms.model import Connection
    from vibeworkbench.client.terminal.model import TerminalState

COLOURS = {
    "critical": "#d6336c",
    "high": "#e8590c",
    "medium": "#d9a200",
    "low": "#3b82c4",
    "info": "#7b8794",
    "open": "#e8590c",
    "acknowledged": "#d9a200",
    "in_progress": "#3b82c4",
    "muted": "#7b8794",
    "resolved": "#2f9e60",
    "running": "#3b82c4",
    "completed": "#2f9e60",
    "failed": "#d6336c",
    "timed_out": "#e8590c",
    "partial": "#d9a200",
    "skipped": "#7b8794",
    "ok": "#2f9e60",
    "warn": "#d9a200",
    "degraded": "#d9a200",
    "good": "#2f9e60",
    "slow": "#d9a200",
    "connecting": "#3b82c4",
    "connected": "#2f9e60",
    "reconnecting": "#e8590c",
    "offline": "#d6336c",
    "closed": "#7b8794",
    "fatal": "#d6336c",
    "error": "#e03131",
    "warning": "#d9a200",
    "notice": "#3b82c4",
    "speaking": "#2f9e60",
    "silent": "#7b8794",
    "healthy": "#2f9e60",
    "unhealthy": "#d6336c",
    "exited": "#7b8794",
    "restarting": "#e8590c",
    "dead": "#d6336c",
}
NEUTRAL = "#7b8794"

_CARD = (
    "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.5;"
    "color:inherit;max-width:72em"
)
_CELL = (
    "padding:3px 10px 3px 0;text-align:left;vertical-align:top;"
    "border-bottom:1px solid color-mix(in srgb,currentColor 12%,transparent)"
)
_FAINT = "opacity:.7"
SHORT_ID_DIGITS = 8
MISSING = "\N{EN DASH}"


class Html(str):
    """Text that is already HTML."""

    __slots__ = ()


Cell = Html | str | int | float | datetime | None


def html(value: Cell) -> Html:
    """``value`` as HTML: escaped unless it is HTML already; instants and missing values in words."""
    if isinstance(value, Html):
        return value
    if value is None or value == "":
        return Html(f'<span style="{_FAINT}">{MISSING}</span>')
    if isinstance(value, datetime):
        exact = escape(value.isoformat())
        return Html(f'<time datetime="{exact}" title="{exact}">{short_time(value)}</time>')
    return Html(escape(str(value)))


def short_time(at: datetime) -> str:
    """An instant for people, in UTC: the time of day when it is today's, else the date with it."""
    utc = at.astimezone(UTC)
    return f"{utc:%H:%M:%S} UTC" if utc.date() == datetime.now(UTC).date() else f"{utc:%Y-%m-%d %H:%M} UTC"


def short_id(name: str) -> Html:
    """The first digits of an id, which the verbs take as well; the whole of it when pointed at."""
    return Html(f'<code title="{escape(name)}">{escape(name[:SHORT_ID_DIGITS])}</code>')


def badge(word: str, text: str | None = None) -> Html:
    """A word on its colour; the colour is an addition, the word says it all."""
    colour = COLOURS.get(word, NEUTRAL)
    return Html(
        f'<span style="display:inline-block;padding:0 7px;border-radius:9px;white-space:nowrap;font-size:12px;'
        f"background:color-mix(in srgb,{colour} 22%,transparent);"
        f'border:1px solid color-mix(in srgb,{colour} 60%,transparent)">{escape(text or word.replace("_", " "))}</span>'
    )


def card(title: Html | str, *parts: Html) -> Html:
    """A titled block."""
    body = "".join(parts)
    return Html(f'<div style="{_CARD}"><div style="font-weight:600;margin:2px 0 4px">{html(title)}</div>{body}</div>')


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], empty: str) -> Html:
    """A table, or one quiet sentence when there are no rows."""
    lines = ["".join(f'<td style="{_CELL}">{html(cell)}</td>' for cell in row) for row in rows]
    if not lines:
        return note(empty)
    head = "".join(f'<th style="{_CELL};font-weight:600;{_FAINT}">{escape(name)}</th>' for name in columns)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return Html(
        f'<table style="border-collapse:collapse;color:inherit;font-size:13px;margin:2px 0;background:none">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def note(text: str) -> Html:
    """A quiet sentence."""
    return Html(f'<div style="{_FAINT};padding:4px 0">{escape(text)}</div>')


def facts(pairs: Mapping[str, Cell]) -> Html:
    """Names and values in one line, those without value left out."""
    said = [
        f'<span style="white-space:nowrap;margin-right:16px">'
        f'<span style="{_FAINT}">{escape(name)}</span> {html(value)}</span>'
        for name, value in pairs.items()
        if value is not None and value != ""
    ]
    line = " ".join(said)
    return Html(f'<div style="padding:2px 0">{line}</div>')


def bar(ratio: float, word: str) -> Html:
    """A bar filled by ``ratio`` (0 to 1) in the colour of ``word``."""
    percent = round(100 * max(0.0, min(1.0, ratio)))
    return Html(
        f'<div role="progressbar" aria-valuenow="{percent}" aria-valuemin="0" aria-valuemax="100" '
        f'style="height:8px;max-width:32em;border-radius:4px;overflow:hidden;margin:4px 0;'
        f'background:color-mix(in srgb,currentColor 12%,transparent)">'
        f'<div style="height:100%;width:{percent}%;background:{COLOURS.get(word, NEUTRAL)}"></div></div>'
    )


def sparkline(values: Sequence[float | None], highest: float = 100.0) -> Html:
    """The course of a value between 0 and ``highest`` as a line; gaps where nothing was measured."""
    if sum(value is not None for value in values) < 2:
        return Html("")
    width, height = 240, 36
    step = width / (len(values) - 1)
    path, is_down = "", False
    for index, value in enumerate(values):
        if value is not None:
            y = height - 2 - (height - 4) * max(0.0, min(1.0, value / highest))
            path += f"{'L' if is_down else 'M'}{index * step:.1f} {y:.1f}"
        is_down = value is not None
    return Html(
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="history">'
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.5" opacity=".8"/></svg>'
    )


def room_card(party: str, room: str, connection: Connection, last_seq: int | None) -> str:
    """How a membership stands."""
    return card(
        f"room {party}/{room}",
        Html(f"<div>{badge(connection.quality)}</div>"),
        facts(
            {
                "over": {"socket": "WebSocket", "poll": "long polling"}.get(connection.transport or ""),
                "round trip": None if connection.rtt_ms is None else f"{connection.rtt_ms:.0f} ms",
                "members": connection.members,
                "last seq": last_seq,
                "next try in": None if connection.retry_in_s is None else f"{connection.retry_in_s:.1f} s",
                "why": connection.reason,
            }
        ),
    )


def terminal_card(terminal_id: str, state: TerminalState, offset: int) -> str:
    """How a terminal and our connection with it stand."""
    ended = None if not state.has_ended else "ended" if state.exit_code is None else f"exit code {state.exit_code}"
    hold = state.hold
    return card(
        f"terminal {terminal_id}",
        Html(
            f"<div>you \N{LEFT RIGHT ARROW} workbench {badge(state.connection.quality)} "
            f"workbench \N{LEFT RIGHT ARROW} upstream {badge(state.upstream.state)}</div>"
        ),
        facts(
            {
                "role": state.role,
                "driver": state.name_of(state.driver),
                "members": ", ".join(each.name or each.member_id for each in state.members),
                "size": f"{state.size.cols}\N{MULTIPLICATION SIGN}{state.size.rows}",
                "bytes": offset,
                "held by": None if hold is None else f"{hold.by}: {hold.why}" if hold.why else hold.by,
                "shell": ended,
                "why": state.connection.reason or state.upstream.reason,
            }
        ),
    )


def folded(title: str, text: str) -> Html:
    """A text that opens on a click; nothing when it is empty."""
    if not text:
        return Html("")
    return Html(
        f'<details><summary style="{_FAINT};cursor:pointer">{escape(title)}</summary>'
        f'<pre style="white-space:pre-wrap;background:none;color:inherit;font-size:12px">{escape(text)}</pre></details>'
    )


def preformatted(text: str) -> Html:
    """A text as it stands, its lines kept; what a terminal would obey is made visible."""
    return Html(
        '<pre style="white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;'
        "background:color-mix(in srgb,currentColor 5%,transparent);"
        'color:inherit;font-size:12px;padding:6px 10px;margin:4px 0;border-radius:6px">'
        f"{escape(visible(text))}</pre>"
    )


def visible(text: str) -> str:
    """``text`` with marks for what turns the reading direction or is not seen; sequences of terminals are left out."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", _SEQUENCE.sub("", text))


_SEQUENCE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]")
"""Source: ECMA-48 (5th edition, 1991), clause 5.4."""
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Source: Unicode Standard Annex 9, section 2; Boucher and Anderson, "Trojan Source", 2021."""


def bars(counts: Sequence[int]) -> Html:
    """Counts, bucket by bucket."""
    width, height = 3 * len(counts), 22
    highest = max(1, *counts)
    tall = [0.0 if count == 0 else max(1.5, height * count / highest) for count in counts]
    marks = "".join(
        f'<rect x="{3 * place}" y="{height - size:.1f}" width="2" height="{size:.1f}"/>'
        for place, size in enumerate(tall)
        if size
    )
    return Html(
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="at most {max(counts, default=0)} in a bucket" fill="currentColor" opacity=".75">{marks}</svg>'
    )


def nested(told: Mapping[str, Any]) -> Html:
    """Facts within facts, in their order."""
    rows = "".join(
        f'<tr><td style="{_CELL};{_FAINT}">{escape(name)}</td><td style="{_CELL}">{_nested(value)}</td></tr>'
        for name, value in told.items()
        if value not in (None, "")
    )
    return Html(f'<table style="border-collapse:collapse;color:inherit;font-size:13px;background:none">{rows}</table>')


def _nested(value: Any) -> Html:
    if isinstance(value, Mapping):
        return nested(value)
    if isinstance(value, list | tuple):
        return Html("<br>".join(_nested(each) for each in value)) or html(None)
    return Html(f'<code style="white-space:pre-wrap">{escape(visible(str(value)))}</code>')
