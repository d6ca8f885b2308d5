"""Jupyter's own terminals, which are ours: the same names, the same rooms, under the same rights.

Our manager stands where that of ``jupyter_server_terminals`` would, with its interface, its settings and its culling:
JupyterLab notices nothing.

Source: https://github.com/jupyter-server/jupyter_server_terminals (terminalmanager.py, api_handlers.py, handlers.py)
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from jupyter_core.utils import ensure_async
from jupyter_server._tz import isoformat
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.serverapp import ServerApp
from jupyter_server_terminals.terminalmanager import RUNNING_TOTAL, TerminalManager
from tornado.web import HTTPError, authenticated

from vibeworkbench.access.account import account_name
from vibeworkbench.errors import NotAllowed, WorkbenchError
from vibeworkbench.terminals.model import Right
from vibeworkbench.terminals.running import Terminal
from vibeworkbench.terminals.service import Terminals
from vibeworkbench.terminals.site import By, Order
from vibeworkbench.terminals.socket import TerminalSocket
from vibeworkbench.web.failures import failure_of
from vibeworkbench.web.identity import caller_of
from vibeworkbench.web.roles import Caller, Role

EXTENSION = "jupyter_server_terminals"
"""The extension whose place this takes."""
MANAGER = "terminal_manager"
AVAILABLE = "terminals_available"
"""Keys of the tornado application's settings, under which others look."""
RESOURCE = "terminals"
"""What Jupyter's authorizer is asked about."""
LOCAL = "local"

Model = dict[str, Any]
Models = list[Model]


def take_place(server: ServerApp) -> None:
    """The extension that would serve Jupyter's terminals is left out, because two cannot have one address.

    To be called when extensions are linked, before any is loaded.
    """
    other = server.extension_manager.extensions.get(EXTENSION)
    if other is not None:
        other.enabled = False


def manager_of(server: ServerApp, service: Terminals) -> SharedTerminals | None:
    """The manager of the server's terminals, which others find in its settings; ``None`` where they are disabled."""
    settings = server.web_app.settings
    settings[AVAILABLE] = bool(server.terminals_enabled)
    if not server.terminals_enabled:
        return None
    shell = server.terminado_settings.get("shell_command") or []
    command = shlex.split(shell) if isinstance(shell, str) else list(shell)
    manager = SharedTerminals(service=service, server=server, shell_command=command, parent=server)
    manager.log = server.log
    settings[MANAGER] = manager
    return manager


def handlers(manager: SharedTerminals) -> list[tuple[str, type[Any], dict[str, Any]]]:
    """The addresses of Jupyter's terminals, below the server's ``base_url``."""
    return [
        (r"/api/terminals", ListHandler, {"manager": manager}),
        (r"/api/terminals/(\w+)", OneHandler, {"manager": manager}),
        (r"/terminals/websocket/(?P<terminal_id>\w+)", JupyterSocket, {"service": manager.service}),
    ]


@dataclass(frozen=True, slots=True)
class Shown:
    """A terminal as others find it in the manager's ``terminals``."""

    term_name: str
    last_activity: datetime
    clients: tuple[Any, ...] = ()


