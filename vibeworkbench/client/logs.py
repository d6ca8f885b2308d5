"""Logs: search, follow, templates, sources, how a line was understood, and sending lines."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from vibeworkbench.client.api import Api, segment
from vibeworkbench.client.errors import ClientError
from vibeworkbench.client.log_values import (
    LEVELS,
    Explanation,
    Line,
    Lines,
    LogSource,
    LogSources,
    Receipt,
    Rejection,
    Template,
    Templates,
)
from vibeworkbench.client.rooms import Connection, RoomSubscription
from vibeworkbench.client.values import ago_or_at, instant_text

PARTY = "logs"
KINDS = ("worker", "build", "container", "files", "journal")
SENT_AT_ONCE = 1000
KNOWN_LINES = 2000
"""Lines remembered at the seam of what was stored and what comes."""

TemplateSort = Literal["count", "lastSeen", "firstSeen", "new"]
When = datetime | timedelta | None


class Logs:
    """The server's logs. Calling it searches."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def search(self, text: str = "", *, limit: int = 200, **filters: Any) -> Lines:
        """Lines, newest first.

        Args:
            text: Words, or a phrase in double quotes, all of which must occur.
            limit: So many at most.
            **filters: ``level`` (at least so serious), ``source`` (``name`` or ``kind:name``), ``kind``, ``instance``,
                ``template`` (an id), ``since`` and ``until`` (aware instants, or a ``timedelta`` back from now).
        """
        page = self._api.page("api/logs", Line, query_of(text, **filters), limit)
        return Lines(page.items, page.next_cursor)

    __call__ = search

    def tail(
        self,
        text: str = "",
        *,
        last: int = 10,
        on_connection: Callable[[Connection], object] | None = None,
        **filters: Any,
    ) -> LogTail:
        """The lines that come, to iterate over, after the ``last`` ones that are there. Close it, or use ``with``.

        Args:
            text: As in ``search``.
            last: How many of the stored lines come first.
            on_connection: Gets the connection at each change.
            **filters: ``level``, ``source``, ``kind``, ``instance``, ``template``, as in ``search``.
        """
        query_of(text, **filters)
        stored = self.search(text, limit=last, **filters) if last > 0 else Lines(())
        room = RoomSubscription(self._api.address, PARTY, "main", on_connection=on_connection)
        return LogTail(room, stored, judge_of(text, **filters))

    def templates(
        self, text: str = "", *, sort: TemplateSort = "lastSeen", limit: int = 200, **filters: Any
    ) -> Templates:
        """Templates: what is said over and over.

        Args:
            text: Words that must occur.
            sort: Seen last, most often, first seen, or new ones first.
            limit: So many at most.
            **filters: ``level``, ``source``, ``kind``, ``since``, ``until``, as in ``search``.
        """
        page = self._api.page("api/logs/templates", Template, {**query_of(text, **filters), "sort": sort}, limit)
        return Templates(page.items, page.next_cursor)

    def template(self, template_id: str) -> Template:
        """One template with its explanation: how its lines get there."""
        return self._api.get(f"api/logs/templates/{segment(template_id)}", Template)

    def sources(self) -> LogSources:
        """Who has spoken, and how their lines are read."""
        return LogSources(self._api.pages("api/logs/sources", LogSource))

    def explain(self, line: str, *, source: str = "") -> Explanation:
        """How a raw line would be understood: its layout, time, level, message, masks and template. Nothing is stored.

        Args:
            line: As it stands in its file.
            source: ``kind:name`` of whoever says it; its own layouts are tried first.
        """
        kind, name = _parted(source)
        body = {name: value for name, value in {"line": line, "kind": kind, "source": name}.items() if value}
        return Explanation(self._api.post("api/logs/explain", dict[str, Any], body))

    def send(
        self,
        records: Iterable[Mapping[str, Any] | str],
        *,
        kind: Literal["worker", "build"] = "worker",
        source: str = "",
        level: str | None = None,
    ) -> Receipt:
        """The records are stored, each once: every one gets an id, so that a request sent again changes nothing.

        Args:
            records: Objects as REST takes them (``source``, ``timestamp``, ``level``, ``message``, ``instance``,
                ``stream``, ``attributes``, ``id``), or raw lines, whose time and level the server finds itself.
            kind: Whether workers or builds say it.
            source: Of records that name none.
            level: Of records that have none.
        """
        receipt = Receipt()
        for place, batch in _batches(records, source, level):
            answer = self._api.post(f"api/logs/{kind}", Receipt, {"records": batch})
            receipt = _added(receipt, answer, place)
        return receipt

    def __repr__(self) -> str:
        return repr(self.sources())

    def _repr_html_(self) -> str:
        return self.sources()._repr_html_()


