"""Kernels and Voila as a viewer finds them: what runs, for whom, and what may be said to it."""

from __future__ import annotations

import json
import re
import struct
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.patience import PATIENCE_S
from tests.security.staging import Stage, Token, publish, revoked, write_notebook
from tests.security.wire import raw

LENT = re.compile(r"VIBEWORKBENCH_TOKEN(?:&quot;|&#34;|\"): (?:&quot;|&#34;|\")(vwb_[\w-]+)")
V1 = "v1.kernel.websocket.jupyter.org"
NOTEBOOK = """
import ipywidgets, pathlib
slider = ipywidgets.IntSlider(value=1)
slider.observe(lambda change: pathlib.Path("slider.moved").touch(), "value")
button = ipywidgets.Button()
button.on_click(lambda clicked: pathlib.Path("button.clicked").touch())
display(ipywidgets.VBox([slider, button]))
"""
TELLING = """
import json, os
print("environment:", json.dumps(dict(os.environ)))
"""
FAILING = """
def inner():
    raise ValueError("the inside of the server")
inner()
"""


@pytest.fixture(scope="module")
def stage(stage: Stage) -> Stage:
    """The stage, and on it notebooks that have widgets, tell their environment, or fail."""
    for name, source in (("widgets", NOTEBOOK), ("telling", TELLING), ("failing", FAILING)):
        write_notebook(stage.root / f"{name}.ipynb", source)
    with stage.http() as admin:
        publish(admin, *((name, {"interactive": True}) for name in ("widgets", "telling", "failing")))
    return stage


def kernel_in(page: str) -> str:
    """The kernel that a page of Voila's talks to."""
    found = re.search(r'"kernelId":\s*"([0-9a-f-]{36})"', page)
    assert found, page[:2000]
    return found[1]


@pytest.fixture(scope="module")
def kernel(stage: Stage) -> str:
    """The kernel that Voila has started for a viewer's page with widgets."""
    with stage.http("viewer") as viewer:
        answer = viewer.get("voila/render/widgets.ipynb")
    assert answer.status_code == 200, answer.text
    return kernel_in(answer.text)


def kernels(stage: Stage) -> set[str]:
    """The kernels that run."""
    with stage.http() as admin:
        return {each["id"] for each in admin.get("api/kernels").json()}


def channels(stage: Stage, kernel: str, headers: Mapping[str, str], **options: Any) -> ClientConnection:
    """A socket to a kernel."""
    url = f"ws{stage.server.url.removeprefix('http')}api/kernels/{kernel}/channels"
    return connect(url, additional_headers=headers, proxy=None, max_size=None, **options, open_timeout=PATIENCE_S)


def message(kind: str, content: Mapping[str, Any], channel: str = "shell") -> dict[str, Any]:
    """A kernel message."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": "attack",
        "username": "",
        "date": "2026-01-01T00:00:00Z",
        "version": "5.3",
    }
    return {"channel": channel, "header": header, "parent_header": {}, "metadata": {}, "content": dict(content)}


def as_text(said: Mapping[str, Any]) -> str:
    """The default wire format, without buffers."""
    return json.dumps(said)


def as_binary(said: Mapping[str, Any]) -> bytes:
    """The default wire format, with a buffer."""
    body = json.dumps(said).encode()
    return struct.pack("!3I", 2, 12, 12 + len(body)) + body + b"buffer"


def as_v1(said: Mapping[str, Any]) -> bytes:
    """The wire format that JupyterLab chooses."""
    parts = [
        said["channel"].encode(),
        *(json.dumps(said[k]).encode() for k in ("header", "parent_header", "metadata", "content")),
    ]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts)


FORMATS: dict[str, tuple[Callable[[Mapping[str, Any]], str | bytes], dict[str, Any]]] = {
    "text": (as_text, {}),
    "binary": (as_binary, {}),
    "v1": (as_v1, {"subprotocols": [V1]}),
}
RUN = {"code": "open('executed', 'w').close()", "silent": False, "store_history": False, "user_expressions": {}}
SILENT = {**RUN, "silent": True, "user_expressions": {"x": "open('executed', 'w').close()"}}


def attacks(comm: str) -> list[dict[str, Any]]:
    """What somebody who may only look must not say; ``comm`` is a widget's."""
    moved = {"method": "update", "state": {"value": 99}, "buffer_paths": []}
    return [
        *(message("execute_request", RUN, channel) for channel in ("shell", "control", "stdin", "iopub", "SHELL", "")),
        message("execute_request", SILENT),
        message("input_reply", {"value": "open('executed', 'w').close()"}, "stdin"),
        message("complete_request", {"code": "open('executed','w').close().", "cursor_pos": 30}),
        message("inspect_request", {"code": "open('executed','w').close()", "cursor_pos": 5}),
        message("history_request", {"hist_access_type": "tail", "n": 100, "output": True, "raw": True}),
        message("is_complete_request", {"code": "x"}),
        message("debug_request", {"command": "evaluate", "arguments": {"expression": RUN["code"]}}, "control"),
        message("debug_request", {"command": "initialize", "arguments": {}}, "shell"),
        message("interrupt_request", {}, "control"),
        message("shutdown_request", {"restart": False}, "control"),
        message("shutdown_request", {"restart": False}, "shell"),
        message("create_subshell_request", {}, "control"),
        message("comm_msg", {"comm_id": comm, "data": moved}),
        message("comm_msg", {"comm_id": comm, "data": {"method": "custom", "content": {"event": "click"}}}),
        message("comm_msg", {"comm_id": comm, "data": {"method": "request_state", **moved}}),
        message("comm_close", {"comm_id": comm, "data": {}}),
        message(
            "comm_open",
            {
                "comm_id": uuid.uuid4().hex,
                "target_name": "jupyter.widget",
                "data": {"state": {"_model_name": "IntSliderModel"}},
            },
        ),
        message("comm_open", {"comm_id": comm, "target_name": "jupyter.widget.control", "data": {}}),
        {**message("kernel_info_request", {}), "content": RUN, "msg_type": "execute_request"},
        {**message("kernel_info_request", {}), "parent_header": message("execute_request", RUN)["header"]},
    ]


