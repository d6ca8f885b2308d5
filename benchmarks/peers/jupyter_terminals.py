"""The peer jupyter_server with its own terminals (terminado), and nothing else. Prints its port when ready.

``BENCH_TOKEN`` opens it. Nobody's configuration is read.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar

from jupyter_server.serverapp import ServerApp
from tornado.netutil import bind_sockets
from traitlets.config import Config

TOKEN = os.environ["BENCH_TOKEN"]


class Stock(ServerApp):
    """Jupyter Server as it is, on a free port."""

    config_file_paths: ClassVar[Any] = ()

    def _bind_http_server(self) -> None:
        sockets = bind_sockets(0, "127.0.0.1")
        self.http_server.add_sockets(sockets)
        print(sockets[0].getsockname()[1], flush=True)


def main() -> None:
    """It serves until SIGTERM."""
    settings = Config()
    settings.ServerApp.jpserver_extensions = {"jupyter_server_terminals": True}
    settings.ServerApp.terminado_settings = {"shell_command": ["/bin/sh"]}
    settings.ServerApp.open_browser = False
    settings.ServerApp.allow_root = True
    settings.IdentityProvider.token = TOKEN
    app = Stock(config=settings, log_level="ERROR")
    app.initialize(argv=[], find_extensions=False)
    app.start()


if __name__ == "__main__":
    main()
