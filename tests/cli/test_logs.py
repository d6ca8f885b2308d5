"""``vibeworkbench logs`` as people and programs run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.shell import ran
from vibeworkbench.cli.log_lines import blocks, line_text
from vibeworkbench.client.log_values import Line

COMMAND = [sys.executable, "-m", "vibeworkbench", "logs"]
ESCAPE = "\x1b"


@pytest.fixture(scope="module")
def server(start_server):
    return start_server("", "--no-lab")


@pytest.fixture
def shell(server, tmp_path):
    """Runs ``vibeworkbench logs …`` against the server."""

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return ran(["logs", *arguments], environment(server, tmp_path), stdin)

    return run


def environment(server, runtime: Path) -> dict[str, str]:
    named = {"VIBEWORKBENCH_URL": server.url, "VIBEWORKBENCH_TOKEN": server.token, "JUPYTER_RUNTIME_DIR": str(runtime)}
    return {**os.environ, **named, "COLUMNS": "120"}


@pytest.mark.parametrize("verb", ["search", "tail", "templates", "sources", "explain", "send"])
def test_every_verb_has_help(shell, verb):
    """Without a server, too."""
    assert shell(verb, "--help").returncode == 0


def test_the_group_shows_examples(shell):
    """As many as there are verbs."""
    assert shell("--help").stdout.count("vibeworkbench logs") >= 7


def test_lines_of_the_standard_input_are_sent_and_found(shell):
    """Oldest first for people, as REST answers for programs."""
    assert "2 accepted" in shell("send", "--source", "piped", stdin="first line\nsecond line\n").stdout
    said = shell("--source", "piped").stdout
    assert said.index("first line") < said.index("second line")
    assert ESCAPE not in said
    told = json.loads(shell("search", "second", "--source", "worker:piped", "--json").stdout)
    assert [each["message"] for each in told["items"]] == ["second line"]
    assert "No line fits" in shell("search", "nowhere-to-be-found").stdout


def test_a_record_that_was_rejected_is_told_and_ends_with_1(shell):
    """The good ones are kept."""
    record = {"source": "x", "timestamp": None, "level": "info", "message": "good"}
    lines = "\n".join(map(json.dumps, [record, {**record, "level": "no such level"}]))
    ended = shell("send", "--ndjson", stdin=lines)
    assert ended.returncode == 1
    assert "1 accepted" in ended.stdout
    assert "record 1: level" in ended.stderr


@pytest.mark.parametrize("arguments", [["send"], ["send", "--ndjson"], ["search", "--level", "loud"]])
def test_what_cannot_be_meant_ends_with_2(shell, arguments):
    """Lines without a source, records that are no JSON, a level that is none."""
    assert shell(*arguments, stdin="not json\n").returncode == 2


def test_sources_and_templates_are_listed(shell):
    """As tables for people, as lists for programs."""
    shell("send", "--source", "listed", stdin="".join(f"job {number} took 3 ms\n" for number in range(9)))
    assert "worker:listed" in shell("sources").stdout
    assert "listed" in {each["source"] for each in json.loads(shell("sources", "--json").stdout)["items"]}
    assert "took" in shell("templates", "took").stdout
    assert "No template fits" in shell("templates", "nowhere-to-be-found").stdout


def test_a_line_is_explained(shell):
    """Step by step."""
    ended = shell("explain", "2026-11-28 09:00:00,123 ERROR job 17 failed")
    assert ended.returncode == 0
    assert "job" in ended.stdout
    assert json.loads(shell("explain", "ERROR job 17 failed", "--json").stdout)


def test_following_shows_what_comes_and_ends_with_ctrl_c(server, shell, tmp_path):
    """What is there first, then what comes; 130 without a word of Python."""
    shell("send", "--source", "followed", stdin="before\n")
    process = subprocess.Popen(
        [*COMMAND, "tail", "--source", "followed", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(server, tmp_path),
    )
    assert process.stdout
    assert json.loads(process.stdout.readline())["message"] == "before"
    shell("send", "--source", "followed", stdin="after\n")
    assert json.loads(process.stdout.readline())["message"] == "after"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_following_ends_after_so_many_lines(shell):
    """For scripts that wait for one."""
    shell("send", "--source", "counted", stdin="one\ntwo\nthree\n")
    assert shell("tail", "--source", "counted", "--count", "2", "--json").stdout.count("\n") == 2


def test_a_line_is_shown_whole_and_nothing_of_it_is_obeyed():
    """A stack is indented; sequences for terminals are left out, what turns the reading direction is marked."""
    at = datetime(2026, 5, 4, 12, tzinfo=UTC)
    hostile = "\x1b[31mfailed\u202e\n  at x"
    shown = line_text(
        Line(line_id="1", received_at=at, kind="worker", source="a", level="error", message=hostile)
    ).plain
    assert "failed\N{REPLACEMENT CHARACTER}\n      at x" in shown
    assert ESCAPE not in shown


def test_counts_become_blocks():
    """However many there are, and none for nothing."""
    assert blocks([0, 1, 8]) == " \u2581\u2588"
    assert len(blocks(list(range(100)), 10)) == 10
    assert blocks([]) == ""
