"""bench mining: templates of labelled log lines, with one setting for everything, beside drain3 in the same run."""

from __future__ import annotations

import csv
import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

from benchmarks.mining_mixes import PROGRAMS, Labelled, written
from vibeworkbench.logs import mine

Mine = Callable[[Sequence[str]], Sequence[object]]

STREAM = 200_000
GENERATED = 4_000
WANTED_GA, WANTED_FGA, RAW_LOSS = 0.95, 0.94, 0.03
# What drain3's example configuration masks, in patterns of our own: long identifiers with colons, addresses,
# sequences of hexadecimal words, hexadecimal numbers, decimal numbers.


def _alone(pattern: str) -> str:
    return f"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])"


DRAIN_MASKS = (
    (_alone("[0-9a-f]{2,}(?::[0-9a-f]{2,}){3,}"), "ID"),
    (_alone(r"\d{1,3}(?:\.\d{1,3}){3}"), "IP"),
    (_alone("(?:[0-9a-f]{6,} ?){3,}"), "SEQ"),
    (_alone("(?:[0-9A-F]{4} ?){4,}"), "SEQ"),
    (_alone("0x[a-fA-F0-9]+"), "HEX"),
    (_alone(r"[-+]?\d+"), "NUM"),
)


def drain(lines: Sequence[str], masks: Sequence[tuple[str, str]] = ()) -> list[object]:
    """drain3's cluster of each line; nothing but the masks differs from the library's defaults."""
    config = TemplateMinerConfig()
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in masks]
    miner = TemplateMiner(config=config)
    return [miner.add_log_message(line)["cluster_id"] for line in lines]


MINERS: dict[str, Mine] = {
    "ours": lambda lines: mine(list(lines)),
    "drain3": drain,
    "drain3, masks": lambda lines: drain(lines, DRAIN_MASKS),
}


def measured(repeats: int = 3, data: Path | None = None) -> dict[str, Any]:
    """Grouping of every labelled set, with and without headers, by each miner; lines per CPU second of a mixed stream.

    Args:
        repeats: Runs of the stream; the quickest counts.
        data: Folder with one folder for each system: ``*.log`` and ``*.log_structured.csv`` with the columns
            ``Content`` and ``EventId``, as the Loghub collection has them. Without it, only generated lines are mined.
    """
    logging.getLogger("drain3").setLevel(logging.ERROR)
    systems = labelled(data) if data else {}
    sets = {**systems, **_mixed(systems), **generated()}
    rows: dict[str, dict[str, Any]] = {}
    for name, lines in sets.items():
        rows[name] = {
            f"{miner}, {form}": scores(lines.truth, ids(getattr(lines, form)))
            for miner, ids in MINERS.items()
            for form in ("content", "raw")
        }
    figures: dict[str, Any] = {"systems": list(systems), "rows": rows, "mean": _means(rows, systems), "stream": STREAM}
    figures["lines_per_cpu_s"] = _speeds(systems, repeats)
    figures["reached"] = list(_reached(figures))
    return figures


def labelled(data: Path) -> dict[str, Labelled]:
    """The systems in a folder, by the names of their folders."""
    found = {}
    for table in sorted(data.glob("*/*.log_structured.csv")):
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        text = table.with_name(table.name.removesuffix("_structured.csv")).read_text("utf-8", "replace")
        raw = text.split("\n")[: len(rows)]
        truth = tuple(row["EventId"] for row in rows)
        found[table.parent.name] = Labelled(
            tuple(line.rstrip("\r") for line in raw), tuple(row["Content"] for row in rows), truth
        )
    return found


def generated() -> dict[str, Labelled]:
    """Lines of programs that do not exist: each alone, and all in turns."""
    alone = {f"generated {number}": written((program,), 2000, number) for number, program in enumerate(PROGRAMS, 1)}
    return {**alone, "generated, mixed": written(PROGRAMS, GENERATED)}


def _mixed(systems: dict[str, Labelled]) -> dict[str, Labelled]:
    """All systems in one list, taking turns."""
    if not systems:
        return {}

    def turns(columns: Iterable[Sequence[str]]) -> tuple[str, ...]:
        return tuple(text for row in itertools.zip_longest(*columns) for text in row if text is not None)

    raw = turns(lines.raw for lines in systems.values())
    content = turns(lines.content for lines in systems.values())
    truth = turns([f"{name} {event}" for event in lines.truth] for name, lines in systems.items())
    return {"all of these, mixed": Labelled(raw, content, truth)}


