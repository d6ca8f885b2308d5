"""``vibeworkbench start``: what a newcomer sees after ``make workbench``."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.patience import PATIENCE_S
from vibeworkbench.cli.start import _command, notebooks

COMMAND = [sys.executable, "-m", "vibeworkbench", "start", "--no-browser", "--port", "0"]


@pytest.fixture
def environment(tmp_path):
    named = {
        "VIBEWORKBENCH_TOKEN": "a-token",
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
    }
    without = {"VIBEWORKBENCH_URL", "NO_COLOR"}
    return {**{name: value for name, value in os.environ.items() if name not in without}, **named}


@pytest.mark.slow
def test_it_serves_scans_says_where_everything_is_and_ends_with_ctrl_c(tmp_path, environment):
    command = [*COMMAND, "--data", str(tmp_path / "data")]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as started:
        lines = []
        for line in started.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        text = "".join(lines)
        lab = re.search(r"JupyterLab +(http://\S+/)lab\?token=a-token", text)
        assert lab, text
        answered = httpx.get(
            f"{lab[1]}vibeworkbench/api/ops/scans", headers={"Authorization": "token a-token"}, timeout=PATIENCE_S
        )
        assert [scan["status"] for scan in answered.json()["items"]] == ["completed"]
        pages = [f"vibeworkbench/dashboards/{name}" for name in ("operations", "logs", "containers")]
        dashboards = (*pages, "voila/render/dashboards/operations.ipynb")
        for page in ("lab", "lab/tree/tour.ipynb", *dashboards, "voila/render/dashboards/terminals.ipynb"):
            assert f"{lab[1]}{page}?token=a-token" in text
        addresses = re.findall(rf"{lab[1]}\S+\?token=a-token", text)
        answers = {
            address: httpx.get(address, follow_redirects=True, timeout=PATIENCE_S).status_code for address in addresses
        }
        started.send_signal(signal.SIGINT)
        started.communicate(timeout=PATIENCE_S)
    assert started.returncode == 0
    assert "Full scan completed" in text
    assert "Warning" not in text
    waiting = {
        address for address, status in answers.items() if "/vibeworkbench/dashboards/" in address and status == 503
    }
    assert {status for address, status in answers.items() if address not in waiting} == {200}, answers


@pytest.mark.slow
def test_without_a_scan_there_is_none(tmp_path, environment):
    command = [*COMMAND, "--no-scan", "--data", str(tmp_path / "data")]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as started:
        text = "".join(iter(started.stdout.readline, "Ctrl-C stops the server.\n"))
        root = re.search(r"(http://\S+/)lab\?", text)[1]
        answered = httpx.get(
            f"{root}vibeworkbench/api/ops/scans", headers={"Authorization": "token a-token"}, timeout=PATIENCE_S
        )
        assert answered.json()["items"] == []
        started.terminate()
        started.communicate(timeout=PATIENCE_S)


def test_a_port_that_is_taken_is_a_sentence(tmp_path, environment):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [*COMMAND[:-1], str(taken.getsockname()[1]), "--data", str(tmp_path / "data")]
        run = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=PATIENCE_S)
    assert run.returncode == 4
    assert re.search(r"^vibeworkbench: port \d+ of 127.0.0.1: ", run.stderr, re.MULTILINE)
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("command", [COMMAND, [*COMMAND[:3], "serve", "--no-lab", "--port", "0"]])
def test_a_data_directory_that_cannot_be_is_a_sentence(tmp_path, environment, command):
    (tmp_path / "file").touch()
    impossible = tmp_path / "file" / "data"
    run = subprocess.run(
        [*command, "--data", str(impossible)],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE_S,
    )
    assert run.returncode == 4
    assert run.stderr == f"vibeworkbench: the data directory {impossible} cannot be used: Not a directory\n"


def test_storage_that_fails_while_the_server_starts_is_a_sentence(tmp_path, environment):
    data = tmp_path / "data"
    ours = [*COMMAND[:3], "db", "upgrade", "--data", str(data)]
    subprocess.run(ours, check=True, capture_output=True, env=environment, timeout=PATIENCE_S)
    with closing(sqlite3.connect(data / "state.db")) as damaged:
        damaged.execute("DROP TABLE scan")
    run = subprocess.run(
        [*COMMAND, "--data", str(data)],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE_S,
    )
    assert run.returncode == 4
    assert re.fullmatch(r"vibeworkbench: the storage cannot be used now: .*\n", run.stderr)


def test_the_command_is_named_so_that_a_shell_finds_it(tmp_path, monkeypatch):
    own = Path(sys.executable).parent
    monkeypatch.setenv("PATH", str(own))
    assert _command() == "vibeworkbench"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(own.parent)
    assert _command() == f"{own.name}/vibeworkbench"


def test_a_checkout_is_worked_in_and_a_package_is_copied_once(tmp_path):
    package, data = tmp_path / "site" / "vibeworkbench", tmp_path / "data"
    tour = package / "notebooks" / "dashboards" / "operations.ipynb"
    tour.parent.mkdir(parents=True)
    tour.write_text("{}")
    assert notebooks(package, data) == data / "notebooks"
    copy = data / "notebooks" / "dashboards" / "operations.ipynb"
    copy.write_text('{"mine": true}')
    notebooks(package, data)
    assert copy.read_text() == '{"mine": true}', "what the user changed stays"
    (package.parent / "pyproject.toml").touch()
    (package.parent / "notebooks").mkdir()
    assert notebooks(package, data) == package.parent / "notebooks"
