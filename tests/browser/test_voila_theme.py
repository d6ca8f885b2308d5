"""Voila's pages are light or dark as the reader's system is, unless a theme was asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.browser.conftest import publish

pytestmark = pytest.mark.browser

PAPER = "getComputedStyle(document.body).backgroundColor"
IS_DARK = f"{PAPER} === 'rgb(17, 17, 17)'"  # theme-dark.css: --jp-layout-color0
IS_LIGHT = f"{PAPER} === 'rgb(255, 255, 255)'"


async def test_the_dashboard_follows_the_system(workbench: Any, reader: Any) -> None:
    """From the start, and when the system changes; a theme in the address is what was asked for."""
    person = await reader(workbench(), color_scheme="dark")
    page = person.page
    await person.open_voila()
    assert await page.evaluate(IS_DARK)
    panel = page.locator(".vw-panel")
    assert await panel.evaluate("it => getComputedStyle(it).colorScheme") == "dark"
    assert await panel.evaluate("it => getComputedStyle(it).color") == "rgb(232, 234, 238)"

    await page.emulate_media(color_scheme="light")
    await page.wait_for_function(IS_LIGHT)
    assert await panel.evaluate("it => getComputedStyle(it).colorScheme") == "light"
    assert await page.evaluate("document.body.dataset.jpThemeName") == "JupyterLab Light"

    await page.emulate_media(color_scheme="dark")
    await person.open_voila(theme="light")
    assert await page.evaluate(IS_LIGHT)
    await page.emulate_media(color_scheme="light")
    await person.open_voila(theme="dark")
    assert await page.evaluate(IS_DARK)


@pytest.mark.parametrize(("scheme", "paper"), [("dark", "rgb(15, 19, 24)"), ("light", "rgb(246, 247, 249)")])
async def test_the_list_of_notebooks_follows_the_system(workbench: Any, reader: Any, scheme: str, paper: str) -> None:
    """The pages around the notebooks follow it, too."""
    server = workbench()
    await asyncio.to_thread(publish, server, wait=False)
    person = await reader(server, color_scheme=scheme)
    await person.page.goto(f"{person.url}voila/tree?token={person.token}")
    await person.page.get_by_text("operations.ipynb").wait_for()
    assert await person.page.evaluate(PAPER) == paper
