"""A published page's frame in a real browser: how it is connected, how it gives way, where it may stand."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import DASHBOARD, comes_true, publish
from tests.browser.gallery import ONLY_ANYWIDGETS, WAITING, WIDGETS, notebook, opened, publish_pages
from tests.patience import LONG_S

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(LONG_S)]


NOT_WAITING = {"Prefer": "respond-async"}
UNDONE = """
new MutationObserver((_, observer) => {
  const { dataset } = document.documentElement;
  observer.disconnect();
  window.undone = { ...dataset };
  for (const name of Object.keys(dataset)) delete dataset[name];
}).observe(document, { attributes: true, subtree: true });
"""


def rerender(asked: Any, name: str) -> None:
    """A render of the dashboard is under way."""
    assert asked.post(f"api/dashboards/{name}/render", headers=NOT_WAITING).status_code == 202


@pytest.fixture(scope="module")
def gallery(start_server: Any) -> Any:
    """A server with the pages that are looked at here."""
    server = start_server()
    shutil.copy(DASHBOARD, server.data)
    publish_pages(server, "anywidgets", "controls", "figures", "tall")
    publish(server, interactive=False)
    return server


@pytest.fixture
def asked(gallery: Any) -> Iterator[Any]:
    """Asks the gallery's server for things: the admin's client."""
    with gallery.http() as admin:
        yield admin


async def test_the_page_says_that_it_reconnects_and_that_it_is_back(gallery: Any, reader: Any, network_to: Any) -> None:
    """In the frame, for eyes and for ears."""
    network = await network_to(gallery)
    person = await reader(gallery, network.url, token=gallery.grant("viewer"))
    person.network_is_cut = True
    page = await opened(person, "anywidgets")
    network.cut()
    await expect(page.locator("#vw-connection")).to_contain_text("Reconnecting")
    network.mend()
    await expect(page.locator("#vw-connection")).to_contain_text("Live")
    await expect(page.locator("#vw-voice")).to_have_text("Live")


async def test_a_page_is_live_as_its_panels_are_where_no_socket_gets_through(gallery: Any, reader: Any) -> None:
    """They poll; the frame says so."""
    person = await reader(gallery, token=gallery.grant("viewer"))
    await person.page.route_web_socket("**", lambda socket: socket.close(code=1011))
    await opened(person, "operations")
    await expect(person.page.locator(".vw-issues")).to_be_visible()


async def test_a_kiosk_shows_the_panel_without_what_nobody_there_chooses_by(gallery: Any, reader: Any) -> None:
    """Filters and the search are for readers at a desk."""
    person = await reader(gallery, token=gallery.grant("viewer"))
    for asked, count in (("", 1), ("&kiosk", 0)):
        page = await opened(person, "operations", asked=asked)
        await expect(page.locator(".vw-issues")).to_be_visible()
        await expect(page.locator(".vw-filters:visible")).to_have_count(count)


async def test_the_page_s_program_does_what_the_script_in_its_head_could_not(gallery: Any, reader: Any) -> None:
    """A server of today refuses yesterday's script; here what the script has done is undone as soon as it was done."""
    person = await reader(gallery, token=gallery.grant("viewer"))
    await person.page.add_init_script(UNDONE)
    page = await opened(person, "anywidgets", asked="&theme=dark&kiosk")
    assert await page.evaluate("window.undone") == {"jpThemeLight": "false", "kiosk": ""}
    root = page.locator("html")
    await expect(root).to_have_attribute("data-jp-theme-light", "false")
    await expect(root).to_have_attribute("data-kiosk", "")


async def test_a_slider_s_handle_stands_out_in_both_themes(gallery: Any, reader: Any) -> None:
    """Its border's contrast with the page is 4.5 to 1 or more."""
    person = await reader(gallery, token=gallery.grant("viewer"))
    for theme in ("light", "dark"):
        page = await opened(person, "controls", asked=f"&theme={theme}")
        handle = page.locator(".noUi-handle").first
        await expect(handle).to_have_css("border-top-width", "2px")
        colours = [
            await handle.evaluate("it => getComputedStyle(it).borderTopColor"),
            await page.evaluate("getComputedStyle(document.body).backgroundColor"),
        ]
        darker, lighter = sorted(map(luminance, colours))
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (theme, colours)


