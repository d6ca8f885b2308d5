"""Issues, and what a person can do about one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

import msgspec

from vibeworkbench.client import displays
from vibeworkbench.client.api import Api, segment
from vibeworkbench.client.displays import Cell, Html
from vibeworkbench.client.errors import ClientError
from vibeworkbench.client.frames import Kind
from vibeworkbench.client.results import Items
from vibeworkbench.client.values import SEVERITIES, IssueBody, instant_text

FULL_ID_DIGITS = 32


class Issue(IssueBody, frozen=True, kw_only=True, dict=True):
    """One trouble over time. It is a value: what you do to it answers with the issue as it is then."""

    @classmethod
    def of(cls, api: Api, issue_id: str) -> Self:
        """The issue with this id, with its history."""
        return api.get(f"api/ops/issues/{segment(issue_id)}", cls).bound_to(api)

    def bound_to(self, api: Api) -> Self:
        """The same issue; what is done to it goes through ``api``."""
        msgspec.structs.force_setattr(self, "_bound_api", api)
        return self

    def acknowledge(self, note: str = "") -> Issue:
        """The issue as somebody has seen it."""
        return self._act("acknowledge", note)

    def claim(self, note: str = "") -> Issue:
        """The issue in progress, in the name of the caller."""
        return self._act("claim", note)

    def resolve(self, resolution: str, note: str = "") -> Issue:
        """The issue resolved, with the text that says how. It reopens by itself when the trouble is seen again."""
        return self._act("resolve", note, resolution=resolution)

    def mute(self, until: datetime | timedelta, note: str = "") -> Issue:
        """The issue muted until an instant (aware), or for a time from now."""
        instant = datetime.now(UTC) + until if isinstance(until, timedelta) else until
        return self._act("mute", note, until=instant_text(instant))

    def reopen(self, note: str = "") -> Issue:
        """The issue open again."""
        return self._act("reopen", note)

    def refresh(self) -> Issue:
        """The issue as it is now, with its history."""
        return Issue.of(self._api, self.issue_id)

    def _act(self, verb: str, note: str, **body: Any) -> Issue:
        said = {**body, "note": note} if note else body
        return self._api.post(f"api/ops/issues/{segment(self.issue_id)}/{verb}", Issue, said).bound_to(self._api)

    @property
    def _api(self) -> Api:
        api: Api = self.__dict__["_bound_api"]
        return api

    def __repr__(self) -> str:
        return f"<issue {self.issue_id} {self.severity} {self.state}: {self.title}>"

    def _repr_html_(self) -> str:
        marks = Html(f"<div>{displays.badge(self.severity)} {displays.badge(self.state)}{_flapping(self)}</div>")
        history = displays.table(
            ("at", "from", "to", "who", "note"),
            [
                (each.at, each.from_ and displays.badge(each.from_), displays.badge(each.to), each.actor, each.note)
                for each in self.history
            ],
            "No transitions to show; refresh() brings the history.",
        )
        evidence = json.dumps(self.evidence, indent=2, ensure_ascii=False) if self.evidence else ""
        return displays.card(
            self.title,
            marks,
            displays.facts(
                {
                    "subject": self.subject,
                    "check": self.check,
                    "seen": f"{self.count} \N{MULTIPLICATION SIGN}",
                    "first": self.first_seen_at,
                    "last": self.last_seen_at,
                    "claimed by": self.claimed_by,
                    "muted until": self.muted_until,
                    "resolution": self.resolution,
                    "note": self.note,
                    "id": self.issue_id,
                }
            ),
            displays.note(self.hint) if self.hint else Html(""),
            displays.folded("evidence", evidence),
            history,
        )


class Issues(Items[Issue]):
    """Issues, worst first.

    Attributes:
        next_cursor: Where REST goes on; ``None`` when these are all that were asked for.
    """

    def __init__(self, items: Iterable[Issue], next_cursor: str | None = None) -> None:
        super().__init__(items)
        self.next_cursor = next_cursor

    noun: ClassVar[str] = "issues"
    empty: ClassVar[str] = "No issues. Either all is well, or nothing was scanned yet: wb.scan() looks."
    columns: ClassVar[Mapping[str, Kind]] = {
        "issue_id": "text",
        "severity": "severity",
        "state": "text",
        "type": "text",
        "title": "text",
        "subject": "text",
        "target": "text",
        "check": "text",
        "collector": "text",
        "count": "count",
        "first_seen_at": "instant",
        "last_seen_at": "instant",
        "state_changed_at": "instant",
        "claimed_by": "text",
        "resolution": "text",
        "muted_until": "instant",
        "flapping": "flag",
        "reopened_count": "count",
        "hint": "text",
        "fingerprint": "text",
    }
    headings: ClassVar[Sequence[str]] = ("severity", "state", "issue", "seen", "last seen", "id")

    def row(self, item: Issue) -> Sequence[Cell]:
        """Severity, state, title with subject and hint, count, last sight, id."""
        beneath = " - ".join(text for text in (item.subject, item.hint) if text)
        title = Html(f"{displays.html(item.title)}{_flapping(item)}{displays.note(beneath)}")
        seen = f"{item.count} \N{MULTIPLICATION SIGN}"
        return (
            displays.badge(item.severity),
            displays.badge(item.state),
            title,
            seen,
            item.last_seen_at,
            displays.short_id(item.issue_id),
        )


def only(issues: Sequence[Issue], prefix: str) -> Issue:
    """The only issue whose id begins with ``prefix``.

    Raises:
        ClientError: None or several do.
    """
    fitting = [each for each in issues if each.issue_id.startswith(prefix)]
    if len(fitting) != 1:
        count = f"{len(fitting)} issues have ids that begin" if fitting else "no issue has an id that begins"
        raise ClientError(f"{count} with {prefix!r}")
    return fitting[0]


def worst_first(issues: Sequence[Issue]) -> list[Issue]:
    """The same issues, worst severity first, then the one seen last."""
    return sorted(issues, key=lambda each: (SEVERITIES.index(each.severity), -each.last_seen_at.timestamp()))


def _flapping(issue: IssueBody) -> Html:
    return Html(f" {displays.badge('medium', 'flapping')}") if issue.flapping else Html("")
