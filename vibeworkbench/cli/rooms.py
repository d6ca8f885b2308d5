"""``vibeworkbench rooms``: which rooms are in use, and what is said in one."""

from __future__ import annotations

import itertools
import select
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from rich.text import Text

from vibeworkbench.cli.arguments import WithDefault, json_option, workbench
from vibeworkbench.cli.output import console, emit_items, faint, safe, show, table, warn
from vibeworkbench.client.rooms import Connection, Message, RoomSubscription

LONGEST_DATA = 400
LOOK_AGAIN_S = 1.0
"""How long a quiet room keeps a reader that has left from being noticed."""


@click.group(cls=WithDefault)
def rooms() -> None:
    """Rooms: live messages, recorded where that matters.

    \b
    vibeworkbench rooms
    vibeworkbench rooms tail ops-monitor-broadcast main
    vibeworkbench rooms tail ops-monitor-broadcast main --since 0 --json | jq .type
    """


@rooms.command(name="list")
@json_option
@click.pass_context
def list_rooms(ctx: click.Context, *, as_json: bool) -> None:
    """List the rooms in use, with members, rates, lag and drops."""
    with workbench(ctx) as found:
        listed = found.rooms()
    if as_json:
        emit_items(listed)
        return
    rows = [
        (
            each.party,
            each.room,
            each.members,
            each.last_seq,
            f"{each.messages_per_s:.1f}",
            each.backlog_bytes,
            each.dropped,
        )
        for each in listed
    ]
    if rows:
        show(table(("party", "room", "members", "last seq", "messages/s", "lag bytes", "dropped"), rows))
    else:
        show("No room is in use.")


@rooms.command()
@click.argument("party")
@click.argument("room", default="main")
@click.option("--since", type=click.IntRange(0), metavar="SEQ", help="Begin after this place in the room's history.")
@click.option("--epoch", metavar="EPOCH", help="The epoch that --since belongs to.")
@click.option("-n", "--count", type=click.IntRange(1), help="End after so many messages.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object in each line, as the server sends them.")
@click.pass_context
def tail(ctx: click.Context, /, *, party: str, room: str, as_json: bool, count: int | None, **place: Any) -> None:
    """Show what is said in a room until Ctrl-C; nothing is lost when the connection is.

    Without --since a snapshot comes first. How the connection stands is said on stderr.
    """
    with workbench(ctx) as found, found.room(party, room, on_connection=_Said(), **place) as joined:
        joined.wait_joined()
        for message in itertools.islice(_read(joined), count):
            if as_json:
                click.echo(msgspec.json.encode(message.wire()))
            else:
                _show(message)


def _read(joined: RoomSubscription) -> Iterator[Message]:
    while not _is_unread():
        message = joined.next(LOOK_AGAIN_S)
        if message is not None:
            yield message
        elif joined.connection.quality == "closed":
            return


def _is_unread() -> bool:
    """Whether nobody reads what we write any more, as in ``... | head -n 1``: said without writing."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(0))


class _Said:
    """Says on stderr when the connection is lost and when it is back."""

    def __init__(self) -> None:
        self._was_lost = False

    def __call__(self, connection: Connection) -> None:
        is_lost = connection.quality in {"reconnecting", "offline"}
        if is_lost and not self._was_lost:
            warn(f"connection lost{f' ({connection.reason})' if connection.reason else ''}, reconnecting")
        elif self._was_lost and connection.transport:
            warn("connected again" + (" by long polling" if connection.transport == "poll" else ""))
        self._was_lost = is_lost or (self._was_lost and not connection.transport)


def _show(message: Message) -> None:
    at = message.at if message.timestamp_ms else datetime.now(UTC)
    data = message.data if isinstance(message.data, str | bytes) else msgspec.json.encode(message.data).decode()
    text = safe(data if isinstance(data, str) else data.hex())
    cut = f"{text[:LONGEST_DATA]} ..." if len(text) > LONGEST_DATA else text
    line = Text.assemble(faint(f"{at:%H:%M:%S} {message.seq:>6} "), (f"{safe(message.type)} ", "bold"), cut)
    console().print(line, soft_wrap=True)