def scores(truth: Sequence[object], found: Sequence[object]) -> dict[str, float]:
    """How well lines are grouped.

    Returns:
        ``ga``: share of the lines whose group holds exactly the lines it should; ``fga``: F1 of the groups that are
        exactly right; ``f1``: F1 of the pairs of lines that are together.

    Source:
        Zhu et al., Tools and Benchmarks for Automated Log Parsing, ICSE-SEIP 2019; Jiang et al., A Large-Scale
        Evaluation for Log Parsing Techniques, ISSTA 2024.
    """
    wanted, made, both = Counter(truth), Counter(found), Counter(zip(truth, found, strict=True))
    right = [n for (event, group), n in both.items() if wanted[event] == made[group] == n]
    precision, recall = len(right) / len(made), len(right) / len(wanted)
    pairs = [sum(n * (n - 1) / 2 for n in counts.values()) for counts in (both, wanted, made)]
    return {
        "ga": sum(right) / len(truth),
        "fga": 2 * precision * recall / (precision + recall) if right else 0.0,
        "f1": 2 * pairs[0] / (pairs[1] + pairs[2]) if pairs[1] + pairs[2] else 1.0,
        "groups": len(made),
        "true_groups": len(wanted),
    }


def _means(rows: dict[str, dict[str, Any]], systems: dict[str, Labelled]) -> dict[str, dict[str, float]]:
    columns = next(iter(rows.values()))
    return {
        column: {key: sum(rows[name][column][key] for name in systems) / len(systems) for key in ("ga", "fga", "f1")}
        for column in columns
        if systems
    }


def _speeds(systems: dict[str, Labelled], repeats: int) -> dict[str, float]:
    """Lines per CPU second of a stream in which all systems take turns, again and again."""
    source = (_mixed(systems) or generated()).popitem()[1]
    streams = {
        form: list(itertools.islice(itertools.cycle(getattr(source, form)), STREAM)) for form in ("content", "raw")
    }
    return {
        f"{miner}, {form}": max(_speed(ids, lines) for _ in range(repeats))
        for miner, ids in MINERS.items()
        for form, lines in streams.items()
    }


def _speed(ids: Mine, lines: Sequence[str]) -> float:
    started = time.process_time()
    ids(lines)
    return len(lines) / (time.process_time() - started)


def _reached(figures: dict[str, Any]) -> Iterator[dict[str, Any]]:
    def promise(text: str, wanted: str, value: float, *, met: bool) -> dict[str, Any]:
        return {"promise": text, "wanted": wanted, "measured": round(value, 4), "met": met}

    if figures["systems"]:
        mean = figures["mean"]
        ga, fga = mean["ours, content"]["ga"], mean["ours, content"]["fga"]
        yield promise("GA, mean of the systems", f"≥ {WANTED_GA}", ga, met=ga >= WANTED_GA)
        yield promise("FGA, mean of the systems", f"≥ {WANTED_FGA}", fga, met=fga >= WANTED_FGA)
        for key, value in (("ga", ga), ("fga", fga)):
            loss = value - mean["ours, raw"][key]
            yield promise(f"{key.upper()} lost with raw lines", f"≤ {RAW_LOSS}", loss, met=loss <= RAW_LOSS)
    alone = [row["ours, raw"]["ga"] for name, row in figures["rows"].items() if name.startswith("generated")]
    yield promise("GA of raw generated lines, the least", f"≥ {WANTED_GA}", min(alone), met=min(alone) >= WANTED_GA)


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown tables."""
    columns = list(next(iter(figures["rows"].values())))
    lines = [f"| GA / FGA / pair F1 | {' | '.join(columns)} |", "|---|" + "--:|" * len(columns)]
    rows = dict(figures["rows"])
    if figures["systems"]:
        rows["**mean of the systems**"] = figures["mean"]
    for name, row in rows.items():
        cells = (f"{row[c]['ga']:.3f} / {row[c]['fga']:.3f} / {row[c]['f1']:.3f}" for c in columns)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    speeds = (f"{figures['lines_per_cpu_s'][column]:,.0f}" for column in columns)
    lines.append(f"| lines per CPU second, {figures['stream']:,} mixed | {' | '.join(speeds)} |")
    return "\n".join(lines)
