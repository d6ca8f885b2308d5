"""Pages of Voila's whose readers lose the right to them: while they wait for a kernel, and while they have one."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.dashboards.voila_staging import (
    Person,
    ends,
    execute,
    kernel_in,
    kernels,
    person,
    publish,
    write_notebook,
)
from tests.patience import LONG_S, PATIENCE_S
from tests.servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(LONG_S)]

BLOCKED = "import signal, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('blocked', flush=True)"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server with room for one page."""
    data = tmp_path_factory.mktemp("judged")
    write_notebook(data / "live.ipynb", "print('live')")
    return start_server("[voila]\nkernels = 1\n", data=data)


def closed_with(socket: ClientConnection) -> int | None:
    """The code with which a socket was closed, whatever came before."""
    try:
        while True:
            socket.recv(timeout=PATIENCE_S)
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else None


def block(server: Server, kernel: str) -> None:
    """The kernel does nothing any more, and ends only when it is killed."""
    with person(server).channels(kernel) as socket:
        socket.send(json.dumps(execute(f"{BLOCKED}; threading.Event().wait()")))
        while "blocked" not in str(socket.recv(timeout=PATIENCE_S)):
            pass


@pytest.mark.parametrize("change", ["unpublished", "for analysts", "without a kernel"])
def test_a_page_ends_when_its_notebook_is_published_otherwise(server: Server, change: str) -> None:
    """At once: its reader would get none of it now."""
    publish(server, "live.ipynb")
    kernel = kernel_in(person(server, "viewer").page("live.ipynb"))
    with ends(server) as ended, person(server).channels(kernel) as socket, server.http() as admin:
        if change == "unpublished":
            assert admin.delete("api/dashboards/live").is_success
        elif change == "for analysts":
            publish(server, "live.ipynb", role="analyst")
        else:
            publish(server, "live.ipynb", interactive=False)
        assert closed_with(socket) == 4404
        ended.wait_for(kernel)


def test_whoever_waits_for_a_kernel_and_loses_the_right_gets_none(server: Server) -> None:
    """The page before it still ends, and the next one waits; its reader's token is revoked meanwhile."""
    publish(server, "live.ipynb")
    first = person(server, "viewer")
    kernel = kernel_in(first.page("live.ipynb"))
    block(server, kernel)
    with server.http() as admin, ThreadPoolExecutor(1) as threads, ends(server) as ended:
        made = admin.post("api/tokens", json={"role": "viewer"}).json()
        guest = Person(server, made["token"])
        with first.http() as client:
            assert client.post(f"voila/api/shutdown/{kernel}").status_code == 204
        waiting = threads.submit(guest.get, "voila/render/live.ipynb")
        while not was_used(admin, made["id"]):
            assert kernel not in ended.heard
        assert admin.delete(f"api/tokens/{made['id']}").is_success
        answer = waiting.result(PATIENCE_S)
        ended.wait_for(kernel)
    assert answer.status_code == 401
    assert kernels(server) == set()


def was_used(admin: httpx.Client, token_id: str) -> bool:
    """Whether the token has opened something."""
    listed = admin.get("api/tokens").json()["items"]
    return any(each["id"] == token_id and each["lastUsedAt"] is not None for each in listed)
