"""bench terminals: one shell that many watch, beside jupyter_server with terminado and ttyd, in one run."""

from __future__ import annotations

import statistics
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.load import quantile
from benchmarks.terminals_servers import CONTENDERS, Contender, Load, Running, running

MB = 1_000_000
CROWDS = {1: 20, 8: 20, 32: 20}
"""Viewers → MB that are printed to them."""
FULL_CROWDS = {1: 100, 8: 40, 32: 20}
STALLED_MB = 40
SLOW_BYTES_PER_S = 2 * MB
FLOOD_S = 5.0
PASTE_BYTES = 200_000
CPU_WANTED = (("32", 1.0, 0.147), ("8", 1.5, 0.188))
"""Milliseconds, and their part of what terminado took on the machine that they were wished for on (6.8 and 8.0)."""
CUTS = 10

ABOUT = """\
Each figure is of one terminal with `/bin/sh`, in which a file of log lines is printed by `cat`; ours is recorded
meanwhile. Viewers are raw sockets in one process beside the server's; ours say what they have parsed every 384 kB, as
panels do. CPU is that of the server and, of ours, of the process that holds the shell; shells and `cat` count for
neither. MB are 1,000,000 bytes that the program wrote. Echo: 300 keys, one each 12 ms, into `cat > /dev/null`. Slow: a
viewer who takes 2 MB/s while `yes` runs for 5 s, then Ctrl-C, until the prompt is there. ttyd, where it is installed,
has a shell for each viewer: of it there is what one viewer sees. Ratios are ours to terminado's."""


def measured(repeats: int = 3, *, full: bool = False, contenders: tuple[Contender, ...] = CONTENDERS) -> dict[str, Any]:
    """The figures of all: medians over ``repeats`` runs, contenders in turn so that drift hits all alike."""
    crowds = FULL_CROWDS if full else CROWDS
    with tempfile.TemporaryDirectory(prefix="vibeworkbench-bench-") as folder:
        files = {size: _file(Path(folder), size) for size in {*crowds.values(), 20, STALLED_MB}}
        runs: dict[str, list[Any]] = {each.name: [] for each in contenders}
        for _ in range(repeats):
            for each in contenders:
                runs[each.name].append(_one_run(each, crowds, files))
    rows = {name: _medians(several) for name, several in runs.items()}
    return {"rows": rows, "reached": list(_reached(rows))}


def _file(folder: Path, size_mb: int) -> Path:
    """Log lines, each another one, so that no byte can be lost or doubled and its sum be right."""
    path = folder / f"{size_mb}.log"
    if not path.exists():
        with path.open("wb") as file:
            written = number = 0
            while written < size_mb * MB:
                number += 1
                line = b"2026-05-04T12:00:%02d.%06d worker-%d INFO request %08d took %d ms, all is well\n" % (
                    number % 60,
                    number * 7919 % 1_000_000,
                    number % 16,
                    number,
                    number * 31 % 997,
                )
                written += file.write(line)
    return path


def _printed(path: Path) -> tuple[int, int]:
    """Bytes that come of the file out of a terminal, and their checksum: each line feed with a carriage return."""
    data = path.read_bytes().replace(b"\n", b"\r\n")
    return len(data), zlib.crc32(data)


def _medians(runs: list[Any]) -> Any:
    first = runs[0]
    if isinstance(first, dict):
        return {key: _medians([run[key] for run in runs]) for key in first}
    if isinstance(first, bool):
        return all(runs)
    numbers = [run for run in runs if run is not None]
    return statistics.median(numbers) if numbers else None


def _one_run(contender: Contender, crowds: dict[int, int], files: dict[int, Path]) -> dict[str, Any]:
    figures: dict[str, Any] = {"crowds": {}, "stalled": {}, "join": {}, **{name: {} for name in SINGLES}}
    with running(contender) as at:
        for viewers, size in crowds.items():
            if viewers == 1 or contender.is_shared:
                figures["crowds"][str(viewers)] = _cat(at, files[size], viewers)
        figures["idle"] = _ms(at, "echo", door=at.door())
        if contender.is_shared:
            figures["stalled"] = _ms(at, "echo_beside_stalled", door=at.door(), file=str(files[20]))
            figures["join"] = _join(at, files[20])
        figures["flood"] = _beside_flood(at)  # the last: what floods goes on when nobody looks any more
    for name, act in SINGLES.items():
        if contender.is_shared or name in OF_ONE:
            with running(contender) as at:
                figures[name] = act(at, files)
    return figures


