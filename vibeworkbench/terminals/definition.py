"""What is remembered of a terminal, whether its shell runs or not. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vibeworkbench.errors import InvalidInput
from vibeworkbench.terminals.model import Exit, Right, Size, right_of
from vibeworkbench.web.roles import Caller

IDENTITY_LENGTH = 256
_ID = re.compile(r"[a-z0-9]{1,32}")
_IDENTITY = re.compile(r"server|(?:user|token):[^\x00-\x20\x7f]{1,250}")


@dataclass(frozen=True, slots=True)
class Definition:
    """A terminal as it was made, and how its shell ended.

    Attributes:
        terminal_id: Its id, which is its room's name.
        name: What people call it.
        owner: Identity of its owner.
        owner_name: The owner's name, for people.
        sandbox: What the terminal belongs to, in the words of whoever made it; may be empty.
        upstream: What the request said of its upstream, ``kind`` included.
        size: Its size when it was made, or last seen.
        recorded: Whether it is recorded.
        created_at: When it was made.
        exit: How its shell ended; ``None`` while it runs, or while nobody knows.
        ended_at: When that was.
        grants: Identity → what it was granted.
    """

    terminal_id: str
    name: str
    owner: str
    owner_name: str
    sandbox: str
    upstream: Mapping[str, Any]
    size: Size
    recorded: bool
    created_at: datetime
    exit: Exit | None = None
    ended_at: datetime | None = None
    grants: Mapping[str, Right] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The kind of its upstream."""
        return str(self.upstream["kind"])

    def right_of(self, caller: Caller) -> Right:
        """What the caller may do with it."""
        # By identity, because several tokens may bear one name.
        owner = caller.name if caller.identity == self.owner else ""
        granted = self.grants.get(caller.identity, Right.none)
        return right_of(caller, self.terminal_id, owner=owner, granted=granted)


def checked_id(text: str) -> str:
    """A terminal's id as somebody wants it.

    Raises:
        InvalidInput: No terminal is so.
    """
    if not _ID.fullmatch(text):
        reason = "1 to 32 lower-case letters and digits"
        raise InvalidInput(f"name: {reason} are wanted.", field="name", reason=reason)
    return text


def identity_of(text: str, field_name: str = "identity") -> str:
    """The identity that ``text`` means: ``server``, ``token:ID``, ``user:NAME``, or the name of a person alone.

    Raises:
        InvalidInput: It can be none.
    """
    identity = text if text == "server" or ":" in text else f"user:{text}"
    if len(identity) > IDENTITY_LENGTH or not _IDENTITY.fullmatch(identity):
        reason = "a person's name, user:NAME, token:ID or server"
        raise InvalidInput(f"{field_name}: {reason} is wanted.", field=field_name, reason=reason)
    return identity
