"""bench logs: raw lines from header to stored row, and searches in them, beside drain3 alone on the same lines.

Each measurement runs in a process of its own, whose CPU time (user and system, all threads) and peak of memory count.
``python -m benchmarks.logs --data DIR --lines 10000000`` measures one size (ten million take some minutes); ``--data``
names labelled systems as logpai/loghub has them, whose lines are repeated with other numbers and ids; without it a
generator makes the lines.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.logs_lines import generated, labelled, repeated

LINES = 1_000_000
MANY = 10_000_000
DRAINED = 100_000
"""Lines that drain3 is given: it takes a minute for a million."""
NEEDLE = "quarantined by warden zx81"


def measured(repeats: int = 3, data: Path | None = None, many: int = MANY) -> dict[str, Any]:
    """Lines for each CPU second end to end, at 1 M and at ``many`` lines; searches there; drain3 alone."""
    runs = [_child("store", data, LINES) for _ in range(repeats)]
    figures: dict[str, Any] = {
        "data": "labelled systems" if data else "generated",
        "per_cpu_s": statistics.median(run["per_cpu_s"] for run in runs),
        "peak_mb": max(run["peak_mb"] for run in runs),
        "templates": runs[0]["templates"],
        "drain3_per_cpu_s": statistics.median(_child("drain3", data, DRAINED)["per_cpu_s"] for _ in range(repeats)),
        "many": _child("store", data, many),
    }
    figures["reached"] = list(_reached(figures))
    return figures


def _reached(figures: dict[str, Any]) -> Iterator[dict[str, Any]]:
    many = figures["many"]
    yield _promise("lines per CPU second, end to end", "≥ 100,000", figures["per_cpu_s"], figures["per_cpu_s"] >= 1e5)
    yield _promise("peak memory of the process, MB", "≤ 1,000", figures["peak_mb"], figures["peak_mb"] <= 1000)
    ratio = many["per_cpu_s"] / figures["per_cpu_s"]
    yield _promise(f"lines per CPU second at {many['lines']:,} against 1 M", "≥ 0.9", ratio, ratio >= 0.9)
    yield _promise(f"peak memory at {many['lines']:,}, MB", "≤ 1,000", many["peak_mb"], many["peak_mb"] <= 1000)
    rare_s = many["searches"]["rare words"]["wall_s"]
    yield _promise(f"rare words in {many['lines']:,} lines, warm, s", "< 1", rare_s, rare_s < 1)


def _promise(promise: str, wanted: str, value: float, met: bool) -> dict[str, Any]:
    return {"promise": promise, "wanted": wanted, "measured": round(value, 3 if value < 100 else None), "met": met}


def table(figures: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    many, size = figures["many"], f"{figures['many']['lines'] / 1e6:g} M"
    rows = [
        ("lines", figures["data"], ""),
        ("1 M lines, header to row: lines per CPU s", f"{figures['per_cpu_s']:,.0f}", ""),
        ("drain3 alone, defaults, raw lines: lines per CPU s", "", f"{figures['drain3_per_cpu_s']:,.0f}"),
        ("1 M lines: peak MB", f"{figures['peak_mb']:.0f}", ""),
        (f"{size} lines: lines per CPU s", f"{many['per_cpu_s']:,.0f}", ""),
        (f"{size} lines: peak MB", f"{many['peak_mb']:.0f}", ""),
        (f"{size} lines: file, bytes for each line", f"{many['file_mb'] * 1e6 / many['lines']:.0f}", ""),
        *(
            (
                f"search in {size}: {name}, wall s (CPU s, found)",
                f"{s['wall_s']:.3f} ({s['cpu_s']:.3f}, {s['found']})",
                "",
            )
            for name, s in many["searches"].items()
        ),
    ]
    return "\n".join(["| | ours | drain3 |", "|---|--:|--:|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)])


def _child(what: str, data: Path | None, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.logs", "--what", what, "--lines", str(count)]
    command += ["--data", str(data.resolve())] if data else []
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _lines(data: Path | None, count: int) -> Iterator[tuple[list[str], list[str]]]:
    return repeated(labelled(data) if data else generated(), count)


def _drained(data: Path | None, count: int) -> dict[str, Any]:
    from drain3 import TemplateMiner  # noqa: PLC0415 - the peer

    texts = [text for _, some in _lines(data, count) for text in some]
    miner = TemplateMiner()
    before = time.process_time()
    for text in texts:
        miner.add_log_message(text)
    return {"per_cpu_s": len(texts) / (time.process_time() - before), "templates": len(miner.drain.clusters)}


def _stored(data: Path | None, count: int) -> dict[str, Any]:
    import duckdb  # noqa: PLC0415 - drain3's process does without

    from vibeworkbench.logs.pipeline import Pipeline  # noqa: PLC0415 - the same
    from vibeworkbench.logs.records import TABLES  # noqa: PLC0415 - the same
    from vibeworkbench.settings import WarehouseSettings  # noqa: PLC0415 - the same
    from vibeworkbench.storage.warehouse import STORAGE_VERSION  # noqa: PLC0415 - the same

    settings = WarehouseSettings()
    with tempfile.TemporaryDirectory(prefix="bench-logs-") as folder:
        file = Path(folder) / "warehouse.duckdb"
        config: dict[str, Any] = {
            "storage_compatibility_version": STORAGE_VERSION,
            "memory_limit": f"{settings.memory_bytes}B",
            "threads": settings.threads,
        }
        with duckdb.connect(str(file), config=config) as connection:
            for step in TABLES.steps:
                connection.execute(step)
            pipeline = Pipeline()
            pipeline.load(connection)
            cpu_s = _store(connection, pipeline, data, count)
            row = connection.execute("SELECT count(*), (SELECT sum(count) FROM log_template) FROM log_line").fetchone()
            assert row == (count, count), row
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
            return {
                "lines": count,
                "per_cpu_s": count / cpu_s,
                "peak_mb": peak_mb,
                "file_mb": file.stat().st_size / 1e6,
                "templates": len(pipeline.names.ids),
                "searches": _searched(connection),
            }


def _store(connection: Any, pipeline: Any, data: Path | None, count: int) -> float:
    """CPU seconds from arrived lines to rows in the file."""
    now_us = int(datetime.now(UTC).timestamp() * 1e6)
    seq, cpu_s = 1, 0.0
    for sources, texts in _together(_lines(data, count)):
        if seq <= count * 0.4 < seq + len(texts):
            texts[0] = f"{texts[0]} {NEEDLE}"
        table = _arrived(sources, texts, now_us + seq)
        before = time.process_time()
        connection.execute("BEGIN TRANSACTION")
        seq += pipeline.store(connection, table, seq)
        connection.execute("COMMIT")
        cpu_s += time.process_time() - before
    before = time.process_time()
    connection.execute("CHECKPOINT")
    return cpu_s + time.process_time() - before


def _together(blocks: Iterator[tuple[list[str], list[str]]]) -> Iterator[tuple[list[str], list[str]]]:
    """Sources and lines, as many at once as a drain takes while much comes in: whole frames of 1,000."""
    from vibeworkbench.logs.intake import BATCH_RECORDS  # noqa: PLC0415 - drain3's process does without
    from vibeworkbench.logs.reading import RECORDS_AT_ONCE  # noqa: PLC0415 - the same

    most = BATCH_RECORDS // RECORDS_AT_ONCE * RECORDS_AT_ONCE
    sources: list[str] = []
    texts: list[str] = []
    for more_sources, more_texts in blocks:
        sources += more_sources
        texts += more_texts
        while len(texts) >= most:
            yield sources[:most], texts[:most]
            del sources[:most], texts[:most]
    if texts:
        yield sources, texts


def _arrived(sources: list[str], texts: list[str], received_us: int) -> pa.Table:
    from vibeworkbench.logs.pipeline import ARRIVED  # noqa: PLC0415 - drain3's process does without

    count = len(texts)
    instant = pa.timestamp("us")
    empty = pa.array([""] * count)
    columns = [
        pa.array(np.full(count, received_us)).cast(instant),
        pa.nulls(count, instant),
        pa.array(["files"] * count),
        pa.array(sources),
        empty,
        empty,
        pa.array(np.zeros(count, np.uint8)),
        pa.array(texts),
        pa.nulls(count, pa.string()),
        pa.nulls(count, pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=ARRIVED)


def _searched(connection: Any) -> dict[str, Any]:
    from vibeworkbench.logs import asking  # noqa: PLC0415 - drain3's process does without

    texts = {
        "rare words": NEEDLE,
        "a part of a rare word": "uarantin",
        "a rare word that is nowhere": "unheardof",
        "a phrase": f'"{NEEDLE[:19]}"',
        "a frequent word": "block",
        "too short for the index, nowhere": "~~~",
    }
    found = {}
    for name, text in texts.items():
        search = asking.lines(asking.Wanted(text=text))
        search(connection)
        before, cpu = time.perf_counter(), time.process_time()
        rows = search(connection)
        found[name] = {
            "wall_s": time.perf_counter() - before,
            "cpu_s": time.process_time() - cpu,
            "found": len(rows),
        }
    return found


def main() -> None:
    """One measurement, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logs", description=__doc__)
    parser.add_argument("--what", choices=("store", "drain3"), default="store")
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--data", type=Path, help="a folder of labelled systems; lines are made up without it")
    arguments = parser.parse_args()
    act = _stored if arguments.what == "store" else _drained
    print(json.dumps(act(arguments.data, arguments.lines)))


if __name__ == "__main__":
    main()
