"""The containers panel in a real Chromium before a real server: how containers stand, and what they say, live."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import ROOT, Reader, publish
from tests.patience import LONG_S

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(LONG_S)]

NOTEBOOK = ROOT / "notebooks" / "dashboards" / "containers.ipynb"
SHOP, DATABASE = "a" * 64, "b" * 64
HOSTILE = "<img src=x onerror=\"document.body.dataset.ran='1'\">"


@pytest.fixture(scope="module")
def server(start_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server with the containers page, to which agents have told of two containers."""
    data = tmp_path_factory.mktemp("data")
    shutil.copy(NOTEBOOK, data)
    started = start_server("", data=data)
    publish(started, notebook="containers.ipynb", role="analyst")
    for minutes in range(30, 0, -1):
        sample(started, SHOP, "shop", minutes, cpuPercent=20.0 + minutes, memoryBytes=10**8 + 10**6 * minutes)
    sample(started, DATABASE, "database", 1, state="exited", exitCode=137, oomKilled=True, restarts=4)
    say(started, SHOP, "shop", "GET /orders 200", "GET /orders/7 500 internal error")
    return started


def tell(server: Any, kind: str, *records: dict[str, Any]) -> None:
    """An agent has told so."""
    with server.http() as client:
        answer = client.post(f"api/monitoring/{kind}", json={"records": list(records)})
    assert answer.json()["accepted"] == len(records), answer.text


def sample(server: Any, container_id: str, name: str, minutes_ago: float = 0, **told: Any) -> None:
    """How a container stood so many minutes ago."""
    at = (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat()
    known = {"containerId": container_id, "containerName": name, "image": f"{name}:1.2", "timestamp": at}
    tell(server, "samples", {**known, "state": "running", "labels": {"team": HOSTILE}, **told})


def say(server: Any, container_id: str, name: str, *messages: str) -> None:
    """A container has said so."""
    records = [{"containerId": container_id, "containerName": name, "message": each} for each in messages]
    tell(server, "logs", *records)


async def opened(reader: Any, server: Any, token: str = "", **context: Any) -> Reader:
    """Somebody with the containers page open."""
    person: Reader = await reader(server, token=token, **context)
    await person.page.goto(f"{person.url}vibeworkbench/dashboards/containers?token={person.token}")
    await expect(person.quality()).to_contain_text("Live")
    return person


def row(person: Reader, name: str) -> Any:
    """The container's row."""
    return person.page.locator(".vw-container-row", has_text=name)


async def test_how_containers_stand_is_seen_and_changes_as_it_is_told(reader: Any, server: Any) -> None:
    """The worst first, with why; use and state without anybody doing anything."""
    person = await opened(reader, server)
    await expect(person.page.locator(".vw-container-row").first).to_contain_text("database")
    await expect(row(person, "database")).to_contain_text("memory was used up")
    await expect(row(person, "shop").locator(".vw-course path").first).to_be_attached()
    sample(server, SHOP, "shop", cpuPercent=99.0, memoryBytes=2**30)
    await expect(row(person, "shop")).to_contain_text("99 %")
    await expect(row(person, "shop")).to_contain_text("1 GiB")


async def test_one_container_is_looked_into_while_it_speaks(reader: Any, server: Any) -> None:
    """Its lines live, its errors, its processes, and what it is."""
    person = await opened(reader, server)
    page = person.page
    await row(person, "shop").click()
    await expect(page.locator(".vw-log-row", has_text="GET /orders 200")).to_be_visible()
    say(server, SHOP, "shop", "while somebody looked")
    await expect(page.locator(".vw-log-row", has_text="while somebody looked")).to_be_visible()
    await page.locator(".vw-log-row", has_text="internal error").click()
    await expect(page.locator(".vw-log-record pre")).to_contain_text("500 internal error")
    await page.keyboard.press("Escape")

    now = datetime.now(UTC).isoformat()
    failed = {"containerId": SHOP, "containerName": "shop", "timestamp": now, "type": "ValueError", "message": "no 7"}
    tell(server, "errors", failed, {**failed, "message": "no 8"})
    await page.get_by_role("button", name="Errors").click()
    await expect(page.locator(".vw-container-error")).to_have_count(1)
    await expect(page.locator(".vw-container-error")).to_contain_text("\u00d72")

    tell(server, "processes", {"containerId": SHOP, "timestamp": now, "processId": "1", "name": "web", "threads": 4})
    await page.get_by_role("button", name="Processes").click()
    await expect(page.locator(".vw-processes li")).to_contain_text("web")

    await page.get_by_role("button", name="About").click()
    await expect(page.locator(".vw-container")).to_contain_text(HOSTILE)
    assert await page.evaluate("document.body.dataset.ran") is None
    await page.keyboard.press("Escape")
    await expect(page.locator(".vw-container")).to_have_count(0)
    await expect(row(person, "shop")).to_be_focused()


async def test_whose_link_opens_the_page_alone_sees_what_comes_and_why_not_more(reader: Any, server: Any) -> None:
    """The rooms, and nothing of REST."""
    person = await opened(reader, server, server.grant("analyst", "dashboard:containers"))
    await expect(person.page.locator(".vw-watching")).to_contain_text("are not part of this view")
    await row(person, "shop").click()
    await expect(person.page.locator(".vw-live-word")).to_contain_text("Live")
    say(server, SHOP, "shop", "to everybody who watches")
    await expect(person.page.locator(".vw-log-row", has_text="to everybody who watches")).to_be_visible()
    await expect(person.page.locator(".vw-log-row", has_text="GET /orders")).to_have_count(0)


async def test_a_viewer_sees_what_comes_and_whose_role_the_rest_takes(reader: Any, server: Any) -> None:
    """On a page that is open to viewers."""
    publish(server, notebook="containers.ipynb", name="open-containers", role="viewer")
    person: Reader = await reader(server, token=server.grant("viewer"))
    await person.page.goto(f"{person.url}vibeworkbench/dashboards/open-containers?token={person.token}")
    await expect(person.page.locator(".vw-watching")).to_contain_text("take the role analyst")
    await expect(row(person, "database")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_panel_is_readable_in_every_light_and_width(
    reader: Any, server: Any, tmp_path: Path, scheme: Any
) -> None:
    """Nothing stands out of the page, on a wide screen and on a phone."""
    for width in (1440, 390):
        person = await opened(reader, server, color_scheme=scheme, viewport={"width": width, "height": 1000})
        await expect(row(person, "shop").locator(".vw-course path").first).to_be_attached()
        await person.page.screenshot(path=tmp_path / f"containers-{scheme}-{width}.png")
        await row(person, "shop").click()
        await expect(person.page.locator(".vw-log-row").first).to_be_visible()
        await person.page.screenshot(path=tmp_path / f"container-{scheme}-{width}.png")
        over = await person.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0
