"""``make problems``: every problem there is, from every tool, none hiding the next; then how many there are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
OWN = Path(sys.executable).parent
PYTHON = sys.executable


@dataclass(frozen=True, slots=True)
class Proof:
    """A tool that finds problems.

    Attributes:
        name: What it proves.
        command: Its arguments; ends with 0 when there is no problem.
        problem: Pattern of a line of its output that stands for one problem.
        limit_s: After this many seconds it is ended, which is a problem of its own.
    """

    name: str
    command: tuple[str, ...]
    problem: str
    limit_s: float = 300.0


PROOFS = (
    Proof("lint", (f"{OWN}/ruff", "check", "--output-format=concise", "."), r"^\S+:\d+:\d+: "),
    Proof("format", (f"{OWN}/ruff", "format", "--check", "."), r"^(Would reformat|unformatted|error)"),
    Proof("types", (f"{OWN}/mypy",), r": error: "),
    Proof("imports", (f"{OWN}/lint-imports", "--no-logo"), r" BROKEN"),
    Proof("front end: types", (PYTHON, "tools/frontend.py", "types"), r"error TS\d+"),
    Proof("front end: format", (PYTHON, "tools/frontend.py", "style"), r"^\[warn\] \S+\.\w+$"),
    Proof("front end: tests", (PYTHON, "tools/frontend.py", "test"), r"^not ok |^\s*✖ .+\(\d"),
    Proof("words", (PYTHON, "tools/words.py"), r"^\S+:\d+: "),
    Proof("documents", (PYTHON, "tools/documents.py"), r"^\S+:\d+: "),
    Proof("reference", (PYTHON, "tools/reference.py", "--check"), r"^\S+: "),
    Proof("tests", (PYTHON, "tools/tests.py"), r"^(FAILED|ERROR|coverage:) ", limit_s=3600.0),
)


def main() -> None:
    """Prints what each tool found and ends with ``N problems``; exits with 0 only for ``0 problems``."""
    total = sum(problems_of(proof) for proof in PROOFS)
    print(f"\n{total} problem{'' if total == 1 else 's'}")
    sys.exit(1 if total else 0)


def problems_of(proof: Proof) -> int:
    """How many problems one tool finds; its output is printed as it comes. A tool that cannot run is a problem."""
    print(f"── {proof.name}", flush=True)
    began = time.monotonic()
    environment = {**os.environ, "PATH": f"{OWN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    found = 0
    with subprocess.Popen(
        proof.command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as tool:
        limit = threading.Timer(proof.limit_s, end, (tool,))
        limit.start()
        for line in tool.stdout or ():
            print(line, end="", flush=True)
            found += bool(re.search(proof.problem, line))
        limit.cancel()
    found = max(found, 1) if tool.returncode else 0
    print(f"   {found} in {time.monotonic() - began:.0f} s", flush=True)
    return found


def end(tool: subprocess.Popen[str]) -> None:
    """The tool and all that it started have ended."""
    print(f"ended: it took longer than its limit: {tool.args!r}", flush=True)
    root = psutil.Process(tool.pid)
    for each in (*root.children(recursive=True), root):
        each.kill()


if __name__ == "__main__":
    main()