def doubled(said: Mapping[str, Any]) -> str:
    """JSON with a key twice: two parsers may read two messages."""
    harmless = json.dumps(message("kernel_info_request", {})["header"])
    return json.dumps(said)[:-1] + f', "header": {harmless}}}'


MALFORMED: tuple[str | bytes, ...] = (
    "",
    "{",
    "null",
    "[]",
    '"execute_request"',
    json.dumps({"channel": "shell"}),
    json.dumps({**message("execute_request", RUN), "channel": ["shell"]}),
    json.dumps({**message("execute_request", RUN), "header": "execute_request"}),
    json.dumps({**message("execute_request", RUN), "content": None}),
    doubled(message("execute_request", RUN)),
    "[" * 50_000,
    b"",
    b"\0",
    b"\0\0\0\1",
    struct.pack("!I", 2**31),
    struct.pack("!3I", 2, 2**31, 2**31),
    struct.pack("<Q", 2**63),
    struct.pack("<2Q", 1, 2**63),
    as_v1(message("execute_request", RUN))[:-10],
    as_text(message("execute_request", RUN)).encode("utf-16"),
    "x" * 200_000,
)


def replied(socket: ClientConnection, wire: Callable[[Mapping[str, Any]], str | bytes]) -> list[Any]:
    """What was heard until the kernel answered a harmless request that was sent last: it is done with all before."""
    asked = message("kernel_info_request", {})
    socket.send(wire(asked))
    heard = []
    while True:
        frame = socket.recv(timeout=PATIENCE_S)
        heard.append(frame)
        text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
        if "kernel_info_reply" in text and asked["header"]["msg_id"] in text:
            return heard


def widget_in(stage: Stage, kernel: str) -> str:
    """The comm of a widget of the kernel."""
    with channels(stage, kernel, stage.headers("viewer")) as socket:
        asked = message("comm_info_request", {"target_name": "jupyter.widget"})
        socket.send(as_text(asked))
        while True:
            heard = json.loads(socket.recv(timeout=PATIENCE_S))
            if heard["msg_type"] == "comm_info_reply":
                return min(heard["content"]["comms"])


