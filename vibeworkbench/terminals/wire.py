"""Terminals as REST spells them, and what a client says on a terminal's socket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from vibeworkbench.errors import InvalidInput
from vibeworkbench.terminals.definition import Definition
from vibeworkbench.terminals.model import Exit, Hop, HopState, Right
from vibeworkbench.web.lists import Limit

RoleName = Literal["owner", "driver", "watcher"]
ROLES: Mapping[Right, RoleName] = {Right.own: "owner", Right.drive: "driver", Right.watch: "watcher"}
"""Right → what it is called on the wire."""
GRANTED: Mapping[str, Right] = {"watch": Right.watch, "drive": Right.drive}
"""What may be granted."""
MASK = "•••"
"""Stands for the values of an upstream's environment, which may be secrets."""

Rows = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Reason = Annotated[str, msgspec.Meta(max_length=500)]


class SizeBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Rows and columns of a screen."""

    rows: int
    cols: int


class HopBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """How the workbench stands with the upstream; ``reason`` says why it is not connected."""

    state: Literal["connecting", "connected", "reconnecting", "closed"]
    attempt: int = 0
    retry_in_s: float | None = None
    reason: str = ""


class HoldBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A hold of the program: who, why, and until when at the latest."""

    by: str
    why: str = ""
    until: datetime | None = None


class ExitBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """How a shell ended; ``code`` is null where its upstream does not tell."""

    code: int | None
    reason: str = ""
    at: datetime | None = None


class TerminalBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A terminal as it stands; ``role`` is the caller's, ``driver`` the name of who types."""

    terminal_id: str
    name: str
    owner: str
    sandbox: str
    upstream: dict[str, Any]
    size: SizeBody
    state: HopBody
    epoch: str
    head: int
    role: RoleName
    driver: str | None
    members: int
    hold: HoldBody | None
    recorded: bool
    created_at: datetime
    exit: ExitBody | None


class TerminalPage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Terminals in the order in which they were made."""

    items: list[TerminalBody]
    next_cursor: str | None


class TerminalsQuery(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Which part of the list."""

    limit: Limit = 100
    cursor: str = ""


class OpenBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What is to be opened."""

    upstream: dict[str, Any]
    """``kind`` and what belongs to that kind."""
    rows: Rows = 24
    cols: Rows = 80
    name: Annotated[str, msgspec.Meta(max_length=128)] = ""
    """What people call it; by default a number."""
    sandbox: Annotated[str, msgspec.Meta(max_length=128)] = ""
    """What it belongs to."""
    owner: Annotated[str, msgspec.Meta(max_length=256)] = ""
    """Whose it is, if not the caller's: a name or an identity. For admins."""
    recorded: bool | None = None
    """Whether it is recorded; the settings say when nobody does."""


class GrantBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What somebody is granted: a person's name, or an identity (``user:NAME``, ``token:ID``)."""

    identity: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    right: Literal["watch", "drive"]


class GrantPage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What was granted, by identity; owner and operators need no grant."""

    items: list[GrantBody]
    next_cursor: str | None = None


class HilBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A task that waits for a person, or waits no more: the program is held meanwhile."""

    task_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    state: Literal["paused", "review", "resumed"]
    reason: Reason = ""
    review_id: Annotated[str, msgspec.Meta(max_length=128)] | None = None


def hop_body(hop: Hop) -> HopBody:
    """The hop as REST spells it."""
    words: dict[HopState, Literal["connecting", "connected", "reconnecting", "closed"]] = {
        HopState.connecting: "connecting",
        HopState.connected: "connected",
        HopState.reconnecting: "reconnecting",
        HopState.closed: "closed",
    }
    return HopBody(state=words[hop.state], attempt=hop.attempt, retry_in_s=hop.retry_in_s, reason=hop.reason)


def exit_body(ended: Exit | None, at: datetime | None) -> ExitBody | None:
    """How a shell ended, as REST spells it."""
    return None if ended is None else ExitBody(code=ended.code, reason=ended.reason, at=at)


def upstream_shown(definition: Definition) -> dict[str, Any]:
    """What may be shown of the upstream: all that was said of it but the values of its environment."""
    shown = dict(definition.upstream)
    if isinstance(shown.get("env"), Mapping):
        shown["env"] = dict.fromkeys(shown["env"], MASK)
    return shown


# The socket


class _Said(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    pass


class Resume(_Said, frozen=True, tag="resume"):
    """A client comes back and has all bytes of ``epoch`` before ``offset``."""

    epoch: Annotated[str, msgspec.Meta(max_length=256)]
    offset: Annotated[int, msgspec.Meta(ge=0)]


class Ack(_Said, frozen=True, tag="ack"):
    """The client's terminal has parsed all bytes before ``offset``."""

    offset: Annotated[int, msgspec.Meta(ge=0)]


class Resize(_Said, frozen=True, tag="size"):
    """The screen is to have this size."""

    rows: Rows
    cols: Rows


Wish = Literal["take", "release", "keep"]


class Drive(_Said, frozen=True, tag="drive"):
    """The client would type, will not any more, or keeps the keyboard that another asked for."""

    action: Wish | None = None
    drive: Wish | None = None
    take: bool = False
    release: bool = False

    @property
    def wish(self) -> Wish:
        """What is meant, in whichever way it was said.

        Raises:
            InvalidInput: Nothing, or more than one thing.
        """
        ways: tuple[Wish | None, ...] = (self.action, self.drive, "take" if self.take else None)
        ways = (*ways, "release" if self.release else None)
        said = {way for way in ways if way is not None}
        if len(said) != 1:
            raise InvalidInput("drive: action is one of take, release and keep.", field="action")
        return said.pop()


class Hold(_Said, frozen=True, tag="hold"):
    """The program is to be held, or to go on."""

    on: bool
    why: Reason = ""
    for_s: Annotated[float, msgspec.Meta(gt=0.0, le=86_400.0)] | None = None


class Ping(_Said, frozen=True, tag="ping"):
    """Answered with a ``pong`` of the same id."""

    id: int | str | None = None


class Retry(_Said, frozen=True, tag="retry"):
    """The upstream is to be tried again now."""


ClientControl = Resume | Ack | Resize | Drive | Hold | Ping | Retry

_CONTROL: msgspec.json.Decoder[ClientControl] = msgspec.json.Decoder(ClientControl)


def control_of(text: str) -> ClientControl:
    """The control message that a text frame means.

    Raises:
        InvalidInput: It is no JSON, or no such message.
    """
    try:
        return _CONTROL.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"The message cannot be meant: {error}", field="body") from None
    except (RecursionError, UnicodeEncodeError):
        message = "The message cannot be meant: it is nested too deeply or is no text."
        raise InvalidInput(message, field="body") from None
