"""Voila's pages in a real browser: viewers see them live and move nothing, and are told when the connection is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Error, expect

from tests.dashboards.voila_staging import ends, execute, kernels, person, printed, publish, replies, write_notebook
from tests.patience import LONG_S
from tests.servers import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(LONG_S)]

NOTEBOOK = """
import ipywidgets
slider = ipywidgets.IntSlider(value=1, description="speed")
label = ipywidgets.Label("nobody moved it")
slider.observe(lambda change: setattr(label, "value", f"moved to {change.new}"), "value")
ipywidgets.VBox([slider, label, ipywidgets.Button(description="go", icon="play")])
"""
FAILING = "raise ValueError('the inside of the server')"
SLIDER = ".widget-slider [role=slider], .widget-slider .noUi-handle"
ICONS = "[...document.fonts].some((font) => font.family.includes('Font Awesome') && font.status === 'loaded')"
PAINTED = "performance.getEntriesByName('first-contentful-paint').length > 0"


@pytest.fixture
def stage(start_server: Callable[..., Server], tmp_path: Any) -> Callable[[str], Server]:
    """Starts a server with a notebook that is published to run for viewers: ``stage(settings)``."""

    def start(settings: str = "") -> Server:
        write_notebook(tmp_path / "live.ipynb", NOTEBOOK, FAILING)
        server = start_server(settings, data=tmp_path)
        publish(server, "live.ipynb")
        return server

    return start


async def opened(reader: Any, server: Server, role: str = "viewer", **context: Any) -> Any:
    """Somebody before the page, which is drawn."""
    token = person(server, role).token
    someone = await reader(server, token=token, **context)
    await someone.page.goto(f"{someone.url}voila/render/live.ipynb?token={token}")
    await someone.page.locator(SLIDER).first.wait_for()
    return someone


async def kernel_of(page: Any) -> str:
    """The kernel behind the page."""
    return json.loads(await page.locator("#jupyter-config-data").text_content())["kernelId"]


def lost(page: Any, trouble: str) -> Any:
    """The notice that the connection is lost."""
    return page.locator(f".vw-voila-lost[data-trouble={trouble}]")


def dropped(server: Server) -> float:
    """How many messages of readers were dropped because drawing does not need them."""
    counted = person(server).get("vibeworkbench/metrics").text
    found = [line for line in counted.splitlines() if 'dropped_total{reason="not-for-drawing"}' in line]
    return float(found[0].split()[-1]) if found else 0.0


async def test_a_viewer_sees_the_page_live_and_moves_nothing(stage: Any, reader: Any) -> None:
    """The slider gives way under the mouse, the notebook never learns of it, and a sentence says so beforehand."""
    server = stage()
    someone = await opened(reader, server)
    page = someone.page
    await expect(page.get_by_role("note")).to_contain_text("You are watching")
    await expect(page.get_by_text("nobody moved it")).to_be_visible()
    await expect(page.locator(".vw-voila-undrawn")).to_have_text("This part could not be drawn.")
    assert "token" not in page.url
    await page.locator(SLIDER).first.focus()
    await page.keyboard.press("ArrowRight")
    while not await asyncio.to_thread(dropped, server):
        continue
    with person(server).channels(await kernel_of(page)) as admin:
        heard = await asyncio.to_thread(replies, admin, execute("print(slider.value, label.value)"))
    assert printed(heard) == "1 nobody moved it\n"
    await expect(page.get_by_text("nobody moved it")).to_be_visible()


async def test_an_analyst_s_page_works_as_ever(stage: Any, reader: Any) -> None:
    """The notebook answers the slider, whose handle is not white on white, and nothing is said of watching."""
    someone = await opened(reader, stage(), "analyst", color_scheme="light")
    handle = someone.page.locator(".noUi-handle").first
    await expect(handle).to_have_css("border-top-width", "2px")
    ink, paper = [
        await handle.evaluate(f"it => getComputedStyle(it).{name}") for name in ("borderTopColor", "backgroundColor")
    ]
    assert ink != paper
    await someone.page.locator(SLIDER).first.focus()
    await someone.page.keyboard.press("ArrowRight")
    await expect(someone.page.get_by_text("moved to 2")).to_be_visible()
    await expect(someone.page.locator(".vw-voila-readonly")).to_have_count(0)


async def test_leaving_the_page_ends_its_kernel(stage: Any, reader: Any) -> None:
    """By the page's last words, long before it would be idle."""
    server = stage("[voila]\nidle_s = 3600\n")
    someone = await opened(reader, server)
    kernel = await kernel_of(someone.page)
    with ends(server) as ended:
        await someone.page.goto("about:blank")
        await asyncio.to_thread(ended.wait_for, kernel)
    assert kernel not in kernels(server)