@pytest.mark.parametrize("form", FORMATS)
def test_a_viewer_makes_a_kernel_do_nothing_but_draw(stage: Stage, kernel: str, form: str) -> None:
    """Every message type, on every channel; the kernel then answers as if nothing had been said."""
    wire, options = FORMATS[form]
    comm = widget_in(stage, kernel)
    with channels(stage, kernel, stage.headers("viewer"), **options) as socket:
        for said in attacks(comm):
            socket.send(wire(said))
        replied(socket, wire)
    with channels(stage, kernel, stage.headers("viewer")) as socket:  # it was neither ended nor interrupted
        replied(socket, as_text)
    assert widget_in(stage, kernel) == comm
    assert not [
        path.name for path in stage.root.iterdir() if path.name in ("executed", "slider.moved", "button.clicked")
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_broken_frames_end_nothing_but_themselves(stage: Stage, kernel: str, form: str) -> None:
    """The server goes on, the kernel runs nothing, and the log has no trace of them."""
    wire, options = FORMATS[form]
    for frame in MALFORMED:
        with channels(stage, kernel, stage.headers("viewer"), **options) as socket:
            socket.send(frame)
            try:
                replied(socket, wire)
            except ConnectionClosed:
                continue  # refused together with its connection
    with channels(stage, kernel, stage.headers("viewer"), **options) as socket:
        replied(socket, wire)
    assert not (stage.root / "executed").exists()


@pytest.mark.parametrize("caller", ["anonymous", "viewer of it", "viewer elsewhere", "ingest", "revoked"])
def test_a_viewer_s_kernel_is_nobody_else_s(stage: Stage, kernel: str, caller: str) -> None:
    """Whoever guesses or copies its id gets no socket, no description, and cannot end it."""
    with pytest.raises(InvalidStatus) as refused, channels(stage, kernel, stage.headers(caller)):
        pass
    assert refused.value.response.status_code in (401, 403)
    with stage.http(caller) as client:
        assert client.get(f"api/kernels/{kernel}").status_code in (401, 403)
        assert client.post(f"voila/api/shutdown/{kernel}").status_code in (401, 403)
        assert client.delete(f"api/kernels/{kernel}").status_code in (401, 403)
        assert client.post(f"api/kernels/{kernel}/restart").status_code in (401, 403)
        assert client.post(f"api/kernels/{kernel}/interrupt").status_code in (401, 403)
    assert kernel in kernels(stage)


def test_a_viewer_s_own_kernel_obeys_it_in_nothing_but_its_end(stage: Stage, kernel: str) -> None:
    """No restart, no interrupt, no session, no other kernel; only the beacon of a page that goes."""
    with stage.http("viewer") as client:
        assert client.delete(f"api/kernels/{kernel}").status_code == 403
        assert client.post(f"api/kernels/{kernel}/restart").status_code == 403
        assert client.post(f"api/kernels/{kernel}/interrupt").status_code == 403
        assert client.get("api/kernels").status_code == 403
        assert client.get("api/sessions").status_code == 403
        assert client.get(f"api/kernels/{stage.things['kernel']}").status_code == 403
        assert client.post(f"voila/api/shutdown/{stage.things['kernel']}").status_code == 403
    assert {kernel, stage.things["kernel"]} <= kernels(stage)


@pytest.mark.parametrize("caller", ["viewer", "analyst", "operator", "admin"])
@pytest.mark.parametrize(
    "notebook", ["unpublished.ipynb", "audited.ipynb", "made-up.ipynb", "secret.txt", "../data/x.ipynb"]
)
def test_voila_runs_only_what_is_published_for_it(stage: Stage, caller: str, notebook: str) -> None:
    """For nobody: what may be edited is run in Lab. No kernel is started to find that out."""
    before = kernels(stage)
    with stage.http(caller) as client:
        answer = client.get(f"voila/render/{notebook}")
    assert answer.status_code in (302, 400, 403, 404)
    assert kernels(stage) == before
    assert not list(stage.root.rglob("unpublished.ran"))


def test_a_narrowed_viewer_runs_nothing_of_another_dashboard(stage: Stage) -> None:
    """The scope counts at Voila too."""
    before = kernels(stage)
    for caller in ("viewer of it", "viewer elsewhere"):
        with stage.http(caller) as client:
            assert client.get("voila/render/widgets.ipynb").status_code == 403
    assert kernels(stage) == before


def test_a_notebook_that_was_unpublished_runs_no_more(stage: Stage) -> None:
    """At once."""
    write_notebook(stage.root / "gone.ipynb", "print('gone')")
    with stage.http() as admin:
        publish(admin, ("gone", {"interactive": True}))
        assert admin.delete("vibeworkbench/api/dashboards/gone").status_code in (200, 204)
    with stage.http("viewer") as viewer:
        assert viewer.get("voila/render/gone.ipynb").status_code == 403
        assert viewer.get("vibeworkbench/dashboards/gone").status_code in (403, 404)


@pytest.mark.parametrize("template", ["../../../../etc", "lab/../../..", "/etc", "made-up", "a\0b"])
def test_voila_s_template_parameter_reads_nothing_of_the_machine(stage: Stage, template: str) -> None:
    """It names one of the templates that are there, or is refused; no kernel stays behind."""
    before = kernels(stage)
    with stage.http("viewer") as viewer:
        answer = viewer.get("voila/render/interactive.ipynb", params={"template": template})
        assert answer.status_code in (200, 400, 403, 404, 500)
        assert "root:" not in answer.text
        assert "Traceback" not in answer.text
        assert str(stage.root) not in answer.text
        for kernel in kernels(stage) - before:
            assert viewer.post(f"voila/api/shutdown/{kernel}").status_code == 204


def test_a_page_s_kernel_holds_no_secret_of_its_reader(stage: Stage) -> None:
    """Voila tells kernels the address that was asked for; a token in it stays outside, and theirs is lent."""
    token = stage.make_token("viewer")
    with httpx.Client(base_url=stage.server.url, timeout=PATIENCE_S) as client:
        answer = client.get("voila/render/telling.ipynb", params={"token": token.text, "x": "1"})
        assert answer.status_code == 200
        assert token.text not in answer.text
        assert stage.server.token not in answer.text
        assert "environment:" in answer.text
        lent = LENT.search(answer.text)
        assert lent is not None
        headers = {"Authorization": f"token {lent[1]}"}
        assert client.get("vibeworkbench/api/status", headers=headers).json()["caller"]["role"] == "viewer"
        assert client.get("api/contents", headers=headers).status_code == 403
        revoked(stage.server, token)
        assert client.get("vibeworkbench/api/status", headers=headers).status_code == 401
    with stage.http() as admin:
        ended = admin.post(f"voila/api/shutdown/{kernel_in(answer.text)}")
        assert ended.status_code in {204, 404}  # its reader's rights are gone: it may have ended by itself already


def test_what_a_render_was_lent_opens_nothing_when_its_page_is_there(stage: Stage) -> None:
    """A notebook that prints its environment publishes no right."""
    with stage.http("viewer") as viewer:
        page = viewer.get("vibeworkbench/dashboards/telling").text
    lent = LENT.search(page)
    assert lent is not None
    assert raw(stage.server, "/vibeworkbench/api/status", ("Authorization", f"token {lent[1]}")).status == 401
    assert stage.server.token not in page
    assert not any(token.text in page for token in stage.tokens.values())


def test_nothing_is_rendered_with_the_rights_of_somebody_who_has_none(stage: Stage) -> None:
    """A dashboard whose publisher's token was revoked keeps its page; its notebook runs no more."""
    write_notebook(stage.root / "orphan.ipynb", "open('orphan.runs', 'a').write('x')")
    token = stage.make_token("operator")
    with httpx.Client(base_url=stage.server.url, headers=token.headers, timeout=PATIENCE_S) as operator:
        publish(operator, ("orphan", {}))
    revoked(stage.server, token)
    with stage.http() as admin:
        admin.post("vibeworkbench/api/dashboards/orphan/render")
    assert (stage.root / "orphan.runs").read_text() == "x"


def test_a_reader_sees_no_traceback(stage: Stage) -> None:
    """Of a cell that fails while the page is drawn."""
    with stage.http("viewer") as viewer:
        answer = viewer.get("voila/render/failing.ipynb")
        for told in ("the inside of the server", "def inner", "Traceback", "ipykernel"):
            assert told not in answer.text, told
        viewer.post(f"voila/api/shutdown/{kernel_in(answer.text)}")


def heard_until_the_end(socket: ClientConnection) -> None:
    """Everything has been heard.

    Raises:
        ConnectionClosed: Always: with the code with which the server closed the socket.
    """
    while True:
        socket.recv(timeout=PATIENCE_S)


@pytest.fixture
def guest(stage: Stage) -> Iterator[Token]:
    """A viewer of this test alone."""
    token = stage.make_token("viewer")
    yield token
    revoked(stage.server, token)


def test_a_revoked_viewer_loses_the_kernel_s_socket_and_the_kernel(stage: Stage, guest: Token) -> None:
    """At once: the socket with 4401; and nobody can come back to the kernel."""
    with httpx.Client(base_url=stage.server.url, headers=guest.headers, timeout=PATIENCE_S) as client:
        kernel = kernel_in(client.get("voila/render/interactive.ipynb").text)
    with channels(stage, kernel, guest.headers) as socket:
        replied(socket, as_text)
        revoked(stage.server, guest)
        with pytest.raises(ConnectionClosed) as end:
            heard_until_the_end(socket)
    assert end.value.rcvd.code == 4401
    with pytest.raises(InvalidStatus), channels(stage, kernel, guest.headers):
        pass


def test_no_more_kernels_run_for_pages_than_the_settings_say(stage: Stage, guest: Token) -> None:
    """A visitor who reloads for ever gets 503 with Retry-After; Lab's kernels are not counted, nor hindered."""
    started = []
    with httpx.Client(base_url=stage.server.url, headers=guest.headers, timeout=PATIENCE_S) as client:
        while (answer := client.get("voila/render/interactive.ipynb")).status_code == 200:
            started.append(kernel_in(answer.text))
            assert len(started) <= 4
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1
        with stage.http("analyst") as analyst:
            made = analyst.post("api/kernels", json={"name": "python3"})
            assert made.status_code == 201
            assert analyst.delete(f"api/kernels/{made.json()['id']}").status_code == 204
        for kernel in started:
            assert client.post(f"voila/api/shutdown/{kernel}").status_code == 204
