"""A published page in a real browser: its widgets without a kernel, its frame, and nothing from elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Reader, publish

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

WIDGETS = '''
import anywidget, traitlets, ipywidgets as w
from IPython.display import display

class Counter(anywidget.AnyWidget):
    _esm = """
    export default {
      initialize({ model }) { model.set("ready", true); },
      render({ model, el }) {
        const button = el.appendChild(document.createElement("button"));
        button.className = "counter";
        const said = () => ["count", "ready"].map((name) => model.get(name)).concat(model.get("raw").byteLength);
        const draw = () => (button.textContent = said().join(" "));
        button.onclick = () => { model.set("count", model.get("count") + 1); model.save_changes(); model.send({}); };
        model.on("change:count", draw);
        draw();
      },
    };
    """
    _css = ".counter { color: rgb(1, 2, 3); }"
    count = traitlets.Int(7).tag(sync=True)
    ready = traitlets.Bool(False).tag(sync=True)
    raw = traitlets.Bytes(b"abc").tag(sync=True)
'''
CONTROLS = """
counter, slider, bar, text = Counter(), w.IntSlider(3, max=9), w.IntProgress(3, max=9), w.IntText(0)
w.jslink((slider, "value"), (bar, "value"))
w.jslink((slider, "value"), (text, "value"))
output = w.Output()
with output:
    print("captured")
    display(w.HTML("<b class=inner>inside</b>"))
display(w.Tab([w.VBox([slider, bar, text]), output], titles=["Sliders", "Captured"]))
display(w.Button(description="Restart"), w.Play(), counter)
"""
ONLY_ANYWIDGETS = "display(Counter(layout=w.Layout(width='50%')))"
HOSTILE = """
from IPython.display import HTML, Javascript
display(HTML("<p id=text onclick='document.body.dataset.ran=1'>text</p><script>document.body.dataset.ran=1</script>"))
display(HTML("<img src=x onerror='document.body.dataset.ran=1'><svg onload='document.body.dataset.ran=1'></svg>"))
display(Javascript("document.body.dataset.ran = 1"))
display(HTML("<img src=https://elsewhere.example/a.png><link rel=stylesheet href=https://elsewhere.example/a.css>"))
display(HTML("<style>@import 'https://elsewhere.example/b.css'; p { color: rgb(4, 5, 6) }</style>"))
"""
EVALUATING = """
class Evaluating(anywidget.AnyWidget):
    _esm = '''
    const evaluated = () => { try { return new Function("return 'evaluated'")(); } catch { return "refused"; } };
    export default { render({ el }) { el.classList.add("evaluated"); el.textContent = evaluated(); } };
    '''
display(Evaluating())
"""
COMPANY = """
child = Counter(count=3)
class Parent(anywidget.AnyWidget):
    _esm = '''
    export default async () => ({
      async render({ model, el, host, experimental }) {
        const child = await host.getWidget(model.get("partner"));
        await child.render({ el });
        const seen = await host.getModel(model.get("partner"));
        const same = await model.widget_manager.get_model(model.get("partner").split(":")[1]);
        const said = el.appendChild(document.createElement("p"));
        const answer = await experimental.invoke("ask", {}).catch(() => "nobody answers");
        const draw = () => (said.textContent = `child at ${seen.get("count")} and ${same.get("count")}, ${answer}`);
        seen.on("change:count", draw);
        draw();
      },
    });
    '''
    partner = traitlets.Unicode().tag(sync=True)
display(Parent(partner=f"anywidget:{child.model_id}"))
"""
WAITING = """
import pathlib, time
while not pathlib.Path({path!r}).exists():
    time.sleep(0.05)
"""
TALL = "display(w.HTML('<div style=\"height: 4000px\">tall</div>'))"
FIGURES = """
import plotly.graph_objects as go
display(go.Figure(go.Scatter(y=[1, 3, 2])))
display(go.FigureWidget(go.Bar(y=[1, 2, 3])))
"""
PAINTED = "performance.getEntriesByName('first-contentful-paint').length"
BROKEN_PROMISES = """
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  (window.violations ??= []).push(`${violatedDirective} ${blockedURI}`));
"""


def notebook(*sources: str) -> str:
    """The text of a notebook with these code cells."""
    cells = [
        {
            "id": f"c{number}",
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="module")
def gallery(start_server: Any) -> Any:
    """A server with a page for each kind of content."""
    server = start_server()
    pages = {
        "controls": (WIDGETS, CONTROLS),
        "anywidgets": (WIDGETS, ONLY_ANYWIDGETS),
        "hostile": (WIDGETS, HOSTILE, ONLY_ANYWIDGETS),
        "company": (WIDGETS, COMPANY),
        "evaluating": (WIDGETS, EVALUATING),
        "tall": (WIDGETS, TALL),
        "figures": (FIGURES,),
    }
    for name, sources in pages.items():
        publish(server, notebook=f"{name}.ipynb", content=notebook(*sources))
    return server


@pytest.fixture
def asked(gallery: Any) -> Iterator[Any]:
    """Asks the gallery's server for things: the admin's client."""
    with gallery.http() as admin:
        yield admin


async def opened(person: Reader, name: str, *, asked: str = "") -> Any:
    """The page in this person's browser, connected; every broken promise of its policy is noted."""
    await person.page.add_init_script(BROKEN_PROMISES)
    await person.page.goto(f"{person.url}vibeworkbench/dashboards/{name}?token={person.token}{asked}")
    await expect(person.page.locator("#vw-connection")).to_contain_text("Live")
    return person.page


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
    await page.wait_for_function("document.querySelector('.progress-bar').style.width === '44.4444%'")

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
    await expect(page.locator(".scatterlayer .trace")).to_have_count(1, timeout=60_000)
    await expect(page.locator(".barlayer .trace")).to_have_count(1, timeout=60_000)
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
    page = await context.new_page()
    url = f"{gallery.url}vibeworkbench/dashboards/hostile?token={gallery.grant('viewer')}"
    await page.goto(url, wait_until="load")
    await expect(page.locator(".counter")).to_have_text("7 true 3")
    await page.wait_for_function(PAINTED)
    assert black_hole.asked == 0
    await context.close()


