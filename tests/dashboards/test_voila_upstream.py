"""Voila for people whom another provider of identities knows: they come without any cookie or token of ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.dashboards.voila_staging import publish, write_notebook
from tests.patience import LONG_S, PATIENCE_S
from tests.servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(LONG_S)]

PROVIDER = """
from jupyter_server.auth import IdentityProvider, User

class Club(IdentityProvider):
    async def get_user(self, handler):
        name = handler.request.headers.get("X-Member")
        return None if name is None else User(name)

c.ServerApp.identity_provider_class = Club
"""


def test_a_page_of_voilas_and_all_that_it_loads_is_there_for_them(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    """And for nobody else: strangers and people without a role get none of it."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "jupyter_server_config.py").write_text(PROVIDER)
    write_notebook(tmp_path / "live.ipynb", "print('live was drawn')")
    server = start_server('[access.roles]\nvera = "viewer"\n', data=tmp_path)
    publish(server, "live.ipynb")
    with httpx.Client(base_url=server.url, headers={"X-Member": "vera"}, timeout=PATIENCE_S) as vera:
        assert [vera.get(each).status_code for each in ("lab", "api/kernels")] == [403, 403]
        page = vera.get("voila/render/live.ipynb")
        assert page.status_code == 200
        assert "live was drawn" in page.text
        loaded = re.findall(r'(?:src|href)="(/voila/(?:static|templates)/[^"]+)"', page.text)
        assert {address.split("/")[2] for address in loaded} == {"static", "templates"}
        for address in loaded:
            assert vera.get(address).status_code == 200, address
            assert httpx.get(server.url + address[1:], timeout=PATIENCE_S).status_code in (302, 401, 403)
            stranger = httpx.get(server.url + address[1:], headers={"X-Member": "bob"}, timeout=PATIENCE_S)
            assert stranger.status_code == 403