class LogTail:
    """Lines as they come, oldest first. Iterate over it until ``close()``.

    Attributes:
        skipped: How many lines the server left out since the tail began, because more came than a reader can follow;
            they are stored, and ``search`` finds them.
    """

    def __init__(self, room: RoomSubscription, stored: Sequence[Line], fits: Callable[[Line], bool]) -> None:
        self.skipped = 0
        self._room = room
        self._fits = fits
        self._ready = list(reversed(stored))
        self._known = {each.line_id: None for each in stored}

    @property
    def connection(self) -> Connection:
        """How the connection stands."""
        return self._room.connection

    def wait_joined(self, timeout_s: float | None = 15.0) -> Self:
        """What comes from now on is seen.

        Raises:
            RoomClosed: The server refuses.
            Unreachable: It was not possible in ``timeout_s``.
        """
        self._room.wait_joined(timeout_s)
        return self

    def next(self, timeout_s: float | None = None) -> list[Line]:
        """The lines of the next batch that fit; none when nothing came in ``timeout_s``."""
        if self._ready:
            ready, self._ready = self._ready, []
            return ready
        message = self._room.next(timeout_s)
        if message is None or message.type != "lines":
            return []
        self.skipped += int(message.data.get("skipped", 0))
        lines: list[Line] = msgspec.convert(message.data["lines"], list[Line])
        fresh = [each for each in lines if each.line_id not in self._known and self._fits(each)]
        self._known = dict.fromkeys([*self._known, *(each.line_id for each in fresh)][-KNOWN_LINES:])
        return fresh

    def __iter__(self) -> Iterator[Line]:
        while True:
            yield from self.next()
            if self.connection.quality == "closed" and not self._ready:
                return

    def close(self) -> None:
        """Nothing more comes."""
        self._room.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"<tail of the logs: {self.connection.quality}{skipped}>"


def query_of(  # noqa: PLR0913 - the filters of a public call, each with its own meaning
    text: str = "",
    *,
    level: str | None = None,
    source: str | None = None,
    kind: str | None = None,
    instance: str | None = None,
    template: str | None = None,
    since: When = None,
    until: When = None,
) -> dict[str, str | None]:
    """The query of REST that asks for such lines.

    Raises:
        ClientError: The level is none, or an instant has no zone.
    """
    if level is not None and level not in LEVELS:
        raise ClientError(f"{level!r} is no level; levels are {', '.join(LEVELS)}")
    own, name = _parted(source or "")
    begin, end = ago_or_at(since), ago_or_at(until)
    return {
        "text": text or None,
        "level": level,
        "kind": kind or own or None,
        "source": name or None,
        "instance": instance,
        "template": template,
        "from": instant_text(begin) if begin else None,
        "to": instant_text(end) if end else None,
    }


def judge_of(
    text: str = "",
    *,
    level: str | None = None,
    source: str | None = None,
    kind: str | None = None,
    instance: str | None = None,
    template: str | None = None,
) -> Callable[[Line], bool]:
    """Whether a line that comes is among what is asked for."""
    own, name = _parted(source or "")
    wanted = {"kind": kind or own, "source": name, "instance": instance, "template_id": template}
    equal = {field: value for field, value in wanted.items() if value}
    terms = [phrase or word for phrase, word in re.findall(r'"([^"]+)"|([^\s"]+)', text.lower())]
    floor = LEVELS.index(level) if level else 0

    def fits(line: Line) -> bool:
        return (
            all(getattr(line, field) == value for field, value in equal.items())
            and _weight(line.level) >= floor
            and all(term in line.message.lower() for term in terms)
        )

    return fits


def _weight(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 0


def _parted(source: str) -> tuple[str, str]:
    kind, colon, name = source.partition(":")
    return (kind, name) if colon and kind in KINDS else ("", source)


def _batches(
    records: Iterable[Mapping[str, Any] | str], source: str, level: str | None
) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    batch: list[dict[str, Any]] = []
    place = 0
    for each in records:
        batch.append(_record(each, source, level))
        if len(batch) == SENT_AT_ONCE:
            yield place, batch
            place += len(batch)
            batch = []
    if batch:
        yield place, batch


def _record(record: Mapping[str, Any] | str, source: str, level: str | None) -> dict[str, Any]:
    said = {"message": record} if isinstance(record, str) else dict(record)
    name = said.get("source") or source
    if not name:
        raise ClientError("a record names no source; give one: wb.logs.send(lines, source='mine')")
    return {"timestamp": None, "level": level, "id": uuid.uuid4().hex, **said, "source": name}


def _added(total: Receipt, answer: Receipt, place: int) -> Receipt:
    rejected = [Rejection(index=each.index + place, field=each.field, reason=each.reason) for each in answer.rejected]
    return Receipt(
        accepted=total.accepted + answer.accepted,
        duplicates=total.duplicates + answer.duplicates,
        rejected=[*total.rejected, *rejected],
        rejected_omitted=total.rejected_omitted + answer.rejected_omitted,
    )
