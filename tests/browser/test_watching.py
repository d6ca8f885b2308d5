"""Everybody watches: what an operator does is seen live by those who may only look, and these can do nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Reader, publish, served
from tests.browser.test_ops_panel import workspace
from tests.patience import LONG_S, PATIENCE_S

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(LONG_S)]

ROOT = Path(__file__).parents[2]
CROWD = 1_000
NARROWED = "dashboard:operations"
HEARS = """
addEventListener("vibeworkbench:connection", ({ detail }) => (window.heard ??= []).push(detail));
"""
NO_SOCKETS = """
WebSocket = class { constructor() { setTimeout(() => this.onclose?.({ code: 1006, reason: "" })) } close() {} };
"""
PASSWORD = "correct horse battery staple"


@dataclass
class Shop:
    """An HTTP target that answers when it is let, with the status that the test wants."""

    port: int = 0
    status: int = 503
    is_open: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await self.is_open.wait()
            writer.write(f"HTTP/1.1 {self.status} So\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok".encode())
            await writer.drain()
        writer.close()

    @property
    def settings(self) -> str:
        """Settings with this target, whose scans last as long as it does not answer."""
        url = f"http://127.0.0.1:{self.port}/"
        target = f'[[ops.targets]]\nkind = "http"\nname = "shop"\nurl = "{url}"\ntimeout_s = 60.0\n'
        return f"[ops]\ncollector_limit_s = 60.0\nscan_limit_s = 90.0\n{target}"


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """A shop on a free port, closed."""
    it = Shop()
    async with served(it.serve) as it.port:
        yield it


@dataclass
class Crowd:
    """So many scripted viewers."""

    process: asyncio.subprocess.Process

    async def told(self) -> dict[str, Any]:
        """The next that it says."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE_S)
        said: dict[str, Any] = json.loads(line)
        return said

    async def heard_until(self, seq: int) -> dict[str, Any]:
        """What all have heard up to the message ``seq``."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seq}\n".encode())
        return await self.told()


@pytest.fixture
async def crowd() -> AsyncIterator[Callable[..., Any]]:
    """Lets crowds in: ``crowd(server, count)``; they are gone at the end."""
    crowds: list[Crowd] = []

    async def come(server: Any, count: int) -> Crowd:
        address = f"{server.url}vibeworkbench/parties/ops-monitor-broadcast/main".replace("http", "ws", 1)
        pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
        environment = {**os.environ, "VIBEWORKBENCH_TOKEN": server.grant("viewer")}
        command = [sys.executable, "-m", "tests.browser.crowd", address, str(count)]
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, **pipes)
        crowds.append(Crowd(process))
        assert await crowds[-1].told() == {"members": count}
        return crowds[-1]

    yield come
    for each in crowds:
        if each.process.returncode is None:
            each.process.kill()
        await each.process.wait()


def ops_room(server: Any) -> dict[str, Any]:
    """How the ops room stands."""
    with server.http() as admin:
        said: dict[str, Any] = admin.get("api/rooms/ops-monitor-broadcast/main").raise_for_status().json()
    return said


def asked_by(person: Reader) -> set[str]:
    """Paths of our REST that the person's page asks for from now on."""
    paths: set[str] = set()

    def requested(request: Any) -> None:
        path = urlsplit(request.url).path
        if "/vibeworkbench/api/" in path:
            paths.add(path)

    person.page.on("request", requested)
    return paths


async def only_watches(person: Reader) -> None:
    """The panel says that its reader watches, and offers nothing that acts."""
    await expect(person.page.locator(".vw-watching")).to_have_text("You are watching: actions take the role operator.")
    await expect(person.page.locator("[data-scope].vw-button, .vw-verbs")).to_have_count(0)