def luminance(colour: str) -> float:
    """Relative luminance of ``rgb(r, g, b)``. Source: WCAG 2.2, definition of relative luminance."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


async def test_a_refresh_that_failed_is_said_and_the_page_stays(gallery: Any, reader: Any, asked: Any) -> None:
    """Without what went wrong: that is its publisher's."""
    publish(gallery, notebook="turning.ipynb", content=notebook(WIDGETS, ONLY_ANYWIDGETS))
    person = await reader(gallery, token=gallery.grant("viewer"))
    page = await opened(person, "turning")
    failing = {"notebook": "turning.ipynb", "content": notebook("raise RuntimeError('a secret')")}
    assert asked.post("api/dashboards", json=failing, headers=NOT_WAITING).status_code == 202
    await expect(page.locator(".vw-as-of")).to_contain_text("the latest refresh failed")
    await expect(page.locator(".counter")).to_be_visible()
    assert "secret" not in await page.content()


async def test_a_page_that_is_not_there_yet_comes_by_itself(
    gallery: Any, reader: Any, asked: Any, tmp_path: Any
) -> None:
    """Its reader waits before a page that says so."""
    content = notebook(WIDGETS, WAITING.format(path=str(tmp_path / "go")), ONLY_ANYWIDGETS)
    order = {"notebook": "late.ipynb", "content": content}
    assert asked.post("api/dashboards", json=order, headers=NOT_WAITING).status_code == 202
    person = await reader(gallery, token=gallery.grant("viewer"))
    person.network_is_cut = True  # the browser notes that the page was answered with 503
    page = await opened(person, "late", connected="Waiting")
    await expect(page.get_by_role("heading", name="Not ready yet")).to_be_visible()
    (tmp_path / "go").touch()
    await expect(page.locator(".counter")).to_have_text("7 true 3")


async def test_a_newer_page_is_shown_by_itself_at_the_same_place(gallery: Any, reader: Any, asked: Any) -> None:
    """For whoever came by a cookie and for whoever came by a narrowed token; and it is said."""
    for token in (gallery.grant("viewer"), gallery.grant("viewer", "dashboard:tall")):
        person = await reader(gallery, token=token)
        page = await opened(person, "tall")
        as_of = page.locator(".vw-as-of time")
        before = await as_of.get_attribute("datetime")
        await page.evaluate("scrollTo(0, 2500)")
        rerender(asked, "tall")
        await expect(as_of).not_to_have_attribute("datetime", before)
        await expect(page.locator("#vw-toast")).to_have_text("A newer version is shown.")
        await comes_true(page, "scrollY === 2500")
        await expect(page.locator("#vw-connection")).to_contain_text("Live")
        assert "token" not in page.url


async def test_a_reader_who_types_is_asked_first(gallery: Any, reader: Any, asked: Any) -> None:
    """The newer page comes when the field is left."""
    person = await reader(gallery, token=gallery.grant("viewer"))
    page = await opened(person, "controls")
    before = await page.locator(".vw-as-of time").get_attribute("datetime")
    await page.locator(".widget-text input").first.fill("5")
    rerender(asked, "controls")
    await expect(page.locator("#vw-newer")).to_be_visible()
    await expect(page.locator(".widget-text input").first).to_have_value("5")
    await page.locator(".widget-text input").first.blur()
    await expect(page.locator(".vw-as-of time")).not_to_have_attribute("datetime", before)


async def test_a_link_that_was_withdrawn_says_so(gallery: Any, reader: Any, asked: Any) -> None:
    """What is shown stays, and whoever has no session is not sent to a login."""
    made = asked.post("api/tokens", json={"role": "viewer", "name": "wall", "scope": ["dashboard:anywidgets"]}).json()
    person = await reader(gallery, token=made["token"])
    page = await opened(person, "anywidgets")
    asked.delete(f"api/tokens/{made['id']}").raise_for_status()
    await expect(page.locator("#vw-connection")).to_contain_text("Link expired")
    await expect(page.locator("#vw-advice")).to_contain_text("ask whoever gave you the link for a new one")
    await expect(page.locator("#vw-login")).to_be_hidden()
    await expect(page.locator(".counter")).to_be_visible()


async def test_a_dashboard_that_is_withdrawn_says_so(gallery: Any, reader: Any, asked: Any) -> None:
    """Its readers keep what they see."""
    publish(gallery, notebook="fleeting.ipynb", content=notebook(WIDGETS, ONLY_ANYWIDGETS))
    person = await reader(gallery, token=gallery.grant("viewer"))
    page = await opened(person, "fleeting")
    asked.delete("api/dashboards/fleeting").raise_for_status()
    await expect(page.locator("#vw-connection")).to_contain_text("No longer published")
    await expect(page.locator(".counter")).to_be_visible()


