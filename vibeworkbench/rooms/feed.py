"""Where committed events enter the rooms: after the commit, on the event loop, waiting for nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from vibeworkbench.rooms.model import RoomKey
from vibeworkbench.rooms.room import Room
from vibeworkbench.storage.records import Event


class Feed:
    """Passes events on to the rooms that are open; nobody else needs them now, and the event log keeps them.

    Args:
        open_room: The room of an address that is in memory, if it is.
    """

    def __init__(self, open_room: Callable[[RoomKey], Room | None]) -> None:
        self._open_room = open_room

    def publish(self, events: Sequence[Event]) -> None:
        """Each event is on its way to its room's members, in commit order."""
        for key, several in groupby(events, _room_of):
            room = self._open_room(key)
            if room is not None:
                room.publish(list(several))


def _room_of(event: Event) -> RoomKey:
    return event.message.party, event.message.room
