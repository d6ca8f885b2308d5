"""``make test``: all tests with coverage, then the floors. Arguments pass on to pytest; with a path the floors rest.

The package's own processes are measured too: coverage starts itself in every Python that a test starts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PURE = ("vibeworkbench/*/model.py", "vibeworkbench/ops/health.py")
PACKAGE_FLOOR_PERCENT = 90.0
REPORT = ROOT / "build" / "coverage.json"


def main() -> None:
    """Ends with 0 when every test passed and coverage stands above its floors."""
    arguments = sys.argv[1:]
    failed = run_tests(arguments)
    some = any(not argument.startswith("-") for argument in arguments)
    problems = [] if some else list(below_floors(measured()))
    print(*problems, sep="\n")
    sys.exit(1 if failed or problems else 0)


def run_tests(arguments: list[str]) -> bool:
    """Whether a test failed; two workers share the test files, and a notebook's cells stay together."""
    for old in ROOT.glob(".coverage*"):
        old.unlink()
    pytest = ["-m", "pytest", "--nbval-lax", "-n", "2", "--dist", "loadfile", *arguments]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start Python a thousand times: compile our own files once
    return bool(
        subprocess.run(
            [sys.executable, "-m", "coverage", "run", *pytest], cwd=ROOT, env=environment, check=False
        ).returncode
    )


def measured() -> dict[str, Any]:
    """Coverage's report over all processes; also written as ``coverage.xml`` for machines that draw it."""
    REPORT.parent.mkdir(exist_ok=True)
    for command in ("combine --quiet", f"json --quiet -o {REPORT}", "xml --quiet -o coverage.xml"):
        subprocess.run([sys.executable, "-m", "coverage", *command.split()], cwd=ROOT, check=True, stdout=sys.stderr)
    report: dict[str, Any] = json.loads(REPORT.read_text())
    return report


def below_floors(report: dict[str, Any]) -> Iterator[str]:
    """One line for each floor that coverage (branches counted) does not reach."""
    for path, file in sorted(report["files"].items()):
        percent = file["summary"]["percent_covered"]
        if any(fnmatch(path, pattern) for pattern in PURE) and percent < 100.0:
            lines = ", ".join(map(str, file["missing_lines"])) or "branches " + str(file["missing_branches"])
            yield f"coverage: {path}: {percent:.1f} % of 100 %: {lines}"
    for pattern in PURE:  # a file that moved must not leave its floor behind
        if not any(fnmatch(path, pattern) for path in report["files"]):
            yield f"coverage: {pattern}: no such file"
    percent = report["totals"]["percent_covered"]
    if percent < PACKAGE_FLOOR_PERCENT:
        yield f"coverage: vibeworkbench: {percent:.1f} % of {PACKAGE_FLOOR_PERCENT:.0f} %"


if __name__ == "__main__":
    main()
