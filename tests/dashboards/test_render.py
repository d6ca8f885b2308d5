"""One render in a process of its own: what the notebook is given, how it can fail, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from tests.dashboards.staging import notebook
from tests.patience import PATIENCE_S
from vibeworkbench.dashboards.frames import RenderOrder
from vibeworkbench.dashboards.model import Progress
from vibeworkbench.dashboards.render import RenderFailed, rendered
from vibeworkbench.web.roles import Role

TELLS_WHO_IT_IS = "import os, pathlib; pathlib.Path('kernel.pid').write_text(str(os.getpid()))"
FOR_EVER = "import threading; threading.Event().wait()"


def order(folder, *cells, content=None, page_bytes=2**22):
    """An order to render these cells."""
    return RenderOrder(
        name="shop",
        title="Shop",
        role=Role.viewer,
        content=(notebook(*cells) if content is None else content).encode(),
        folder=str(folder),
        environment={"VIBEWORKBENCH_URL": "http://127.0.0.1:9/", "VIBEWORKBENCH_TOKEN": "sesame"},
        page_bytes=page_bytes,
    )


async def failure(folder, *cells, limit_s=PATIENCE_S, **said):
    """How the render of these cells failed."""
    with pytest.raises(RenderFailed) as failed:
        await rendered(order(folder, *cells, **said), limit_s=limit_s, told=lambda progress: None)
    return failed.value.failure


def ended(pid):
    """Waits until the process is gone."""
    try:
        psutil.Process(pid).wait(PATIENCE_S)
    except psutil.NoSuchProcess:
        return True
    return True


async def test_the_notebook_runs_where_it_lies_with_the_server_at_hand(tmp_path):
    """Its folder, the server's address, and a token to open it with; and its progress is told."""
    says = "import os; print(os.getcwd(), os.environ['VIBEWORKBENCH_URL'], len(os.environ['VIBEWORKBENCH_TOKEN']))"
    told = []
    made = await rendered(order(tmp_path, says, "6 * 7"), limit_s=PATIENCE_S, told=told.append)
    page = gzip.decompress(made.page).decode()
    assert f"{tmp_path} http://127.0.0.1:9/ 6" in page
    assert "42" in page
    assert "sesame" not in page
    assert len(page.encode()) == made.page_bytes
    assert told == [Progress(0, 2), Progress(1, 2)]


async def test_a_failing_cell_is_named_with_its_error(tmp_path):
    """Number and kind, and the message in one line."""
    failed = await failure(tmp_path, "a = 1", "raise LookupError('no\\n  such thing')")
    assert (failed.cell, failed.error, failed.reason) == (2, "LookupError", "no such thing")
    assert failed.said == "code cell 2: LookupError: no such thing"


