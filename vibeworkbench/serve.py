"""The workbench in a Jupyter server of its own: what ``vibeworkbench serve`` runs."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import resource
import secrets
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vibeworkbench.spared  # noqa: F401 - first of all

# isort: split
from jupyter_server.auth import Authorizer, IdentityProvider
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import JupyterServerAuthWarning
from tornado.httputil import url_concat
from tornado.netutil import bind_sockets
from traitlets import Float, default
from traitlets.config import Config

from vibeworkbench.data_directory import read_settings, settings_file_named
from vibeworkbench.errors import Unavailable, WorkbenchError
from vibeworkbench.extension import VibeworkbenchApp, root_url
from vibeworkbench.garbage import ShortCollections
from vibeworkbench.schedules.model import schedules_from
from vibeworkbench.web.authorizer import WorkbenchAuthorizer
from vibeworkbench.web.edge import TOKEN_VARIABLE
from vibeworkbench.web.provider import WorkbenchIdentityProvider
from vibeworkbench.web.routes import PREFIX

BACKLOG = 4096
"""Connections that may wait to be accepted: when a network is back, all viewers are back at once, three of each."""
OPEN_FILES = 65_536
"""Files and sockets that may be open, if the system lets them: Jupyter's 4,096 are a thousand viewers."""

SWITCH_S = 0.001
"""A thread that computes leaves the interpreter to the loop after so long: by Python's default of 5 ms each system call
of the loop, in which others may take it, could cost that much, and a key on its way through a terminal makes several.
"""


class WorkbenchServer(ServerApp):
    """A Jupyter server that keeps the port it found, and says when it is ready."""

    ready: Callable[[str], None]
    needed: tuple[str, ...] = ()
    """Extensions that are on, whatever the user's configuration says of others."""
    exit_code = 0
    stop_limit_s: Float[float, float] = Float(
        20.0, help="Seconds that extensions and kernels have for their end before the server goes without them."
    ).tag(config=True)
    end_limit_s: Float[float, float] = Float(
        25.0, help="Seconds after the first word of stopping until the process ends itself, whatever still runs in it."
    ).tag(config=True)
    _cleaning: asyncio.Task[None] | None = None
    _is_ending = False
    token_in_use: str
    """The admin's token. Not part of the configuration, which Jupyter writes to its log at debug level."""

    @default("log_level")
    def _quiet(self) -> int:
        return logging.WARNING

    @default("min_open_files_limit")
    def _as_many_files_as_viewers_need(self) -> int:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)

    @default("allow_unauthenticated_access")
    def _nobody_unknown(self) -> bool:
        return False

    @default("identity_provider_class")
    def _our_provider(self) -> type[IdentityProvider]:
        return WorkbenchIdentityProvider

    @default("authorizer_class")
    def _our_authorizer(self) -> type[Authorizer]:
        return WorkbenchAuthorizer

    def init_configurables(self) -> None:
        """Ours is the provider of identities; another one that was configured is asked by it."""
        chosen = self.identity_provider_class
        if not issubclass(chosen, WorkbenchIdentityProvider):
            # By configuration, not by assignment: each later change of it sets all that stands in it anew.
            ours = Config({"ServerApp": {"identity_provider_class": WorkbenchIdentityProvider}})
            if not chosen.__module__.startswith("jupyter_server."):
                ours.WorkbenchIdentityProvider.upstream_class = chosen
            self.update_config(ours)
        super().init_configurables()
        if not isinstance(self.identity_provider, WorkbenchIdentityProvider):
            raise TypeError("the server's provider of identities is not ours, so that nobody would judge who may what")

    def _write_browser_open_file(self, url: str, fh: Any) -> None:
        # The browser that is opened is logged in; nobody else needs the token to be written down once more.
        shown = url_concat(url, {"token": self.token_in_use}) if self.open_browser else url
        super()._write_browser_open_file(shown, fh)

    def init_server_extensions(self) -> None:
        """The needed extensions are on beside those that were configured and found."""
        self.jpserver_extensions = {**self.jpserver_extensions, **dict.fromkeys(self.needed, True)}
        super().init_server_extensions()

    def _find_http_port(self) -> None:
        # Taken now, not only looked at: between a look and the binding another process may take it.
        try:
            self._sockets = bind_sockets(self.port, self.ip, backlog=BACKLOG)
        except OSError as error:
            reason = error.strerror or "it cannot be used"
            raise Unavailable(
                f"port {self.port} of {self.ip}: {reason}; --port takes another one", reason=reason
            ) from error
        self.port = self._sockets[0].getsockname()[1]

    def _bind_http_server_tcp(self) -> bool:
        self.http_server.add_sockets(self._sockets)
        return True

    def init_signal(self) -> None:
        """SIGINT stops the server in order, with and without a terminal: Jupyter asks first, or just dies."""
        super().init_signal()
        signal.signal(signal.SIGINT, self._signal_stop)

    def stop(self, from_signal: bool = False) -> None:
        """The server has been told to stop, and its process ends in time."""
        self._end_in_time()
        super().stop(from_signal)

    async def _cleanup(self) -> None:
        # Once, whoever asks: /api/shutdown and a signal take nothing apart under each other. And the loop stops after
        # it in any case, which Jupyter's own lets wait for whatever fails or hangs.
        if self._cleaning is None:
            self._end_in_time()
            self._cleaning = asyncio.create_task(self._cleaned_in_time(), name="cleanup")
        await asyncio.shield(self._cleaning)

    async def _cleaned_in_time(self) -> None:
        try:
            async with asyncio.timeout(self.stop_limit_s):
                await super()._cleanup()
        except TimeoutError:
            waiting = sorted(task.get_name() for task in asyncio.all_tasks())
            said = "the server goes without what has not ended in %g s; these tasks wait: %s"
            self.log.error(said, self.stop_limit_s, ", ".join(waiting))  # noqa: TRY400 - no failure of its own
        except Exception:  # border: the server ends whatever is wrong with its parts
            self.log.exception("the server did not stop in order")

    def _end_in_time(self) -> None:
        # The last resort, for a loop that is blocked and for threads that Python waits for at the end: what each thread
        # does is said, and the process is gone. It needs neither the loop nor Python's lock.
        if not self._is_ending:
            self._is_ending = True
            faulthandler.dump_traceback_later(self.end_limit_s, exit=True)

    async def _post_start(self) -> None:
        await super()._post_start()  # type: ignore[no-untyped-call]
        self.log.removeFilter(_is_no_failure_of_ours)
        if self._is_working():
            ShortCollections().start()
            self.ready(root_url(self))
        else:
            self.exit_code = 1  # unless it is a failure with a name, Jupyter has logged why
            self.stop()

    def _is_working(self) -> bool:
        apps = self.extension_manager.extension_apps.get("vibeworkbench", ())
        return any(app.mounted and app.workbench.started for app in apps)

    @property
    def workbench_app(self) -> VibeworkbenchApp:
        """The extension in this server."""
        (app,) = self.extension_manager.extension_apps["vibeworkbench"]
        assert isinstance(app, VibeworkbenchApp)  # noqa: S101 - for the type checker: the manager holds what we named
        return app


