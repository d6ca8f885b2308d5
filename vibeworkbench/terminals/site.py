"""What terminals need of the server that they are in, and what is asked of them by whom."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from vibeworkbench.access.model import AuditEvent
from vibeworkbench.errors import NotAllowed
from vibeworkbench.terminals.definition import Definition, checked_id, identity_of
from vibeworkbench.terminals.home import Home
from vibeworkbench.terminals.model import Size
from vibeworkbench.web.roles import Caller, Role

ID_LENGTH = 10
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
"""Of ids: base32 (RFC 4648, 6) in lower case."""


@dataclass(frozen=True, slots=True)
class Site:
    """What terminals need of the server that they are in.

    Attributes:
        home: Where they live on disk.
        root: Where programs start that name no other directory.
        name_of: Identity → a name for people.
        note: Takes what the audit record is to hold; never waits.
        clock: The present instant, aware UTC.
    """

    home: Home
    root: Path
    name_of: Callable[[str], str]
    note: Callable[[AuditEvent], None]
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A terminal that is wanted; empty fields leave it to the server."""

    upstream: Mapping[str, Any]
    terminal_id: str = ""
    size: Size = field(default_factory=Size)
    name: str = ""
    sandbox: str = ""
    owner: str = ""
    recorded: bool | None = None


@dataclass(frozen=True, slots=True)
class By:
    """Who does something, for the record."""

    caller: Caller
    address: str = ""


def definition_of(order: Order, caller: Caller, site: Site, *, names: Collection[str], recorded: bool) -> Definition:
    """The terminal that is meant.

    Args:
        order: What is wanted.
        caller: Who wants it.
        site: The server.
        names: Of the terminals that there are.
        recorded: Whether terminals are recorded that say nothing of it.

    Raises:
        InvalidInput: The order cannot be meant; ``field`` names where.
        NotAllowed: It is to be somebody else's, and the caller is no admin.
    """
    owner, owner_name = caller.identity, caller.name
    if order.owner and (asked := identity_of(order.owner, "owner")) != caller.identity:
        if not caller.may(Role.admin):
            raise NotAllowed("Opening a terminal for somebody else takes the role admin.", required=Role.admin.name)
        owner, owner_name = asked, site.name_of(asked)
    return Definition(
        terminal_id=checked_id(order.terminal_id or _new_id()),
        name=order.name or _new_name(names),
        owner=owner,
        owner_name=owner_name,
        sandbox=order.sandbox,
        upstream=order.upstream,
        size=order.size.clamped(),
        recorded=recorded if order.recorded is None else order.recorded,
        created_at=site.clock(),
    )


def _new_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(ID_LENGTH))


def _new_name(names: Collection[str]) -> str:
    return next(name for n in itertools.count(1) if (name := f"Terminal {n}") not in names)
