"""Which parties there are, which rooms, and who may join them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vibeworkbench.errors import NotAllowed, NotFound
from vibeworkbench.rooms import records
from vibeworkbench.rooms.model import Party, RoomKey
from vibeworkbench.storage.records import Database
from vibeworkbench.web.roles import Caller


class Directory:
    """The addresses of rooms.

    Args:
        database: Whose event log knows rooms that nobody is in.

    Attributes:
        parties: Name → party.
    """

    def __init__(self, database: Database) -> None:
        self.parties: dict[str, Party] = {}
        self._database = database

    def party(self, key: RoomKey, caller: Caller) -> Party:
        """The party of the room at ``key``, which ``caller`` may join: by role, by scope, and by the party's own rule.

        Raises:
            NotFound: There is no such party or room.
            NotAllowed: There is, and the caller may not join.
        """
        party = self.parties.get(key[0])
        if party is None:
            raise NotFound("There is no such party.")
        party.admits(key[1], caller.role)
        if not caller.may_join(*key):
            raise NotAllowed("This token is narrowed to other rooms.")
        if party.admits_caller is not None:
            party.admits_caller(caller, key[1])
        return party

    async def page(
        self, caller: Caller, opened: Collection[RoomKey], after: RoomKey, limit: int
    ) -> tuple[list[tuple[RoomKey, records.Extent]], RoomKey | None]:
        """At most ``limit`` rooms that ``caller`` may join, after the address ``after``, and where the rest begins.

        Args:
            caller: Who asks.
            opened: Rooms in memory.
            after: An address, which need not exist.
            limit: Most rooms.

        Raises:
            Unavailable: The storage does not answer.
        """
        found: dict[RoomKey, records.Extent] = {}
        keys: list[RoomKey] = []
        end: RoomKey | None = after
        while end is not None and len(keys) <= limit:
            begin, known = end, await self._recorded(caller, end, limit)
            end = max(known) if len(known) > limit else None
            found |= known
            keys += sorted(
                key
                for key in {*known, *self._unrecorded(caller, opened)}
                if begin < key and (end is None or key <= end) and self._is_open_to(caller, key)
            )
        page = [(key, found.get(key, records.Extent())) for key in keys[:limit]]
        return page, keys[limit - 1] if len(keys) > limit else None

    async def _recorded(self, caller: Caller, after: RoomKey, limit: int) -> dict[RoomKey, records.Extent]:
        """One room more than ``limit``, if there are so many with a history."""
        recording = [party.name for party in self._readable(caller) if party.recording]
        return dict(await self._database.read(lambda c: records.rooms_after(c, after, recording, limit + 1)))

    def _unrecorded(self, caller: Caller, opened: Collection[RoomKey]) -> Iterator[RoomKey]:
        readable = {party.name: party for party in self._readable(caller)}
        yield from ((name, room) for name, party in readable.items() for room in party.rooms or ())
        yield from (key for key in opened if key[0] in readable)

    def _readable(self, caller: Caller) -> list[Party]:
        held = None if caller.scope is None else {party for party, _ in caller.scope.rooms}
        parties = [party for party in self.parties.values() if caller.role >= party.read]
        return [party for party in parties if held is None or party.name in held]

    def _is_open_to(self, caller: Caller, key: RoomKey) -> bool:
        try:
            self.party(key, caller)
        except (NotAllowed, NotFound):
            return False
        return True
