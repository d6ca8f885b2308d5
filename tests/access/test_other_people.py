"""A Jupyter server of several people, whom a provider knows that is neither Jupyter's own nor ours."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import nbformat
import pytest

from tests.patience import LONG_S, PATIENCE_S
from tests.web.test_provider import jupyter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(LONG_S)]

CLUB = """
from jupyter_server.auth import IdentityProvider, User

class Club(IdentityProvider):
    def get_user(self, handler):
        name = handler.request.headers.get("X-Member")
        return None if name is None else User(name)
"""
OWN = "the-server-s-own-token"
TELLING = "import os; print('lent:', os.environ['VIBEWORKBENCH_TOKEN'], 'end')"


def test_a_notebook_is_rendered_with_its_publishers_right_and_never_the_servers(tmp_path: Path) -> None:
    """The server's own token may open all of Jupyter; an operator's notebook gets none, and a viewer publishes none."""
    (tmp_path / "club.py").write_text(CLUB)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "vibeworkbench.toml").write_text('[access.roles]\nolga = "operator"\nvera = "viewer"\n')
    notebook = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(TELLING)]))
    asked = {"notebook": "telling.ipynb", "content": notebook}
    chosen = (
        "--ServerApp.identity_provider_class=club.Club",
        "--ServerApp.authorizer_class=jupyter_server.auth.AllowAllAuthorizer",
        f"--IdentityProvider.token={OWN}",
        "--ServerApp.disable_check_xsrf=True",
    )
    with jupyter(tmp_path, *chosen, PYTHONPATH=str(tmp_path)) as server:
        url = json.loads(server.left("vibeworkbench-{pid}.json").read_bytes())["url"]
        with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
            answer = client.post("vibeworkbench/api/dashboards", json=asked, headers={"X-Member": "vera"})
            assert answer.status_code == 403
            answer = client.post("vibeworkbench/api/dashboards", json=asked, headers={"X-Member": "olga"})
            assert (answer.status_code, answer.json()["state"]) == (200, "ready"), server.log()
            page = client.get("vibeworkbench/dashboards/telling", headers={"X-Member": "vera"})
            assert page.status_code == 200
    assert "lent:" in page.text
    assert OWN not in page.text
