"""Pages that colleagues reach by a server's name and without TLS: browsers keep some of their abilities from those."""

from __future__ import annotations

import shutil
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.browser.conftest import DASHBOARD, publish
from tests.conftest import COLLEAGUES_NAME
from tests.patience import LONG_S

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(LONG_S)]

KNOWN = f"c.ServerApp.local_hostnames = ['localhost', '{COLLEAGUES_NAME}']\n"


@pytest.fixture
def named(start_server: Any, tmp_path: Any) -> Any:
    """A server that has this name, with two pages on it, and where a colleague reaches it."""
    data = tmp_path / "data"
    (data / "config").mkdir(parents=True)
    (data / "config" / "jupyter_server_config.py").write_text(KNOWN)
    for notebook in (DASHBOARD, DASHBOARD.with_name("terminals.ipynb")):
        shutil.copy(notebook, data)
    server = start_server("[terminals]\nsurvive_s = 0\n", "--no-lab", data=data)
    publish(server, interactive=False)
    publish(server, notebook="terminals.ipynb", interactive=False)
    return server, server.url.replace(str(urlsplit(server.url).hostname), COLLEAGUES_NAME)


async def test_panels_and_terminals_are_live_where_the_browser_trusts_nobody(named: Any, reader: Any) -> None:
    """A page over plain HTTP is no secure context, and a panel needs none."""
    server, url = named
    person = await reader(server, url, token=server.grant("viewer"))
    await person.page.goto(f"{url}vibeworkbench/dashboards/operations?token={person.token}")
    assert await person.page.evaluate("[isSecureContext, typeof crypto.randomUUID]") == [False, "undefined"]
    await expect(person.page.locator("#vw-connection")).to_contain_text("Live")
    await expect(person.page.locator(".vw-panel .vw-issues")).to_be_visible()

    with server.http() as admin:
        shell = {"kind": "local", "command": ["/bin/sh"]}
        made = admin.post("api/terminals", json={"upstream": shell, "name": "Common"})
        assert made.status_code == 201, made.text
    terminal = made.json()["terminalId"]
    await person.page.goto(f"{url}vibeworkbench/dashboards/terminals?token={server.token}&terminal={terminal}")
    await expect(person.page.locator("[data-hop=you]")).to_contain_text("connected")
