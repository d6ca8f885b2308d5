"""The ops panel in a real Chromium before a real server, in JupyterLab and in Voila: where the straight line ends."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.patience import LONG_S

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(LONG_S)]


@pytest.mark.parametrize("face", ["lab", "voila"])
async def test_every_step_of_a_trouble_is_seen(
    face: str, workbench: Any, settings_of: Callable[..., str], target: Any, reader: Any
) -> None:
    """A target stops answering: one issue, also when scanned twice, and it resolves by itself when well again."""
    person = await reader(workbench(settings_of(target)))
    await (person.open_lab() if face == "lab" else person.open_voila())
    await person.scan()
    await expect(person.row("http:shop")).to_have_count(0)

    target.answers = False
    await person.scan()
    await expect(person.row("http:shop")).to_have_count(1)
    await expect(person.row("http:shop")).to_contain_text("open")
    await person.scan()
    await expect(person.row("http:shop")).to_have_count(1)
    await expect(person.row("http:shop").locator(".vw-count")).to_have_text("\u00d72")

    target.answers = True
    await person.scan()
    await expect(person.row("http:shop")).to_have_count(0)
    await person.show("Resolved")
    await expect(person.row("http:shop")).to_contain_text("resolved")
    await person.row("http:shop").click()
    await expect(person.page.locator(".vw-history")).to_contain_text("filed by scan")


async def test_a_full_disk_is_an_issue_until_it_has_room_again(
    workbench: Any, settings_of: Callable[..., str], reader: Any
) -> None:
    """The panel outlives the server's restart with another threshold, and sees the issue resolve."""
    full = workbench(settings_of(disk_is_full=True))
    person = await reader(full, token=full.grant("operator"))  # the server's own token is another after each start
    person.network_is_cut = True
    await person.open_voila()
    await person.scan()
    await expect(person.row("mount:/")).to_contain_text("open")

    full.stop()
    await expect(person.quality()).to_contain_text("Reconnecting")
    port = str(urlsplit(full.url).port)
    again = workbench(settings_of(), "--port", port, data=full.data)
    await expect(person.quality()).to_contain_text("Live")
    with again.http() as client:
        assert client.post("api/ops/scan", json={"scope": "full"}).status_code == 200
    await expect(person.row("mount:/")).to_have_count(0)
    await person.show("Resolved")
    await expect(person.row("mount:/")).to_contain_text("resolved")


async def test_what_happens_while_the_network_is_cut_is_seen_when_it_is_back(
    workbench: Any, settings_of: Callable[..., str], target: Any, reader: Any, network_to: Any
) -> None:
    """The panel says that it reconnects, keeps what it knew, and catches up."""
    server = workbench(settings_of(target))
    network = await network_to(server)
    person = await reader(server, network.url)
    person.network_is_cut = True
    await person.open_voila()
    await person.scan()

    network.cut()
    await expect(person.quality()).to_contain_text("Reconnecting")
    await expect(person.page.get_by_role("button", name="Full scan")).to_have_attribute("aria-disabled", "true")
    target.answers = False
    with server.http() as client:
        assert client.post("api/ops/scan", json={"scope": "full"}).status_code == 200
    await expect(person.row("http:shop")).to_have_count(0)

    network.mend()
    await expect(person.quality()).to_contain_text("Live")
    await expect(person.row("http:shop")).to_contain_text("open")


async def test_an_issue_is_acknowledged_undone_claimed_muted_resolved_and_reopened(
    workbench: Any, settings_of: Callable[..., str], target: Any, reader: Any
) -> None:
    """Each action is taken in the details, asks for what it needs, and shows in the list and in the history."""
    target.answers = False
    person = await reader(workbench(settings_of(target)))
    await person.open_lab()
    await person.scan()
    page = person.page
    shop, verbs = person.row("http:shop"), page.locator(".vw-verbs")
    await shop.click()

    await verbs.get_by_role("button", name="Acknowledge").click()
    await expect(shop).to_contain_text("acknowledged")
    await page.get_by_role("button", name="Undo").click()
    await expect(shop).to_contain_text("open")

    await verbs.get_by_role("button", name="Claim").click()
    await expect(shop).to_contain_text("claimed by")
    await verbs.get_by_role("button", name="Mute").click()
    await page.locator(".vw-form select").select_option("4")
    await page.locator(".vw-form").get_by_role("button", name="Mute").click()
    await expect(shop).to_have_count(0)
    await person.show("Muted")
    await expect(shop).to_contain_text("muted")

    await verbs.get_by_role("button", name="Resolve").click()
    await page.get_by_label("What made it well?").fill("The cable was out.")
    await page.locator(".vw-form").get_by_role("button", name="Resolve").click()
    await person.show("Resolved")
    await expect(shop).to_contain_text("resolved")
    await expect(page.locator(".vw-history")).to_contain_text("The cable was out.")

    await verbs.get_by_role("button", name="Reopen").click()
    await page.locator(".vw-form").get_by_role("button", name="Reopen").click()
    await person.show("Active")
    await expect(shop).to_contain_text("open")


async def test_the_panel_is_worked_by_keyboard_without_touching_the_notebook(
    workbench: Any, settings_of: Callable[..., str], reader: Any
) -> None:
    """Arrows, Enter and Escape reach rows and details; Lab's single-letter shortcuts do not fire meanwhile."""
    person = await reader(workbench(settings_of(disk_is_full=True)))
    await person.open_lab()
    await person.scan()
    page = person.page
    cells = await page.locator(".jp-Notebook .jp-Cell").count()

    await page.get_by_label("Search issues").fill("")
    await page.get_by_label("Search issues").press_sequentially("mount")
    await expect(person.row("mount:/")).to_have_count(1)
    first = page.locator(".vw-row").first
    await first.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".vw-details")).to_be_visible()
    for key in "abxdd":
        await page.keyboard.press(key)
    await page.keyboard.press("Escape")
    await expect(page.locator(".vw-details")).to_have_count(0)
    await expect(first).to_be_focused()
    assert await page.locator(".jp-Notebook .jp-Cell").count() == cells


async def test_a_thousand_issues_are_counted_and_shown_in_pages(workbench: Any, reader: Any, tmp_path: Path) -> None:
    """All are loaded, a hundred are drawn, more come when asked for, and a search finds any of them."""
    settings = "".join(workspace(tmp_path / f"work{number}", 200) for number in range(5))
    person = await reader(workbench(settings))
    await person.open_voila()
    await person.scan()
    rows = person.page.locator(".vw-row")
    await expect(person.page.locator(".vw-tabs")).to_contain_text("Active 1,0")
    await expect(rows).to_have_count(100)
    await person.page.get_by_role("button", name="Show more").click()
    await expect(rows).to_have_count(300)
    await person.page.get_by_label("Search issues").fill("work3 file_077.py")
    await expect(rows).to_have_count(1)


def workspace(folder: Path, count: int) -> str:
    """Settings for a git work tree that is there now, with so many files and one FIXME in each."""
    folder.mkdir()
    for number in range(count):
        (folder / f"file_{number:03}.py").write_text(f"# FIXME: trouble number {number}\n")
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    path, name = json.dumps(str(folder)), json.dumps(folder.name)
    return f'[[ops.targets]]\nkind = "workspace"\nname = {name}\npath = {path}\ntools = ["markers"]\n'
