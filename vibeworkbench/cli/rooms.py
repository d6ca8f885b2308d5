"""``vibeworkbench rooms``: which rooms are in use, and what is said in one."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from rich.text import Text

from vibeworkbench.cli.arguments import WithDefault, json_option, workbench
from vibeworkbench.cli.following import ConnectionSaid, followed
from vibeworkbench.cli.output import console, emit_items, faint, safe, show, table
from vibeworkbench.client.rooms import Message

LONGEST_DATA = 400


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
    with workbench(ctx) as found, found.room(party, room, on_connection=ConnectionSaid(), **place) as joined:
        joined.wait_joined()
        coming = followed(joined.next, lambda: joined.connection.quality == "closed")
        for message in itertools.islice(coming, count):
            if as_json:
                click.echo(msgspec.json.encode(message.wire()))
            else:
                _show(message)


def _show(message: Message) -> None:
    at = message.at if message.timestamp_ms else datetime.now(UTC)
    data = message.data if isinstance(message.data, str | bytes) else msgspec.json.encode(message.data).decode()
    text = safe(data if isinstance(data, str) else data.hex())
    cut = f"{text[:LONGEST_DATA]} ..." if len(text) > LONGEST_DATA else text
    line = Text.assemble(faint(f"{at:%H:%M:%S} {message.seq:>6} "), (f"{safe(message.type)} ", "bold"), cut)
    console().print(line, soft_wrap=True)