async def test_the_page_says_that_it_reconnects_and_that_it_is_back(gallery: Any, reader: Any, network_to: Any) -> None:
    """In the frame, for eyes and for ears."""
    network = await network_to(gallery)
    person = await reader(gallery, network.url, token=gallery.grant("viewer"))
    person.network_is_cut = True
    page = await opened(person, "anywidgets")
    network.cut()
    await expect(page.locator("#vw-connection")).to_contain_text("Reconnecting")
    network.mend()
    await expect(page.locator("#vw-connection")).to_contain_text("Live", timeout=60_000)
    await expect(page.locator("#vw-voice")).to_have_text("Live")


async def test_a_page_is_live_as_its_panels_are_where_no_socket_gets_through(workbench: Any, reader: Any) -> None:
    """They poll; the frame says so."""
    server = workbench()
    await asyncio.to_thread(publish, server)
    person = await reader(server, token=server.grant("viewer"))
    await person.page.route_web_socket("**", lambda socket: socket.close(code=1011))
    await opened(person, "operations")
    await expect(person.page.locator(".vw-issues")).to_be_visible()


async def test_a_refresh_that_failed_is_said_and_the_page_stays(gallery: Any, reader: Any) -> None:
    """Without what went wrong: that is its publisher's."""
    publish(gallery, notebook="turning.ipynb", content=notebook(WIDGETS, ONLY_ANYWIDGETS))
    person = await reader(gallery, token=gallery.grant("viewer"))
    page = await opened(person, "turning")
    failing = {"notebook": "turning.ipynb", "content": notebook("raise RuntimeError('a secret')")}
    with gallery.http() as admin:
        await asyncio.to_thread(admin.post, "api/dashboards", json=failing)
    await expect(page.locator(".vw-as-of")).to_contain_text("the latest refresh failed")
    await expect(page.locator(".counter")).to_be_visible()
    assert "secret" not in await page.content()


async def test_a_page_that_is_not_there_yet_comes_by_itself(
    gallery: Any, reader: Any, asked: Any, tmp_path: Any
) -> None:
    """Its reader waits before a page that says so."""
    content = notebook(WIDGETS, WAITING.format(path=str(tmp_path / "go")), ONLY_ANYWIDGETS)
    order = {"notebook": "late.ipynb", "content": content}
    assert asked.post("api/dashboards", json=order, headers={"Prefer": "respond-async"}).status_code == 202
    person = await reader(gallery, token=gallery.grant("viewer"))
    person.network_is_cut = True  # the browser notes that the page was answered with 503
    page = await opened(person, "late")
    await expect(page.get_by_role("heading", name="Not ready yet")).to_be_visible()
    (tmp_path / "go").touch()
    await expect(page.locator(".counter")).to_have_text("7 true 3", timeout=60_000)


async def test_a_newer_page_is_shown_by_itself_at_the_same_place(gallery: Any, reader: Any, asked: Any) -> None:
    """For whoever came by a cookie and for whoever came by a narrowed token; and it is said."""
    for token in (gallery.grant("viewer"), gallery.grant("viewer", "dashboard:tall")):
        person = await reader(gallery, token=token)
        page = await opened(person, "tall")
        as_of = page.locator(".vw-as-of time")
        before = await as_of.get_attribute("datetime")
        await page.evaluate("scrollTo(0, 2500)")
        await asyncio.to_thread(asked.post, "api/dashboards/tall/render")
        await expect(as_of).not_to_have_attribute("datetime", before)
        await expect(page.locator("#vw-toast")).to_have_text("A newer version is shown.")
        await page.wait_for_function("scrollY === 2500")
        await expect(page.locator("#vw-connection")).to_contain_text("Live")
        assert "token" not in page.url


async def test_a_reader_who_types_is_asked_first(gallery: Any, reader: Any, asked: Any) -> None:
    """The newer page comes when the field is left."""
    person = await reader(gallery, token=gallery.grant("viewer"))
    page = await opened(person, "controls")
    before = await page.locator(".vw-as-of time").get_attribute("datetime")
    await page.locator(".widget-text input").first.fill("5")
    await asyncio.to_thread(asked.post, "api/dashboards/controls/render")
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
    await page.wait_for_function(f"{paper} === 'rgb(255, 255, 255)'")
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
