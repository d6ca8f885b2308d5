"""So many scripted viewers of the ops room, in a process of their own: ``python -m tests.browser.crowd ADDRESS COUNT``.

The token comes by ``VIBEWORKBENCH_TOKEN``. Says ``{"members": n}`` when all have the room's snapshot. Then reads a line
with a number, waits until each has heard the message of that number, and says what they have heard: how many there are,
how many different histories, and the types of one of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sys
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect

from tests.patience import PATIENCE_S

OUTSIDE = frozenset({"connected", "snapshot", "presence", "gap", "error"})
"""Frames that are not part of the room's history."""
AT_ONCE = 50
"""Handshakes under way."""
SPARE_FILES = 100


@dataclass(eq=False)
class Viewer:
    """One member of the room.

    Attributes:
        heard: Number and type of each message since it came.
        is_in: Whether it has the snapshot.
        moved: Set whenever something came.
    """

    heard: list[tuple[int, str]] = field(default_factory=list)
    is_in: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, socket: ClientConnection) -> None:
        """Everything that comes is heard, until the connection ends."""
        async for frame in socket:
            message = json.loads(frame)
            if message["type"] == "snapshot":
                self.is_in.set()
            elif message["type"] not in OUTSIDE:
                self.heard.append((message["seq"], message["type"]))
                self.moved.set()

    async def until(self, seq: int) -> None:
        """The message ``seq`` was heard."""
        while not self.heard or self.heard[-1][0] < seq:
            self.moved.clear()
            await self.moved.wait()


async def main(address: str, count: int) -> None:
    """All have come, heard what they were to hear, and gone."""
    headers = {"Authorization": f"token {os.environ['VIBEWORKBENCH_TOKEN']}"}
    viewers, door = [Viewer() for _ in range(count)], asyncio.Semaphore(AT_ONCE)
    async with contextlib.AsyncExitStack() as leaving, asyncio.TaskGroup() as watching:

        async def come(viewer: Viewer) -> None:
            async with door:
                connection = connect(address, additional_headers=headers, compression=None, open_timeout=PATIENCE_S)
                socket = await leaving.enter_async_context(connection)
                watching.create_task(viewer.watch(socket))
                await viewer.is_in.wait()

        await asyncio.gather(*map(come, viewers))
        say({"members": count})
        last = int(await asyncio.to_thread(sys.stdin.readline))
        await asyncio.gather(*(viewer.until(last) for viewer in viewers))
        histories = {tuple(viewer.heard) for viewer in viewers}
        say({"members": count, "histories": len(histories), "types": [kind for _, kind in viewers[0].heard]})
        await leaving.aclose()


def say(told: object) -> None:
    """A line of JSON is out."""
    print(json.dumps(told), flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    wanted = int(sys.argv[2])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, wanted + SPARE_FILES)), hard))
    asyncio.run(main(sys.argv[1], wanted))
