"""``python -m benchmarks [NAME …]``: runs them, prints the tables, writes ``benchmarks/results/*.json``."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

NAMES = ("fanout", "resume", "scan")
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Exit code 0 when every promise was met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run, of {', '.join(NAMES)}; all when none")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each figure; the median is reported")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(NAMES))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    missed = 0
    for name in arguments.names or NAMES:
        figures = _run(name, arguments.repeats)
        missed += sum(not promise["met"] for promise in figures["reached"])
    return 1 if missed else 0


def _run(name: str, repeats: int) -> dict[str, Any]:
    benchmark = import_module(f"benchmarks.{name}")
    print(f"## bench {name}\n", flush=True)
    figures: dict[str, Any] = benchmark.measured(repeats=repeats)
    print(benchmark.table(figures), end="\n\n")
    print("| promise | wanted | measured | |\n|---|--:|--:|---|")
    for promise in figures["reached"]:
        print(f"| {promise['promise']} | {promise['wanted']} | {promise['measured']} | {_verdict(promise)} |")
    print(flush=True)
    RESULTS.mkdir(exist_ok=True)
    about = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "python": platform.python_version()}
    (RESULTS / f"{name}.json").write_text(json.dumps({**about, **figures}, indent=1) + "\n")
    return figures


def _verdict(promise: dict[str, Any]) -> str:
    return "met" if promise["met"] else "**missed**"


if __name__ == "__main__":
    sys.exit(main())
