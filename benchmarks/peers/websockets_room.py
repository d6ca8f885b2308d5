"""The peer ``websockets``: its documented ``broadcast()`` in one room. Prints its port when ready."""

from __future__ import annotations

import asyncio

from websockets.asyncio.server import ServerConnection, broadcast, serve

members: set[ServerConnection] = set()


async def room(connection: ServerConnection) -> None:
    """What one member says goes to the others."""
    members.add(connection)
    try:
        async for message in connection:
            broadcast(members - {connection}, message)
    finally:
        members.discard(connection)


async def main() -> None:
    """Serve until killed."""
    async with serve(room, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
