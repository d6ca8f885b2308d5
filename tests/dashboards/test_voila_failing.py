"""Pages of Voila that cannot be drawn: a reader is told, and nothing waits for ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dashboards.voila_staging import ends, kernel_in, person, publish, write_notebook
from tests.servers import Server

BREAKING = """
from voila.notebook_renderer import NotebookRenderer

starts = NotebookRenderer._jinja_kernel_start
failures = [{times}]

async def start(self, nb, kernel_id, kernel_future):
    if failures[0]:
        failures[0] -= 1
        raise OSError("Socket operation on non-socket")
    return await starts(self, nb, kernel_id, kernel_future)

NotebookRenderer._jinja_kernel_start = start
"""


@pytest.fixture
def broken(start_server: Callable[..., Server], tmp_path: Path) -> Callable[[int], Server]:
    """A server whose connections with kernels fail so many times."""

    def start(times: int) -> Server:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "jupyter_server_config.py").write_text(BREAKING.format(times=times))
        write_notebook(tmp_path / "live.ipynb", "print(6 * 7)")
        server = start_server("", data=tmp_path)
        publish(server, "live.ipynb")
        return server

    return start


def test_a_page_that_cannot_be_drawn_ends_and_says_so(broken: Callable[[int], Server]) -> None:
    """With nothing of what is wrong; its kernel ends with it, and the next page is drawn."""
    server = broken(2)
    viewer = person(server, "viewer")
    with ends(server) as ended:
        page = viewer.page("live.ipynb")
        while not ended.heard:
            ended.next()
    assert "vibeworkbench-ended" in page[-200:]
    assert "non-socket" not in page
    assert "non-socket" in server.log()
    assert "42" in viewer.page("live.ipynb")


def test_a_kernel_that_cannot_be_spoken_with_at_once_is_asked_again(broken: Callable[[int], Server]) -> None:
    """The reader sees nothing of it."""
    page = person(broken(1), "viewer").page("live.ipynb")
    assert "42" in page
    assert kernel_in(page)
