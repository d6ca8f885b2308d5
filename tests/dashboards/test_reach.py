"""Whoever watches a dashboard that becomes another's is sent away."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.dashboards.staging import notebook
from tests.patience import PATIENCE_S


@pytest.fixture(scope="module")
def server(start_server):
    made = start_server("", "--no-lab")
    for name in ("raised", "panel"):
        (made.data / f"{name}.ipynb").write_text(notebook("print(1)"))
    return made


def publish(server, **order):
    """The dashboard is published as ordered, and rendered."""
    with server.http(server.grant("operator")) as http:
        http.post("api/dashboards", json=order, timeout=PATIENCE_S).raise_for_status()


@contextmanager
def joined(server, name, token):
    """A member of the dashboard's room that was told how it stands."""
    root = server.url.replace("http", "ws", 1)
    with connect(
        f"{root}vibeworkbench/parties/dashboards/{name}?token={token}", proxy=None, open_timeout=PATIENCE_S
    ) as socket:
        until(socket, lambda message: message["type"] == "snapshot")
        yield socket


def until(socket, fits):
    """A message that fits was heard."""
    while not fits(json.loads(socket.recv(timeout=PATIENCE_S))):
        pass


def end_of(socket):
    """The code with which the server closes the connection."""
    with pytest.raises(ConnectionClosed) as end:
        until(socket, lambda message: False)
    return end.value.rcvd.code


def test_who_watches_a_dashboard_that_is_now_for_a_higher_role_is_sent_away(server):
    """A viewer's open socket ends with 4403; an analyst's stays."""
    publish(server, notebook="raised.ipynb", role="viewer")
    tokens = [server.grant(role) for role in ("viewer", "analyst")]
    with joined(server, "raised", tokens[0]) as viewer, joined(server, "raised", tokens[1]) as analyst:
        publish(server, notebook="raised.ipynb", role="analyst")
        assert end_of(viewer) == 4403
        until(analyst, lambda message: message["data"].get("state") == "ready")


def test_a_dashboard_s_token_ends_with_what_it_is_for(server):
    """Its socket ends when the dashboard is no longer published, and does not open again."""
    publish(server, notebook="panel.ipynb", role="viewer")
    token = server.grant("viewer", "dashboard:panel")
    with joined(server, "panel", token) as viewer:
        with server.http(server.grant("operator")) as http:
            http.delete("api/dashboards/panel").raise_for_status()
        assert end_of(viewer) == 4401
    address = f"{server.url.replace('http', 'ws', 1)}vibeworkbench/parties/dashboards/panel?token={token}"
    with connect(address, proxy=None, open_timeout=PATIENCE_S) as again:
        assert end_of(again) == 4403


def test_dashboards_published_at_once_are_all_there(server):
    """Each publisher is told of its own, whoever else has just looked at the database."""
    (server.data / "many.ipynb").write_text(notebook())
    with server.http(server.grant("operator")) as http, ThreadPoolExecutor(12) as publishers:

        def answered(number):
            order = {"notebook": "many.ipynb", "name": f"many-{number}", "role": "viewer"}
            return http.post(
                "api/dashboards", json=order, headers={"Prefer": "respond-async"}, timeout=PATIENCE_S
            ).status_code

        assert set(publishers.map(answered, range(24))) == {202}
        for number in range(24):
            http.delete(f"api/dashboards/many-{number}")
