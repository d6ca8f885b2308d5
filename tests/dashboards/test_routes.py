"""Dashboards over REST, their pages, and the shell, on a server in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from tests.dashboards.staging import notebook
from tests.patience import PATIENCE_S
from vibeworkbench.client import connect

SETTINGS = "[dashboards]\nwatch_interval_s = 0.1\n"
FAILS = "secret = 'sesame'; raise LookupError('behind the counter')"
FOR_EVER = "import threading; threading.Event().wait()"


@pytest.fixture(scope="module")
def server(start_server):
    made = start_server(SETTINGS, "--no-lab")
    (made.data / "shop.ipynb").write_text(notebook("print('open', 6 * 7)", title="The shop"))
    (made.data / "failing.ipynb").write_text(notebook("1", FAILS))
    return made


@pytest.fixture(scope="module")
def operator(server):
    with server.http(server.grant("operator")) as http:
        yield http


@pytest.fixture(scope="module")
def analyst(server):
    with server.http(server.grant("analyst")) as http:
        yield http


@pytest.fixture(scope="module")
def viewer(server):
    with server.http(server.grant("viewer")) as http:
        yield http


@pytest.fixture(scope="module")
def shop(operator):
    answered = operator.post(
        "api/dashboards", json={"notebook": "shop.ipynb", "frameAncestors": ["https://wall.example"]}
    )
    return answered.raise_for_status().json()


@pytest.fixture(scope="module")
def failing(operator):
    return operator.post("api/dashboards", json={"notebook": "failing.ipynb", "role": "viewer"}).json()


def refused(answer):
    """Status, code and message of a refusal."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


def test_the_publisher_is_told_how_it_stands(shop):
    """All that REST says of a dashboard."""
    assert shop["state"] == "ready"
    assert shop["url"] == "/vibeworkbench/dashboards/shop"
    assert (shop["name"], shop["title"], shop["notebook"]) == ("shop", "The shop", "shop.ipynb")
    assert shop["frameAncestors"] == ["https://wall.example"]
    assert shop["renderMs"] > 0
    assert shop["pageBytes"] > 0
    assert shop["reason"] is None


