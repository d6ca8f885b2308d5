"""The Jupyter server extension: the workbench's addresses, mounted and started with the server, stopped with it.

It lives in any Jupyter server: with JupyterLab and Voila beside it, or alone (see ``vibeworkbench.serve``).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from jupyter_core.paths import jupyter_runtime_dir, secure_write
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from traitlets import Unicode

from vibeworkbench.access.account import account_name
from vibeworkbench.access.lending import Lent
from vibeworkbench.access.model import SERVER, Grant
from vibeworkbench.access.service import Access
from vibeworkbench.dashboards.kernel_books import House, Metrics
from vibeworkbench.dashboards.voila import Door, Voila
from vibeworkbench.data_directory import default_data_dir, read_settings
from vibeworkbench.errors import WorkbenchError
from vibeworkbench.settings import VoilaSettings
from vibeworkbench.terminals import jupyter as jupyter_terminals
from vibeworkbench.web import edge
from vibeworkbench.web.bundles import BundleHandler
from vibeworkbench.web.handlers import WEB_SETTINGS
from vibeworkbench.web.identity import ACCESS, knows_one_user
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import url_table
from vibeworkbench.workbench import Host, Workbench

STOP_LIMIT_S = 15.0
"""What the storage or a plugin keeps the workbench from recording by then is recorded by the next start."""
STATIC_FILES = Path(__file__).parent / "panels" / "static"
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
    terminal_manager: jupyter_terminals.SharedTerminals | None = None
    """Jupyter's terminals; ``None`` where the server has none."""
    failure: WorkbenchError | None = None
    """Why the workbench could not be opened or started."""
    mounted = False
    """Whether all addresses are mounted."""

    def _link_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        super()._link_jupyter_server_extension(serverapp)
        self.voila = Voila()
        serverapp.update_config(self.voila.configuration(serverapp.config))
        jupyter_terminals.take_place(serverapp)

    def initialize_settings(self) -> None:
        """The workbench is built and its settings are where handlers look for them."""
        try:
            self._open()
        except Exception as error:  # border: whatever is wrong, nobody gets in where nobody judges
            if isinstance(error, WorkbenchError):
                self.failure = error  # Jupyter logs it and goes on without us; our own server does not
            edge.close(self._server)
            raise

    def _open(self) -> None:
        data_dir = Path(self.data_dir).expanduser() if self.data_dir else default_data_dir()
        settings = read_settings(data_dir, Path(self.settings_file).expanduser() if self.settings_file else None)
        self.workbench = Workbench.open(settings, data_dir, host_of(self._server))
        self.settings[WEB_SETTINGS] = settings.web
        self.settings[ACCESS] = self.workbench.access
        self.edge = edge.open_for(self._server, self.workbench.access)
        self._open_voila(settings.voila)
        self.terminal_manager = jupyter_terminals.manager_of(self._server, self.workbench.terminals)
        for name in (settings.storage.url_env, settings.access.header.secret_env):
            os.environ.pop(name, None)  # it was read; kernels and terminals need not inherit it

    def _open_voila(self, settings: VoilaSettings) -> None:
        server, workbench = self._server, self.workbench
        shelf = workbench.dashboards.shelf
        house = House(
            lend=lending_of(server, workbench.access),
            standing=workbench.access.by_token,
            url=lambda: root_url(server),
            settings=settings,
            metrics=Metrics(workbench.registry),
        )
        door = Door(lambda: [each.publication for each in shelf.standings.values()])
        self.voila.open(door, server.kernel_manager, house)
        workbench.access.listen(self.voila.rights_changed)
        shelf.listen(self.voila.published_otherwise)
        self.edge.voila_admits, self.edge.kernel_owner = self.voila.admits, self.voila.kernel_owner

    def initialize_handlers(self) -> None:
        """Every address of the workbench is mounted below the server's ``base_url``."""
        self.handlers.append((r"/static/vibeworkbench/(.*)", BundleHandler, {"path": [str(STATIC_FILES)]}))
        self.handlers.extend(url_table(self.workbench.routes()))
        if self.terminal_manager is not None:
            self.handlers.extend(jupyter_terminals.handlers(self.terminal_manager))
        voila = self._server.extension_manager.extensions.get("voila.server_extension")
        if voila is not None and voila.enabled:
            # Imported here: a server without Voila need not carry it, nor wait for it.
            from vibeworkbench.dashboards import voila_pages  # noqa: PLC0415

            self.handlers.extend(voila_pages.routes(self._server, self.voila))
        self.mounted = True

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        if not self.mounted:
            return  # it could not be put together, which Jupyter has logged: nobody reaches it, and it does nothing
        try:
            await self.workbench.start()
        except WorkbenchError as error:
            self.failure = error  # as above
            raise
        edge.use_templates(serverapp, "voila_jinja2_env")
        if self.terminal_manager is not None:
            self.terminal_manager.watch_for_idle()
        write_runtime_file(serverapp)

    def current_activity(self) -> Mapping[str, Any] | None:
        """The terminals that run: a server that would stop when idle waits for them."""
        return self.terminal_manager.terminals or None if self.terminal_manager is not None else None

    async def stop_extension(self) -> None:
        """The workbench has stopped and nobody finds it any more."""
        runtime_file().unlink(missing_ok=True)
        if hasattr(self, "workbench"):
            try:
                async with asyncio.timeout(STOP_LIMIT_S):
                    await self.workbench.stop()
            except TimeoutError:
                said = "the workbench has not stopped in %g s; the server goes without it"
                self.log.error(said, STOP_LIMIT_S)  # noqa: TRY400 - no failure of its own
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


class OneUser:
    """The rights of a server whose identity provider is Jupyter's own: its one user's, opened with its one token.

    Args:
        server: The server.
    """

    def __init__(self, server: ServerApp) -> None:
        self._server = server

    def by_identity(self, identity: str) -> Grant | None:
        """The one user, who may everything."""
        return Grant(SERVER, account_name(), Role.admin, "")

    def lend(self, grant: Grant, purpose: str) -> Lent:
        """The server's own token: its provider knows no other."""
        return Lent(edge.admin_token(self._server), purpose, lambda: None)


def lending_of(server: ServerApp, access: Access) -> Callable[[Grant, str], Lent]:
    """Lends tokens to kernels: the access service's; of a server with one user, its own token to admins.

    Another provider of several people knows no token of ours, and its own may open more than anybody's right.
    """
    if not knows_one_user(server.web_app.settings):
        return access.lend
    own = OneUser(server)
    return lambda grant, purpose: own.lend(grant, purpose) if grant.role is Role.admin else Lent("", purpose, _nothing)


def _nothing() -> None:
    """Nothing was lent, and nothing has to end."""


def host_of(server: ServerApp) -> Host:
    """What the workbench is told of the server that it is in."""
    return Host(
        facts=server_facts(server),
        root=Path(server.root_dir),
        url=lambda: root_url(server),
        rights=OneUser(server) if knows_one_user(server.web_app.settings) else None,
    )


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
