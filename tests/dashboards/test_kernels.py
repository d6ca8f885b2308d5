"""Kernels with an owner, on a real server: what they are lent, how many pages have one, and when they end."""

from __future__ import annotations

import json
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1, serialize_msg_to_ws_v1
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from tests.dashboards.voila_staging import (
    Person,
    ends,
    execute,
    heard_of,
    kernel_in,
    kernels,
    message,
    person,
    printed,
    publish,
    replies,
    write_notebook,
)
from tests.patience import LONG_S, PATIENCE_S
from tests.servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(LONG_S)]

V1 = "v1.kernel.websocket.jupyter.org"
WIDGETS = """
import ipywidgets, pathlib
slider = ipywidgets.IntSlider(value=1)
label = ipywidgets.Label("nobody moved it")
slider.observe(lambda change: setattr(label, "value", f"moved to {change.new}"), "value")
out = ipywidgets.Output()
with out:
    raise ValueError("the inside of the server")
display(slider, label, out)
"""
SLOW = """
import pathlib, threading
pathlib.Path("slow.started").write_text("here")
threading.Event().wait()
"""
NAMES = ("VIBEWORKBENCH_URL", "VIBEWORKBENCH_TOKEN")
TELL = f"import json, os; print(json.dumps({{name: os.environ.get(name) for name in {NAMES}}}))"
SETTINGS = "[voila]\nkernels = 2\nidle_s = 0.5\nstart_grace_s = 10\n"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server with room for two pages."""
    data = tmp_path_factory.mktemp("kernels")
    write_notebook(data / "live.ipynb", WIDGETS)
    write_notebook(data / "slow.ipynb", SLOW)
    started = start_server(SETTINGS, data=data)
    publish(started, "live.ipynb")
    return started


@pytest.fixture(scope="module")
def viewer(server: Server) -> Person:
    """Somebody who may only look."""
    return person(server, "viewer")


@pytest.fixture(scope="module")
def analyst(server: Server) -> Person:
    """Somebody who works in Lab."""
    return person(server, "analyst")


@pytest.fixture(autouse=True)
def nothing_left(server: Server) -> Iterator[None]:
    """Every kernel of a test has ended with it: the next one finds room."""
    yield
    with person(server).http() as admin:
        for each in kernels(server):
            admin.delete(f"api/kernels/{each}")


@pytest.fixture
def lab(analyst: Person) -> str:
    """A kernel that an analyst has started."""
    with analyst.http() as client:
        answer = client.post("api/kernels", json={})
    assert answer.status_code == 201
    return str(answer.json()["id"])


def role_of(server: Server, token: str) -> str | None:
    """What a token opens."""
    answer = httpx.get(
        f"{server.url}vibeworkbench/api/status", headers={"Authorization": f"token {token}"}, timeout=PATIENCE_S
    )
    return answer.json()["caller"]["role"] if answer.is_success else None


def close_code(socket: ClientConnection) -> int | None:
    """How a socket was closed, whatever came before."""
    try:
        while True:
            socket.recv(timeout=PATIENCE_S)
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else None


# What a kernel is lent


def test_a_lab_kernel_acts_with_the_rights_of_whoever_started_it(server: Server, analyst: Person, lab: str) -> None:
    """By a token of its own, which a restart keeps and the kernel's end ends."""
    with analyst.channels(lab) as socket:
        told = json.loads(printed(replies(socket, execute(TELL))))
        assert told["VIBEWORKBENCH_URL"] == server.url
        token = told["VIBEWORKBENCH_TOKEN"]
        assert token not in {analyst.token, server.token}
        assert role_of(server, token) == "analyst"
        with analyst.http() as client:
            assert client.post(f"api/kernels/{lab}/restart").status_code == 200
        assert role_of(server, token) == "analyst"
    with analyst.channels(lab) as socket:
        assert json.loads(printed(replies(socket, execute(TELL))))["VIBEWORKBENCH_TOKEN"] == token
    with analyst.http() as client, ends(server) as ended:
        assert client.delete(f"api/kernels/{lab}").status_code == 204
        ended.wait_for(lab)
    assert role_of(server, token) is None


