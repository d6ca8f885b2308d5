"""A server for the kill test: it takes messages, and dies by SIGKILL between a commit and its broadcast.

Arguments: the data directory, the token, and after how many messages it dies (0: never). Prints its port.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from jupyter_server.serverapp import ServerApp
from prometheus_client import CollectorRegistry
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from vibeworkbench.rooms.model import Party
from vibeworkbench.rooms.routes import routes
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.settings import RoomSettings
from vibeworkbench.storage import dialects, schema
from vibeworkbench.storage.records import Database, Event
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import url_table


async def main(data: Path, token: str, dies_after: int) -> None:
    engine = dialects.open_engine(f"sqlite:///{data / 'state.db'}", 15.0)
    schema.upgrade(engine)
    database = Database(engine)
    rooms = Rooms(database=database, settings=RoomSettings(writes_per_s=1e6), registry=CollectorRegistry())
    rooms.register(Party("ledger", True, Role.viewer, Role.operator))
    await rooms.start()

    def publish_or_die(events: Sequence[Event]) -> None:
        if dies_after and events[-1].seq >= dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        rooms.feed.publish(events)

    database.listen(publish_or_die)
    app = ServerApp(open_browser=False, allow_root=True, port_retries=0, log_level=50)
    app.initialize(argv=[f"--IdentityProvider.token={token}"], find_extensions=False, new_httpserver=False)
    app.web_app.add_handlers(".*", url_table(routes(rooms)))
    server = HTTPServer(app.web_app)
    sockets = bind_sockets(int(os.environ.get("PORT", "0")), "127.0.0.1")
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)  # noqa: T201 - the test waits for it
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
