"""Voila, hardened: it runs what was published for it, for whom it was published, in our template, and nothing else."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jupyter_server import CallContext
from tornado.web import RequestHandler
from traitlets.config import Config

from vibeworkbench.dashboards.kernel_books import House
from vibeworkbench.dashboards.kernels import OwnedKernels
from vibeworkbench.dashboards.model import Publication
from vibeworkbench.errors import InvalidInput, NotAllowed, Unavailable
from vibeworkbench.web.identity import caller_of
from vibeworkbench.web.roles import Caller, Role

TEMPLATE = "vibeworkbench"
"""Voila's Lab template without what it loads from other hosts, light or dark as the reader's system is."""
THEMES = frozenset({"", "light", "dark"})
"""What may be asked for in an address; empty follows the reader's system."""
KERNELS = "vibeworkbench.dashboards.kernels.OwnedKernels"
CHANNELS = "vibeworkbench.dashboards.channels.KernelChannels"
HEARTBEAT_S = 5
"""How often a page that is being drawn shows that it lives; as late it is noticed that its reader has left."""

_PATH_LENGTH = 1024

Hook = Callable[..., Any]


class Door:
    """Who may have which notebook run by Voila: the one question, asked by the gate, by the page and before a kernel.

    Args:
        publications: All that is published now.
    """

    def __init__(self, publications: Callable[[], Iterable[Publication]]) -> None:
        self._publications = publications

    def admits(self, caller: Caller, path: str) -> bool:
        """Whether the notebook at ``path`` (decoded, relative to the server's root) may be run for the caller."""
        return is_plain(path) and any(each.notebook == path for each in self.open_to(caller))

    def check(self, caller: Caller, path: str) -> None:
        """The notebook at ``path`` may be run for the caller.

        Raises:
            NotAllowed: It may not; whoever could publish it is told how.
        """
        if self.admits(caller, path):
            return
        if caller.may(Role.analyst) and caller.scope is None and is_plain(path):
            raise NotAllowed(
                f"{path} is not published for Voila. Publish it: "
                f"vibeworkbench dashboards publish {shlex.quote(path)} --role viewer --interactive"
            )
        raise NotAllowed("There is no interactive dashboard at this address, or none that is for you.")

    def open_to(self, caller: Caller) -> list[Publication]:
        """What the caller may open, by title."""
        found = [each for each in self._publications() if _opens(each, caller)]
        return sorted(found, key=lambda each: (each.title.casefold(), each.name))


def _opens(publication: Publication, caller: Caller) -> bool:
    is_file = publication.interactive and not publication.stored
    return is_file and caller.may(publication.role) and caller.may_see(publication.name)


def is_plain(path: str) -> bool:
    """Whether ``path`` is written in the one way in which a publication names a notebook.

    No empty, ``.`` or ``..`` part, nothing that a file system or an address reads differently, ``.ipynb`` at its end.
    """
    parts = path.split("/")
    if len(path) > _PATH_LENGTH or not path.endswith(".ipynb") or any(each in {"", ".", ".."} for each in parts):
        return False
    return path.isprintable() and "\\" not in path


