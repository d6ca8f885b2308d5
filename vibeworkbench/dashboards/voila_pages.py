"""Voila's addresses in our words: pages under the publication's rights, the list of them, and their kernels' end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.serverapp import ServerApp
from tornado.iostream import StreamClosedError
from voila.configuration import VoilaConfiguration
from voila.paths import collect_static_paths, collect_template_paths
from voila.static_file_handler import MultiStaticFileHandler, TemplateStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler

from vibeworkbench.dashboards import voila_drawing
from vibeworkbench.dashboards.kernels import OwnedKernels
from vibeworkbench.dashboards.voila import Voila, checked_theme, uses_kernels
from vibeworkbench.dashboards.voila_drawing import CUT_OFF
from vibeworkbench.errors import NotAllowed, NotFound
from vibeworkbench.web.admission import Admission
from vibeworkbench.web.failures import Failure
from vibeworkbench.web.pages import TEMPLATES, PageHandler
from vibeworkbench.web.roles import Role

_templates = Environment(loader=FileSystemLoader([Path(__file__).parent / "templates", TEMPLATES]), autoescape=True)


class VoilaPage(PageHandler, TornadoVoilaHandler):  # type: ignore[misc]
    """A notebook that Voila runs for one reader, in a kernel of its own."""

    subsystem = "dashboards"

    def initialize(self, voila: Voila, server: ServerApp, **own: Any) -> None:
        """Who may have what, and Voila's own arguments, are at hand."""
        super().initialize(**own)
        self.voila = voila
        self.server = server

    @property
    def content_security_policy(self) -> str:
        """Jupyter's own: a page of Voila's has scripts of its own, and may stand in frames of this server only."""
        return "frame-ancestors 'self'; base-uri 'self'; form-action 'self'; object-src 'none'"

    async def get(self, path: str = "") -> None:
        """The page is sent while its notebook is being executed; its kernel stays as long as somebody looks at it."""
        self.voila.door.check(self.caller, path)
        checked_theme(self.get_argument("theme", ""))
        self._refuse_narrowed_address()
        self._hide_failures()
        whole = False
        try:
            whole = await self._send(self.get_generator(path=path))
        except StreamClosedError:
            self.log.debug("the reader left before the page was whole")
        finally:
            self._settle(whole=whole)

    def check_still_admitted(self) -> None:
        """The caller is who it was, and the notebook still published for it: asked right before a kernel starts.

        Raises:
            NotLoggedIn: The login has ended, or has other rights now.
            NotAllowed: The notebook is published otherwise.
        """
        super().check_still_admitted()
        self.voila.door.check(self.caller, str(self.path_args[0]))

    def _refuse_narrowed_address(self) -> None:
        # Of a narrowed token in an address no session is opened, and nothing else would vouch for what the page loads.
        if self.caller.scope is not None and self.get_query_argument("token", ""):
            raise NotAllowed(
                "A narrowed token in an address opens pages without a kernel: "
                f"{self.base_url}vibeworkbench/dashboards has this one, if it is among the token's."
            )

    def _hide_failures(self) -> None:
        if not uses_kernels(self.caller):
            self.voila_configuration = VoilaConfiguration(parent=self.server, show_tracebacks=False)

    async def _send(self, page: AsyncGenerator[str, None]) -> bool:
        """Whether the page was sent to its end."""
        async with aclosing(page) as parts:
            async for html in parts:
                self.write(html)
                if html == CUT_OFF:
                    return False
                if self._kernels is not None and not self._kernels.has_kernel(self):
                    self.write(CUT_OFF)
                    return False
                await self.flush()
        await self.finish()
        return True

    def _say_how_to_go_on(self, failure: Failure) -> None:
        super()._say_how_to_go_on(failure)
        if failure.status == 503 and failure.retry_after_s is not None:
            self.set_header("Refresh", str(round(failure.retry_after_s)))

    def _settle(self, *, whole: bool) -> None:
        if self._kernels is not None and whole:
            self._kernels.page_sent(self)
        elif self._kernels is not None:
            self._kernels.page_lost(self)

    def on_connection_close(self) -> None:
        """The reader left before the page was whole: nobody needs its kernel."""
        self._settle(whole=False)

    @property
    def _kernels(self) -> OwnedKernels | None:
        kernels = self.kernel_manager
        return kernels if isinstance(kernels, OwnedKernels) else None