def test_a_kernel_of_a_session_is_lent_its_starter_s_rights_too(server: Server, analyst: Person) -> None:
    """So does Lab start them."""
    asked = {"path": "mine.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    with analyst.http() as client:
        session = client.post("api/sessions", json=asked).json()
        with analyst.channels(session["kernel"]["id"]) as socket:
            told = json.loads(printed(replies(socket, execute(TELL))))
        assert role_of(server, told["VIBEWORKBENCH_TOKEN"]) == "analyst"
        assert client.delete(f"api/sessions/{session['id']}").status_code == 204


def test_what_a_kernel_was_lent_ends_with_its_starter_s_right(server: Server) -> None:
    """A revoked token is worth nothing in a kernel that outlives it."""
    with server.http() as admin:
        made = admin.post("api/tokens", json={"role": "analyst"}).json()
        guest = Person(server, made["token"])
        with guest.http() as client:
            kernel = client.post("api/kernels", json={}).json()["id"]
        with guest.channels(kernel) as socket:
            told = json.loads(printed(replies(socket, execute(TELL))))
        assert role_of(server, told["VIBEWORKBENCH_TOKEN"]) == "analyst"
        assert admin.delete(f"api/tokens/{made['id']}").is_success
        assert role_of(server, told["VIBEWORKBENCH_TOKEN"]) is None


# What may be said to it


@pytest.mark.parametrize("protocol", ["", V1])
def test_an_analyst_s_kernel_obeys_as_ever(analyst: Person, lab: str, protocol: str) -> None:
    """In both wire formats, on every channel: code runs, asks for input, is interrupted, fails with its traceback."""
    options = {"subprotocols": [protocol]} if protocol else {}
    with analyst.channels(lab, **options) as socket:
        talk = Talk(socket, v1=bool(protocol))
        assert "42" in talk.run("print(6 * 7)")
        assert "Traceback" in talk.run("1 / 0")
        assert "got: yes" in talk.run("print('got:', input())", answer="yes")
        assert '"status": "ok"' in talk.ask(message("complete_request", {"code": "pri", "cursor_pos": 3}))
        assert "kernel_info_reply" in talk.ask(message("kernel_info_request", {}, "control"))
    with analyst.http() as client:
        assert client.post(f"api/kernels/{lab}/interrupt").status_code == 204


class Talk:
    """Requests and all that is said to them, in either wire format."""

    def __init__(self, socket: ClientConnection, *, v1: bool) -> None:
        self._socket = socket
        self._v1 = v1

    def run(self, code: str, answer: str = "") -> str:
        """All that the kernel said to this code."""
        return self.ask(execute(code), answer)

    def ask(self, asked: dict, answer: str = "") -> str:
        """All that the kernel said to this request, as text."""
        self._send(asked)
        heard = ""
        while not ("_reply" in heard and '"execution_state": "idle"' in heard):
            said = self._hear()
            if said["parent_header"].get("msg_id") != asked["header"]["msg_id"]:
                continue
            heard += json.dumps(said)
            if said["header"]["msg_type"] == "input_request":
                self._send({**message("input_reply", {"value": answer}, "stdin"), "parent_header": said["header"]})
        return heard

    def _send(self, said: dict) -> None:
        if not self._v1:
            self._socket.send(json.dumps(said))
            return
        parts = [json.dumps(said[key]).encode() for key in ("header", "parent_header", "metadata", "content")]
        self._socket.send(serialize_msg_to_ws_v1(parts, said["channel"]))

    def _hear(self) -> dict:
        frame = self._socket.recv(timeout=PATIENCE_S)
        if not self._v1:
            return json.loads(frame)
        channel, parts = deserialize_msg_from_ws_v1(frame)
        names = ("header", "parent_header", "metadata", "content")
        return {"channel": channel} | dict(zip(names, map(json.loads, parts[:4]), strict=True))


def states(viewer: Person, kernel: str) -> str:
    """The states of all widgets, as the page's own connection asks for them, in JSON."""
    comm = uuid.uuid4().hex
    opening = message("comm_open", {"comm_id": comm, "target_name": "jupyter.widget.control", "data": {}})
    opening["metadata"] = {"version": "1.0.0"}
    with viewer.channels(kernel) as socket:
        socket.send(json.dumps(opening))
        socket.send(json.dumps(message("comm_msg", {"comm_id": comm, "data": {"method": "request_states"}})))
        while True:
            said = json.loads(frame) if isinstance(frame := socket.recv(timeout=PATIENCE_S), str) else {}
            if said.get("msg_type") == "comm_msg" and said["content"]["comm_id"] == comm:
                return json.dumps(said["content"]["data"]["states"])


def test_a_viewer_s_page_draws_and_moves_nothing(server: Server, viewer: Person) -> None:
    """It is told the state of each widget, without tracebacks; what it sends to a widget is dropped, and counted."""
    kernel = kernel_in(viewer.page("live.ipynb"))
    told = states(viewer, kernel)
    assert "nobody moved it" in told
    assert "This part could not be drawn." in told
    assert "the inside of the server" not in told
    widgets = [key for key, each in json.loads(told).items() if each["model_name"] == "IntSliderModel"]
    moved = {"comm_id": widgets[0], "data": {"method": "update", "state": {"value": 7}, "buffer_paths": []}}
    with viewer.channels(kernel) as socket:
        socket.send(json.dumps(message("comm_msg", moved)))
        socket.send("{")
        heard_of(socket, sent(socket, message("kernel_info_request")))
    assert "nobody moved it" in states(viewer, kernel)
    counted = person(server).get("vibeworkbench/metrics").text
    for reason in ("not-for-drawing", "malformed"):
        assert f'vibeworkbench_voila_messages_dropped_total{{reason="{reason}"}} 0' not in counted
        assert f'vibeworkbench_voila_messages_dropped_total{{reason="{reason}"}}' in counted


def sent(socket: ClientConnection, said: dict) -> dict:
    """The message, which was sent."""
    socket.send(json.dumps(said))
    return said


def test_nobody_below_admin_reaches_somebody_else_s_kernel(server: Server, viewer: Person, lab: str) -> None:
    """Neither a page's nor Lab's: each holds a token with its owner's rights."""
    page = kernel_in(viewer.page("live.ipynb"))
    with viewer.channels(page):  # however long all of them take
        for role in ("viewer", "analyst", "operator"):
            other = person(server, role)
            for kernel in (page, lab):
                with pytest.raises(InvalidStatus) as refused, other.channels(kernel):
                    pass
                assert refused.value.response.status_code == 403
                assert other.get(f"api/kernels/{kernel}").status_code == 403
        with person(server).channels(page) as socket:
            heard_of(socket, sent(socket, message("kernel_info_request")))


# How many, and how long


def test_no_more_pages_have_a_kernel_than_there_is_room_for(server: Server, viewer: Person, lab: str) -> None:
    """However many ask at once; Lab's kernels are neither counted nor refused."""
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: viewer.get("voila/render/live.ipynb"), range(5)))
    assert sorted(each.status_code for each in answers) == [200, 200, 503, 503, 503]
    refused = next(each for each in answers if each.status_code == 503)
    assert int(refused.headers["Retry-After"]) >= 1
    assert int(refused.headers["Refresh"]) >= 1
    assert "text/html" in refused.headers["Content-Type"]
    assert "tries again by itself" in refused.text
    with person(server, "analyst").http() as client:
        assert client.post("api/kernels", json={}).status_code == 201


