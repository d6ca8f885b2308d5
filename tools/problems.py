"""``make problems``: every problem there is, from every tool, none hiding the next; then how many there are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

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
    """

    name: str
    command: tuple[str, ...]
    problem: str


PROOFS = (
    Proof("lint", (f"{OWN}/ruff", "check", "--output-format=concise", "."), r"^\S+:\d+:\d+: "),
    Proof("format", (f"{OWN}/ruff", "format", "--check", "."), r"^(Would reformat|error)"),
    Proof("types", (f"{OWN}/mypy",), r": error: "),
    Proof("imports", (f"{OWN}/lint-imports",), r" BROKEN"),
    Proof("front end: types", (PYTHON, "tools/frontend.py", "types"), r"error TS\d+"),
    Proof("front end: tests", (PYTHON, "tools/frontend.py", "test"), r"^not ok |^\s*✖ .+\(\d"),
    Proof("words", (PYTHON, "tools/words.py"), r"^\S+:\d+: "),
    Proof("documents", (PYTHON, "tools/documents.py"), r"^\S+:\d+: "),
    Proof("reference", (PYTHON, "tools/reference.py", "--check"), r"^\S+: "),
    Proof("tests", (PYTHON, "tools/tests.py"), r"^(FAILED|ERROR|coverage:) "),
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
    environment = {**os.environ, "PATH": f"{OWN}{os.pathsep}{os.environ.get('PATH', os.defpath)}", "NO_COLOR": "1"}
    found = 0
    with subprocess.Popen(
        proof.command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as tool:
        for line in tool.stdout or ():
            print(line, end="", flush=True)
            found += bool(re.search(proof.problem, line))
    found = max(found, 1) if tool.returncode else 0
    print(f"   {found} in {time.monotonic() - began:.0f} s", flush=True)
    return found


if __name__ == "__main__":
    main()
