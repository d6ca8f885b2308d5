"""The extension in a Jupyter server: beside JupyterLab and Voila, under its authorizer, and with settings that fail."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import websockets
from jupyter_server.base.websocket import WebSocketMixin
from websockets.sync.client import connect

from tests.patience import PATIENCE_S
from vibeworkbench.serve import _config

NOTEBOOK = {
    "cells": [
        {"id": "one", "cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": "1"}
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}

AUTHORIZER = """
from jupyter_server.auth import Authorizer

class Readers(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        ours = resource.startswith("vibeworkbench.")
        return action == "read" and resource != "vibeworkbench.rooms" if ours else True

c.ServerApp.authorizer_class = Readers
"""


@pytest.fixture(scope="module")
def lab(start_server: Callable[..., object], tmp_path_factory: pytest.TempPathFactory):
    """A server with JupyterLab and Voila, and one notebook."""
    data = tmp_path_factory.mktemp("lab")
    (data / "page.ipynb").write_text(json.dumps(NOTEBOOK))
    return start_server(data=data)


def test_a_voila_page_loads_no_style_from_elsewhere_and_lets_its_panels_write(lab) -> None:
    """Behind a firewall the page is not kept blank, and its cookie _xsrf lets widgets post."""
    with lab.http() as admin:
        asked = {"notebook": "page.ipynb", "name": "page", "interactive": True}
        admin.post("api/dashboards", json=asked).raise_for_status()
    with httpx.Client(base_url=lab.url, timeout=PATIENCE_S) as browser:
        page = browser.get("voila/render/page.ipynb", params={"token": lab.token})
        assert page.status_code == 200
        linked = re.findall(r'<(?:link|script)[^>]+(?:href|src)="(https?:[^"]+)"', page.text)
        assert linked == []
        xsrf = browser.cookies["_xsrf"]
        written = browser.post("vibeworkbench/api/ops/scan", json={"scope": "?"}, headers={"X-XSRFToken": xsrf})
        assert written.status_code == 400


def test_lab_stands_beside_us(lab) -> None:
    """The same process serves JupyterLab, ours and Jupyter's own API."""
    with lab.http() as ours:
        assert ours.get("api/status").status_code == 200
    headers = {"Authorization": f"token {lab.token}"}
    for path in ("lab", "api/contents", "voila"):
        assert httpx.get(f"{lab.url}{path}", headers=headers, timeout=PATIENCE_S).status_code == 200


@pytest.mark.parametrize(("role", "terminals", "quits"), [("analyst", 0, 0), ("operator", 1, 0), ("admin", 1, 1)])
def test_lab_offers_what_its_reader_may_do(lab, role: str, terminals: int, quits: int) -> None:
    """Terminals are for operators, the shutdown is for admins; whoever asked before makes no difference."""
    page = httpx.get(f"{lab.url}lab", headers={"Authorization": f"token {lab.grant(role)}"}, timeout=PATIENCE_S).text
    config = json.loads(re.search(r'id="jupyter-config-data" type="application/json">(.+?)</script>', page)[1])
    assert (config["terminalsAvailable"], config.get("quitButton", True)) == (bool(terminals), bool(quits))
    assert config["token"] == ""


def test_a_scan_sees_the_server_s_kernels(lab) -> None:
    """The jupyter collector is told how to list what runs here."""
    headers = {"Authorization": f"token {lab.token}"}
    started = httpx.post(f"{lab.url}api/kernels", headers=headers, json={}, timeout=PATIENCE_S)
    assert started.status_code == 201
    with lab.http() as ours:
        scan = ours.post("api/ops/scan", json={"scope": "full", "filters": {"source": "jupyter"}}).json()
    (look,) = [each for each in scan["collectors"] if each["name"] == "jupyter"]
    assert look["state"] == "ok"
    assert look["records"] >= 1


def test_a_kernel_s_socket_outlives_its_first_ping(lab) -> None:
    """Jupyter counts the time without a pong from the opening: a timeout no longer than the interval cuts the socket.

    Tornado's warning about the longer one is kept from the log.
    """

    class Socket(WebSocketMixin):
        settings = _config(lab=True).ServerApp.get("tornado_settings", {})

    assert Socket().ping_timeout >= 2 * Socket().ping_interval
    headers = {"Authorization": f"token {lab.token}"}
    kernel = httpx.post(f"{lab.url}api/kernels", headers=headers, json={}, timeout=PATIENCE_S).json()
    with connect(
        f"ws{lab.url[4:]}api/kernels/{kernel['id']}/channels", additional_headers=headers, open_timeout=PATIENCE_S
    ) as channels:
        channels.recv(timeout=PATIENCE_S)
    httpx.delete(f"{lab.url}api/kernels/{kernel['id']}", headers=headers, timeout=PATIENCE_S)
    assert "ping_timeout" not in lab.log()


def test_the_token_reaches_no_kernel(lab) -> None:
    """What runs in a kernel does not inherit the admin's token from the server's environment."""
    environment = {**os.environ, "VIBEWORKBENCH_TOKEN": "secret-of-the-admin"}
    probe = (
        "import os, threading\n"
        "from pathlib import Path\n"
        "from vibeworkbench.serve import serve\n"
        "def ready(url):\n"
        "    print('seen:', os.environ.get('VIBEWORKBENCH_TOKEN'), flush=True)\n"
        "    os.kill(os.getpid(), 15)\n"
        f"raise SystemExit(serve(port=0, data_dir=Path({str(lab.data / 'probe')!r}), lab=False, ready=ready))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", probe], env=environment, cwd=lab.data, capture_output=True, text=True, check=True
    )
    assert "seen: None" in ran.stdout
    assert "secret-of-the-admin" not in ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def readers(start_server: Callable[..., object], tmp_path_factory: pytest.TempPathFactory):
    """A server whose authorizer lets our resources only be read, and the rooms not even that."""
    data = tmp_path_factory.mktemp("readers")
    (data / "config").mkdir()
    (data / "config" / "jupyter_server_config.py").write_text(AUTHORIZER)
    return start_server("", "--no-lab", data=data)