async def test_a_scan_is_watched_live_on_the_page_and_in_voila_among_a_thousand(
    workbench: Any, shop: Shop, second_browser: Any, reader: Any, crowd: Any
) -> None:
    """Every step of an operator's scans and actions, in another browser, while a thousand more watch."""
    server = workbench(shop.settings)
    await asyncio.to_thread(publish, server)
    operator = await reader(server, token=server.grant("operator"))
    on_page = await reader(server, token=server.grant("viewer"), within=second_browser)
    in_voila = await reader(server, token=server.grant("viewer"), within=second_browser)
    everybody = await crowd(server, CROWD)
    await operator.open_page()
    await on_page.open_page()
    await in_voila.open_voila()
    watching = (on_page, in_voila)
    asked = [asked_by(each) for each in watching]
    for each in watching:
        await only_watches(each)
    assert (await asyncio.to_thread(ops_room, server))["members"] == CROWD + 3

    await operator.page.get_by_role("button", name="Full scan", exact=True).click()
    for each in (operator, *watching):
        await expect(each.page.locator('.vw-progress[data-scope="full"]')).to_contain_text("by test operator")
    await operator.page.get_by_role("button", name="Full scan", exact=True).dispatch_event("click")
    await expect(operator.page.locator(".vw-notice")).to_have_text("The full scan is running.")
    shop.is_open.set()
    for each in watching:
        await expect(each.page.locator(".vw-progress")).to_have_count(0)
        await expect(each.page.locator(".vw-last")).to_contain_text("completed")
        await expect(each.row("http:shop")).to_contain_text("open")

    await operator.row("http:shop").click()
    await operator.page.locator(".vw-verbs").get_by_role("button", name="Claim").click()
    for each in watching:
        await expect(each.row("http:shop")).to_contain_text("claimed by test operator")
        await each.row("http:shop").click()
        await expect(each.page.locator(".vw-details")).to_contain_text("Earlier changes take the role analyst.")
        await only_watches(each)
        await each.page.keyboard.press("Escape")

    await operator.scan()
    for each in watching:
        await expect(each.row("http:shop").locator(".vw-count")).to_have_text("\u00d72")

    shop.status = 200
    await operator.scan()
    for each in watching:
        await expect(each.row("http:shop")).to_have_count(0)
        await each.show("Resolved")
        await expect(each.row("http:shop")).to_contain_text("resolved")
        await expect(each.page.locator(".vw-elsewhere")).to_contain_text("Past issues take the role analyst.")

    told = await everybody.heard_until((await asyncio.to_thread(ops_room, server))["lastSeq"])
    types = told.pop("types")
    assert told == {"members": CROWD, "histories": 1}
    assert [kind for kind in types if kind in ("scan-start", "scan-result")] == ["scan-start", "scan-result"] * 3
    as_of_now = {"/vibeworkbench/api/rooms/ops-monitor-broadcast/main/messages"}
    assert asked == [as_of_now, as_of_now]  # nothing that takes another role


async def test_a_link_shows_the_page_live_and_is_not_left_in_the_address(
    workbench: Any, reader: Any, network_to: Any
) -> None:
    """A narrowed token vouches without a cookie, also after a cut; the page hears how it is connected."""
    server = workbench()
    await asyncio.to_thread(publish, server)
    network = await network_to(server)
    person = await reader(server, network.url, token=server.grant("operator", NARROWED))
    person.network_is_cut = True
    await person.page.add_init_script(HEARS)
    await person.open_page(asked="&kiosk&theme=dark")
    assert person.page.url == f"{network.url}vibeworkbench/dashboards/operations?kiosk&theme=dark"
    assert person.token not in await person.page.content()
    assert await person.page.context.cookies() == []
    await expect(person.page.locator(".vw-watching")).to_contain_text("opens this view, not its actions")

    network.cut()
    await expect(person.quality()).to_contain_text("Reconnecting")
    network.mend()
    await expect(person.quality()).to_contain_text("Live")
    heard = await person.page.evaluate("window.heard")
    assert all(each.keys() == {"quality", "transport", "asOfMs"} for each in heard)
    told = [each["quality"] for each in heard]
    assert {"good", "reconnecting"} <= set(told) <= {"connecting", "good", "slow", "reconnecting"}
    assert (told[-1], heard[-1]["transport"]) == ("good", "socket")


@pytest.mark.parametrize("by_link", [True, False])
async def test_access_that_ends_is_said_and_what_to_do_about_it(by_link: bool, workbench: Any, reader: Any) -> None:
    """A revoked token: what was known stays, nobody reconnects for ever, and there is a way back in where one is."""
    server = workbench()
    await asyncio.to_thread(publish, server)
    with server.http() as admin:
        made = admin.post("api/tokens", json={"role": "viewer", "name": "guest"}).raise_for_status().json()
        person = await reader(server, token=made["token"])
        await person.open_page()
        if not by_link:
            await person.page.goto(f"{server.url}vibeworkbench/dashboards/operations")
            await person.ready()
        dialled: list[str] = []
        person.page.on("websocket", lambda socket: dialled.append(socket.url.split("?")[0]))
        assert admin.delete(f"api/tokens/{made['id']}").is_success

    panel = person.page.locator(".vw-ops")
    await expect(panel.locator(".vw-banner")).to_contain_text("Your access has ended.")
    await expect(panel.locator(".vw-banner")).to_contain_text("You see what was known at")
    ways = person.page.get_by_role("link", name=re.compile("^(Sign|Log) in$"))
    await expect(ways.filter(visible=True)).to_have_count(0 if by_link else 1)
    await expect(panel.locator(".vw-issues")).to_be_visible()
    await expect(person.quality()).to_contain_text("Not connected")
    ops = [url for url in dialled if "/ops-monitor-broadcast/" in url]
    assert len(ops) == 1  # once more, as whatever one is now, and then no more


