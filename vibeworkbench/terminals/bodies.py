"""Terminals as REST answers them."""

from __future__ import annotations

from typing import Literal

from vibeworkbench.terminals.definition import Definition
from vibeworkbench.terminals.model import Hold, Right, Size
from vibeworkbench.terminals.running import Terminal
from vibeworkbench.terminals.site import Order
from vibeworkbench.terminals.wire import (
    ROLES,
    GrantBody,
    GrantPage,
    HoldBody,
    OpenBody,
    SizeBody,
    TerminalBody,
    exit_body,
    hop_body,
    upstream_shown,
)
from vibeworkbench.web.roles import Caller


def body_of(terminal: Terminal, caller: Caller) -> TerminalBody:
    """The terminal as it stands, for a caller who may see it."""
    definition, room = terminal.definition, terminal.room
    return TerminalBody(
        terminal_id=definition.terminal_id,
        name=definition.name,
        owner=definition.owner_name,
        sandbox=definition.sandbox,
        upstream=upstream_shown(definition),
        size=SizeBody(room.size.rows, room.size.cols),
        state=hop_body(room.hop),
        epoch=room.epoch,
        head=room.head,
        role=ROLES[terminal.right_of(caller)],
        driver=None if room.driver is None else room.driver.caller.name,
        members=len(room.viewers),
        hold=hold_body(room.hold),
        recorded=definition.recorded,
        created_at=definition.created_at,
        exit=exit_body(definition.exit, definition.ended_at),
    )


def hold_body(hold: Hold | None) -> HoldBody | None:
    """Who holds the program, as REST spells it."""
    return None if hold is None else HoldBody(by=hold.by, why=hold.why, until=hold.until)


def grants_of(definition: Definition) -> GrantPage:
    """What was granted, by identity."""
    granted = sorted(definition.grants.items())
    return GrantPage(items=[GrantBody(identity=each, right=_word(right)) for each, right in granted])


def _word(right: Right) -> Literal["watch", "drive"]:
    return "watch" if right is Right.watch else "drive"


def order_of(body: OpenBody) -> Order:
    """What is asked for."""
    return Order(
        upstream=body.upstream,
        size=Size(body.rows, body.cols),
        name=body.name,
        sandbox=body.sandbox,
        owner=body.owner,
        recorded=body.recorded,
    )