def test_the_server_s_authorizer_is_asked_for_every_operation(readers) -> None:
    """With its own resource for each subsystem, and the action that the method means."""
    with readers.http() as client:
        paths = client.get("api/openapi.json").json()["paths"]
        for path, methods in paths.items():
            for method, said in methods.items():
                answer = client.request(method, re.sub(r"\{\w+\}", "x", path).removeprefix("/"))
                reads = method == "get" or (method, path) == ("post", "/api/logs/explain")  # a question in a body
                refused = bool(said["security"]) and (not reads or said["tags"] == ["rooms"])
                assert (answer.status_code == 403) == refused, (method, path, answer.text)
                if refused:
                    assert answer.json()["error"]["code"] == "not-allowed"


def socket_url(server, **query: str) -> str:
    path = "vibeworkbench/parties/ops-monitor-broadcast/main"
    return str(httpx.URL(f"ws{server.url.removeprefix('http')}{path}", params=query))


def test_the_server_s_authorizer_is_asked_for_sockets(readers) -> None:
    """A known caller without the right is told so by the close code."""
    with (
        connect(socket_url(readers, token=readers.token), open_timeout=PATIENCE_S) as socket,
        pytest.raises(websockets.ConnectionClosed) as end,
    ):
        socket.recv(timeout=PATIENCE_S)
    assert end.value.rcvd.code == 4403


def test_a_stranger_s_socket_is_closed_with_4401(lab) -> None:
    """A browser can show its user that a login is needed, which no refused handshake would tell it."""
    with connect(socket_url(lab), open_timeout=PATIENCE_S) as socket, pytest.raises(websockets.ConnectionClosed) as end:
        socket.recv(timeout=PATIENCE_S)
    assert end.value.rcvd.code == 4401


def test_a_socket_of_a_foreign_page_is_refused_at_the_handshake(lab) -> None:
    """A page of another origin gets no connection with its visitor's cookie."""
    with httpx.Client(base_url=lab.url, timeout=PATIENCE_S) as browser:
        browser.get("lab", params={"token": lab.token})
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = {"Cookie": cookies}
    with connect(
        socket_url(lab), additional_headers=headers, origin=lab.url.rstrip("/"), open_timeout=PATIENCE_S
    ) as socket:
        assert json.loads(socket.recv(timeout=PATIENCE_S))["type"] == "connected"
    with pytest.raises(websockets.InvalidStatus) as refused:
        connect(socket_url(lab), additional_headers=headers, origin="http://elsewhere.example", open_timeout=PATIENCE_S)
    assert refused.value.response.status_code == 403


def test_a_jupyter_server_lives_on_when_our_settings_mean_nothing(tmp_path: Path) -> None:
    """Somebody's JupyterLab must not go down over our settings: the log says what is wrong, and we are not there."""
    (tmp_path / "vibeworkbench.toml").write_text("[rooms]\nheartbeat = 3\n")
    environment = {
        **os.environ,
        "VIBEWORKBENCH_DATA": str(tmp_path),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
    }
    command = [sys.executable, "-m", "jupyter_server", "--port=0", "--allow-root", "--ServerApp.open_browser=False"]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if "is running at" in line:
                process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    log = "".join(said)
    assert "rooms" in log
    assert "heartbeat" in log
    assert "is running at" in log
    assert not list((tmp_path / "runtime").glob("vibeworkbench-*.json"))