async def test_another_role_is_another_panel_at_once(workbench: Any, reader: Any) -> None:
    """An operator who becomes a viewer is let in again as one, without reloading; made operator again, acts again."""
    person = await ada(workbench, reader)
    set_role(person.server, "viewer")
    await only_watches(person)
    await expect(person.quality()).to_contain_text("Live")
    set_role(person.server, "operator")
    await expect(person.page.get_by_role("button", name="Full scan", exact=True)).to_be_visible()


async def test_where_no_socket_passes_a_refusal_says_who_one_is_now(workbench: Any, reader: Any) -> None:
    """Polls do not tell of another role; what is then tried is not done, and not offered again."""
    person = await ada(workbench, reader, script=NO_SOCKETS)
    await expect(person.quality()).to_contain_text("by polling")
    set_role(person.server, "viewer")
    person.network_is_cut = True  # the refusal is seen on the console
    await person.page.get_by_role("button", name="Full scan", exact=True).click()
    await expect(person.page.locator(".vw-notice")).to_contain_text("The full scan did not start.")
    await only_watches(person)


async def ada(workbench: Any, reader: Any, script: str = "") -> Reader:
    """Ada, an operator, has logged in by her password and is led to the page."""
    server = workbench()
    await asyncio.to_thread(publish, server)
    set_role(server, "operator", password=PASSWORD)
    person: Reader = await reader(server)
    await person.page.add_init_script(script)
    await person.page.goto(f"{server.url}login?next=/vibeworkbench/dashboards/operations")
    await person.page.get_by_label("Name").fill("ada")
    await person.page.get_by_label("Password").fill(PASSWORD)
    await person.page.get_by_role("button", name="Log in").click()
    await person.ready()
    await expect(person.page.get_by_role("button", name="Full scan", exact=True)).to_be_visible()
    return person


def set_role(server: Any, role: str, **also: str) -> None:
    """Ada has this role."""
    with server.http() as admin:
        admin.put("api/roles/ada", json={"role": role, **also}).raise_for_status()


async def test_a_read_only_panel_leaves_out_actions_for_everybody(workbench: Any, reader: Any) -> None:
    """Also for an admin, who sees all that there is."""
    server = workbench()
    code = "from vibeworkbench.panels import OpsPanel\nOpsPanel(title='Lobby', read_only=True)"
    await asyncio.to_thread(publish, server, notebook="lobby.ipynb", content=notebook(code))
    person = await reader(server)
    await person.open_page("lobby")
    await expect(person.page.locator(".vw-watching")).to_have_text("Read-only")
    await expect(person.page.locator("[data-scope].vw-button")).to_have_count(0)
    await expect(person.page.locator(".vw-ops h2")).to_have_text("Lobby")


async def test_the_worst_of_many_issues_are_shown_and_the_rest_is_named(
    workbench: Any, reader: Any, tmp_path: Path
) -> None:
    """A viewer has what the room tells, an analyst all of them; both know how many there are."""
    server = workbench("".join(workspace(tmp_path / name, 150) for name in ("one", "two")))
    await asyncio.to_thread(publish, server)
    with server.http() as admin:
        admin.post("api/ops/scan", json={"scope": "full"}).raise_for_status()
    viewer = await reader(server, token=server.grant("viewer"))
    analyst = await reader(server, token=server.grant("analyst"))
    for each in (viewer, analyst):
        await each.open_page()
        await each.page.get_by_role("button", name="Show more").click()
    await expect(viewer.page.locator(".vw-row")).to_have_count(200)
    await expect(viewer.page.locator(".vw-elsewhere")).to_contain_text("The 200 worst of 3")
    await expect(analyst.page.locator(".vw-rows")).to_have_attribute("aria-label", re.compile("^3.. issues$"))
    await expect(analyst.page.locator(".vw-elsewhere")).to_have_count(0)


def notebook(code: str) -> str:
    """The text of a notebook with one cell."""
    cell = {"id": "one", "cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": code}
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
