"""The logs panel in a real Chromium before a real server: lines come live, are held, searched and looked into."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import ROOT, Reader, publish
from tests.patience import LONG_S, PATIENCE_MS

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(LONG_S)]

NOTEBOOK = ROOT / "notebooks" / "dashboards" / "logs.ipynb"
HOSTILE = "<img src=x onerror=\"document.body.dataset.ran='1'\"> \x1b[31mred\x1b[0m \u202egnp.exe"
TRACE = """job 17 failed
Traceback (most recent call last):
  File "/srv/app/worker.py", line 41, in run
    fetch(job.url)
ConnectionResetError: peer"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server follows what ends in ``.log``."""
    return tmp_path_factory.mktemp("followed")


@pytest.fixture(scope="module")
def server(start_server: Any, tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Any:
    """A server with the logs page: each test speaks for a source of its own."""
    data = tmp_path_factory.mktemp("data")
    shutil.copy(NOTEBOOK, data)
    glob = json.dumps(str(folder / "*.log"))
    (data / "vibeworkbench.toml").write_text(f'[[ops.targets]]\nkind = "files"\nname = "app"\nglob = {glob}\n')
    started = start_server("", data=data)
    publish(started, notebook="logs.ipynb", role="analyst")
    return started


@pytest.fixture
def source(request: pytest.FixtureRequest) -> str:
    """A worker that nobody else speaks for."""
    return str(request.node.name).partition("[")[0].replace("test_", "")[:40] + str(abs(hash(request.node.name)) % 1000)


def send(server: Any, source: str, *messages: str, level: str = "info") -> None:
    """The worker ``source`` has said so."""
    records = [{"source": source, "timestamp": None, "level": level, "message": each} for each in messages]
    with server.http() as client:
        answer = client.post("api/logs/worker", json={"records": records})
    assert answer.json()["accepted"] == len(messages), answer.text


async def opened(reader: Any, server: Any, source: str, *, asked: str = "", **context: Any) -> Reader:
    """Somebody with the logs page open, at the lines of the source."""
    person: Reader = await reader(server, **context)
    whose = f"&source=worker:{source}" if source else ""
    await person.page.goto(f"{person.url}vibeworkbench/dashboards/logs?token={person.token}{whose}{asked}")
    await expect(person.quality()).to_contain_text("Live")
    return person


def row(person: Reader, text: str) -> Any:
    """The line that says so."""
    return person.page.locator(".vw-log-row", has_text=text)


async def test_lines_appended_to_a_followed_file_show_up_live(reader: Any, server: Any, folder: Path) -> None:
    """With time and level out of the raw line, and nobody does anything meanwhile."""
    person = await opened(reader, server, "")
    with (folder / "app.log").open("a") as file:
        file.write("2026-11-28 09:00:00,123 ERROR shop: cannot reach 10.0.0.5\n")
    await expect(row(person, "cannot reach 10.0.0.5")).to_be_visible(timeout=PATIENCE_MS)
    await expect(row(person, "cannot reach")).to_have_attribute("data-level", "error")


async def test_what_comes_is_shown_held_and_shown_again(reader: Any, server: Any, source: str) -> None:
    """What came while it was held is counted, and comes on resume; older lines are there from the start."""
    send(server, source, "before anybody looked")
    person = await opened(reader, server, source)
    await expect(row(person, "before anybody looked")).to_be_visible()
    send(server, source, "while somebody looked")
    await expect(row(person, "while somebody looked")).to_be_visible()

    await person.page.get_by_role("button", name="Pause").click()
    send(server, source, "one", "two", "three")
    await expect(person.page.get_by_text("3 new lines while paused")).to_be_visible()
    await expect(person.page.locator(".vw-log-row")).to_have_count(2)
    await person.page.get_by_role("button", name="Resume").click()
    await expect(person.page.locator(".vw-log-row")).to_have_count(5)
    await expect(person.page.locator(".vw-log-row").first).to_contain_text("three")


async def test_a_search_narrows_what_is_there_and_what_comes(reader: Any, server: Any, source: str) -> None:
    """Words, a level, a source; and everything again."""
    send(server, source, "connection reset by peer", level="error")
    send(server, source, "all is well")
    person = await opened(reader, server, source)
    rows, search = person.page.locator(".vw-log-row"), person.page.get_by_label("Search", exact=True)
    await expect(rows).to_have_count(2)
    await search.fill('"reset by" connection')
    await expect(rows).to_have_count(1)
    await expect(person.page.locator(".vw-found").first).to_be_visible()
    send(server, source, "well, too", "another connection reset by somebody", level="warning")
    await expect(rows).to_have_count(2)
    await person.page.get_by_label("Level at least").select_option("error")
    await expect(rows).to_have_count(1)
    await search.fill("nowhere to be found")
    await expect(person.page.get_by_text("No line fits")).to_be_visible()
    await person.page.get_by_role("button", name="Clear all filters").last.click()
    await expect(search).to_have_value("")
    await expect(row(person, "another connection reset by somebody")).to_be_visible()


async def test_one_goes_from_templates_to_lines_to_a_record_and_to_how_it_was_understood(
    reader: Any, server: Any, source: str
) -> None:
    """By mouse and by keyboard."""
    send(server, source, *(f"job {number} took {number} ms" for number in range(12)))
    send(server, source, TRACE, level="error")
    person = await opened(reader, server, source)
    page = person.page
    await page.get_by_role("tab", name="Templates").click()
    template = page.locator(".vw-template-row", has_text="took")
    await expect(template).to_contain_text("12")
    await template.click()
    await page.get_by_role("button", name="Show its lines").click()
    await expect(page.locator(".vw-log-row")).to_have_count(12)

    await page.get_by_role("button", name="Show all templates").click()
    await page.get_by_label("Source", exact=True).select_option(f"worker:{source}")
    await expect(page.locator(".vw-log-row")).to_have_count(13)  # those of this source, before one of them is gone to
    await expect(page.locator(".vw-log-rows")).to_have_attribute("aria-busy", "false")
    await row(person, "job 17 failed").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".vw-log-record pre")).to_contain_text("ConnectionResetError: peer")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Escape")
    await expect(page.locator(".vw-log-record")).to_have_count(0)
    await row(person, "job 17 failed").click()
    await page.get_by_role("button", name="How it was understood").click()
    await expect(page.locator(".vw-explain-answer")).to_contain_text("job")

    await page.get_by_role("tab", name="Sources").click()
    await page.locator(f'[data-source="worker:{source}"]').click()
    await page.get_by_role("button", name="Only its errors").click()
    await expect(page.locator(".vw-log-row")).to_have_count(1)


