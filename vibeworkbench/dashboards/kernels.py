"""Jupyter's kernels, each with its owner: lent rights, a limit on Voila's, and an end when nobody looks any more."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_client.ioloop.restarter import AsyncIOLoopKernelRestarter
from jupyter_server import CallContext
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError, RequestHandler

from vibeworkbench.access.model import Grant
from vibeworkbench.dashboards import kernel_client
from vibeworkbench.dashboards.kernel_books import (
    ENDED,
    TOKEN_VARIABLE,
    TRY_AGAIN_S,
    URL_VARIABLE,
    House,
    Owned,
    Watcher,
    grant_behind,
    is_voila,
    without_secrets,
)
from vibeworkbench.errors import NotAllowed, Unavailable
from vibeworkbench.web.admission import Admission


class NoRestarts(AsyncIOLoopKernelRestarter):
    """Notices that a kernel died, and does not start it again: the page that it drew would not know of the new one."""

    restart_limit = 0


class OwnedKernels(AsyncMappingKernelManager):
    """Jupyter's own kernels, with an owner each.

    The owner is whoever sent the request that started the kernel. A kernel inherits the address of this server and a
    token with its owner's rights, which opens nothing once the kernel has ended. Of the kernels that run Voila's pages
    there are no more than the settings say; they end when their page was left, and Lab's kernels never do by this.
    """

    house: House | None = None
    """What the workbench gives to kernels; ``None`` until it was opened."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        self._owned: dict[str, Owned] = {}
        self._endings: set[asyncio.Task[None]] = set()

    # Questions

    def owner_of(self, kernel_id: str) -> str | None:
        """The identity that started this kernel; ``None`` when nobody did, or there is no such kernel."""
        owned = self._owned.get(kernel_id)
        return owned.identity or None if owned is not None else None

    def page_owner(self, kernel_id: str) -> str | None:
        """The identity for which Voila started this kernel; ``None`` when it is no kernel of Voila's."""
        owned = self._owned.get(kernel_id)
        return owned.identity if owned is not None and owned.voila else None

    # Beginning

    async def _async_start_kernel(self, *, kernel_id: str | None = None, path: Any = None, **kwargs: Any) -> str:
        if kernel_id is not None and kernel_id in self:
            return await super()._async_start_kernel(kernel_id=kernel_id, path=path, **kwargs)
        kernel_id = kernel_id or self.new_kernel_id(**kwargs)
        if kernel_id in self._owned:
            raise HTTPError(409, "this kernel is starting")
        if is_voila(kwargs.get("env")):
            await self._room_for_one_more()
        kwargs["env"] = self._admitted(kernel_id, kwargs.get("env"))
        try:
            await super()._async_start_kernel(kernel_id=kernel_id, path=path, **kwargs)
        except BaseException:
            self._forget(kernel_id)
            raise
        self._started(kernel_id)
        return kernel_id

    start_kernel = _async_start_kernel  # type: ignore[assignment]

    async def _room_for_one_more(self) -> None:
        """A page that is being left makes room for the one that comes: whoever reloads must not be refused."""
        while self.house is not None and self._page_count() >= self.house.settings.kernels and self._endings:
            await asyncio.wait(self._endings, return_when=asyncio.FIRST_COMPLETED)

    def pre_start_kernel(self, kernel_name: str | None, kwargs: Any) -> Any:
        """The kernel's own manager is there; one that draws a page for Voila is not started again when it dies."""
        made = super().pre_start_kernel(kernel_name, kwargs)
        made[0].client_class = kernel_client.NAME
        owned = self._owned.get(made[2])
        if owned is not None and owned.voila:
            made[0].restarter_class = NoRestarts  # type: ignore[attr-defined]
        return made

    def _started(self, kernel_id: str) -> None:
        owned = self._owned.get(kernel_id)
        if owned is None:
            return
        owned.starting = False
        if owned.ending:
            self._begin_end(owned)
            raise Unavailable("This page's kernel was ended while it started.")

    def _admitted(self, kernel_id: str, given: Mapping[str, str] | None) -> dict[str, str]:
        """The environment of a kernel that may start, and is on the books from now on."""
        environment = dict(os.environ if given is None else given)
        voila = is_voila(given)
        handler = CallContext.get(CallContext.JUPYTER_HANDLER)
        if self.house is None:
            if voila:
                raise Unavailable("The server is starting or could not start.")
            return environment
        grant = None if handler is None else grant_behind(handler)
        if voila:
            self._refuse_voila(grant)
        owned = Owned(kernel_id, grant, voila=voila, page=handler if voila else None)
        if voila and isinstance(handler, Admission):  # a page of ours, which may have waited for its turn
            handler.check_still_admitted()
            owned.notebook = str(handler.path_args[0]) if handler.path_args else ""
        if grant is not None:
            owned.lent = self.house.lend(grant, f"kernel {kernel_id}")
            environment[TOKEN_VARIABLE] = owned.lent.token
        environment[URL_VARIABLE] = self.house.url()
        self._owned[kernel_id] = owned
        if voila:
            self.house.metrics.kernels.set(self._page_count())
            self._wait(owned)
        return without_secrets(environment) if voila else environment

    def _refuse_voila(self, grant: Grant | None) -> None:
        assert self.house is not None  # noqa: S101 - for the type checker
        if grant is None:
            raise NotAllowed("The server knows of no right of yours.")
        if self._page_count() >= self.house.settings.kernels:
            self.house.metrics.refused.inc()
            raise Unavailable(
                "As many interactive dashboards are open as this server has room for. This page tries again by itself.",
                retry_after_s=TRY_AGAIN_S,
                limit=self.house.settings.kernels,
            )

    def _page_count(self) -> int:
        return sum(owned.voila for owned in self._owned.values())

    # Looking

    def joined(self, kernel_id: str, watcher: Watcher) -> None:
        """Somebody looks at the kernel."""
        owned = self._owned.get(kernel_id)
        if owned is not None:
            owned.watchers.add(watcher)
            owned.watched = True
            self._wait(owned)

    def left(self, kernel_id: str, watcher: Watcher) -> None:
        """That connection is gone."""
        owned = self._owned.get(kernel_id)
        if owned is not None:
            owned.watchers.discard(watcher)
            self._wait(owned)

    def page_sent(self, page: RequestHandler) -> None:
        """The page is whole at its reader's, whose browser will open a connection."""
        for owned in self._of_page(page):
            owned.page = None
            self._wait(owned)

    def page_lost(self, page: RequestHandler) -> None:
        """The reader left before the page was whole: its kernel ends."""
        for owned in self._of_page(page):
            owned.page = None
            self.end(owned.kernel_id, "left")

    def has_kernel(self, page: RequestHandler) -> bool:
        """Whether the kernel that draws this page is there."""
        return any(not owned.ending for owned in self._of_page(page))

    def _of_page(self, page: RequestHandler) -> list[Owned]:
        return [owned for owned in self._owned.values() if owned.page is page]

    def dropped(self, reason: str) -> None:
        """A reader's message was not passed on."""
        if self.house is not None:
            self.house.metrics.dropped.labels(reason).inc()

    # End

    async def _async_restart_kernel(self, kernel_id: str, now: bool = False) -> Any:
        owned = self._owned.get(kernel_id)
        if owned is not None and owned.voila:
            self._tell_of_end(owned)  # the new one knows nothing of the page
        return await super()._async_restart_kernel(kernel_id, now=now)  # type: ignore[no-untyped-call]

    restart_kernel = _async_restart_kernel  # type: ignore[assignment]

    def rights_changed(self, identities: frozenset[str]) -> None:
        """Pages of these identities end with their kernels, unless the same rights still stand."""
        for owned in list(self._owned.values()):
            is_theirs = owned.voila and owned.identity in identities
            if is_theirs and not (self.house is not None and self.house.stands(owned)):
                self.end(owned.kernel_id, "rights")

    def judge_again(self, admits: Callable[[Grant, str], bool]) -> None:
        """Pages that ``admits`` refuses, by who opened them and by their notebook, end with their kernels."""
        for owned in list(self._owned.values()):
            if owned.voila and owned.grant is not None and not admits(owned.grant, owned.notebook):
                self.end(owned.kernel_id, "rights")

    def end(self, kernel_id: str, reason: str) -> asyncio.Task[None] | None:
        """A page's kernel is being shut down; the task is done when it has ended, ``None`` when nothing is to be done.

        Args:
            kernel_id: Its id.
            reason: For the metrics: ``left``, ``idle``, ``rights`` or ``slow``.
        """
        owned = self._owned.get(kernel_id)
        if owned is None or owned.ending or not owned.voila:
            return None
        owned.ending = reason
        if self.house is not None:
            self.house.metrics.ended.labels(reason).inc()
        return None if owned.starting else self._begin_end(owned)

    def _begin_end(self, owned: Owned) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._shut_down(owned))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        return task

    async def _shut_down(self, owned: Owned) -> None:
        try:
            if owned.kernel_id in self:
                await self.shutdown_kernel(owned.kernel_id)  # type: ignore[no-untyped-call]
        except Exception:  # border: whatever the kernel's own end does wrong, it is off our books
            self.log.exception("Voila's kernel %s did not end in order", owned.kernel_id)
        finally:
            self._forget(owned.kernel_id)

    def _wait(self, owned: Owned) -> None:
        """The kernel's time runs anew, unless somebody looks at it."""
        if owned.timer is not None:
            owned.timer.cancel()
            owned.timer = None
        if self.house is None or not owned.voila or owned.ending or owned.watchers:
            return
        settings = self.house.settings
        if owned.page is not None:
            wait_s, reason = settings.render_limit_s, "slow"
        else:
            wait_s, reason = (settings.idle_s if owned.watched else settings.start_grace_s), "idle"
        owned.timer = asyncio.get_running_loop().call_later(wait_s, self.end, owned.kernel_id, reason)

    def _handle_kernel_died(self, kernel_id: str) -> None:
        owned = self._owned.get(kernel_id)
        if owned is not None and owned.voila and self.house is not None:
            self.house.metrics.ended.labels("died").inc()
        super()._handle_kernel_died(kernel_id)  # type: ignore[no-untyped-call]

    def remove_kernel(self, kernel_id: str) -> Any:
        """The kernel is on nobody's books any more."""
        self._forget(kernel_id)
        return super().remove_kernel(kernel_id)

    def _forget(self, kernel_id: str) -> None:
        owned = self._owned.pop(kernel_id, None)
        if owned is None:
            return
        if owned.timer is not None:
            owned.timer.cancel()
        if owned.lent is not None:
            owned.lent.end()
        if owned.voila:
            self._tell_of_end(owned)

    def _tell_of_end(self, owned: Owned) -> None:
        # Jupyter leaves the socket of a kernel that was shut down open, and its page would wait for ever.
        for watcher in list(owned.watchers):
            watcher.end(ENDED, "This page's kernel has ended.")
        if self.house is not None:
            self.house.metrics.kernels.set(self._page_count())