def _cat(at: Running, file: Path, viewers: int) -> dict[str, Any]:
    """MB/s of each viewer, and what it cost the server."""
    with Load("cat", door=at.door(), file=str(file), viewers=viewers) as load:
        load.said()
        before_s = at.cpu_s()
        load.go()
        told = load.said()
        cpu_s = at.cpu_s() - before_s
        load.go()
    size, crc = _printed(file)
    return {
        "mb_per_s": told["bytes"] / MB / told["seconds"],
        "cpu_ms": cpu_s * 1e3 / (size / MB * viewers),
        "wire_ratio": told["wire_bytes"] / size,
        "frames": told["frames"],
        "identical": (told["bytes"], told["crc"]) == (size, crc) and told["same"],
        "skips": told["skips"],
    }


def _ms(at: Running, act: str, **given: Any) -> dict[str, float]:
    """How long keys took to come back."""
    with Load(act, **given) as load:
        return _spread(load.said()["ms"])


def _spread(took_ms: list[float]) -> dict[str, float]:
    return {"p50": quantile(took_ms, 0.5), "p99": quantile(took_ms, 0.99), "max": max(took_ms)}


def _beside_flood(at: Running) -> dict[str, float]:
    """The same beside another terminal of the server, whose program writes as fast as somebody reads."""
    with Load("flood", door=at.door()) as flood:
        flood.said()
        return _ms(at, "echo", door=at.door())


def _join(at: Running, file: Path) -> dict[str, float]:
    with Load("join", door=at.door(), file=str(file)) as load:
        told = load.said()
    return {"bytes": told["bytes"], "ms": statistics.median(told["ms"])}


def _interrupted(at: Running, files: dict[int, Path]) -> dict[str, float | None]:
    with Load("interrupt", door=at.door(), bytes_per_s=SLOW_BYTES_PER_S, seconds=FLOOD_S) as load:
        return {"seconds": load.said()["seconds"]}


def _stalled(at: Running, files: dict[int, Path]) -> dict[str, Any]:
    """What a viewer costs who never reads while a file is printed, against the same terminal without it."""
    file = files[STALLED_MB]
    calm = _cat(at, file, 1)
    without, _ = _grown(at, file, stalled=0)
    beside, told = _grown(at, file, stalled=1)
    return {
        "grown_mb": (beside - without) / MB,
        "terminal_mb": without / MB,
        "mb_per_s": told["bytes"] / MB / told["seconds"],
        "calm_mb_per_s": calm["mb_per_s"],
        "identical": (told["bytes"], told["crc"]) == _printed(file),
    }


def _grown(at: Running, file: Path, *, stalled: int) -> tuple[float, dict[str, Any]]:
    """Bytes by which the server and what holds its shells grew by a new terminal in which the file was printed."""
    before = at.pss_bytes()
    with Load("cat", door=at.door(), file=str(file), viewers=1, stalled=stalled) as load:
        load.said()
        load.go()
        told = load.said()
        grown = at.pss_bytes() - before
        load.go()
    return grown, told


def _pasted(at: Running, files: dict[int, Path]) -> dict[str, float]:
    """Keys of one terminal, after a paste into another whose program does not read."""
    return _ms(at, "paste", door=at.door(), other=at.door(), size=PASTE_BYTES)


def _cut(at: Running, files: dict[int, Path]) -> dict[str, Any]:
    """Bytes that are missing or too many after cuts; terminado cannot resume."""
    if not at.contender.is_ours:
        return {"cuts": None, "wrong_bytes": None, "identical": None}
    size, crc = _printed(files[20])
    with Load("cut", door=at.door(), file=str(files[20]), cuts=CUTS) as load:
        told = load.said()
    return {
        "cuts": told["cuts"],
        "wrong_bytes": abs(told["bytes"] - size),
        "identical": (told["bytes"], told["crc"]) == (size, crc),
    }


SINGLES: dict[str, Callable[[Running, dict[int, Path]], dict[str, Any]]] = {
    "interrupt": _interrupted,
    "memory": _stalled,
    "paste": _pasted,
    "cut": _cut,
}
"""What has a server of its own, because it leaves something behind."""
OF_ONE = frozenset({"interrupt", "paste"})
"""What can be said of a terminal that only one sees."""