class Voila:
    """Voila in one server. It is configured before the workbench is open, and refuses everybody until then."""

    def __init__(self) -> None:
        self._door: Door | None = None
        self._kernels: OwnedKernels | None = None

    @property
    def door(self) -> Door:
        """Who may have what.

        Raises:
            Unavailable: The workbench is not open.
        """
        if self._door is None:
            raise Unavailable("The workbench is starting or could not start.")
        return self._door

    def open(self, door: Door, kernels: Any, house: House) -> None:
        """Whoever ``door`` admits gets a page and a kernel from now on.

        Args:
            door: Who may have what.
            kernels: The server's kernels; of another class than ours (a gateway's), nobody knows their owners.
            house: What kernels are given.
        """
        self._door = door
        if isinstance(kernels, OwnedKernels):
            kernels.house = house
            self._kernels = kernels

    def admits(self, caller: Caller, path: str) -> bool:
        """Whether the notebook at ``path`` is published to run, for this caller."""
        return self._door is not None and self._kernels is not None and self._door.admits(caller, path)

    def kernel_owner(self, kernel_id: str) -> str | None:
        """Identity of whoever started the kernel; ``None`` where nobody knows."""
        return None if self._kernels is None else self._kernels.owner_of(kernel_id)

    def rights_changed(self, identities: frozenset[str]) -> None:
        """Connections and kernels of these identities have ended, unless they may do the same as before."""
        if self._kernels is not None:
            self._kernels.rights_changed(identities)

    def published_otherwise(self, _names: frozenset[str]) -> None:
        """Pages of notebooks that are not published for their readers any more have ended, with their kernels."""
        if self._kernels is not None:
            self._kernels.judge_again(lambda grant, notebook: self.admits(grant.caller(), notebook))

    def configuration(self, given: Config) -> Config:
        """The configuration of Voila and of kernels: what somebody has set wins, except for what keeps the door shut.

        Args:
            given: What the server's files and command line say.
        """
        theirs = dict(given.VoilaConfiguration) if "VoilaConfiguration" in given else {}
        before_theirs, page_theirs = theirs.get("prelaunch_hook"), theirs.get("page_config_hook")
        voila = {
            "template": TEMPLATE,
            "theme": "",
            "http_keep_alive_timeout": HEARTBEAT_S,
            **theirs,
            "allow_template_override": "NO",
            "allow_theme_override": "YES",
            "file_allowlist": [],
            "preheat_kernel": False,
            "progressive_rendering": False,
            # Plain functions: traitlets copies any other callable, with all that belongs to it.
            "prelaunch_hook": lambda handler, notebook, cwd: self.before_launch(before_theirs, handler, notebook, cwd),
            "page_config_hook": lambda page, **about: page_config(page_theirs, page, **about),
        }
        sections = {"VoilaConfiguration": voila, "VoilaExecutor": {"cell_error_instruction": ""}}
        return Config({**sections, "ServerApp": _kernel_classes(given)})

    def before_launch(self, then: Hook | None, handler: RequestHandler, notebook: Any, cwd: str) -> Any:
        """The page may have a kernel: its notebook is published for it, and chooses neither template nor style sheet.

        Reading ``xsrf_token`` sets the cookie without which the page's panels could write nothing and its kernel would
        outlive it (voila#1458).

        Raises:
            NotAllowed: It may not.
            Unavailable: The workbench is not open.
        """
        path = str(handler.path_args[0]) if handler.path_args else ""
        self.door.check(caller_behind(handler), path)
        _ = handler.xsrf_token
        chosen = notebook.metadata.get("voila", {})
        notebook.metadata["voila"] = {"theme": chosen["theme"]} if _is_theme(chosen) else {}
        return None if then is None else then(handler, notebook=notebook, cwd=cwd)


def _kernel_classes(given: Config) -> dict[str, str]:
    """Our kernels and connections, unless somebody has chosen others, by class or by a gateway."""
    server = given.ServerApp if "ServerApp" in given else Config()
    elsewhere = "GatewayClient" in given or any(name.startswith("JUPYTER_GATEWAY_") for name in os.environ)
    if elsewhere or "kernel_manager_class" in server or "kernel_websocket_connection_class" in server:
        return {}
    return {"kernel_manager_class": KERNELS, "kernel_websocket_connection_class": CHANNELS}


def page_config(then: Hook | None, page: Mapping[str, Any], **about: Any) -> dict[str, Any]:
    """The page's configuration: MathJax as Voila brings it, from no other host, and whether its reader only looks.

    Source: Voila 0.5's ``shouldUseMathJax2``: unless both options are null it loads MathJax from ``fullMathjaxUrl``.
    """
    given = page if then is None else then(page, **about)
    only_looks = not uses_kernels(caller_behind(CallContext.get(CallContext.JUPYTER_HANDLER)))
    return {**given, "fullMathjaxUrl": None, "mathjaxConfig": None, "vibeworkbenchReadOnly": only_looks}


def uses_kernels(caller: Caller) -> bool:
    """Whether the caller may say to a kernel whatever there is to say, and not only what drawing needs."""
    return caller.may(Role.analyst) and caller.scope is None


def caller_behind(handler: RequestHandler) -> Caller:
    """Who sent the request that ``handler`` answers.

    Raises:
        NotAllowed: Nobody with a right.
    """
    user = handler.current_user
    caller = None if user is None else caller_of(user, handler.settings)
    if caller is None:
        raise NotAllowed("The server knows of no right of yours.")
    return caller


def _is_theme(chosen: Any) -> bool:
    return isinstance(chosen, Mapping) and chosen.get("theme") in THEMES


def checked_theme(theme: str) -> str:
    """``theme``, which may be asked for.

    Raises:
        InvalidInput: It is another one, whose style sheet could stand anywhere.
    """
    if theme not in THEMES:
        raise InvalidInput("theme: light or dark.", field="theme", allowed=["light", "dark"])
    return theme