def serve(  # noqa: PLR0913 - the options of the command
    *,
    port: int,
    data_dir: Path,
    token: str | None = None,
    lab: bool = True,
    base_url: str = "/",
    settings_file: Path | None = None,
    ip: str = "127.0.0.1",
    open_browser: bool = False,
    root_dir: Path | None = None,
    ready: Callable[[str], None] | None = None,
) -> int:
    """The server has run until SIGTERM or SIGINT; the result is the exit code.

    Args:
        port: Where to listen; 0 takes a free port.
        data_dir: Where the state lives.
        token: The admin's token; ``None`` takes ``VIBEWORKBENCH_TOKEN``, else a new one, which the printed line holds.
        lab: Whether JupyterLab, Voila and the other installed extensions are there too.
        base_url: Where the server stands, for proxies.
        settings_file: The settings; ``None`` takes the environment's or those in ``data_dir``.
        ip: Address to listen on.
        open_browser: Whether a browser is opened.
        root_dir: The notebooks' directory; ``None`` takes the working directory.
        ready: Called with the server's root URL once all of it answers; by default that URL is printed.

    Raises:
        InvalidInput: A setting means nothing; ``field`` names it.
        Unavailable: The port or the storage cannot be used.
    """
    with settings_file_named(data_dir, settings_file):
        schedules_from(read_settings(data_dir, settings_file).schedules)  # refused before anything is opened
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="traitlets")  # Jupyter's own, at each start
    warnings.filterwarnings("ignore", category=JupyterServerAuthWarning)  # about handlers that only our gate asks who
    logging.getLogger("tornado.general").addFilter(_is_not_about_pings)
    sys.setswitchinterval(min(SWITCH_S, sys.getswitchinterval()))
    inherited = os.environ.pop(TOKEN_VARIABLE, "")  # kernels and terminals need not inherit it
    given = token or inherited
    config = _config(lab=lab)
    config.ServerApp.update({"port": port, "ip": ip, "base_url": base_url, "open_browser": open_browser})
    if root_dir is not None:
        config.ServerApp.root_dir = str(root_dir)
    config.VibeworkbenchApp = Config({"data_dir": str(data_dir), "settings_file": str(settings_file or "")})
    server = WorkbenchServer.instance(config=config)
    server.needed = ("vibeworkbench", "jupyterlab", "voila.server_extension") if lab else ("vibeworkbench",)
    server.token_in_use = given or secrets.token_urlsafe(32)
    new_token = "" if given else server.token_in_use
    server.ready = ready or (lambda root: _print_ready(root, page="lab" if lab else "", new_token=new_token))
    server.log.addFilter(_is_no_failure_of_ours)
    server.initialize(argv=[], find_extensions=lab)
    if server.workbench_app.failure is None:
        server.start()
    if server.workbench_app.failure is not None:
        with settings_file_named(data_dir, settings_file):
            raise server.workbench_app.failure
    return server.exit_code


def _is_no_failure_of_ours(record: logging.LogRecord) -> bool:
    # Jupyter logs it with its trace; whoever starts this server is told in one sentence, when it is raised again.
    return not (record.exc_info and isinstance(record.exc_info[1], WorkbenchError))


def _is_not_about_pings(record: logging.LogRecord) -> bool:
    # Tornado warns that Jupyter waits longer for a pong (90 s) than between pings (30 s), which nobody can act on.
    # Do not make the two equal: Jupyter then takes each kernel's socket for dead at its first ping, and Lab reconnects
    # twice a minute.
    return "websocket_ping_timeout" not in record.getMessage()


def _config(*, lab: bool) -> Config:
    server = {
        "default_url": "/lab" if lab else f"{PREFIX}/api/status",
        "port_retries": 0,
        "allow_root": True,  # containers run as root; who may log in is the token's business
    }
    return Config({"ServerApp": server})


def _print_ready(root: str, *, page: str, new_token: str) -> None:
    url = f"{root}{page}" + (f"?token={new_token}" if new_token else "")
    print(f"vibeworkbench is ready at {url}", flush=True)  # noqa: T201 - the one line that people and programs wait for