async def test_a_browser_that_crashes_leaves_no_kernel(stage: Any, reader: Any) -> None:
    """It says nothing any more, and its kernel ends when it has been alone for long enough."""
    server = stage("[voila]\nidle_s = 0.5\n")
    someone = await opened(reader, server)
    kernel = await kernel_of(someone.page)
    with ends(server) as ended:
        with pytest.raises(Error):
            await someone.page.goto("chrome://crash")
        await asyncio.to_thread(ended.wait_for, kernel)
    someone.page = await someone.page.context.new_page()
    assert 'kernels_ended_total{reason="idle"} 1.0' in person(server).get("vibeworkbench/metrics").text


async def test_a_page_whose_kernel_died_says_so_and_comes_back(stage: Any, reader: Any, tmp_path: Any) -> None:
    """Aloud, with a button that draws it anew."""
    server = stage()
    someone = await opened(reader, server)
    page = someone.page
    someone.network_is_cut = True
    with person(server).channels(await kernel_of(page)) as admin:
        heard = await asyncio.to_thread(replies, admin, execute("import os; print(os.getpid())"))
    os.kill(int(printed(heard)), signal.SIGKILL)
    notice = page.get_by_role("alert")
    await expect(notice).to_contain_text("no longer live")
    await page.screenshot(path=tmp_path / "ended.png")
    await notice.get_by_role("button", name="Reload").click()
    await page.locator(SLIDER).first.wait_for()
    await expect(page.locator(".vw-voila-lost")).to_have_count(0)


async def test_a_page_says_that_the_server_is_away_and_goes_on_when_it_is_back(
    stage: Any, reader: Any, network_to: Any
) -> None:
    """Its kernel was kept meanwhile; the notice goes by itself."""
    server = stage()
    network = await network_to(server)
    someone = await opened(reader, server, "analyst", url=network.url)
    page = someone.page
    someone.network_is_cut = True
    network.cut()
    await expect(lost(page, "unreachable")).to_contain_text("cannot be reached")
    await expect(page.get_by_role("status")).to_be_visible()
    network.mend()
    await expect(page.locator(".vw-voila-lost")).to_have_count(0)
    await page.locator(SLIDER).first.focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_text("moved to 2")).to_be_visible()


async def test_a_page_whose_reader_lost_the_right_says_so(stage: Any, reader: Any) -> None:
    """And its kernel ends."""
    server = stage()
    with server.http() as admin:
        made = admin.post("api/tokens", json={"role": "viewer"}).json()
        someone = await reader(server, token=made["token"])
        await someone.page.goto(f"{someone.url}voila/render/live.ipynb?token={made['token']}")
        await someone.page.locator(SLIDER).first.wait_for()
        someone.network_is_cut = True
        kernel = await kernel_of(someone.page)
        with ends(server) as ended:
            assert admin.delete(f"api/tokens/{made['id']}").is_success
            await expect(lost(someone.page, "rights")).to_contain_text("no longer logged in")
            await asyncio.to_thread(ended.wait_for, kernel)


async def test_a_page_without_room_says_so_and_comes_when_there_is_some(stage: Any, reader: Any, tmp_path: Any) -> None:
    """It tries again by itself."""
    server = stage("[voila]\nkernels = 1\n")
    first = await opened(reader, server)
    token = server.grant("viewer")
    second = await reader(server, token=token)
    answer = await second.page.goto(f"{second.url}voila/render/live.ipynb?token={token}")
    assert answer.status == 503
    await expect(second.page.get_by_text("tries again by itself")).to_be_visible()
    await second.page.screenshot(path=tmp_path / "no-room.png")
    await first.page.goto("about:blank")
    await second.page.locator(SLIDER).first.wait_for()


@pytest.fixture
async def silence() -> AsyncIterator[int]:
    """The port of a proxy that accepts everything and never answers, as a firewall does that drops packets."""

    async def keep(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.mark.parametrize("role", ["viewer", "admin"])
async def test_a_page_paints_where_no_other_host_answers(stage: Any, reader: Any, silence: int, role: str) -> None:
    """Everything but the server goes to a socket that never answers; the list and the errors paint, too."""
    server = stage()
    host = urlsplit(server.url).netloc
    proxy = {"server": f"http://127.0.0.1:{silence}", "bypass": f"<-loopback>,{host}"}
    someone = await opened(reader, server, role, proxy=proxy)
    assert await someone.page.evaluate(PAINTED)
    await someone.page.locator(".fa-play").wait_for()
    await someone.page.wait_for_function(ICONS)
    for path in ("voila", "voila/tree", "voila/render/nothing.ipynb"):
        await someone.page.goto(f"{someone.url}{path}")
        await someone.page.locator("h1").wait_for()
        await someone.page.wait_for_function(PAINTED)