class VoilaList(PageHandler):
    """The notebooks that Voila runs for its readers."""

    subsystem = "dashboards"
    role = Role.analyst

    def initialize(self, voila: Voila) -> None:
        """Who may have what is at hand."""
        self.voila = voila

    async def get(self, _path: str = "") -> None:
        """All that the caller may open."""
        rows = [
            {"title": each.title, "path": each.notebook, "address": quote(each.notebook), "role": each.role.name}
            for each in self.voila.door.open_to(self.caller)
        ]
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", self.content_security_policy)
        self.finish(_templates.get_template("voila_list.html").render(base_url=self.base_url, rows=rows))


class VoilaShutdown(Admission):
    """Where a page that is being left says so."""

    subsystem = "dashboards"

    @classmethod
    def methods(cls) -> list[str]:
        """The methods that this address takes."""
        return ["POST"]

    async def post(self, kernel_id: str) -> None:
        """The kernel of the caller's page is ending.

        Raises:
            NotFound: There is no page with such a kernel.
            NotAllowed: It is somebody else's.
        """
        caller = await self.caller_for(Role.viewer, "write")
        kernels = self.kernel_manager
        owner = kernels.page_owner(kernel_id) if isinstance(kernels, OwnedKernels) else None
        if owner is None or not isinstance(kernels, OwnedKernels):
            raise NotFound("There is no such kernel.")
        if owner != caller.identity and not (caller.may(Role.admin) and caller.scope is None):
            raise NotAllowed("This is somebody else's kernel.")
        kernels.end(kernel_id, "left")
        self.set_status(204)
        self.finish()


class VoilaFiles(Admission):
    """Files beside a notebook: a page has its pictures inside, and nothing else is to be had by way of Voila."""

    subsystem = "dashboards"

    async def get(self, _path: str) -> None:
        """There are none.

        Raises:
            NotFound: Always.
        """
        await self.caller_for(Role.viewer, "read")
        raise NotFound("There is nothing at this address.")


class VoilaStatic(JupyterHandler, MultiStaticFileHandler):  # type: ignore[misc]
    """What Voila's pages load. Voila's own handler asks nobody who is there, so people of another provider got none."""


class VoilaTemplates(JupyterHandler, TemplateStaticFileHandler):  # type: ignore[misc]
    """The same of its templates."""


def routes(server: ServerApp, voila: Voila) -> list[tuple[str, type[Any], dict[str, Any]]]:
    """Rows of the URL table, to stand before Voila's own.

    What Voila reads from the server's working directory (``voila.json``, ``voila.py``) does not count here.
    """
    voila_drawing.take_place()
    configuration = VoilaConfiguration(parent=server)
    own = {
        "config": server.config,
        "voila_configuration": configuration,
        "template_paths": collect_template_paths(["voila", "nbconvert"], configuration.template),
    }
    static = collect_static_paths(["voila", "nbconvert"], configuration.template)
    return [
        ("/voila/static/(.*)", VoilaStatic, {"paths": static}),
        ("/voila/templates/(.*)", VoilaTemplates, {}),
        ("/voila/render/(.*)", VoilaPage, {**own, "voila": voila, "server": server}),
        ("/voila(?:/|/tree(/.*)?)?", VoilaList, {"voila": voila}),
        ("/voila/api/shutdown/([0-9A-Za-z-]+)", VoilaShutdown, {}),
        ("/voila/files/(.*)", VoilaFiles, {}),
    ]
