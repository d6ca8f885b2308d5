"""Terminals as the server lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec

from vibeworkbench.client import displays
from vibeworkbench.client.api import Answer
from vibeworkbench.client.displays import Cell
from vibeworkbench.client.frames import Kind
from vibeworkbench.client.results import Items

RightName = Literal["watch", "drive"]


class TerminalSize(Answer, frozen=True, kw_only=True):
    """Rows and columns of a screen."""

    rows: int = 24
    cols: int = 80


class TerminalHop(Answer, frozen=True, kw_only=True):
    """How the workbench stands with what runs a terminal."""

    state: str = "connecting"
    attempt: int = 0
    retry_in_s: float | None = None
    reason: str = ""


class TerminalExit(Answer, frozen=True, kw_only=True):
    """How a shell ended."""

    code: int | None = None
    reason: str = ""


class Terminal(Answer, frozen=True, kw_only=True):
    """A terminal: what runs it, how it stands, and what the caller may do with it."""

    terminal_id: str
    name: str = ""
    owner: str = ""
    sandbox: str = ""
    upstream: dict[str, Any] = msgspec.field(default_factory=dict)
    size: TerminalSize = TerminalSize()
    state: TerminalHop = TerminalHop()
    epoch: str | None = None
    head: int = 0
    role: str | None = None
    driver: str | None = None
    members: int = 0
    hold: dict[str, Any] | None = None
    recorded: bool = False
    created_at: datetime | None = None
    exit: TerminalExit | None = None

    @property
    def title(self) -> str:
        """Its name for people, or its id."""
        return self.name or self.terminal_id

    @property
    def kind(self) -> str:
        """What runs it: ``local``, ``websocket`` or ``docker``."""
        return str(self.upstream.get("kind", ""))

    @property
    def place(self) -> str:
        """What is run, or where: the command, the URL or the container."""
        command = self.upstream.get("command") or ()
        words = " ".join(map(str, command)) if isinstance(command, list | tuple) else str(command)
        where = str(self.upstream.get("url") or self.upstream.get("container") or "")
        return f"{where} {words}".strip()

    @property
    def standing(self) -> str:
        """One word: ``held``, ``ended``, or how the workbench stands with the upstream."""
        if self.exit is not None:
            return "ended"
        return "held" if self.hold else self.state.state

    @property
    def reason(self) -> str:
        """Why it stands like that, in words for people."""
        if self.exit is not None:
            code = "" if self.exit.code is None else f"exit code {self.exit.code}"
            return " ".join(filter(None, (code, self.exit.reason)))
        if self.hold:
            by, why = str(self.hold.get("by") or ""), str(self.hold.get("why") or "")
            return f"{by}: {why}" if by and why else by or why
        return self.state.reason

    def __repr__(self) -> str:
        return f"<terminal {self.terminal_id} {self.title}, {self.kind}: {self.standing}, {self.members} members>"

    def _repr_html_(self) -> str:
        return displays.card(
            f"terminal {self.title}",
            displays.Html(f"<div>{displays.badge(self.standing)}</div>"),
            displays.facts(
                {
                    "id": self.terminal_id,
                    "owner": self.owner,
                    "runs": f"{self.kind} {self.place}".strip(),
                    "size": f"{self.size.cols}\N{MULTIPLICATION SIGN}{self.size.rows}",
                    "you are": self.role,
                    "driver": self.driver,
                    "members": self.members,
                    "why": self.reason,
                    "bytes": self.head,
                    "recorded": "yes" if self.recorded else "no",
                    "since": self.created_at,
                }
            ),
        )


class TerminalItems(Items[Terminal]):
    """Terminals as a list."""

    noun: ClassVar[str] = "terminals"
    empty: ClassVar[str] = "No terminals. wb.terminals.open() opens one."
    columns: ClassVar[Mapping[str, Kind]] = {
        "terminal_id": "text",
        "name": "text",
        "owner": "text",
        "sandbox": "text",
        "kind": "text",
        "place": "text",
        "standing": "text",
        "reason": "text",
        "role": "text",
        "driver": "text",
        "members": "count",
        "head": "count",
        "recorded": "flag",
        "created_at": "instant",
    }
    headings: ClassVar[Sequence[str]] = ("terminal", "id", "owner", "runs", "state", "members", "driver", "you are")

    def row(self, item: Terminal) -> Sequence[Cell]:
        """Name, id, owner, what runs it, how it stands, who is there and what the caller may."""
        runs = f"{item.kind} {item.place}".strip()
        state = displays.badge(item.standing)
        return (item.title, item.terminal_id, item.owner, runs, state, item.members, item.driver, item.role)


class TerminalGrant(Answer, frozen=True, kw_only=True):
    """What somebody may do with a terminal."""

    identity: str
    right: str


class TerminalGrants(Items[TerminalGrant]):
    """The grants of one terminal."""

    noun: ClassVar[str] = "grants"
    empty: ClassVar[str] = "Nobody was granted anything: operators drive, the owner owns."
    columns: ClassVar[Mapping[str, Kind]] = {"identity": "text", "right": "text"}
    headings: ClassVar[Sequence[str]] = ("who", "may")

    def row(self, item: TerminalGrant) -> Sequence[Cell]:
        """Identity and right."""
        return (item.identity, item.right)
