"""The client of a running workbench: the verbs of REST and rooms, for notebooks and scripts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self, overload

import msgspec

from vibeworkbench.client import displays
from vibeworkbench.client.access import AuditItems, Roles, Tokens, audit_events
from vibeworkbench.client.api import Api, decoded, segment
from vibeworkbench.client.containers import Containers
from vibeworkbench.client.dashboards import Dashboards
from vibeworkbench.client.discovery import Address, found
from vibeworkbench.client.errors import ClientError
from vibeworkbench.client.issues import FULL_ID_DIGITS, Issue, Issues, only, worst_first
from vibeworkbench.client.live import LiveProgress, in_notebook
from vibeworkbench.client.logs import Logs
from vibeworkbench.client.overview import Health, Members, Rooms, Schedules, Status, Summary
from vibeworkbench.client.rooms import Connection, Message, RoomSubscription
from vibeworkbench.client.scans import OPS_PARTY, RunningScan, Scan, Scans
from vibeworkbench.client.targets import Targets
from vibeworkbench.client.terminal import TerminalSession
from vibeworkbench.client.terminals import Terminals, Upstream
from vibeworkbench.client.values import Progress, RoomBody, ScheduleBody, ScopeName, instant_text

UNRESOLVED = ("open", "acknowledged", "in_progress", "muted")
Names = str | Sequence[str] | None


class Workbench:
    """A running workbench. Usable from any thread, in notebooks (inside a running event loop) and in scripts."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._api = Api(address)
        self.targets = Targets(self._api)
        self.dashboards = Dashboards(self._api)
        self.logs = Logs(self._api)
        self.containers = Containers(self._api)
        self.terminals = Terminals(self._api)
        self.tokens = Tokens(self._api)
        self.roles = Roles(self._api)

    @property
    def url(self) -> str:
        """The server's root, with its base_url and without token."""
        return self.address.url

    @overload
    def scan(
        self,
        scope: ScopeName = ...,
        *,
        wait: Literal[True] = ...,
        on_progress: Callable[[Progress], object] | None = ...,
        **filters: Any,
    ) -> Scan: ...
    @overload
    def scan(self, scope: ScopeName = ..., *, wait: Literal[False], **filters: Any) -> RunningScan: ...
    def scan(
        self,
        scope: ScopeName = "full",
        *,
        wait: bool = True,
        on_progress: Callable[[Progress], object] | None = None,
        **filters: Any,
    ) -> Scan | RunningScan:
        """The finished scan (a notebook shows its progress meanwhile), or with ``wait=False`` one to iterate over.

        Args:
            scope: ``full`` looks at everything, ``incremental`` at what is new.
            wait: Whether to wait for the end. Interrupting the waiting does not stop the scan.
            on_progress: Gets each step of progress.
            **filters: ``source`` limits what is read; ``severity``, ``type``, ``since`` and ``until`` (aware instants)
                limit what is reported. The first three take one value or several.

        Raises:
            Conflict: This scope is being scanned already; ``details["scanId"]`` says by which scan.
        """
        running = self._started(scope, scan_filters(**filters))
        if not wait:
            return running
        with running:
            if on_progress is not None or not in_notebook():
                return running.result(on_progress)
            with LiveProgress(f"{scope.capitalize()} scan") as live:
                return running.result(live)

    def follow(self, scan_id: str) -> RunningScan:
        """A scan that somebody else started, to iterate over or to wait for."""
        return RunningScan(self._api, scan_id, self.room(OPS_PARTY, "main"))

    def _started(self, scope: str, filters: dict[str, Any]) -> RunningScan:
        body = {"scope": scope, "filters": filters} if filters else {"scope": scope}
        room = self.room(OPS_PARTY, "main")
        try:
            response = self._api.send("POST", "api/ops/scan", body=body, prefer="respond-async")
            return RunningScan(self._api, decoded(response, _Started).scan_id, room)
        except BaseException:
            room.close()
            raise

    def scans(self, limit: int = 50) -> Scans:
        """The last scans, newest first."""
        return Scans(self._api.pages("api/ops/scans", Scan, limit=limit))

    def scan_of(self, scan_id: str) -> Scan:
        """One scan, as it stands now."""
        return self._api.get(f"api/ops/scans/{segment(scan_id)}", Scan)

    def issues(
        self,
        state: Names = UNRESOLVED,
        *,
        severity: Names = None,
        type: Names = None,
        limit: int = 500,
    ) -> Issues:
        """Issues, worst first; by default those that are not resolved, ``state=None`` for all."""
        query = {"state": _comma(state), "severity": _comma(severity), "type": _comma(type)}
        page = self._api.page("api/ops/issues", Issue, query, limit)
        return Issues(worst_first([each.bound_to(self._api) for each in page.items]), page.next_cursor)

    def issue(self, issue_id: str) -> Issue:
        """One issue, with its history; the id may be shortened to its first digits.

        Raises:
            ClientError: No issue has such an id, or several do.
        """
        if len(issue_id) >= FULL_ID_DIGITS:
            return Issue.of(self._api, issue_id)
        return only(self.issues(None, limit=5000), issue_id).refresh()

    def summary(self) -> Summary:
        """How many issues there are, by state and severity."""
        return self._api.get("api/ops/summary", Summary)

    def health(self, target: str = "") -> Health:
        """The health of the whole and of each target; with ``target``, that one's history."""
        return self._api.get("api/health", Health, {"target": target or None})

    def schedules(self) -> Schedules:
        """The scans on a clock."""
        return Schedules(self._api.pages("api/schedules", ScheduleBody))

    def run_schedule(self, name: str) -> RunningScan:
        """The schedule fires now; its scan, to iterate over or to wait for."""
        room = self.room(OPS_PARTY, "main")
        try:
            return RunningScan(self._api, self._api.post(f"api/schedules/{segment(name)}/run", _Started).scan_id, room)
        except BaseException:
            room.close()
            raise

    def rooms(self) -> Rooms:
        """The rooms that are in use."""
        return Rooms(self._api.pages("api/rooms", RoomBody))

    def members(self, party: str, room: str) -> Members:
        """Who is in a room."""
        return Members(self._api.get(f"api/rooms/{segment(party)}/{segment(room)}", RoomBody).present)

    def room(
        self,
        party: str = OPS_PARTY,
        room: str = "main",
        *,
        since: int | None = None,
        epoch: str | None = None,
        on_message: Callable[[Message], object] | None = None,
        on_connection: Callable[[Connection], object] | None = None,
    ) -> RoomSubscription:
        """The room, joined live: iterate over its messages, or give a callback. Close it, or use it in a ``with``."""
        return RoomSubscription(
            self.address,
            party,
            room,
            since=since,
            epoch=epoch,
            on_message=on_message,
            on_connection=on_connection,
        )

    def terminal(
        self, terminal: str | None = None, *, upstream: Upstream | None = None, history: bool = False, **more: Any
    ) -> TerminalSession:
        """A terminal, joined live: ``send``, ``expect``, ``read``. Close it, or use it in a ``with``; it lives on.

        Args:
            terminal: The id or name of one that is there; else a new one is opened.
            upstream: What runs the new one, as ``wb.terminals.open`` takes it; the usual shell when nothing is said.
            history: Whether what came before we joined is to be read too.
            **more: Of a new one what ``wb.terminals.open`` takes, of another what ``wb.terminals.join`` takes.

        Raises:
            ClientError: Both an existing one and an upstream are named.
        """
        if terminal is None:
            return self.terminals.join(self.terminals.open(upstream or "local", **more), history=True)
        if upstream is not None:
            raise ClientError("name a terminal that is there, or an upstream for a new one; not both")
        return self.terminals.join(terminal, history=history, **more)

    def audit(
        self, *, kind: str | None = None, identity: str | None = None, since: datetime | None = None, limit: int = 100
    ) -> AuditItems:
        """Who came in, who was refused, and who changed rights, newest first."""
        return audit_events(self._api, kind=kind, identity=identity, since=since, limit=limit)

    def status(self) -> Status:
        """The server's version, who you are to it, and how its parts are."""
        return self._api.get("api/status", Status)

    def close(self) -> None:
        """The connections are closed."""
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<workbench {self.url}>"

    def _repr_html_(self) -> str:
        try:
            status = self.status()
        except ClientError as error:
            return displays.card(f"workbench {self.url}", displays.note(error.message))
        return status._repr_html_()


