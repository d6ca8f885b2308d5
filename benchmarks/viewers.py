"""bench viewers: what it costs that a thousand watch the operations page, and ten the same notebook in stock Voila."""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import Iterator
from typing import Any

import httpx
from playwright.async_api import Browser

from benchmarks import servers, viewers_browser
from benchmarks.load import quantile
from benchmarks.servers import HERE, Server
from benchmarks.viewers_browser import Visit, chromium, newcomer, plain_page, visit, visits
from benchmarks.viewers_crowd import Crowd, Script
from benchmarks.viewers_http import Channel, Hearing
from benchmarks.viewers_voila import Visitors
from benchmarks.watched import Watched, watched

NOTEBOOK = HERE.parent / "notebooks" / "dashboards" / "operations.ipynb"
DASHBOARD = "operations"
SIZES = (1, 10, 100, 1000)
VOILA_SIZES = (1, 5, 10)
MESSAGES = 5
"""Said at one a second, while CPU is counted."""
FIRST_VISITS = 5
"""Of a real browser, in each run."""
GETS = 40
"""Of the page by a newcomer, one after the other, in each run and at each size."""
WARM = 20
"""Viewers who come and go before anything is measured: what the first ones cost once is not what each of them costs."""
SPEAKING = "/vibeworkbench/parties/ops-monitor-broadcast/main"
CALLBACK_LIMIT_MS = 50.0

ABOUT = """\
The same notebook, published by us and served by Voila 0.5.13 alone with its own template and defaults. One of our
viewers sends what a real Chromium was seen to send for the page, then stays in the page's three rooms, answers pings
and says its own; its HTTP connections are closed once the page is there, as browsers do after some minutes. One of
Voila's visitors reads the page to its end and is connected to its kernel, which it asks for the widgets' state once a
second. Memory (PSS) and processes are those of the whole tree against nobody watching. Voila's visitors come one after
the other, and other hosts do not exist for its browser, instead of holding its page back."""


def measured(
    repeats: int = 3, sizes: tuple[int, ...] = SIZES, voila_sizes: tuple[int, ...] = VOILA_SIZES
) -> dict[str, Any]:
    """The figures of both: medians over ``repeats`` runs, in turn so that drift hits both alike."""
    servers.raise_file_limit()
    runs = [asyncio.run(_one_run(sizes, voila_sizes)) for _ in range(repeats)]
    figures: dict[str, Any] = _medians(runs)
    return {**figures, "reached": list(_reached(figures))}


def _medians(runs: list[Any]) -> Any:
    """The same tree as each of the runs is, with the median at each leaf; other leaves are the first run's."""
    first = runs[0]
    if isinstance(first, dict):
        return {key: _medians([run[key] for run in runs]) for key in first}
    return statistics.median(runs) if isinstance(first, int | float) else first


async def _one_run(sizes: tuple[int, ...], voila_sizes: tuple[int, ...]) -> dict[str, Any]:
    async with chromium() as browser:
        with watched(notebooks=(NOTEBOOK,)) as ours:
            published = await _published(ours.server, browser)
            figures = await _ours(ours, browser, *published, sizes)
            with servers.stock_voila(NOTEBOOK, ours.server) as voila:
                beside = await _voila(voila, browser, voila_sizes)
    return {**figures, **beside, "browser": figures["browser"] | beside["browser"]}


# Ours


async def _published(server: Server, browser: Browser) -> tuple[str, list[Any], Script]:
    """The page's URL, the cookies of a viewer who has logged in, and what that viewer's browser loaded."""
    await _rendered(server, "dashboards", {"notebook": NOTEBOOK.name, "role": "viewer"})
    made = await _told(server, "tokens", {"role": "viewer"})
    url = f"http://127.0.0.1:{server.port}/vibeworkbench/dashboards/{DASHBOARD}"
    async with newcomer(browser) as context:
        page = await context.new_page()
        await page.goto(url)
        await page.locator("input[name=token]").fill(made["token"])
        await page.keyboard.press("Enter")
        await page.locator(viewers_browser.LIVE).wait_for()
        cookies = await context.cookies()
    async with newcomer(browser, cookies) as context:
        seen = await visit(context, url)
    requests, rooms = tuple(seen.requests), tuple(seen.sockets)
    return url, cookies, Script(server.port, seen.headers, seen.socket_headers, requests, rooms, SPEAKING)


