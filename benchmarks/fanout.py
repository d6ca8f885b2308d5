"""bench fanout: what it costs to tell many members the same, beside PartyServer, ``websockets`` and tornado."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from benchmarks import servers
from benchmarks.load import Load, Result, payload, quantile
from benchmarks.servers import Server

SIZES = (50, 200, 1000)
DELIVERIES_PER_S = 5000
PACED_S = 5.0
"""Long enough that a 99th percentile rests on more than two messages."""

SETTINGS = """
[rooms]
writes_per_s = 1000000

[[rooms.parties]]
name = "bench"
recording = true
write = "operator"
"""


@dataclass(frozen=True, slots=True)
class Contender:
    """A server in the comparison: how it starts, where its room is, and how a message is written to it."""

    name: str
    start: Callable[[], AbstractContextManager[Server]]
    path: str
    constant: bool = True
    encode: Callable[[int], bytes] = payload


def recorded(number: int) -> bytes:
    """A message of 256 bytes for a recording room."""
    head = b'{"type":"bench","data":{"n":"' + payload(number, 12) + b'","pad":"'
    return head + b"." * (256 - len(head) - 3) + b'"}}'


CONTENDERS = (
    Contender("ours, relay", lambda: servers.vibeworkbench(SETTINGS), "/vibeworkbench/parties/relay/bench"),
    Contender(
        "ours, recorded",
        lambda: servers.vibeworkbench(SETTINGS),
        "/vibeworkbench/parties/bench/main",
        constant=False,
        encode=recorded,
    ),
    Contender("PartyServer on workerd", servers.partyserver, "/parties/bench/main"),
    Contender("websockets broadcast()", servers.websockets_broadcast, "/"),
    Contender("tornado loop", servers.tornado_loop, "/"),
)


def measured(contenders: tuple[Contender, ...] = CONTENDERS, repeats: int = 3, seconds: float = 2.0) -> dict[str, Any]:
    """The figures of every contender: medians over ``repeats`` runs, in turn so that drift hits all alike."""
    rows: dict[str, dict[str, Any]] = {each.name: {} for each in contenders}
    for size in SIZES:
        runs: dict[str, list[dict[str, float]]] = {each.name: [] for each in contenders}
        for _ in range(repeats):
            for each in contenders:
                runs[each.name].append(_one_run(each, size, seconds))
        for name, several in runs.items():
            rows[name][str(size)] = _medians(several)
    stalls: dict[str, list[dict[str, float]]] = {each.name: [] for each in contenders}
    for _ in range(repeats):
        for each in contenders:
            stalls[each.name].append(_stalled(each))
    stalled = {name: _medians(several) for name, several in stalls.items()}
    return {"rows": rows, "stalled": stalled, "reached": list(_reached(rows, stalled))}


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def _one_run(contender: Contender, size: int, seconds: float) -> dict[str, float]:
    with contender.start() as server:
        load = Load(server.port, contender.path, size, token=server.token, constant=contender.constant)
        load.encode = contender.encode
        try:
            load.saturated(32, 0.5)
            saturated, saturated_cpu_s = _with_cpu(server, lambda: load.saturated(32, seconds))
            single, single_cpu_s = _with_cpu(server, lambda: load.saturated(1, seconds))
            paced = load.paced(max(1.0, DELIVERIES_PER_S / size), PACED_S)
        finally:
            load.close()
        return {
            "sat_deliveries_per_s": saturated.deliveries / saturated.wall_s,
            "sat_cpu_us": saturated_cpu_s / saturated.deliveries * 1e6,
            "one_cpu_us": single_cpu_s / single.deliveries * 1e6,
            "one_p50_ms": quantile(single.rounds_ms, 0.5),
            "one_p99_ms": quantile(single.rounds_ms, 0.99),
            "paced_p50_ms": quantile(paced.deliveries_ms, 0.5),
            "paced_p99_ms": quantile(paced.deliveries_ms, 0.99),
            "rss_mib": server.rss_bytes() / 2**20,
        }


def _with_cpu(server: Server, run: Callable[[], Result]) -> tuple[Result, float]:
    before = server.cpu_s()
    result = run()
    return result, server.cpu_s() - before


def _stalled(contender: Contender) -> dict[str, float]:
    """20 members undisturbed, then 20 of 22 while the other two never read and 32 MiB are said to each of them."""
    per_second, seconds = 2000.0, 5.0
    with contender.start() as server:
        load = Load(server.port, contender.path, 20, token=server.token, constant=contender.constant)
        load.encode = contender.encode
        load.paced(per_second, 1.0)
        calm = load.paced(per_second, seconds)
        load.close()
    encode = contender.encode
    with contender.start() as server:
        warm = Load(server.port, contender.path, 20, token=server.token, constant=contender.constant)
        warm.encode = encode
        warm.paced(per_second, 2.0)
        warm.close()
        before = server.rss_bytes()
        load = Load(server.port, contender.path, 20, token=server.token, constant=contender.constant, stalled=2)
        load.encode = encode
        load.saturated(32, 2.0) if contender.constant else load.paced(per_second, 1.0)
        flooded = server.rss_bytes()
        disturbed = load.paced(per_second, seconds)
        after = server.rss_bytes()
        load.close()
    return {
        "calm_p99_ms": quantile(calm.deliveries_ms, 0.99),
        "disturbed_p99_ms": quantile(disturbed.deliveries_ms, 0.99),
        "grown_mib": (max(after, flooded) - before) / 2**20,
    }


def _reached(rows: dict[str, dict[str, Any]], stalled: dict[str, dict[str, float]]) -> Iterator[dict[str, Any]]:
    """Each promise of this benchmark, with the figure that was measured."""
    relay, peer = rows.get("ours, relay"), rows.get("PartyServer on workerd")
    record = rows.get("ours, recorded")
    if peer is None:
        return
    if relay is not None:
        for size in ("200", "1000"):
            ratio = peer[size]["sat_cpu_us"] / relay[size]["sat_cpu_us"]
            yield _promise(f"relay: deliveries per CPU second against PartyServer, N={size}", ratio, 20.0, "≥")
        for size in rows["ours, relay"]:
            ratio = relay[size]["one_cpu_us"] / peer[size]["one_cpu_us"]
            yield _promise(f"relay: CPU of one in flight against PartyServer, N={size}", ratio, 0.5, "≤")
            ratio = relay[size]["paced_p99_ms"] / peer[size]["paced_p99_ms"]
            yield _promise(f"relay: p99 at 5,000 deliveries/s against PartyServer, N={size}", ratio, 1.0, "≤")
    if record is not None:
        ratio = peer["200"]["sat_cpu_us"] / record["200"]["sat_cpu_us"]
        yield _promise("recorded: deliveries per CPU second against PartyServer, N=200", ratio, 5.0, "≥")
        for size in record:
            ratio = record[size]["paced_p99_ms"] / peer[size]["paced_p99_ms"]
            yield _promise(f"recorded: p99 at 5,000 deliveries/s against PartyServer, N={size}", ratio, 1.0, "≤")
    for name in ("ours, relay", "ours, recorded"):
        if name in stalled:
            yield _promise(f"{name}: growth with 2 of 22 never reading, MiB", stalled[name]["grown_mib"], 10.0, "≤")
            ratio = stalled[name]["disturbed_p99_ms"] / stalled[name]["calm_p99_ms"]
            yield _promise(f"{name}: p99 of the others against undisturbed", ratio, 2.0, "≤")


def _promise(what: str, measured_value: float, wanted: float, sign: str) -> dict[str, Any]:
    met = measured_value >= wanted if sign == "≥" else measured_value <= wanted
    return {"promise": what, "wanted": f"{sign} {wanted:g}", "measured": round(measured_value, 3), "met": met}


def table(figures: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| server | N | saturated/s | CPU µs each | one in flight: CPU µs | p50 / p99 ms | 5k/s: p50 / p99 | MiB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, sizes in figures["rows"].items():
        for size, row in sizes.items():
            lines.append(
                f"| {name} | {size} | {row['sat_deliveries_per_s']:,.0f} | {row['sat_cpu_us']:.2f} "
                f"| {row['one_cpu_us']:.2f} | {row['one_p50_ms']:.2f} / {row['one_p99_ms']:.2f} "
                f"| {row['paced_p50_ms']:.2f} / {row['paced_p99_ms']:.2f} | {row['rss_mib']:.0f} |"
            )
    lines += ["", "| 2 of 22 members never read | undisturbed p99 ms | p99 ms of the others | server grew MiB |"]
    lines += ["|---|--:|--:|--:|"]
    for name, row in figures["stalled"].items():
        lines.append(f"| {name} | {row['calm_p99_ms']:.2f} | {row['disturbed_p99_ms']:.2f} | {row['grown_mib']:.1f} |")
    return "\n".join(lines)