def test_a_viewer_gets_the_page_once(shop, viewer):
    """Compressed as stored, with a tag by which it is asked again, and a policy that names who may embed it."""
    first = viewer.get("dashboards/shop")
    assert first.status_code == 200
    assert "open 42" in first.text
    assert first.headers["Content-Encoding"] == "gzip"
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert first.headers["Vary"] == "Accept-Encoding"
    assert first.headers["Referrer-Policy"] == "no-referrer"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["Etag"] == f'"{shop["etag"]}"'
    policy = first.headers["Content-Security-Policy"]
    assert re.search(r"frame-ancestors [^;]*https://wall\.example(;|$)", policy)
    assert "script-src 'self'" in policy
    again = viewer.get("dashboards/shop", headers={"If-None-Match": first.headers["Etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert viewer.head("dashboards/shop").headers["Content-Length"] == first.headers["Content-Length"]


def test_a_client_that_takes_no_gzip_gets_it_plain(shop, viewer):
    """As a representation with a tag of its own."""
    packed = viewer.get("dashboards/shop")
    for accepted in ("identity", "gzip;q=0", "br, deflate"):
        plain = viewer.get("dashboards/shop", headers={"Accept-Encoding": accepted})
        assert "Content-Encoding" not in plain.headers
        assert plain.headers["Etag"] != packed.headers["Etag"]
        assert plain.text == packed.text


def test_why_a_render_failed_is_told_to_operators_alone(failing, analyst, operator):
    """It may repeat what the notebook's author wrote."""
    assert failing["state"] == "failed"
    assert failing["reason"] == "code cell 2: LookupError: behind the counter"
    assert operator.get("api/dashboards/failing").json()["reason"] == failing["reason"]
    said = analyst.get("api/dashboards/failing").json()
    assert (said["state"], said["reason"]) == ("failed", None)


def test_a_dashboard_without_a_page_says_that_it_is_not_ready(failing, viewer):
    """And nothing else."""
    waiting = viewer.get("dashboards/failing")
    assert waiting.status_code == 503
    assert int(waiting.headers["Retry-After"]) > 0
    assert waiting.headers["Content-Type"].startswith("text/html")
    for secret in ("LookupError", "counter", "sesame", "failing.ipynb", "Traceback"):
        assert secret not in waiting.text


@pytest.mark.usefixtures("shop", "failing")
def test_what_is_not_for_a_caller_is_as_if_it_were_not(operator, analyst, viewer, server):
    """Page, file, REST and room."""
    operator.post("api/dashboards", json={"notebook": "shop.ipynb", "name": "inner", "role": "operator"})
    narrowed = server.http(server.grant("viewer", "dashboard:shop"))
    with narrowed:
        assert narrowed.get("dashboards/shop").status_code == 200
        for http, hidden in ((viewer, "inner"), (narrowed, "inner"), (narrowed, "failing")):
            there, missing = (http.get(f"dashboards/{name}") for name in (hidden, "nothing"))
            assert there.status_code == missing.status_code == 403
            told = [re.sub(r"<code>\w+</code>", "", page.text) for page in (there, missing)]
            assert told[0] == told[1]
            assert http.get(f"dashboards/{hidden}/assets/a.js").status_code == 403
    assert refused(analyst.get("api/dashboards/inner")) == refused(analyst.get("api/dashboards/nothing"))
    names = [each["name"] for each in analyst.get("api/dashboards").json()["items"]]
    assert "inner" not in names
    assert "inner" not in viewer.get("dashboards").text
    assert "The shop" in viewer.get("dashboards").text


def test_only_operators_change_anything(shop, viewer, analyst):
    """Whatever they can see."""
    for http in (viewer, analyst):
        assert http.post("api/dashboards", json={"notebook": "shop.ipynb"}).status_code == 403
        assert http.post("api/dashboards/shop/render").status_code == 403
        assert http.delete("api/dashboards/shop").status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"notebook": "../shop.ipynb"}, "notebook"),
        ({"notebook": "/etc/passwd"}, "notebook"),
        ({"notebook": "shop.ipynb", "name": "No Name"}, "name"),
        ({"notebook": "shop.ipynb", "every": "now and then"}, "every"),
        ({"notebook": "shop.ipynb", "frameAncestors": ["https://a.example;"]}, "frameAncestors"),
        ({"notebook": "shop.ipynb", "role": "ingest"}, "role"),
        ({"notebook": "shop.ipynb", "content": "{}"}, "content"),
        ({"notebook": "shop.ipynb", "title": "x"}, "title"),
        ({}, "notebook"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field(operator, body, field):
    """Nothing is stored."""
    answered = operator.post("api/dashboards", json=body)
    assert answered.status_code == 400
    assert answered.json()["error"]["details"]["field"] == field


def test_pages_of_a_list_go_on_where_the_last_one_ended(shop, failing, operator):
    """As every list does."""
    first = operator.get("api/dashboards", params={"limit": 1}).json()
    assert len(first["items"]) == 1
    rest = operator.get("api/dashboards", params={"cursor": first["nextCursor"]}).json()
    names = [each["name"] for each in (*first["items"], *rest["items"])]
    assert names == sorted(names)
    assert {"failing", "shop"} <= set(names)


def test_files_of_a_page_are_kept_by_browsers(operator, viewer, server):
    """A widget's program is taken out of the page; its name is its hash."""
    program = "import anywidget\nclass W(anywidget.AnyWidget):\n    _esm = 'export default {render() {}}'\nW()"
    (server.data / "widget.ipynb").write_text(notebook(program))
    operator.post("api/dashboards", json={"notebook": "widget.ipynb"})
    (address,) = set(re.findall(r"widget/assets/[0-9a-z]+\.js", viewer.get("dashboards/widget").text))
    file = viewer.get(f"dashboards/{address}")
    assert file.text == "export default {render() {}}"
    assert file.headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in file.headers["Cache-Control"]
    assert viewer.get("dashboards/widget/assets/other.js").status_code == 404


def test_a_changed_notebook_is_rendered_and_its_watchers_hear_of_it(operator, server):
    """The room says that there is a newer page."""
    path = server.data / "changing.ipynb"
    path.write_text(notebook("print('before')"))
    before = operator.post("api/dashboards", json={"notebook": "changing.ipynb"}).json()
    token = server.grant("viewer")
    with connect(server.url, token) as wb, wb.room("dashboards", "changing") as room:
        first = room.next(PATIENCE_S)
        assert first.type == "snapshot"
        assert (first.data["etag"], first.data["state"]) == (before["etag"], "ready")
        path.write_text(notebook("print('after')"))
        said = {"etag": before["etag"], "state": "ready"}
        while said["etag"] == before["etag"] or said["state"] != "ready":
            message = room.next(PATIENCE_S)
            assert message is not None, "the room says that the page is a newer one"
            said = message.data if message.type == "dashboard" else said
        assert set(said) == {"name", "etag", "renderedAt", "state"}
    with server.http(token) as http:
        assert "after" in http.get("dashboards/changing").text


def test_whoever_does_not_wait_asks_later(operator, server):
    """202, and how far it is; unpublishing ends it."""
    os.mkfifo(server.data / "begun")
    (server.data / "long.ipynb").write_text(notebook("open('begun', 'w').close()", FOR_EVER))
    answered = operator.post("api/dashboards", json={"notebook": "long.ipynb"}, headers={"Prefer": "respond-async"})
    assert answered.status_code == 202
    assert answered.json()["state"] == "rendering"
    (server.data / "begun").read_bytes()
    where = answered.headers["Location"].removeprefix("/vibeworkbench/")
    assert operator.get(where).json()["progress"]["total"] == 2
    kernels = psutil.Process(server.process.pid).children(recursive=True)
    assert kernels
    assert operator.delete(where).status_code == 204
    assert operator.get(where).status_code == 403
    _, alive = psutil.wait_procs(kernels, PATIENCE_S)
    assert not alive


def test_a_render_by_hand_answers_when_it_has_ended(shop, operator):
    """With a newer page."""
    again = operator.post("api/dashboards/shop/render").json()
    assert again["state"] == "ready"
    assert again["renderedAt"] > shop["renderedAt"]


def test_content_that_was_sent_is_published(operator, viewer):
    """The server never sees the file."""
    content = notebook("print('from afar')")
    made = operator.post("api/dashboards", json={"notebook": "mine.ipynb", "content": content}).json()
    assert made["stored"]
    assert "from afar" in viewer.get("dashboards/mine").text


def test_strangers_are_led_to_the_login_and_programs_are_refused(shop, server):
    """A page is a page, REST is REST."""
    with httpx.Client(base_url=f"{server.url}vibeworkbench/", timeout=PATIENCE_S) as stranger:
        assert stranger.get("dashboards/shop").status_code == 302
        assert stranger.get("dashboards").status_code == 302
        assert stranger.get("api/dashboards").status_code in {401, 403}


def test_many_viewers_cost_one_body(shop, server, viewer):
    """Each of a hundred gets the same, whole."""
    token = viewer.headers["Authorization"]

    def fetched(_index):
        return httpx.get(
            f"{server.url}vibeworkbench/dashboards/shop", headers={"Authorization": token}, timeout=PATIENCE_S
        ).content

    with ThreadPoolExecutor(10) as threads:
        bodies = set(threads.map(fetched, range(100)))
    assert len(bodies) == 1


def unwrapped(text):
    """The same in one line: narrow terminals break it."""
    return " ".join(text.split())


def run(server, *arguments, stdin=None):
    """The command, as the server's admin on this machine."""
    own = {"VIBEWORKBENCH_URL": server.url, "VIBEWORKBENCH_TOKEN": server.token}
    command = [sys.executable, "-m", "vibeworkbench", "dashboards", *arguments]
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **own},
        stdin=stdin or subprocess.DEVNULL,
        cwd=server.data,
        timeout=PATIENCE_S,
    )


