"""The process that renders one notebook: ``python -m vibeworkbench.dashboards.renderer``, started by ``render``.

It is a process of its own because nbclient takes over the signals of the loop it runs in, and because parsing outputs,
making the page and compressing it would hold up everybody whom the server's event loop serves. The order comes on
stdin, which stays open: when it closes, be it that the server was killed, the kernel is killed and nothing is said.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, Any, NoReturn

import vibeworkbench.spared  # noqa: F401 - first of all

# isort: split
import nbformat
from jupyter_client.client import KernelClient
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from vibeworkbench.dashboards import kernel_client
from vibeworkbench.dashboards.frames import (
    LENGTH_BYTES,
    Advanced,
    Failed,
    Rendered,
    RenderOrder,
    Reply,
    framed,
    order_of,
)
from vibeworkbench.dashboards.model import PageAbout
from vibeworkbench.dashboards.page import page

_REASON_CHARACTERS = 500
_START_PATIENCE_S = (30, 90)
"""How long a kernel may take to answer before another one is started in its place; the last one has the render's limit.

Now and then, on a busy machine, one that started never heard what was sent to it meanwhile, however often it was said.
Source: seen with ipykernel 7.4; its issue 1554 is of this kind.
"""
_WHOLE_LIMIT_S = 86_400
"""The server's limit counts, and ends all of this."""
_NICENESS = 5
"""Whoever watches comes before what is being made."""
_COMPRESSION = 9
"""A page is compressed once and sent a thousand times."""


class _TooMuchError(Exception):
    """The notebook has put out more than a page may have."""


class Execution(NotebookClient):
    """One execution of a notebook, which counts what the notebook puts out and says how far it is."""

    def __init__(self, notebook: NotebookNode, order: RenderOrder, replies: IO[bytes]) -> None:
        super().__init__(
            notebook,
            timeout=None,
            startup_timeout=_WHOLE_LIMIT_S,
            store_widget_state=True,
            shutdown_kernel="immediate",
            resources={"metadata": {"path": order.folder}},
            on_cell_execute=self._begins,
        )
        self.cell: int | None = None
        self.group: int | None = None
        self._total = sum(1 for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip())
        self._left_bytes = order.page_bytes
        self._replies = replies
        self._whole: asyncio.Task[Any] | None = None
        self._environment: dict[str, str] = {}

    @property
    def put_out_too_much(self) -> bool:
        """Whether the notebook was stopped for the size of what it put out."""
        return self._left_bytes < 0

    async def run(self, environment: Mapping[str, str]) -> None:
        """The notebook is executed."""
        self._whole = asyncio.current_task()
        self._environment = {**os.environ, **environment}
        await self.async_execute(env=self._environment)

    def create_kernel_manager(self) -> KernelManager:
        """Of the kernel to come; what it answers is heard whatever is sent meanwhile."""
        manager: KernelManager = super().create_kernel_manager()
        manager.client_class = kernel_client.NAME
        return manager

    async def async_start_new_kernel(self, **options: Any) -> None:
        """The kernel runs, and its process group is known."""
        await super().async_start_new_kernel(**options)
        self.group = getattr(getattr(self.km, "provisioner", None), "pgid", None)

    async def async_start_new_kernel_client(self) -> KernelClient:
        """The kernel answers."""
        for patience_s in _START_PATIENCE_S:
            self.startup_timeout = patience_s
            try:
                return await super().async_start_new_kernel_client()
            except RuntimeError as error:
                if "didn't respond" not in str(error):  # it died, and the next one would
                    raise
            self.km = self.create_kernel_manager()
            await self.async_start_new_kernel(env=self._environment)
        self.startup_timeout = _WHOLE_LIMIT_S
        return await super().async_start_new_kernel_client()

    def _begins(self, cell: NotebookNode, cell_index: int) -> None:
        self._replies.write(framed(Advanced(self.cell or 0, self._total)))
        self._replies.flush()
        self.cell = (self.cell or 0) + 1

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """A message of the kernel counts, and has its effect."""
        self._left_bytes -= size_bytes(msg["content"]) + sum(len(each) for each in msg.get("buffers", ()))
        if self._left_bytes < 0 and self._whole is not None:
            self._whole.cancel()  # an error raised here would wait for the end of the cell, which may never come
            return None
        output: NotebookNode | None = super().process_message(msg, cell, cell_index)
        return output

    def kill(self) -> None:
        """Nothing that the notebook started runs any more, but for what left the kernel's process group."""
        if self.group is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.group, signal.SIGKILL)
        if self.km is not None:
            self.km.cleanup_connection_file()