async def test_themes_and_the_kiosk_are_asked_for_by_the_address(gallery: Any, reader: Any) -> None:
    """Light and dark as the system is, else as asked; a kiosk has a thin bar and no resting pointer."""
    person = await reader(gallery, token=gallery.grant("viewer"), color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    page = await opened(person, "anywidgets")
    assert await page.evaluate(paper) == "rgb(20, 22, 26)"
    await page.emulate_media(color_scheme="light")
    await comes_true(page, f"{paper} === 'rgb(255, 255, 255)'")
    await opened(person, "anywidgets", asked="&theme=dark&kiosk")
    assert await page.evaluate(paper) == "rgb(20, 22, 26)"
    await expect(page.locator("footer")).to_be_hidden()
    await expect(page.locator("#vw-connection")).to_be_visible()
    assert await page.locator(".vw-frame").evaluate("it => it.offsetHeight") < 40
    await expect(page.locator("html")).to_have_attribute("data-idle", "")
    assert await page.evaluate("getComputedStyle(document.body).cursor") == "none"
    await page.mouse.move(200, 200)
    await expect(page.locator("html")).not_to_have_attribute("data-idle", "")


async def test_a_page_is_embedded_where_its_publisher_said_and_nowhere_else(
    start_server: Any, reader: Any, hosts: Any
) -> None:
    """By a narrowed token in the address of the frame, which is not kept there."""
    friend, stranger = hosts
    server = start_server()
    content = notebook(WIDGETS, ONLY_ANYWIDGETS)
    publish(server, notebook="wall.ipynb", content=content, frameAncestors=[friend.origin])
    person = await reader(server)
    address = f"{server.url}vibeworkbench/dashboards/wall?token={server.grant('viewer', 'dashboard:wall')}"
    for host in hosts:
        host.frame = address
    await person.page.goto(friend.origin)
    frame = person.page.frame_locator("iframe")
    await expect(frame.locator("#vw-connection")).to_contain_text("Live")
    await expect(frame.locator(".counter")).to_have_text("7 true 3")
    await expect(frame.locator(".vw-home")).to_be_hidden()
    assert "token" not in person.page.frames[1].url

    await person.page.goto(stranger.origin)
    await expect(frame.locator(".counter")).to_have_count(0)
    person.complaints.clear()  # Chromium says why it refused the frame
    person.strangers.clear()  # the hosts around the frame


async def test_the_list_leads_to_the_pages_also_without_a_session(gallery: Any, reader: Any) -> None:
    """A token's reader stays admitted from page to page."""
    person = await reader(gallery, token=gallery.grant("viewer", "dashboard:anywidgets"))
    page = person.page
    await page.goto(f"{person.url}vibeworkbench/dashboards?token={person.token}")
    await expect(page.locator(".vw-list a")).to_have_count(1)
    await page.locator(".vw-list a").click()
    await expect(page.locator(".counter")).to_be_visible()
    assert page.url == f"{person.url}vibeworkbench/dashboards/anywidgets"
    await page.get_by_role("link", name="All dashboards").click()
    await expect(page.locator(".vw-list a")).to_have_count(1)


async def test_a_page_fits_a_phone_and_is_walked_by_keyboard(gallery: Any, reader: Any) -> None:
    """Nothing is wider than the screen; the first stop skips the frame."""
    person = await reader(gallery, token=gallery.grant("viewer"), viewport={"width": 360, "height": 740})
    for name in ("controls", "figures", "tall"):
        page = await opened(person, name)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await page.keyboard.press("Tab")
    await expect(page.locator(".vw-skip")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#vw-content")).to_be_focused()


class Host:
    """A web site whose page holds one frame."""

    origin = ""
    frame = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            body = f"<!DOCTYPE html><iframe width=900 height=600 src='{self.frame}'></iframe>".encode()
            kind = f"Content-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close"
            head = f"HTTP/1.1 200 OK\r\n{kind}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()


@pytest.fixture
async def hosts() -> AsyncIterator[tuple[Host, Host]]:
    """Two sites of other origins than the server's."""
    both = (Host(), Host())
    servers = [await asyncio.start_server(each.serve, "127.0.0.1", 0) for each in both]
    for each, server in zip(both, servers, strict=True):
        each.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield both
    for server in servers:
        server.close()
