"""``vibeworkbench containers`` as people and programs run it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from subprocess import CompletedProcess

import pytest

from tests.shell import ran

SHOP = "a" * 64


@pytest.fixture(scope="module")
def server(start_server):
    return start_server("", "--no-lab")


@pytest.fixture(scope="module")
def shell(server, tmp_path_factory):
    """Runs ``vibeworkbench containers …`` against the server."""
    named = {
        "VIBEWORKBENCH_URL": server.url,
        "VIBEWORKBENCH_TOKEN": server.token,
        "JUPYTER_RUNTIME_DIR": str(tmp_path_factory.mktemp("runtime")),
        "COLUMNS": "120",
    }

    def run(*arguments: str) -> CompletedProcess[str]:
        return ran(["containers", *arguments], {**os.environ, **named})

    return run


@pytest.fixture(scope="module")
def told(server, shell):
    """Nobody was heard of; then an agent has told of one container."""
    assert "No container was heard of" in shell().stdout
    assert "No error was reported" in shell("errors").stdout
    known = {"containerId": SHOP, "containerName": "shop", "timestamp": datetime.now(UTC).isoformat()}
    use = {"state": "running", "cpuPercent": 12.5, "memoryBytes": 2**30, "environment": {"TOKEN": "s3cret"}}
    reports = {
        "samples": {**known, **use, "labels": {"team": "sales"}},
        "errors": {**known, "type": "ValueError", "message": "no \x1b[31m7"},
        "processes": {**known, "processId": "1", "name": "web"},
        "logs": {**known, "message": "hello from the shop", "level": "warning"},
    }
    with server.http() as client:
        for kind, record in reports.items():
            assert client.post(f"api/monitoring/{kind}", json={"records": [record]}).json()["accepted"] == 1


@pytest.mark.parametrize("verb", [[], ["list"], ["show"], ["errors"], ["logs"]])
def test_every_verb_has_help(shell, verb):
    """Without a server, too."""
    assert shell(*verb, "--help").returncode == 0


@pytest.mark.usefixtures("told")
def test_containers_are_listed_and_shown(shell):
    """As tables for people, as REST answers for programs; what was masked stays masked."""
    listed = shell().stdout
    assert "shop" in listed
    assert "12.5 %" in listed
    assert json.loads(shell("--json").stdout)["items"][0]["containerName"] == "shop"
    shown = shell("show", "shop").stdout
    for said in ("1 GiB", "team=sales", "web", SHOP):
        assert said in shown
    assert "s3cret" not in shown
    assert json.loads(shell("show", SHOP[:6], "--json").stdout)["containerId"] == SHOP


@pytest.mark.usefixtures("told")
def test_errors_and_lines_are_shown(shell):
    """Of one container, or of all."""
    errors = shell("errors", "shop").stdout
    assert "ValueError" in errors
    assert "\x1b" not in errors
    assert json.loads(shell("errors", "--json").stdout)["items"][0]["count"] == 1
    assert "hello from the shop" in shell("logs", "shop").stdout
    assert shell("logs", "shop", "nowhere").stdout == ""
    line = json.loads(shell("logs", "shop", "hello", "--level", "warning", "--json").stdout)
    assert line["kind"] == "container"


@pytest.mark.usefixtures("told")
def test_one_that_nobody_knows_is_a_sentence(shell):
    """And exit code 1."""
    ended = shell("show", "nobody")
    assert ended.returncode == 1
    assert "no container has" in ended.stderr
