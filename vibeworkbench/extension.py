"""The Jupyter server extension: the workbench's addresses, mounted and started with the server, stopped with it.

It lives in any Jupyter server: with JupyterLab and Voila beside it, or alone (see ``vibeworkbench.serve``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from jupyter_core.paths import jupyter_runtime_dir, secure_write
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from tornado.web import RequestHandler
from traitlets import Unicode
from traitlets.config import Config

from vibeworkbench.errors import WorkbenchError
from vibeworkbench.web import edge
from vibeworkbench.web.handlers import WEB_SETTINGS
from vibeworkbench.web.identity import ACCESS
from vibeworkbench.web.routes import url_table
from vibeworkbench.workbench import Workbench, default_data_dir, read_settings

STATIC_FILES = Path(__file__).parent / "panels" / "static"
VOILA_TEMPLATE = "vibeworkbench"
"""Voila's Lab template without what it loads from other hosts, light or dark as the reader's system is."""

_EVERYWHERE = frozenset({"", "0.0.0.0", "::", "*"})  # noqa: S104 - compared with, not listened on


class RuntimeFile(msgspec.Struct, frozen=True, rename="camel"):
    """What clients of the same user on this machine need to find the server."""

    url: str
    token: str
    pid: int
    started_at: datetime


class VibeworkbenchApp(ExtensionApp):
    """The workbench in a Jupyter server."""

    name = "vibeworkbench"
    description = "An ops workbench: scans, issues and live rooms."
    load_other_extensions = True
    extension_url = "/lab"
    static_paths = [str(STATIC_FILES)]  # noqa: RUF012 - the default of a trait, which copies it

    data_dir: Unicode[str, str | bytes] = Unicode(
        help="Where the state lives; the default is VIBEWORKBENCH_DATA, else the user's data directory."
    ).tag(config=True)
    settings_file: Unicode[str, str | bytes] = Unicode(
        help="The settings; the default is VIBEWORKBENCH_SETTINGS, else vibeworkbench.toml in the data directory."
    ).tag(config=True)

    workbench: Workbench
    failure: WorkbenchError | None = None
    """Why the workbench could not be opened or started."""

    def _link_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        super()._link_jupyter_server_extension(serverapp)
        own = {
            "prelaunch_hook": prepare_voila,
            "page_config_hook": configure_voila_page,
            "template": VOILA_TEMPLATE,
            "theme": "",  # neither light nor dark: our template follows the reader's system
        }
        voila = Config({"VoilaConfiguration": own})
        voila.merge(serverapp.config)  # settings of one's own win
        serverapp.update_config(Config({"VoilaConfiguration": voila.VoilaConfiguration}))

    def initialize_settings(self) -> None:
        """The workbench is built and its settings are where handlers look for them."""
        try:
            self._open()
        except WorkbenchError as error:
            self.failure = error  # Jupyter logs it and goes on without us; our own server does not
            edge.close(self._server)
            raise

    def _open(self) -> None:
        data_dir = Path(self.data_dir).expanduser() if self.data_dir else default_data_dir()
        settings = read_settings(data_dir, Path(self.settings_file).expanduser() if self.settings_file else None)
        self.workbench = Workbench.open(settings, data_dir, server_facts(self._server))
        self.settings[WEB_SETTINGS] = settings.web
        self.settings[ACCESS] = self.workbench.access
        self.edge = edge.open_for(self._server, self.workbench.access)

    def initialize_handlers(self) -> None:
        """Every address of the workbench is mounted below the server's ``base_url``."""
        self.handlers.extend(url_table(self.workbench.routes()))

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        try:
            await self.workbench.start()
        except WorkbenchError as error:
            self.failure = error  # as above
            raise
        edge.use_templates(serverapp, "voila_jinja2_env")
        write_runtime_file(serverapp)

    async def stop_extension(self) -> None:
        """The workbench has stopped and nobody finds it any more."""
        runtime_file().unlink(missing_ok=True)
        if hasattr(self, "workbench"):
            try:
                await self.workbench.stop()
            except Exception:  # border: the server, of which this is a part, ends whatever is wrong with us
                self.log.exception("the workbench did not stop in order")

    @property
    def _server(self) -> ServerApp:
        server = self.serverapp
        if server is None:
            raise RuntimeError("the extension is not linked to a server")
        return server


def runtime_file() -> Path:
    """Where this process says how to reach it."""
    return Path(jupyter_runtime_dir()) / f"vibeworkbench-{os.getpid()}.json"


def write_runtime_file(server: ServerApp) -> None:
    """Clients of the same user find the server: the file is whole as soon as it is there, and nobody else's to read."""
    path = runtime_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    left = RuntimeFile(root_url(server), edge.admin_token(server), os.getpid(), datetime.now(UTC))
    unfinished = path.with_suffix(".part")
    with secure_write(str(unfinished)) as file:
        file.write(msgspec.json.encode(left).decode())
    unfinished.replace(path)


def root_url(server: ServerApp) -> str:
    """The server's root with its ``base_url``, as clients on this machine reach it."""
    scheme = "https" if server.certfile else "http"
    host = "127.0.0.1" if server.ip in _EVERYWHERE else server.ip
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}:{server.port}{server.base_url}"


def server_facts(server: ServerApp) -> Mapping[str, Any]:
    """What the jupyter collector is told: how to list kernels and terminals, and since when the server runs."""

    def kernels() -> list[dict[str, Any]]:
        manager: Any = server.kernel_manager
        return [_kernel(manager, model) for model in manager.list_kernels()]

    def terminals() -> list[dict[str, Any]]:
        manager = server.web_app.settings.get("terminal_manager")
        listed = [] if manager is None else manager.list()
        return [{"name": each["name"], "lastActivityAt": each.get("last_activity")} for each in listed]

    return {"kernels": kernels, "terminals": terminals, "startedAt": datetime.now(UTC)}


def _kernel(manager: Any, model: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": model["id"],
        "name": model["name"],
        "executionState": model["execution_state"],
        "lastActivityAt": model["last_activity"],
        "connections": model["connections"],
        "pid": _pid(manager, model["id"]),
    }


def _pid(manager: Any, kernel_id: str) -> int | None:
    with suppress(KeyError, AttributeError):  # gone since it was listed, or run by a provisioner without processes
        pid = manager.get_kernel(kernel_id).provisioner.pid
        return int(pid) if pid else None
    return None


def prepare_voila(handler: RequestHandler, notebook: Any, cwd: str) -> None:
    """A page that Voila serves has the XSRF cookie, without which its panels could write nothing.

    Source: voila#1458; ``xsrf_token`` is a property that sets the cookie when it is read.
    """
    _ = handler.xsrf_token


def configure_voila_page(page: Mapping[str, Any], **_about: Any) -> dict[str, Any]:
    """A page that Voila serves draws formulas with the MathJax that Voila brings, and fetches none from another host.

    Source: Voila 0.5's ``shouldUseMathJax2``: unless both options are null it loads MathJax from ``fullMathjaxUrl``.
    """
    return {**page, "fullMathjaxUrl": None, "mathjaxConfig": None}
