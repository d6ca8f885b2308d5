"""A Jupyter extension by somebody who never thought of roles: everything a handler can do wrong, mounted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketHandler

SECRET = "the stranger's secret"


class Plain(RequestHandler):
    """Asks nobody who they are."""

    def get(self) -> None:
        self.write(SECRET)

    post = put = patch = delete = options = get

    def check_xsrf_cookie(self) -> None:
        """No."""


class Opened(JupyterHandler):
    """Says itself that it needs no login."""

    @allow_unauthenticated
    def get(self) -> None:
        self.write(SECRET)


class Echo(WebSocketHandler):
    """Takes anybody from anywhere."""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self) -> None:
        self.write_message(SECRET)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "stranger"}]


def _load_jupyter_server_extension(app: Any) -> None:
    root = app.base_url + "stranger"
    files = {"path": str(Path(__file__).parent)}
    app.web_app.add_handlers(
        ".*",
        [
            (root + "/plain", Plain),
            (root + "/opened", Opened),
            (root + "/echo", Echo),
            (root + "/files/(.*)", StaticFileHandler, files),
            (app.base_url + "vibeworkbenchstranger", Plain),
            (app.base_url + "static/stranger/(.*)", StaticFileHandler, files),
        ],
    )