def size_bytes(value: Any) -> int:
    """About how many bytes the texts in a JSON value have."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(name) + size_bytes(each) for name, each in value.items())
    if isinstance(value, list | tuple):
        return sum(size_bytes(each) for each in value)
    return 8


async def reply_to(order: RenderOrder, execution: Execution) -> Reply:
    """What became of the order."""
    try:
        await execution.run(order.environment)
        return made(order, execution.nb)
    except CellExecutionError as error:
        return Failed(_short(error.evalue), error.ename, execution.cell)
    except (DeadKernelError, asyncio.CancelledError):
        if execution.put_out_too_much:
            return _too_much(order, execution.cell)
        return Failed("the kernel died; memory may have run out", "dead-kernel", execution.cell)
    except _TooMuchError:
        return _too_much(order)
    except NoSuchKernel as error:
        return Failed(f"the kernel {error.name!r} is not installed on the server", "no-such-kernel")
    except Exception as error:  # noqa: BLE001 - border: kernels and outputs of any make; the publisher is told the kind
        return Failed(_short(str(error)), type(error).__name__)


def _too_much(order: RenderOrder, cell: int | None = None) -> Failed:
    reason = f"it puts out more than {order.page_bytes} bytes, the limit of dashboards.page_bytes"
    return Failed(reason, "too-large", cell)


def made(order: RenderOrder, notebook: NotebookNode) -> Rendered:
    """The page of an executed notebook, compressed."""
    rendered_at = datetime.now(UTC)
    drawn = page(notebook, PageAbout(order.name, order.title, rendered_at, order.role))
    if len(drawn.html) + sum(len(each.body) for each in drawn.assets.values()) > order.page_bytes:
        raise _TooMuchError
    return Rendered(
        page=_compressed(drawn.html),
        page_bytes=len(drawn.html),
        etag=hashlib.sha256(drawn.html).hexdigest()[:32],
        assets={file: (each.media_type, _compressed(each.body)) for file, each in drawn.assets.items()},
        rooms=drawn.rooms,
        rendered_at=rendered_at,
    )


def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, _COMPRESSION, mtime=0)


def _short(text: str) -> str:
    line = " ".join(text.split()) or "it gives no reason"
    return line if len(line) <= _REASON_CHARACTERS else f"{line[: _REASON_CHARACTERS - 1]}…"


def _end_with(stream: IO[bytes], execution: Execution) -> NoReturn:
    """Waits for the end of the stream, and then ends the kernel and this process."""
    while stream.read(1):
        pass
    execution.kill()
    os._exit(1)


def main() -> None:
    """The order on stdin is carried out and answered; the kernel is gone."""
    orders, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no reply
    os.nice(_NICENESS)
    order = order_of(orders.read(int.from_bytes(orders.read(LENGTH_BYTES), "big")))
    notebook = nbformat.reads(order.content.decode(), as_version=4)
    execution = Execution(notebook, order, replies)
    threading.Thread(target=_end_with, args=(orders, execution), daemon=True).start()
    try:
        reply = asyncio.run(reply_to(order, execution))
    finally:
        execution.kill()
    replies.write(framed(reply))
    replies.flush()
    os._exit(0)  # threads that the libraries left behind keep nobody waiting


if __name__ == "__main__":
    main()
