"""Voila's own drawing of a notebook, which ends where it cannot go on.

Voila draws a page in a task of its own at which nobody looks: where that fails outside of a cell, when the connection
with the kernel cannot be made, the page waits for ever.

Source: voila 0.5, ``VoilaHandler.get_generator`` (``put_html``)
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import voila.handler
from voila.notebook_renderer import NotebookRenderer

CUT_OFF = "<script>dispatchEvent(new Event('vibeworkbench-ended'))</script>\n"
"""The end of a page that was not drawn to its end."""


class Drawer(NotebookRenderer):  # type: ignore[misc]
    """Draws one page for the handler that asked for it."""

    async def generate_content_generator(self, kernel_id: Any = None, kernel_future: Any = None) -> AsyncIterator[Any]:
        """The page piece by piece, to its end or to ``CUT_OFF``."""
        try:
            async for piece in super().generate_content_generator(kernel_id, kernel_future):
                yield piece
        except Exception:  # border: the reader is told that it ended, the log what happened
            self.log.exception("A page could not be drawn to its end.")
            yield CUT_OFF, {}

    async def _jinja_kernel_start(self, nb: Any, kernel_id: Any, kernel_future: Any) -> Any:
        try:
            return await super()._jinja_kernel_start(nb, kernel_id, kernel_future)
        except Exception:  # its client is made anew, once, where the kernel is there
            if not await kernel_future.is_alive():
                raise
            self.log.warning("A kernel could not be spoken with, and is asked again.", exc_info=True)
            return await super()._jinja_kernel_start(nb, kernel_id, kernel_future)


def take_place() -> None:
    """Voila draws with this; it offers no setting for it."""
    voila.handler.NotebookRenderer = Drawer
