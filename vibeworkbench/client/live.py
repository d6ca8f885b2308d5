"""Progress of a scan in a notebook: one output that changes in place, and ends as the result."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from vibeworkbench.client import displays
from vibeworkbench.client.displays import Html
from vibeworkbench.client.values import Progress


def in_notebook() -> bool:
    """Whether this runs in a kernel whose outputs somebody sees."""
    try:
        from IPython import get_ipython  # noqa: PLC0415 - scripts need no IPython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


class LiveProgress:
    """Shows progress while the block runs and clears it at the end; the cell's own result says the rest."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._handle: Any = None

    def __call__(self, progress: Progress) -> None:
        """The output shows ``progress``."""
        self._show(progress_html(self._title, progress))

    def __enter__(self) -> Self:
        self._show(displays.card(self._title, displays.note("starting")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self._show(displays.card(self._title, displays.note("No longer watched; it goes on in the server.")))
        else:
            self._show(Html(""))

    def _show(self, html: Html) -> None:
        from IPython.display import display  # noqa: PLC0415 - only reached in a kernel

        if self._handle is None:
            self._handle = display({"text/html": html}, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update({"text/html": html}, raw=True)


def progress_html(title: str, progress: Progress) -> Html:
    """A bar, the step and the counts."""
    counts = f"{progress.processed} of {progress.total}" if progress.total else ""
    return displays.card(
        title, displays.bar(progress.ratio, "running"), displays.facts({"step": progress.step, "done": counts})
    )