class SharedTerminals(TerminalManager):
    """The terminals of this server whose shells are local, as Jupyter's manager shows terminals.

    Args:
        service: All terminals.
        server: The server.
        **options: Those of Jupyter's manager.
    """

    def __init__(self, *, service: Terminals, server: ServerApp, **options: Any) -> None:
        self.service = service
        self._server = server
        super().__init__(**options)

    @property  # type: ignore[override]  # terminado's values are processes, of which it reads no more than we show
    def terminals(self) -> dict[str, Shown]:
        """Name → terminal, of those whose shells run."""
        return {each.terminal_id: Shown(each.terminal_id, each.active_at) for each in self._running()}

    @terminals.setter
    def terminals(self, value: Mapping[str, Any]) -> None:
        """Nothing: terminado begins with an empty one."""

    def _running(self) -> list[Terminal]:
        return [each for each in self.service.all() if each.is_running and each.definition.kind == LOCAL]

    def list(self) -> Models:
        """All that run."""
        models = [model_of(each) for each in self._running()]
        RUNNING_TOTAL.set(len(models))
        return models

    def visible_to(self, caller: Caller) -> Models:
        """Those on which the caller has a right."""
        return [model_of(each) for each in self._running() if each.definition.right_of(caller) > Right.none]

    def get_terminal_model(self, name: str) -> Model:
        """The terminal of that name.

        Raises:
            HTTPError: There is none that runs (404).
        """
        return model_of(self._called(name))

    def _called(self, name: str) -> Terminal:
        found = next((each for each in self._running() if each.terminal_id == name), None)
        if found is None:
            raise HTTPError(404, f"Terminal not found: {name}")
        return found

    def get_terminal(self, url_component: Any = None) -> NoReturn:
        """None is handed out: whoever would read from a terminal joins its room.

        Raises:
            HTTPError: Always (501).
        """
        raise HTTPError(501, "terminals of this server are joined over their socket")

    def create(self, **wanted: Any) -> Model:
        """A terminal of the server's own account, whose shell is being started; for other extensions."""
        by = By(Caller(account_name(), Role.admin))
        return model_of(self.service.begin(self.order_of(wanted), by))

    async def open(self, wanted: Mapping[str, Any], by: By) -> Model:
        """A terminal of the caller's: the one of that name if it is there, else a new one.

        Raises:
            InvalidInput: It cannot be meant.
            NotAllowed: A terminal of that name is somebody else's.
            LimitExceeded: There are as many as the settings let be.
            Unavailable: No terminals can be had now.
        """
        self._initialize_culler()
        name = str(wanted.get("name") or "")
        found = next((each for each in self.service.all() if each.terminal_id == name), None)
        if found is None:
            return model_of(await self.service.open(self.order_of(wanted), by))
        self.service.terminal(name, by.caller)
        if not found.is_running:
            await self.service.restart(name, by)  # whoever opens it again wants to work in it
        return model_of(found)

    def order_of(self, wanted: Mapping[str, Any]) -> Order:
        """What Jupyter's parameters mean."""
        server, upstream = self._server, dict[str, Any](kind=LOCAL)
        command = wanted.get("shell_command") or self.shell_command
        upstream |= {"command": list(command)} if command else {}
        upstream |= {"cwd": cwd} if (cwd := self._directory(wanted.get("cwd"))) else {}
        extra = {name: str(value) for name, value in (wanted.get("extra_env") or {}).items() if value is not None}
        told = {"JUPYTER_SERVER_ROOT": server.root_dir, "JUPYTER_SERVER_URL": server.connection_url}
        upstream["env"] = {**told, **extra}
        name = str(wanted.get("name") or self._next_available_name())
        return Order(upstream=upstream, terminal_id=name, name=f"Terminal {name}" if name.isdigit() else name)

    def _directory(self, cwd: Any) -> str:
        """A directory that is there, as Jupyter's handler finds it; else the one where terminals start."""
        if not isinstance(cwd, str) or not cwd:
            return ""
        root = Path(self._server.root_dir).expanduser()
        candidates = (Path(cwd).expanduser(), root / cwd.lstrip("/"))
        return next((str(each.resolve()) for each in candidates if each.is_absolute() and each.is_dir()), "")

    def _next_available_name(self) -> str:
        taken = {each.terminal_id for each in self.service.all()}
        return next(name for n in itertools.count(1) if (name := str(n)) not in taken)

    async def terminate(self, name: str, force: bool = False) -> None:
        """The terminal of that name is ended: its culling, or another extension, asks for it.

        Raises:
            HTTPError: There is none that runs (404).
        """
        self._called(name)
        await self.service.end(name, By(Caller(account_name(), Role.admin)))

    async def terminate_all(self) -> None:
        """Those that run are ended. The server does not ask for it when it stops: they outlive it."""
        for each in self._running():
            await self.terminate(each.terminal_id)

    def watch_for_idle(self) -> None:
        """Terminals that were there before are culled, too, if the settings say so."""
        self._initialize_culler()


def model_of(terminal: Terminal) -> Model:
    """A terminal as Jupyter's interface spells it."""
    return {"name": terminal.terminal_id, "last_activity": isoformat(terminal.active_at)}


@contextmanager
def refusals_of_jupyter() -> Iterator[None]:
    """Our refusals are raised as Jupyter's handlers know them."""
    try:
        yield
    except WorkbenchError as error:
        raise HTTPError(failure_of(error).status, error.message, reason=_REASON.sub(" ", error.message)) from error


_REASON = re.compile(r"[^\x20-\x7e]")
"""What no reason phrase may hold."""


class _Handler(APIHandler):
    auth_resource = RESOURCE

    def initialize(self, manager: SharedTerminals) -> None:
        """The manager is at hand."""
        self.manager = manager

    def by(self) -> By:
        """Who asks; an operator at least.

        Raises:
            HTTPError: It is none (403).
        """
        caller = caller_of(self.current_user, self.settings)
        if caller is None or not caller.may(Role.operator):
            raise HTTPError(403)
        return By(caller, self.request.remote_ip or "")


class ListHandler(_Handler):
    """``/api/terminals``."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Those that run and that the caller may see."""
        self.finish(json.dumps(self.manager.visible_to(self.by().caller)))

    @authenticated
    @authorized
    async def post(self) -> None:
        """A terminal of the caller's."""
        wanted = self.get_json_body() or {}
        if not isinstance(wanted, Mapping):
            raise HTTPError(400, "an object with name and cwd is wanted")
        with refusals_of_jupyter():
            model = await self.manager.open(wanted, self.by())
        self.finish(json.dumps(model))


class OneHandler(_Handler):
    """``/api/terminals/{name}``."""

    SUPPORTED_METHODS = ("GET", "DELETE", "OPTIONS")

    @authenticated
    @authorized
    async def get(self, name: str) -> None:
        """The terminal, if the caller may see it."""
        with refusals_of_jupyter():
            self.manager.service.terminal(name, self.by().caller)
        self.finish(json.dumps(self.manager.get_terminal_model(name)))

    @authenticated
    @authorized
    async def delete(self, name: str) -> None:
        """The terminal is ended, if it is the caller's."""
        with refusals_of_jupyter():
            await self.manager.service.end(name, self.by())
        self.set_status(204)
        self.finish()


class JupyterSocket(TerminalSocket):
    """``/terminals/websocket/{name}``."""

    async def admitted(self, **path: str) -> Caller:
        """The caller, who has a right on this terminal and whom Jupyter's authorizer lets have terminals.

        Raises:
            NotAllowed: The caller is no operator.
            NotFound: There is no such terminal.
        """
        await self.caller_for(Role.operator, "execute")
        user = self.current_user
        if not await self._is_let(user):
            raise NotAllowed("The server's authorizer refuses this.", resource=RESOURCE, action="execute")
        return await super().admitted(**path)

    async def _is_let(self, user: Any) -> bool:
        return bool(await ensure_async(self.authorizer.is_authorized(self, user, "execute", RESOURCE)))
