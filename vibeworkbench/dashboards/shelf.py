"""What is published, in memory: read without waiting, as the database has it, with the pages that are asked for."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping

from vibeworkbench.dashboards import records
from vibeworkbench.dashboards.model import PARTY, Publication, Standing
from vibeworkbench.dashboards.records import Stored
from vibeworkbench.errors import NotAllowed, NotFound
from vibeworkbench.storage.records import Database
from vibeworkbench.web.roles import Caller, Role

Key = tuple[str, str]
"""A dashboard's name, and the name of a file of its page; empty for the page itself."""
PAGE = ""

Listener = Callable[[frozenset[str]], None]


class Shelf:
    """Every dashboard as the database had it when last looked at, and some of their pages.

    Args:
        database: Where they are.
        memory_bytes: Compressed files kept in memory, the ones used last.
    """

    def __init__(self, database: Database, memory_bytes: int) -> None:
        self._database = database
        self._memory_bytes = memory_bytes
        self._standings: Mapping[str, Standing] = {}
        self._files: OrderedDict[Key, Stored] = OrderedDict()
        self._held_bytes = 0
        self._listeners: list[Listener] = []
        self._looking = asyncio.Lock()

    def listen(self, changed: Listener) -> None:
        """``changed`` gets the names of dashboards that are for others, run otherwise, need other rooms, or ended."""
        self._listeners.append(changed)

    @property
    def standings(self) -> Mapping[str, Standing]:
        """Name → how it stands."""
        return self._standings

    async def refresh(self) -> frozenset[str]:
        """The shelf is as the database is now; the result names what has another page than before, or none any more.

        Raises:
            Unavailable: The storage does not answer; the shelf is as it was.
        """
        async with self._looking:  # else a look that began before a change might end after the one that saw it
            return await self._look()

    async def _look(self) -> frozenset[str]:
        stamps = await self._database.read(records.stamps)
        if stamps == {name: each.stamp for name, each in self._standings.items()}:
            return frozenset()
        read = await self._database.read(records.standings)
        before, self._standings = self._standings, read
        changed = {name for name in before.keys() | read.keys() if _tag(before, name) != _tag(read, name)}
        for key in [key for key in self._files if key[0] in changed]:
            self._forget(key)
        moved = frozenset(name for name in before.keys() | read.keys() if _reach(before, name) != _reach(read, name))
        for tell in self._listeners if moved else ():
            tell(moved)
        return frozenset(changed)

    # How they stand

    def standing(self, name: str) -> Standing:
        """How the dashboard stands.

        Raises:
            NotFound: There is none of that name.
        """
        found = self._standings.get(name)
        if found is None:
            raise NotFound("There is no such dashboard.", name=name)
        return found

    def visible_to(self, caller: Caller, name: str) -> Standing:
        """How the dashboard stands, which the caller may see.

        Raises:
            NotFound: There is none, and the caller may know it.
            NotAllowed: There is none, or none for this caller: which of the two, is not told.
        """
        found = self._standings.get(name)
        if found is not None and _may_see(caller, found):
            return found
        if caller.role is Role.admin and caller.scope is None:
            raise NotFound("There is no such dashboard.", name=name)
        raise NotAllowed("There is no such dashboard, or it is not for you.", name=name)

    def visible(self, caller: Caller) -> list[Standing]:
        """Every dashboard that the caller may see, by name."""
        return [each for _, each in sorted(self._standings.items()) if _may_see(caller, each)]

    def published(self, notebook: str) -> Publication | None:
        """The publication of the notebook at this path relative to the server's root.

        An interactive one comes before one that is not, and a lower role before a higher one.
        """
        publications = [each.publication for each in self._standings.values()]
        found = [each for each in publications if each.notebook == notebook and not each.stored]
        return min(found, key=lambda each: (not each.interactive, each.role, each.name), default=None)

    def rooms_of(self, name: str) -> tuple[tuple[str, str], ...]:
        """The rooms that the dashboard's present page needs, its own among them."""
        found = self._standings.get(name)
        if found is None:
            return ()
        return ((PARTY, name), *(found.page.rooms if found.page else ()))

    # Their pages

    def held(self, name: str, file: str = PAGE) -> Stored | None:
        """The file, if it is in memory: without waiting."""
        stored = self._files.get((name, file))
        if stored is not None:
            self._files.move_to_end((name, file))
        return stored

    async def page(self, name: str) -> Stored | None:
        """The dashboard's page, if there is one. It is the one that the shelf knows, and for whom it is, afterwards.

        Raises:
            Unavailable: It is not in memory, and the storage does not answer.
        """
        held, tag = self.held(name), _tag(self._standings, name)
        if held is not None or tag is None:
            return held
        read = await self._database.read(lambda connection: records.page_of(connection, name))
        if read is not None and read.etag != _tag(self._standings, name):  # another server has made it meanwhile
            await self.refresh()
        if read is None or read.etag != _tag(self._standings, name):
            return None
        self._hold((name, PAGE), read)
        return read

    async def asset(self, name: str, file: str) -> Stored | None:
        """A file of the dashboard's page, or of one that was replaced lately, if there is one.

        Raises:
            Unavailable: It is not in memory, and the storage does not answer.
        """
        held = self.held(name, file)
        if held is not None:
            return held
        read = await self._database.read(lambda connection: records.asset_of(connection, name, file))
        if read is not None and name in self._standings:
            self._hold((name, file), read)
        return read

    def _hold(self, key: Key, stored: Stored) -> None:
        self._forget(key)
        self._files[key] = stored
        self._held_bytes += len(stored.body)
        while self._held_bytes > self._memory_bytes:
            self._forget(next(iter(self._files)))

    def _forget(self, key: Key) -> None:
        stored = self._files.pop(key, None)
        if stored is not None:
            self._held_bytes -= len(stored.body)


def _tag(standings: Mapping[str, Standing], name: str) -> str | None:
    standing = standings.get(name)
    return None if standing is None or standing.page is None else standing.page.etag


def _reach(standings: Mapping[str, Standing], name: str) -> tuple[object, ...] | None:
    standing = standings.get(name)
    if standing is None:
        return None
    publication, rooms = standing.publication, standing.page.rooms if standing.page else ()
    return publication.role, publication.interactive, publication.notebook, rooms


def _may_see(caller: Caller, standing: Standing) -> bool:
    publication = standing.publication
    return caller.may(publication.role) and caller.may_see(publication.name)
