"""``python -m benchmarks [NAME …]``: runs them, prints the tables, writes the results and ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

NAMES = ("fanout", "ingest", "logs", "mining", "resume", "scan", "terminals", "viewers")
WITH_DATA = ("logs", "mining")
WITH_FULL = ("terminals",)
RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

PREFACE = """# Benchmarks

What the workbench promises about speed and memory, measured beside its peers in one run by `make bench`, which
writes this page. CPU is user and system time of the server's whole process tree; each figure is the median of the
runs, contenders in turn. The load comes from one client program for all, on the same machine. Ratios and CPU seconds
travel between machines; wall times do not.
"""


def main() -> int:
    """Exit code 0 when every promise was met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run, of {', '.join(NAMES)}; all when none")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each figure; the median is reported")
    parser.add_argument("--data", type=Path, metavar="DIR", help="labelled logs for logs, mining: a folder for each")
    parser.add_argument("--full", action="store_true", help="more of it, and longer: terminals")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(NAMES))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    missed = 0
    for name in arguments.names or NAMES:
        figures = _run(name, arguments.repeats, arguments.data, full=arguments.full)
        print(section(name, figures), flush=True)
        missed += sum(not promise["met"] for promise in figures["reached"])
    PAGE.write_text(page(), "utf-8")
    return 1 if missed else 0


def _run(name: str, repeats: int, data: Path | None, *, full: bool) -> dict[str, Any]:
    print(f"bench {name} runs, it takes some minutes …", file=sys.stderr, flush=True)
    given: dict[str, Any] = {"data": data} if name in WITH_DATA else {"full": full} if name in WITH_FULL else {}
    figures: dict[str, Any] = import_module(f"benchmarks.{name}").measured(repeats=repeats, **given)
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "repeats": repeats,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(
        json.dumps({**about, **figures}, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
    return {**about, **figures}


def section(name: str, figures: dict[str, Any]) -> str:
    """One benchmark's table, its promises and where it ran, as Markdown."""
    lines = [
        f"## bench {name}",
        "",
        _where(figures),
        "",
        import_module(f"benchmarks.{name}").table(figures),
        "",
        "| promise | wanted | measured | |",
        "|---|--:|--:|---|",
        *(f"| {p['promise']} | {p['wanted']} | {p['measured']} | {_verdict(p)} |" for p in figures["reached"]),
        "",
    ]
    return "\n".join(lines)


def _where(figures: dict[str, Any]) -> str:
    day, system, cpus = figures["at"][:10], figures["system"], figures["cpus"]
    return f"{day}, {system}, {cpus} CPUs, Python {figures['python']}, median of {figures['repeats']}."


def _verdict(promise: dict[str, Any]) -> str:
    return "met" if promise["met"] else "**missed**"


def page() -> str:
    """The whole page, from the results that are there."""
    found = {name: RESULTS / f"{name}.json" for name in NAMES}
    parts = [section(name, json.loads(file.read_text("utf-8"))) for name, file in found.items() if file.exists()]
    return "\n".join([PREFACE, *parts])


if __name__ == "__main__":
    sys.exit(main())
