"""The client where it is used most: in kernels, with progress that moves and results that show themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from websockets.sync.client import connect as open_socket

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(start_server):
    return start_server("", "--no-lab")


def outputs(cells: list[str], environment: dict[str, str]) -> list[list[dict]]:
    """What each cell left, run one after the other in one kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    client = NotebookClient(notebook, timeout=PATIENCE_S, kernel_name="python3")
    client.execute(env={**os.environ, **environment})
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the packages that start the kernel
def test_a_scan_in_a_notebook_shows_its_result_and_leaves_no_progress_behind(server, closed_port):
    environment = {"VIBEWORKBENCH_URL": server.url, "VIBEWORKBENCH_TOKEN": server.token}
    cells = [
        "from vibeworkbench import connect\nwb = connect()",
        f"_ = wb.targets.add('tcp', name='shut', host='127.0.0.1', port={closed_port}, timeout_s=2)",
        "wb.scan('full')",
        "wb.issues()",
        "wb.issues().to_df()",
    ]
    *_, scan, issues, frame = outputs(cells, environment)
    assert not [each for each in [*scan, *issues, *frame] if each.output_type in {"stream", "error"}]
    progress, result = scan
    assert progress.output_type == "display_data"
    assert progress.data == {"text/html": ""}, "the bar is cleared when the result stands"
    assert "completed" in result.data["text/html"]
    assert result.data["text/plain"].startswith("<scan ")
    assert "tcp:shut" in issues[0].data["text/html"]
    assert "text/html" in frame[0].data


def test_a_kernel_of_the_server_finds_its_server_without_being_told(server):
    """The kernel is started by the Jupyter server itself; only its runtime directory says where that is."""
    headers = {"Authorization": f"token {server.token}"}
    with server.http() as http:
        kernel = http.post(f"{server.url}api/kernels", json={"name": "python3"}).json()
        url = f"ws{server.url.removeprefix('http')}api/kernels/{kernel['id']}/channels"
        code = "from vibeworkbench import connect; wb = connect(); print(wb.url, wb.status().caller.role)"
        with open_socket(url, additional_headers=headers, compression=None, open_timeout=PATIENCE_S) as channels:
            channels.send(json.dumps(execute_request(code)))
            text = printed(channels)
        http.delete(f"{server.url}api/kernels/{kernel['id']}")
    assert text.split() == [server.url, "admin"]


def execute_request(code: str) -> dict:
    header = {"msg_id": "1", "username": "", "session": "s", "msg_type": "execute_request", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}


def printed(channels) -> str:
    """What the code wrote, once it has ended."""
    text = ""
    while True:
        message = json.loads(channels.recv(60))
        if message["parent_header"].get("msg_id") != "1":
            continue
        if message["msg_type"] in {"stream", "error"}:
            text += message["content"].get("text") or "\n".join(message["content"]["traceback"])
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return text


def test_a_script_without_ipython_pays_nothing_for_it(server):
    code = "import sys, vibeworkbench.client.workbench; print('IPython' in sys.modules, 'pandas' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert run.stdout.split() == ["False", "False"]
