"""JupyterLab's own terminals: the same ones, under the same rights, in our server and in somebody's own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.patience import PATIENCE_S
from tests.servers import Server
from tests.terminals.serving import SETTINGS, address, joined, opened, token_of

LAB = "terminals/websocket"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    """One server with JupyterLab for the whole file."""
    return start_server(SETTINGS)


@contextmanager
def jupyter(server: Server, token: str | None = None) -> Iterator[httpx.Client]:
    """A client of Jupyter's interface."""
    headers = {"Authorization": f"token {server.token if token is None else token}"}
    with httpx.Client(base_url=f"{server.url}api/", headers=headers, timeout=PATIENCE_S) as client:
        yield client


async def test_lab_opens_types_lists_and_closes(server: Server) -> None:
    """Its terminal is ours under the same name; who types there is the driver here."""
    with jupyter(server) as lab, server.http() as ours:
        name = lab.post("terminals", json={}).raise_for_status().json()["name"]
        assert name.isdigit()
        assert name in {each["name"] for each in lab.get("terminals").json()}
        assert lab.get(f"terminals/{name}").json()["last_activity"].endswith("Z")
        assert ours.get(f"api/terminals/{name}").json()["role"] == "owner"
        async with (
            joined(server, name, legacy=True, url=address(server, name, LAB)) as member,
            joined(server, name) as other,
        ):
            assert member.hello == ["setup", {}]
            await member.socket.send(json.dumps(["set_size", 40, 100, 800, 600]))
            await member.socket.send(json.dumps(["stdin", 'echo gr""üße $JUPYTER_SERVER_ROOT\r']))
            await member.until("grüße /".encode())
            await other.until("grüße /".encode())
            while not any({"rows": 40, "cols": 100}.items() <= said.items() for said in other.heard):
                await other.next()
            await other.socket.send(b"x")
            assert (await other.told("error"))["code"] == "not-driver"
        assert lab.delete(f"terminals/{name}").status_code == 204
        assert lab.get(f"terminals/{name}").status_code == 404
        assert ours.get(f"api/terminals/{name}").status_code == 404


async def test_a_shell_that_ends_is_disconnected_and_no_longer_listed(server: Server) -> None:
    """As terminado does; asked for again by its name, it begins anew."""
    with jupyter(server) as lab:
        name = lab.post("terminals", json={"name": "again"}).json()["name"]
        assert name == "again"
        async with joined(server, name, legacy=True, url=address(server, name, LAB)) as member:
            await member.socket.send(json.dumps(["stdin", "exit\r"]))
            while await member.next() != ["disconnect", 1]:
                pass
            await member.closed()
        assert name not in {each["name"] for each in lab.get("terminals").json()}
        assert lab.post("terminals", json={"name": name}).json()["name"] == name
        async with joined(server, name, legacy=True, url=address(server, name, LAB)) as member:
            await member.socket.send(json.dumps(["stdin", "echo al''ive\r"]))
            await member.until(b"alive")
        assert lab.delete(f"terminals/{name}").status_code == 204


async def test_ours_stand_in_labs_list(server: Server) -> None:
    """Only those with a local shell that the caller may see; whoever is no operator gets none."""
    _, other = token_of(server, "operator")
    _, analyst = token_of(server, "analyst")
    with server.http() as ours, jupyter(server, other) as operator, jupyter(server, analyst) as refused:
        terminal_id = opened(ours)
        assert terminal_id in {each["name"] for each in operator.get("terminals").json()}
        assert operator.delete(f"terminals/{terminal_id}").status_code == 403
        assert operator.get("terminals/nothing").status_code == 404
        assert operator.post("terminals", json={"name": "No Name"}).status_code == 400
        assert refused.get("terminals").status_code == 403
        assert refused.post("terminals", json={}).status_code == 403
        assert ours.delete(f"api/terminals/{terminal_id}").status_code == 204


def test_a_terminal_starts_where_lab_says(server: Server) -> None:
    """Relative to the server's root; a directory that is not there is passed over, as Jupyter does."""
    (server.data / "below").mkdir()
    with jupyter(server) as lab, server.http() as ours:
        for cwd, expected in (("below", str(server.data / "below")), ("nowhere", None)):
            name = lab.post("terminals", json={"cwd": cwd}).json()["name"]
            upstream = ours.get(f"api/terminals/{name}").json()["upstream"]
            assert (
                os.path.realpath(upstream["cwd"]) == os.path.realpath(expected) if expected else "cwd" not in upstream
            )
            assert lab.delete(f"terminals/{name}").status_code == 204


async def test_a_server_without_lab_has_them_too(start_server: Callable[..., Server]) -> None:
    """A Lab elsewhere may use them."""
    server = start_server(SETTINGS, "--no-lab")
    with jupyter(server) as lab:
        name = lab.post("terminals", json={}).json()["name"]
        async with joined(server, name, legacy=True, url=address(server, name, LAB)) as member:
            await member.socket.send(json.dumps(["stdin", "echo wi''thout\r"]))
            await member.until(b"without")
        assert lab.delete(f"terminals/{name}").status_code == 204