async def _told(server: Server, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What our server answers its admin who posts something."""
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        url = f"http://127.0.0.1:{server.port}/vibeworkbench/api/{path}"
        answer = await client.post(url, json=body, headers={"Authorization": f"token {server.token}"})
    answer.raise_for_status()
    said: dict[str, Any] = answer.json()
    return said


async def _rendered(server: Server, path: str, body: dict[str, Any] | None = None) -> None:
    said = await _told(server, path, body)
    if said["state"] != "ready":
        raise RuntimeError(f"the page was not rendered: {said['reason']}")


async def _ours(
    ours: Watched, browser: Browser, url: str, cookies: list[Any], script: Script, sizes: tuple[int, ...]
) -> dict[str, Any]:
    server = ours.server
    first, second = await visits(browser, url, FIRST_VISITS, cookies)
    async with plain_page() as plain_url:
        plain, _ = await visits(browser, plain_url, FIRST_VISITS)
    hearing = Hearing(ours.say)
    async with Crowd(script, hearing) as warm:
        await warm.grow_to(WARM)
        await warm.hear(1, 0.1)
    await _left(server, script)
    zero_bytes, zero_processes = await asyncio.to_thread(server.settled_pss_bytes), server.process_count()
    rows, storm = {}, {}
    async with Crowd(script, hearing) as crowd:
        for size in sizes:
            rows[str(size)] = await _watched_by(size, crowd, ours, (zero_bytes, zero_processes))
        crowded, _ = await visits(browser, url, 1, cookies)
        storm = await _stormed(crowd, ours, zero_bytes)
    return {
        "ours": rows,
        "browser": {
            "ours": _browsed(first),
            "ours, seen before": _browsed(second),
            f"ours, beside {sizes[-1]} viewers": _browsed(crowded),
            "a page of one line": _browsed(plain),
        },
        "storm": storm,
        "page": {
            "requests": [path for path, _ in first[0].requests],
            "rooms": first[0].sockets,
            "connections": len({number for _, number in script.requests}),
        },
    }


async def _left(server: Server, script: Script) -> None:
    """Nobody is in the rooms any more: the server has seen everybody go."""
    admin = Channel(server.port, {"Authorization": f"token {server.token}"})
    try:
        for room in script.rooms:
            path = room.replace("/vibeworkbench/parties/", "/vibeworkbench/api/rooms/")
            while json.loads((await admin.get(path)).body)["members"]:  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(0.05)
    finally:
        admin.close()


async def _watched_by(size: int, crowd: Crowd, ours: Watched, zero: tuple[int, int]) -> dict[str, float]:
    """What so many viewers cost, against nobody."""
    server = ours.server
    await asyncio.to_thread(ours.longest)
    newcomers, came_cpu_s = size - len(crowd.viewers), server.cpu_s()
    await crowd.grow_to(size)
    came_cpu_s = server.cpu_s() - came_cpu_s
    longest_ms = await asyncio.to_thread(ours.longest_ms)
    pss_bytes = await asyncio.to_thread(server.settled_pss_bytes)
    cpu_s = server.cpu_s()
    latencies_ms = await crowd.hear(MESSAGES, 1.0)
    cpu_s = server.cpu_s() - cpu_s
    get_ms, again_ms = await _gets(crowd)
    return {
        "pss_each_kb": (pss_bytes - zero[0]) / size / 1e3,
        "processes": server.process_count() - zero[1],
        "cpu_s_per_s": cpu_s / MESSAGES,
        "coming_cpu_ms": came_cpu_s / newcomers * 1e3,
        "coming_longest_ms": longest_ms,
        "heard_p50_ms": quantile(latencies_ms, 0.5),
        "heard_p99_ms": quantile(latencies_ms, 0.99),
        "get_p50_ms": quantile(get_ms, 0.5),
        "get_p99_ms": quantile(get_ms, 0.99),
        "again_p50_ms": quantile(again_ms, 0.5),
    }


async def _gets(crowd: Crowd) -> tuple[list[float], list[float]]:
    """The page as a newcomer gets it, over a connection of its own, and as one who has it already is told so."""
    script, first, again = crowd.script, [], []
    for _ in range(GETS):
        channel = Channel(script.port, script.headers)
        page = await channel.get(script.page)
        same = await channel.get(script.page, If_None_Match=page.headers["etag"])
        channel.close()
        if (page.status, same.status) != (200, 304):
            raise ConnectionError(f"the page was answered with {page.status}, and again with {same.status}")
        first.append(page.took_ms)
        again.append(same.took_ms)
    return first, again


async def _stormed(crowd: Crowd, ours: Watched, zero_bytes: int) -> dict[str, float]:
    """What it takes that all come back at once, and that all load a newer page at once.

    After the latter each still holds the connection over which the page came.
    """
    figures: dict[str, float] = {"viewers": len(crowd.viewers)}
    for name, act in {"storm": crowd.storm, "reload": crowd.reload}.items():
        if name == "reload":
            await _rendered(ours.server, f"dashboards/{DASHBOARD}/render")
        await asyncio.to_thread(ours.longest)
        cpu_s = ours.server.cpu_s()
        figures[f"{name}_wall_s"] = await act()
        figures[f"{name}_cpu_s"] = ours.server.cpu_s() - cpu_s
        longest = await asyncio.to_thread(ours.longest)
        pss_bytes = await asyncio.to_thread(ours.server.settled_pss_bytes) - zero_bytes
        figures[f"{name}_pss_each_kb"] = pss_bytes / len(crowd.viewers) / 1e3
        figures[f"{name}_longest_ms"] = longest[0]["cpu_ms"]
        figures[f"{name}_longest"] = longest[0]["callback"]
    return figures


# Voila


async def _voila(server: Server, browser: Browser, sizes: tuple[int, ...]) -> dict[str, Any]:
    url = f"http://127.0.0.1:{server.port}/"
    async with Visitors(server.port) as warm:
        await warm.grow_to(1)
    zero_bytes, zero_processes = await asyncio.to_thread(server.settled_pss_bytes), server.process_count()
    rows = {}
    async with Visitors(server.port) as visitors:
        for size in sizes:
            rows[str(size)] = await _visited_by(size, visitors, server, (zero_bytes, zero_processes))
    first, second = await visits(browser, url, FIRST_VISITS)
    return {
        "voila": rows,
        "browser": {"Voila": _browsed(first), "Voila, seen before": _browsed(second)},
    }


async def _visited_by(size: int, visitors: Visitors, server: Server, zero: tuple[int, int]) -> dict[str, float]:
    newcomers, came_cpu_s = size - len(visitors.visitors), server.cpu_s()
    await visitors.grow_to(size)
    came_cpu_s = server.cpu_s() - came_cpu_s
    pss_bytes = await asyncio.to_thread(server.settled_pss_bytes)
    cpu_s = server.cpu_s()
    latencies_ms = await visitors.hear(MESSAGES, 1.0)
    cpu_s = server.cpu_s() - cpu_s
    get_ms = [each.get_ms for each in visitors.visitors]
    return {
        "pss_each_kb": (pss_bytes - zero[0]) / size / 1e3,
        "processes": server.process_count() - zero[1],
        "cpu_s_per_s": cpu_s / MESSAGES,
        "coming_cpu_ms": came_cpu_s / newcomers * 1e3,
        "heard_p50_ms": quantile(latencies_ms, 0.5),
        "heard_p99_ms": quantile(latencies_ms, 0.99),
        "get_p50_ms": quantile(get_ms, 0.5),
        "get_p99_ms": quantile(get_ms, 0.99),
    }


def _browsed(several: list[Visit]) -> dict[str, float]:
    return {
        "first_paint_ms": statistics.median(each.first_paint_ms for each in several),
        "drawn_ms": statistics.median(each.drawn_ms for each in several),
        "live_ms": statistics.median(each.live_ms for each in several),
        "transferred_bytes": statistics.median(each.transferred_bytes for each in several),
        "requests": statistics.median(len(each.requests) for each in several),
    }


def _reached(figures: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each promise of this benchmark, with the figure that was measured."""
    ours, voila, browser = figures["ours"], figures["voila"], figures["browser"]
    for size in (size for size in ours if int(size) >= 100):
        yield _promise(f"memory of a viewer, kB, N={size}", ours[size]["pss_each_kb"], 50.0)
        yield _promise(f"processes for viewers, N={size}", ours[size]["processes"], 0)
    largest, most = next(reversed(ours)), next(reversed(voila))
    ratio = ours[largest]["get_p50_ms"] / voila[most]["get_p50_ms"]
    yield _promise(f"GET of the page, p50, N={largest}, against Voila, its visitors one by one", ratio, 0.1)
    # Voila's first contentful paint is its spinner, and a tenth of that is what Chromium takes for a page of one line.
    for name, what in {"drawn_ms": "first paint of what the notebook shows", "live_ms": "live"}.items():
        yield _promise(f"{what}, first visit, against Voila", browser["ours"][name] / browser["Voila"][name], 0.1)
    yield _promise("page with all its files, kB", browser["ours"]["transferred_bytes"] / 1e3, 150.0)
    for name, what in {"storm": "all sockets cut and back at once", "reload": "all pages loaded again at once"}.items():
        longest_ms = figures["storm"][f"{name}_longest_ms"]
        yield _promise(f"longest callback, {what}, N={largest}, ms of CPU", longest_ms, CALLBACK_LIMIT_MS)


def _promise(what: str, measured_value: float, wanted: float) -> dict[str, Any]:
    met = measured_value <= wanted
    return {"promise": what, "wanted": f"≤ {wanted:g}", "measured": round(measured_value, 3), "met": met}


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown tables."""
    return "\n".join([ABOUT, "", *_crowds(figures), "", *_browsers(figures), "", *_storms(figures)])


def _crowds(figures: dict[str, Any]) -> Iterator[str]:
    yield "| server | viewers | MB each | processes | CPU s/s, 1 message/s | heard: p50 / p99 ms | GET p50 / p99 ms |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for name, key in {"ours": "ours", "Voila": "voila"}.items():
        for size, row in figures[key].items():
            yield (
                f"| {name} | {size} | {row['pss_each_kb'] / 1e3:.3f} | {row['processes']:.0f} "
                f"| {row['cpu_s_per_s']:.3f} | {row['heard_p50_ms']:.1f} / {row['heard_p99_ms']:.1f} "
                f"| {row['get_p50_ms']:.1f} / {row['get_p99_ms']:.1f} |"
            )


def _browsers(figures: dict[str, Any]) -> Iterator[str]:
    yield "| Chromium | first contentful paint ms | panel drawn ms | live ms | kB | requests |"
    yield "|---|--:|--:|--:|--:|--:|"
    for name, row in figures["browser"].items():
        yield (
            f"| {name} | {row['first_paint_ms']:.0f} | {row['drawn_ms']:.0f} | {row['live_ms']:.0f} "
            f"| {row['transferred_bytes'] / 1e3:.0f} | {row['requests']:.0f} |"
        )


def _storms(figures: dict[str, Any]) -> Iterator[str]:
    storm = figures["storm"]
    count = f"{storm['viewers']:.0f}"
    yield f"| {count} viewers, all at once | until all have it, s | CPU s | longest callback, CPU ms | then MB each |"
    yield "|---|--:|--:|--:|--:|"
    for name, what in {"storm": "sockets cut, and back", "reload": "page loaded again"}.items():
        wall_s, cpu_s, longest_ms, each_kb = (
            storm[f"{name}_{figure}"] for figure in ("wall_s", "cpu_s", "longest_ms", "pss_each_kb")
        )
        yield f"| {what} | {wall_s:.1f} | {cpu_s:.2f} | {longest_ms:.1f} | {each_kb / 1e3:.3f} |"