async def test_a_kernel_that_dies_is_said_to_be_dead(tmp_path):
    """As when memory has run out."""
    failed = await failure(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert (failed.cell, failed.error) == (1, "dead-kernel")


async def test_a_kernel_that_is_not_there_is_named(tmp_path):
    """The notebook's author may have another one."""
    content = json.loads(notebook("1"))
    content["metadata"]["kernelspec"] = {"name": "cobol-60", "display_name": "COBOL", "language": "cobol"}
    failed = await failure(tmp_path, content=json.dumps(content))
    assert failed.error == "no-such-kernel"
    assert "cobol-60" in failed.reason


async def test_a_question_is_an_error(tmp_path):
    """Nobody is there to answer."""
    failed = await failure(tmp_path, "input('who?')")
    assert (failed.cell, failed.error) == (1, "StdinNotImplementedError")


async def test_too_much_output_ends_the_render_at_once(tmp_path):
    """Whether or not the cell would ever come to its end."""
    failed = await failure(tmp_path, "while True: print('x' * 10_000)", page_bytes=2**20)
    assert failed.error == "too-large"
    assert "dashboards.page_bytes" in failed.reason


async def test_a_page_that_is_too_large_is_refused(tmp_path):
    """Its markup counts too."""
    failed = await failure(tmp_path, "print('<' * 400)", page_bytes=1000)
    assert failed.error == "too-large"


@pytest.mark.slow
async def test_what_takes_too_long_is_killed_with_all_that_it_started(tmp_path):
    """The kernel, and the programs in its process group."""
    starts = "import subprocess; child = subprocess.Popen(['sleep', '1000'])"
    tells = "pathlib.Path('child.pid').write_text(str(child.pid))"
    cells = (TELLS_WHO_IT_IS, f"{starts}; {tells}", FOR_EVER)
    for limit_s in (6.0, 24.0, PATIENCE_S / 2):  # a slow machine may need one before it comes to the third cell
        failed = await failure(tmp_path, *cells, limit_s=limit_s)
        if failed.cell == 3:
            break
    assert (failed.error, failed.cell) == ("too-slow", 3)
    for file in ("kernel.pid", "child.pid"):
        assert ended(int((tmp_path / file).read_text()))


DEAF_AT_FIRST = """
import os, sys, time
try:
    os.mkdir(sys.argv[1])
except FileExistsError:
    os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", *sys.argv[2:]])
time.sleep(1000)
"""


@pytest.mark.slow
async def test_a_kernel_that_does_not_answer_is_started_anew(tmp_path, monkeypatch):
    """As some do not that started on a busy machine."""
    kernel = tmp_path / "jupyter" / "kernels" / "deaf"
    kernel.mkdir(parents=True)
    (tmp_path / "deaf.py").write_text(DEAF_AT_FIRST)
    argv = [sys.executable, str(tmp_path / "deaf.py"), str(tmp_path / "started"), "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Deaf", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    content = json.loads(notebook("print('heard')"))
    content["metadata"]["kernelspec"] = {"name": "deaf", "display_name": "Deaf", "language": "python"}
    made = await rendered(order(tmp_path, content=json.dumps(content)), limit_s=PATIENCE_S, told=lambda progress: None)
    assert b"heard" in gzip.decompress(made.page)


async def test_what_a_notebook_leaves_running_ends_with_its_render(tmp_path):
    """A render that went well leaves nothing either."""
    starts = "import subprocess; child = subprocess.Popen(['sleep', '1000'])"
    tells = "import pathlib; pathlib.Path('child.pid').write_text(str(child.pid))"
    await rendered(order(tmp_path, starts, tells), limit_s=PATIENCE_S, told=lambda progress: None)
    assert ended(int((tmp_path / "child.pid").read_text()))


async def test_a_render_that_nobody_wants_any_more_is_killed(tmp_path):
    """Its task is cancelled, and its kernel is gone."""
    os.mkfifo(tmp_path / "begun")
    opens = "open('begun', 'w').close()"
    task = asyncio.create_task(
        rendered(order(tmp_path, TELLS_WHO_IT_IS, opens, FOR_EVER), limit_s=PATIENCE_S, told=lambda progress: None)
    )
    await asyncio.to_thread((tmp_path / "begun").read_bytes)  # the kernel has come so far
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended(int((tmp_path / "kernel.pid").read_text()))


SERVER = """
import asyncio, sys
from tests.dashboards.test_render import FOR_EVER, TELLS_WHO_IT_IS, order
from vibeworkbench.dashboards.render import rendered

cells = (TELLS_WHO_IT_IS, "open('begun', 'w').close()", FOR_EVER)
asyncio.run(rendered(order(sys.argv[1], *cells), limit_s=300, told=lambda progress: None))
"""


@pytest.mark.slow
def test_a_server_killed_half_way_leaves_no_kernel(tmp_path):
    """``kill -9`` gives it no time to clean up; the renderer sees that its stream has ended."""
    os.mkfifo(tmp_path / "begun")
    command = [sys.executable, "-c", textwrap.dedent(SERVER), str(tmp_path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as server:
        (tmp_path / "begun").read_bytes()
        renderers = psutil.Process(server.pid).children(recursive=True)
        server.send_signal(signal.SIGKILL)
    assert renderers, "a renderer and its kernel were there"
    gone, alive = psutil.wait_procs(renderers, PATIENCE_S)
    assert not alive
    assert int((tmp_path / "kernel.pid").read_text()) in {each.pid for each in gone}
