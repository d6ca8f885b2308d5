"""What ``make`` calls does what it says, above all when something is wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools import documents, problems, tests, words

ROOT = Path(__file__).parents[2]


def proof(script: str, problem: str = r"^wrong") -> problems.Proof:
    """A proof that runs a line of Python."""
    return problems.Proof("made up", (sys.executable, "-c", script), problem)


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("print('fine')", 0),
        ("print('wrong: a'); print('wrong: b'); raise SystemExit(1)", 2),
        ("raise SystemExit('cannot start')", 1),
        ("print('wrong: a, but forgiven')", 0),
    ],
)
def test_problems_are_counted(script: str, count: int) -> None:
    """Each line that stands for a problem counts, and so does a tool that fails without one."""
    assert problems.problems_of(proof(script)) == count


def test_a_tool_that_hangs_is_a_problem() -> None:
    """A tool that does not end is ended, with what it started, and counts as one problem."""
    child = "subprocess.Popen([sys.executable, '-c', 'while True: pass'])"
    script = f"import subprocess, sys; {child}.wait()"
    endless = problems.Proof("made up", (sys.executable, "-c", script), "^wrong", limit_s=0.5)
    assert problems.problems_of(endless) == 1


def test_every_proof_can_be_run() -> None:
    """What ``make problems`` calls is there."""
    for each in problems.PROOFS:
        assert all((ROOT / part).exists() for part in each.command if "/" in part)


def test_continuous_integration_runs_what_everybody_runs() -> None:
    """``.ci/run`` is executable and calls ``make problems``, nothing else; the workflow calls ``.ci/run``."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.findall(r"^exec (.*)$", script.read_text(), re.MULTILINE) == ["make problems </dev/null"]
    assert "run: .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def report(total: float, **percents: float) -> dict[str, Any]:
    """A coverage report in which every pure file is covered, but for those named; ``total`` is the package's."""
    covered = {pattern.replace("*", "rooms"): 100.0 for pattern in tests.PURE}
    covered |= {f"vibeworkbench/{name.replace('__', '/')}.py": percent for name, percent in percents.items()}
    files = {
        path: {"summary": {"percent_covered": percent}, "missing_lines": [7], "missing_branches": []}
        for path, percent in covered.items()
    }
    return {"files": files, "totals": {"percent_covered": total}}


def places(found: dict[str, Any]) -> list[str]:
    """Which floors a report does not reach."""
    return [line.split(":")[1].strip() for line in tests.below_floors(found)]


def test_coverage_stands_above_its_floors() -> None:
    """A model below 100 % and a package below 90 % are problems; other files may have gaps."""
    assert places(report(90.0, ops__service=60.0)) == []
    assert places(report(90.0, ops__model=99.9)) == ["vibeworkbench/ops/model.py"]
    assert places(report(89.9)) == ["vibeworkbench"]


def test_a_floor_without_a_file_is_a_problem() -> None:
    """A pure file that moved does not leave its floor behind unseen."""
    moved = report(90.0)
    del moved["files"]["vibeworkbench/ops/health.py"]
    assert places(moved) == ["vibeworkbench/ops/health.py"]


def test_forbidden_words_are_found(tmp_path: Path) -> None:
    """A registry's host in a text is named with its line; pictures are not read."""
    host = "registry." + "npmjs"
    (tmp_path / "lock").write_text(f"fine\nhttps://{host}.org/esbuild\n")
    (tmp_path / "picture").write_bytes(b"\x89PNG" + host.encode())
    forbidden = re.compile(words.REGISTRIES)
    assert [line.split(":", 1)[1] for line in words.places(tmp_path / "lock", forbidden)] == [f"2: {host}"]
    assert list(words.places(tmp_path / "picture", forbidden)) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[there](there.md)", None),
        ("[there](there.md#a-heading)", None),
        ("[nowhere](nowhere.md)", "no such file: nowhere.md"),
        ("[there](there.md#another)", "no such heading: there.md#another"),
        ("```sh\nmake test\nvibeworkbench scan full\n```", None),
        ("```sh\nmake coffee\n```", "make has no coffee"),
        ("```sh\nvibeworkbench dance\n```", "vibeworkbench has no dance"),
    ],
)
def test_documents_keep_their_word(text: str, complaint: str | None, tmp_path: Path) -> None:
    """Links lead to files and headings that exist; commands in shell blocks are commands."""
    (tmp_path / "there.md").write_text("# A heading\n")
    document = tmp_path / "document.md"
    document.write_text(text)
    found = [*documents.dead_links(document), *documents.unknown_commands(document)]
    assert [line.split(": ", 1)[1] for line in found] == ([complaint] if complaint else [])


def test_missing_chromium_is_one_line() -> None:
    """Where no Chromium can be found, one line says what to do."""
    said = subprocess.run(
        [sys.executable, ROOT / "tools" / "chromium.py"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "VIBEWORKBENCH_CHROMIUM": "/nowhere/chromium"},
    )
    assert said.returncode == 1
    assert said.stderr.count("\n") == 1
    assert "install" in said.stderr
