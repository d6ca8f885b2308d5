"""A Jupyter-first ops workbench: real scans of the machines that AI agents work on, live in JupyterLab and Voila."""

from __future__ import annotations

import atexit
import gc
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vibeworkbench.client import connect as connect

__all__ = ["__version__", "connect"]

__version__ = version("vibeworkbench")

# The interpreter's last collection takes msgspec's struct types apart in an order that makes msgspec 0.22 crash, in
# about one process of five: a command that succeeded would end with SIGSEGV. Frozen objects are left out of it.
# Source: https://github.com/msgspec/msgspec/issues/717, https://docs.python.org/3/library/gc.html#gc.freeze
atexit.register(gc.freeze)


def __getattr__(name: str) -> Any:
    """``connect`` is imported when it is first asked for: the server needs no client, the shell no server."""
    if name == "connect":
        from vibeworkbench.client import connect  # noqa: PLC0415 - see above

        return connect
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from vibeworkbench.extension import VibeworkbenchApp  # noqa: PLC0415 - a notebook imports no server

    return [{"module": "vibeworkbench.extension", "app": VibeworkbenchApp}]
