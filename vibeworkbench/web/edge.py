"""The web edge put together: the provider knows who may come in, and the gate stands before the server's handlers."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Any

from jupyter_server.serverapp import ServerApp

from vibeworkbench.access.service import Access
from vibeworkbench.web import gate
from vibeworkbench.web.connections import Connections
from vibeworkbench.web.credentials import TrustedProxy
from vibeworkbench.web.discretion import keep_from_logs
from vibeworkbench.web.identity import caller_of
from vibeworkbench.web.login import PATHS
from vibeworkbench.web.pages import TEMPLATES
from vibeworkbench.web.paths import Paths, rows_of
from vibeworkbench.web.provider import WorkbenchIdentityProvider
from vibeworkbench.web.roles import Caller, Role

TOKEN_VARIABLE = "VIBEWORKBENCH_TOKEN"  # noqa: S105 - the variable's name

PageConfig = dict[str, Any]
Hook = Callable[[Any, PageConfig], PageConfig]

_LAB_HOOK = "page_config_hook"
_TOKEN = "token_in_use"  # noqa: S105 - the attribute's name


class Edge:
    """What others tell the edge once they are there.

    Attributes:
        voila_admits: Whether the notebook at that path is published to run, for this caller.
        kernel_owner: Identity of whoever started the kernel; ``None`` where nobody knows.
    """

    def __init__(self) -> None:
        self.voila_admits: Callable[[Caller, str], bool] = lambda _caller, _path: False
        self.kernel_owner: Callable[[str], str | None] = lambda _kernel_id: None

    def admits_to_notebook(self, caller: Caller, path: str) -> bool:
        """What ``voila_admits`` says now."""
        return self.voila_admits(caller, path)

    def owner_of_kernel(self, kernel_id: str) -> str | None:
        """What ``kernel_owner`` says now."""
        return self.kernel_owner(kernel_id)


def open_for(server: ServerApp, access: Access) -> Edge:
    """Every request of a server with our provider is judged from now on; a server with another provider is left alone.

    Raises:
        InvalidInput: A setting means nothing on this machine; ``field`` names it.
    """
    edge = Edge()
    provider = server.identity_provider
    if not isinstance(provider, WorkbenchIdentityProvider):
        return edge
    application, settings = server.web_app, access.settings
    upstream = [] if provider.upstream is None else provider.get_handlers()
    paths = Paths(
        server.base_url,
        more=rows_of(settings.paths),
        open_paths=[path.removeprefix("/") for path, _ in upstream],
        voila_admits=edge.admits_to_notebook,
        kernel_owner=edge.owner_of_kernel,
    )
    provider.bind(access, paths, TrustedProxy(settings.header), application.settings["cookie_secret"])
    access.bootstrap(admin_token(server))
    connections = Connections(provider.identify)
    access.listen(connections.changed)
    application.settings[PATHS] = paths
    application.settings[_LAB_HOOK] = offering_what_is_allowed(application.settings.get(_LAB_HOOK))
    use_templates(server, "jinja2_env")
    gate.install(application, provider, paths, connections)
    keep_from_logs(server.log)
    return edge


def close(server: ServerApp) -> None:
    """Nobody but strangers is known, because the workbench could not be opened, and what they may is very little."""
    provider = server.identity_provider
    if isinstance(provider, WorkbenchIdentityProvider):
        connections = Connections(provider.identify)
        gate.install(server.web_app, provider, Paths(server.base_url), connections)


def use_templates(server: ServerApp, environment: str) -> None:
    """Jupyter's own handlers, too, show our pages for login and errors, if the server's provider is ours."""
    found = server.web_app.settings.get(environment)
    if isinstance(server.identity_provider, WorkbenchIdentityProvider) and found is not None:
        found.loader.searchpath.insert(0, str(TEMPLATES))


def offering_what_is_allowed(then: Hook | None) -> Hook:
    """A hook of JupyterLab's pages: they offer no terminal and no shutdown to whom it would be refused.

    Args:
        then: The hook that was there before, which is asked first.
    """

    def fitted(handler: Any, page: PageConfig) -> PageConfig:
        caller = caller_of(handler.current_user, handler.settings)
        told = page if then is None else then(handler, page)
        told = {**told}  # JupyterLab hands every caller the same one
        if caller is None or not caller.may(Role.operator):
            told["terminalsAvailable"] = False
        if caller is None or not caller.may(Role.admin):
            told["quitButton"] = False
        return told

    return fitted


def admin_token(server: ServerApp) -> str:
    """The token that opens everything: the one given at start, else the environment's, else a new one."""
    if not isinstance(server.identity_provider, WorkbenchIdentityProvider):
        return server.identity_provider.token or ""
    if not getattr(server, _TOKEN, ""):
        setattr(server, _TOKEN, os.environ.pop(TOKEN_VARIABLE, "") or secrets.token_urlsafe(32))
    return str(getattr(server, _TOKEN))