def test_a_page_that_is_reloaded_finds_the_room_that_it_left(viewer: Person) -> None:
    """Its former kernel may still be ending."""
    first, second = viewer.page("live.ipynb"), viewer.page("live.ipynb")
    with viewer.http() as client:
        assert client.post(f"voila/api/shutdown/{kernel_in(first)}").status_code == 204
    assert kernel_in(viewer.page("live.ipynb")) not in {kernel_in(first), kernel_in(second)}


def test_a_kernel_to_which_nobody_comes_ends_and_one_that_is_looked_at_stays(
    server: Server, viewer: Person, lab: str
) -> None:
    """Then that one, too, once it was left for good; Lab's, which nobody is connected to, goes on."""
    with ends(server) as ended:
        kept = kernel_in(viewer.page("live.ipynb"))
        with viewer.channels(kept) as socket:
            lonely = kernel_in(viewer.page("live.ipynb"))
            ended.wait_for(lonely)
            assert kept not in ended.heard
            heard_of(socket, sent(socket, message("kernel_info_request")))
        ended.wait_for(kept)
        assert lab in kernels(server)


def test_a_page_that_is_left_while_it_is_drawn_takes_its_kernel_with_it(server: Server, viewer: Person) -> None:
    """However long its notebook would have run."""
    with server.http() as admin:
        asked = {"notebook": "slow.ipynb", "role": "viewer", "interactive": True}
        assert admin.post("api/dashboards", json=asked, headers={"Prefer": "respond-async"}).is_success
    before = kernels(server)
    with ends(server) as ended:
        with viewer.http() as client, client.stream("GET", "voila/render/slow.ipynb") as page:
            text = ""
            for part in page.iter_text():
                text += part
                if "kernelId" in text:
                    break
            (kernel,) = kernels(server) - before
        ended.wait_for(kernel)
    with server.http() as admin:
        admin.delete("api/dashboards/slow")


def test_a_page_whose_kernel_died_is_told_and_it_is_not_started_again(server: Server, viewer: Person) -> None:
    """A new one would know nothing of the page."""
    kernel = kernel_in(viewer.page("live.ipynb"))
    with viewer.channels(kernel) as socket:
        with person(server).channels(kernel) as mine:
            pid = int(printed(replies(mine, execute("import os; print(os.getpid())"))))
        os.kill(pid, signal.SIGKILL)
        assert close_code(socket) == 4404
    assert kernel not in kernels(server)


@pytest.mark.parametrize("method", ["DELETE", "restart"])
def test_a_page_is_told_that_an_admin_ended_its_kernel(server: Server, viewer: Person, method: str) -> None:
    """Or restarted it."""
    kernel = kernel_in(viewer.page("live.ipynb"))
    with viewer.channels(kernel) as socket, person(server).http() as admin:
        if method == "DELETE":
            assert admin.delete(f"api/kernels/{kernel}").status_code == 204
        else:
            assert admin.post(f"api/kernels/{kernel}/restart").status_code == 200
        assert close_code(socket) == 4404


def test_a_viewer_whose_token_was_revoked_loses_the_page_s_kernel(server: Server) -> None:
    """At once, and not when it has been idle; Lab's kernels stay until somebody ends them."""
    with server.http() as admin:
        made = admin.post("api/tokens", json={"role": "analyst"}).json()
        guest = Person(server, made["token"])
        page = kernel_in(guest.page("live.ipynb"))
        with guest.http() as client:
            lab = client.post("api/kernels", json={}).json()["id"]
        with ends(server) as ended, guest.channels(page) as socket:
            assert admin.delete(f"api/tokens/{made['id']}").is_success
            assert close_code(socket) == 4401
            ended.wait_for(page)
        assert lab in kernels(server)