class _Started(msgspec.Struct, frozen=True, rename="camel"):
    scan_id: str


def scan_filters(
    source: Names = None,
    severity: Names = None,
    type: Names = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, Any]:
    """The ``filters`` of a scan request.

    Raises:
        ClientError: An instant has no zone.
    """
    listed = {"source": _listed(source), "severity": _listed(severity), "type": _listed(type)}
    filters: dict[str, Any] = {name: values for name, values in listed.items() if values}
    if since is not None or until is not None:
        start, end = since or datetime.fromtimestamp(0, UTC), until or datetime.now(UTC)
        filters["timeRange"] = {"start": instant_text(start), "end": instant_text(end)}
    return filters


def connect(url: str | None = None, token: str | None = None) -> Workbench:
    """The workbench at ``url``, or the one that the environment names, or the one that runs on this machine.

    Args:
        url: The server's root with its base_url; a pasted Lab URL will do.
        token: Its token; found by itself on the same machine.

    Raises:
        NoServer: None was named and none runs here; the sentence says what to do.
    """
    return Workbench(found(url, token, os.environ))


def _comma(names: Names) -> str | None:
    return ",".join(_listed(names)) or None


def _listed(names: Names | Iterable[str]) -> list[str]:
    if names is None:
        return []
    return [names] if isinstance(names, str) else list(names)
