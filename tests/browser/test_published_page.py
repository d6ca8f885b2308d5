"""A published page's content in a real browser: widgets without a kernel, and nothing from elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.browser.conftest import comes_true
from tests.browser.gallery import opened, publish_pages
from tests.patience import LONG_S, PATIENCE_MS

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(LONG_S)]

PAINTED = "performance.getEntriesByName('first-contentful-paint').length"


@pytest.fixture(scope="module")
def gallery(start_server: Any) -> Any:
    """A server with the pages that are looked at here."""
    server = start_server()
    publish_pages(server, "anywidgets", "company", "controls", "evaluating", "figures", "hostile")
    return server


async def kept_its_promises(page: Any) -> None:
    """The page's Content-Security-Policy had nothing to refuse."""
    assert await page.evaluate("window.violations ?? []") == []


async def test_a_page_of_anywidgets_is_live_without_the_program_for_controls(gallery: Any, reader: Any) -> None:
    """Programs, style sheets, binary state and layouts; a change stays on the page."""
    person = await reader(gallery, token=gallery.grant("viewer"))
    fetched: list[str] = []
    person.page.on("request", lambda request: fetched.append(urlsplit(request.url).path.rpartition("/")[2]))
    page = await opened(person, "anywidgets")
    counter = page.locator(".counter")
    await expect(counter).to_have_text("7 true 3")
    await counter.click()
    await expect(counter).to_have_text("8 true 3")
    await expect(counter).to_have_css("color", "rgb(1, 2, 3)")
    assert await page.locator("[data-vw-model]").evaluate("it => it.style.width") == "50%"
    assert "page_widgets.js" not in fetched
    await kept_its_promises(page)


async def test_sliders_links_tabs_and_captured_outputs_work_without_a_kernel(gallery: Any, reader: Any) -> None:
    """What needs no Python works; what would need it is grey and says why."""
    person = await reader(gallery, token=gallery.grant("viewer"))
    page = await opened(person, "controls")
    await page.get_by_role("slider").first.focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator(".widget-text input").first).to_have_value("4")
    await comes_true(page, "document.querySelector('.progress-bar').style.width === '44.4444%'")

    captured = page.locator(".inner")
    await expect(captured).to_be_hidden()
    await page.get_by_role("tab", name="Captured").click()
    await expect(captured).to_be_visible()
    await expect(page.get_by_text("captured", exact=True)).to_be_visible()

    restart = page.get_by_role("button", name="Restart")
    await expect(restart).to_be_disabled()
    await expect(restart).to_have_attribute("title", "Needs a kernel, and this page has none.")
    await page.locator(".counter").click()
    await expect(page.locator(".counter")).to_have_text("8 true 3")
    await expect(page.locator("footer")).to_contain_text("Controls that are greyed out would need a kernel")
    await kept_its_promises(page)


async def test_anywidgets_know_each_other(gallery: Any, reader: Any) -> None:
    """One draws another and hears its changes; what it asks of Python is refused at once."""
    person = await reader(gallery, token=gallery.grant("viewer"))
    page = await opened(person, "company")
    await expect(page.get_by_text("child at 3 and 3, nobody answers")).to_be_visible()
    await page.locator(".counter").click()
    await expect(page.get_by_text("child at 4 and 4, nobody answers")).to_be_visible()


async def test_plotly_s_figures_are_drawn_by_the_page(gallery: Any, reader: Any) -> None:
    """As an output and as a widget, under the same policy."""
    person = await reader(gallery, token=gallery.grant("viewer"))
    page = await opened(person, "figures")
    await expect(page.locator(".scatterlayer .trace")).to_have_count(1)
    await expect(page.locator(".barlayer .trace")).to_have_count(1)
    await kept_its_promises(page)


async def test_what_outputs_bring_does_not_run_and_loads_nothing(gallery: Any, reader: Any) -> None:
    """Scripts, handlers, other hosts; their styles apply, and the widgets beside them are drawn."""
    person = await reader(gallery, token=gallery.grant("viewer"))
    page = await opened(person, "hostile")
    await expect(page.locator(".counter")).to_have_text("7 true 3")
    await page.locator("#text").click()
    await expect(page.locator("#text")).to_have_css("color", "rgb(4, 5, 6)")
    assert await page.evaluate("document.body.dataset.ran") is None
    await expect(page.locator(".vw-left-out").first).to_be_visible()
    await kept_its_promises(page)


async def test_the_policy_holds_against_what_gets_into_a_page_later(gallery: Any, reader: Any) -> None:
    """A script or a handler that some widget puts in does not run, nor does text as code; nothing is sent elsewhere."""
    person = await reader(gallery, token=gallery.grant("viewer"))
    page = await opened(person, "evaluating")
    inserted = await page.evaluate("""async () => {
      const script = Object.assign(document.createElement("script"), { textContent: "document.body.dataset.ran = 1" });
      document.body.append(script);
      document.body.insertAdjacentHTML("beforeend", "<img src='data:,' onerror='document.body.dataset.ran = 1'>");
      const away = await fetch("http://127.0.0.2:9/").then(() => "reached", () => "refused");
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      return [document.body.dataset.ran ?? "nothing ran", away];
    }""")
    assert inserted == ["nothing ran", "refused"]
    await expect(page.locator(".evaluated")).to_have_text("refused")
    directives = {each.split(" ")[0] for each in await page.evaluate("window.violations")}
    assert directives == {"script-src-elem", "script-src-attr", "script-src", "connect-src"}
    person.complaints.clear()  # the refusals are what was asked for


async def test_a_page_is_painted_at_once_where_every_other_host_is_silent(
    gallery: Any, browser: Any, black_hole: Any
) -> None:
    """Behind a firewall that drops: a proxy that accepts and never answers stands for all but the server."""
    proxy = {"server": f"http://127.0.0.1:{black_hole.port}", "bypass": "127.0.0.1"}
    context = await browser.new_context(proxy=proxy)
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    url = f"{gallery.url}vibeworkbench/dashboards/hostile?token={gallery.grant('viewer')}"
    await page.goto(url, wait_until="load")
    await expect(page.locator(".counter")).to_have_text("7 true 3")
    await comes_true(page, PAINTED)
    assert black_hole.asked == 0
    await context.close()


class BlackHole:
    """A proxy that accepts and never answers.

    Attributes:
        port: Where it listens.
        asked: How many connections it has accepted.
    """

    port = 0
    asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.asked += 1
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()


@pytest.fixture
async def black_hole() -> AsyncIterator[BlackHole]:
    """A silent proxy on a free port."""
    it = BlackHole()
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    yield it
    server.close()