async def test_an_address_names_a_template(reader: Any, server: Any, source: str) -> None:
    """As the link of an issue does, which opens its lines."""
    send(server, source, "first of a kind", "second thing 5", "second thing 6")
    with server.http() as client:
        items = client.get("api/logs", params={"text": "second"}).json()["items"]
    person = await opened(reader, server, source, asked=f"&template={items[0]['templateId']}")
    await expect(person.page.locator(".vw-log-row")).to_have_count(2)

    send(server, source, "no cart 7", "no cart 8", level="error")
    with server.http() as client:
        client.post(
            "api/ops/scan", json={"scope": "full", "filters": {"source": [f"worker:{source}"]}}
        ).raise_for_status()
        filed = client.get("api/ops/issues", params={"limit": 100}).json()["items"]
        (issue,) = [each for each in filed if "no cart <number>" in each["title"]]
        link = client.get(f"api/ops/issues/{issue['issueId']}").json()["evidence"]["link"]
    await person.page.goto(f"{person.url}vibeworkbench/dashboards/logs{link}")
    await expect(person.page.locator(".vw-log-row")).to_have_count(2)
    await expect(row(person, "no cart 8")).to_be_visible()


async def test_nothing_of_a_line_is_obeyed(reader: Any, server: Any, source: str) -> None:
    """Markup is text, colours are colours, what turns the reading direction is seen."""
    send(server, source, HOSTILE)
    person = await opened(reader, server, source)
    await expect(row(person, "<img src=x")).to_contain_text("U+202E")
    await row(person, "<img src=x").click()
    await expect(person.page.locator(".vw-log-record .vw-ansi-red")).to_have_text("red")
    assert await person.page.evaluate("document.body.dataset.ran") is None


async def test_older_lines_come_as_one_goes_down_and_the_list_stands_still(
    reader: Any, server: Any, source: str
) -> None:
    """Who reads further down is not moved by what comes; at the top again it is there."""
    send(server, source, *(f"line {number:03}" for number in range(450)))
    person = await opened(reader, server, source)
    rows = person.page.locator(".vw-log-row")
    await expect(rows).to_have_count(200)
    await person.page.locator(".vw-log-rows").evaluate("(list) => list.scrollTo(0, list.scrollHeight)")
    await expect(rows).to_have_count(400)
    send(server, source, "something new")
    await expect(person.page.get_by_role("button", name="1 new line")).to_be_visible()
    await expect(row(person, "something new")).to_have_count(0)
    await person.page.get_by_role("button", name="1 new line").click()
    await expect(row(person, "something new")).to_be_visible()


async def test_who_may_not_read_logs_is_told_so(reader: Any, server: Any, source: str) -> None:
    """On a page that is open to viewers, whatever it shows beside."""
    send(server, source, "a secret of analysts")
    publish(server, notebook="logs.ipynb", name="open-logs", role="viewer")
    person: Reader = await reader(server, token=server.grant("viewer"))
    person.network_is_cut = True  # the refusal is an error on the console
    await person.page.goto(f"{person.url}vibeworkbench/dashboards/open-logs?token={person.token}")
    await expect(person.page.get_by_text("takes the role analyst")).to_be_visible()
    await expect(person.page.locator(".vw-log-row")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_panel_is_readable_in_every_light_and_width(
    reader: Any, server: Any, source: str, tmp_path: Path, scheme: Any
) -> None:
    """Nothing stands out of the page, on a wide screen and on a phone."""
    send(server, source, "a rather long line " * 20, TRACE, level="error")
    send(server, source, *(f"GET /orders/{number} 200" for number in range(30)))
    for width in (1440, 390):
        person = await opened(reader, server, source, color_scheme=scheme, viewport={"width": width, "height": 900})
        await row(person, "job 17 failed").click()
        await person.page.screenshot(path=tmp_path / f"logs-{scheme}-{width}.png")
        over = await person.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0