@pytest.mark.slow
def test_the_shell_publishes_lists_renders_and_unpublishes(server, tmp_path):
    """From a file below the server's root, and of one that is not."""
    (server.data / "shell.ipynb").write_text(notebook("print('shell')"))
    made = run(server, "publish", "shell.ipynb", "--role", "analyst", "--every", "@hourly")
    assert made.returncode == 0, made.stderr
    assert f"{server.url}vibeworkbench/dashboards/shell" in made.stdout
    away = tmp_path / "away.ipynb"
    away.write_text(notebook("print('away')"))
    sent = run(server, "publish", str(away), "--name", "shell-away", "--json")
    assert json.loads(sent.stdout)["stored"]
    assert "content was sent" in sent.stderr
    listed = {each["name"]: each for each in json.loads(run(server, "list", "--json").stdout)["items"]}
    assert listed["shell"]["every"] == "@hourly"
    assert not listed["shell"]["stored"]
    assert "Voila" not in run(server, "list").stdout
    assert run(server, "render", "shell").returncode == 0
    assert run(server, "publish", "shell.ipynb", "--interactive").returncode == 0
    assert f"shell runs in Voila, with a kernel for each visitor: {server.url}voila/render/shell.ipynb" in unwrapped(
        run(server, "list").stdout
    )
    unasked = run(server, "unpublish", "shell")
    assert unasked.returncode == 2
    assert "--yes" in unasked.stderr
    assert run(server, "unpublish", "shell", "--yes").returncode == 0
    assert "shell " not in run(server).stdout


def test_the_shell_says_why_a_render_failed(server):
    """On stderr, with an exit code."""
    (server.data / "shell-fails.ipynb").write_text(notebook(FAILS))
    made = run(server, "publish", "shell-fails.ipynb")
    assert made.returncode == 1
    assert "code cell 1: LookupError: behind the counter" in made.stderr
    assert "there is no page yet" in made.stderr


@pytest.mark.slow
def test_a_server_killed_while_it_renders_has_a_whole_page_and_no_kernel_afterwards(start_server):
    """The old page is served at once after the restart, and the render is made up."""
    first = start_server(SETTINGS, "--no-lab")
    path = first.data / "shop.ipynb"
    path.write_text(notebook("print('before')"))
    with first.http() as admin:
        admin.post("api/dashboards", json={"notebook": "shop.ipynb"}).raise_for_status()
        os.mkfifo(first.data / "begun")
        path.write_text(notebook("open('begun', 'w').close()", FOR_EVER))
        (first.data / "begun").read_bytes()
        left = psutil.Process(first.process.pid).children(recursive=True)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    _, alive = psutil.wait_procs(left, PATIENCE_S)
    assert not alive
    path.write_text(notebook("print('after')"))
    second = start_server(SETTINGS, "--no-lab", data=first.data)
    with second.http() as admin, connect(second.url, second.token) as wb, wb.room("dashboards", "shop") as room:
        assert admin.get("dashboards/shop").status_code == 200
        while "after" not in admin.get("dashboards/shop").text:
            assert room.next(PATIENCE_S) is not None