def _reached(rows: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each promise of this benchmark, with the figure that was measured."""
    ours, peer = rows["ours"], next((row for name, row in rows.items() if name != "ours"), None)
    crowds = ours["crowds"]
    if peer is not None:
        ratio = crowds["32"]["mb_per_s"] / peer["crowds"]["32"]["mb_per_s"]
        yield _promise("MB/s of each of 32 viewers, recorded, against terminado", ratio, 3.0, "≥")
    for viewers, wanted_ms, wanted in CPU_WANTED:
        yield _promise(f"CPU ms for each MB and viewer, {viewers} viewers", crowds[viewers]["cpu_ms"], wanted_ms, "≤")
        if peer is not None:
            ratio = crowds[viewers]["cpu_ms"] / peer["crowds"][viewers]["cpu_ms"]
            yield _promise(f"the same against terminado, {viewers} viewers", ratio, wanted, "≤")
    yield _promise("what a viewer who never reads costs, MB", ours["memory"]["grown_mb"], 12.0, "≤")
    yield _promise("Ctrl-C under flood, a viewer of 2 MB/s, s", ours["interrupt"]["seconds"], 1.0, "≤")
    if peer is not None:
        yield _promise("echo p50 against terminado", ours["idle"]["p50"] / peer["idle"]["p50"], 1.5, "≤")
        ratio = ours["flood"]["p99"] / peer["flood"]["p99"]
        yield _promise("echo p99 beside another terminal's flood, against terminado", ratio, 1 / 3, "≤")
    yield _promise("late join, kB", ours["join"]["bytes"] / 1e3, 100.0, "≤")
    wrong = sum(not row["identical"] for row in crowds.values())
    yield _promise("crowds whose bytes are not those that were printed", wrong, 0, "≤")
    yield _promise(f"bytes lost or repeated over {CUTS} cuts", _wrong_bytes(ours["cut"]), 0, "≤")


def _wrong_bytes(cut: dict[str, Any]) -> float:
    """At least one where the sum is another though the number is right."""
    return float(cut["wrong_bytes"] or (0 if cut["identical"] else 1))


def _promise(what: str, value: float, wanted: float, sign: str) -> dict[str, Any]:
    met = value >= wanted if sign == "≥" else value <= wanted
    return {"promise": what, "wanted": f"{sign} {wanted:.3g}", "measured": round(value, 3), "met": met}


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown tables: ours, the peer's, and ours as a part of it."""
    return "\n".join([ABOUT, "", *_crowd_lines(figures["rows"]), "", *_other_lines(figures["rows"])])


def _crowd_lines(rows: dict[str, Any]) -> Iterator[str]:
    yield "| server | viewers | MB/s each | CPU ms for each MB and viewer | frames | wire bytes each | identical |"
    yield "|---|--:|--:|--:|--:|--:|---|"
    for name, row in rows.items():
        for viewers, crowd in row["crowds"].items():
            identical = "yes" if crowd["identical"] else f"no ({crowd['skips']:.0f} skips)"
            yield (
                f"| {name} | {viewers} | {crowd['mb_per_s']:.1f} | {crowd['cpu_ms']:.2f} "
                f"| {crowd['frames']:,.0f} | {crowd['wire_ratio']:.2f} | {identical} |"
            )


def _other_lines(rows: dict[str, Any]) -> Iterator[str]:
    yield f"| | {' | '.join(rows)} | ratio |"
    yield f"|---|{'--:|' * len(rows)}--:|"
    for what, path in FIGURES.items():
        values = [_at(row, path) for row in rows.values()]
        numbers = [value for value in values if value is not None]
        ratio = f"{numbers[0] / numbers[1]:.2f}" if None not in values[:2] and len(numbers) > 1 and numbers[1] else ""
        yield f"| {what} | {' | '.join('' if value is None else f'{value:.4g}' for value in values)} | {ratio} |"


def _at(row: dict[str, Any], path: tuple[str, str]) -> float | None:
    value: float | None = row[path[0]].get(path[1])  # older results have fewer figures
    return value


FIGURES = {
    "echo idle, p50 ms": ("idle", "p50"),
    "echo idle, p99 ms": ("idle", "p99"),
    "echo beside a viewer who stopped reading, p50 ms": ("stalled", "p50"),
    "echo beside a viewer who stopped reading, p99 ms": ("stalled", "p99"),
    "echo beside another terminal's flood, p50 ms": ("flood", "p50"),
    "echo beside another terminal's flood, p99 ms": ("flood", "p99"),
    "echo after a paste of 200 kB into another terminal, p99 ms": ("paste", "p99"),
    "echo after a paste of 200 kB into another terminal, longest ms": ("paste", "max"),
    "Ctrl-C under flood, slow viewer, s": ("interrupt", "seconds"),
    f"a viewer who never reads {STALLED_MB} MB, MB": ("memory", "grown_mb"),
    "a terminal with one viewer, MB": ("memory", "terminal_mb"),
    "MB/s of the other meanwhile": ("memory", "mb_per_s"),
    "MB/s of one alone": ("memory", "calm_mb_per_s"),
    "late join after 20 MB, bytes": ("join", "bytes"),
    "late join after 20 MB, ms": ("join", "ms"),
    f"bytes lost or repeated over {CUTS} cuts": ("cut", "wrong_bytes"),
}
