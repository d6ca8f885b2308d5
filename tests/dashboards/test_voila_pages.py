"""Voila's addresses on a real server: who gets a page, what is in it, and what nobody gets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx
import pytest

from tests.dashboards.voila_staging import Person, ends, kernel_in, kernels, person, publish, write_notebook
from tests.patience import LONG_S, PATIENCE_S
from tests.servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(LONG_S)]

LEFT = "open('{name}.ran', 'w').close(); print('{name} was drawn')"
TELLING = "import json, os; print('told:', json.dumps(dict(os.environ)))"
FAILING = (
    "print('before')",
    "def inner():\n    raise ValueError('the inside of the server')\ninner()",
    "print('after')",
)
OWN_VOILA = {
    "show_tracebacks": True,
    "template": "lab",
    "allow_template_override": "YES",
    "file_allowlist": [".*"],
    "progressive_rendering": True,
}
ELSEWHERE = r'<(?:link|script)[^>]+(?:href|src)="(https?:[^"]+)"'


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server in whose working directory somebody has left a configuration of Voila's."""
    data = tmp_path_factory.mktemp("voila")
    for name in ("live", "page-only", "secret", "guarded"):
        write_notebook(data / f"{name}.ipynb", LEFT.format(name=name))
    write_notebook(data / "team" / "mine.ipynb", LEFT.format(name="mine"), voila={"template": "lab", "theme": "x"})
    write_notebook(data / "telling.ipynb", TELLING)
    write_notebook(data / "failing.ipynb", *FAILING)
    (data / "voila.json").write_text(json.dumps({"VoilaConfiguration": OWN_VOILA}))
    started = start_server("[voila]\nidle_s = 1\n", data=data)
    for notebook in ("live.ipynb", "team/mine.ipynb", "telling.ipynb", "failing.ipynb"):
        publish(started, notebook)
    publish(started, "page-only.ipynb", interactive=False)
    publish(started, "guarded.ipynb", role="analyst")
    return started


@pytest.fixture(scope="module")
def viewer(server: Server) -> Person:
    """Somebody who may only look."""
    return person(server, "viewer")


@pytest.fixture(scope="module")
def analyst(server: Server) -> Person:
    """Somebody who may use kernels."""
    return person(server, "analyst")


def left(viewer: Person, page: str) -> None:
    """The page's kernel is on its way out."""
    with viewer.http() as client:
        assert client.post(f"voila/api/shutdown/{kernel_in(page)}").status_code == 204


def test_a_viewer_gets_a_published_notebook_drawn(viewer: Person) -> None:
    """In our template, which asks no other host for anything, with the notice that there is nothing to change."""
    answer = viewer.get("voila/render/live.ipynb")
    assert answer.status_code == 200
    assert "live was drawn" in answer.text
    assert re.findall(ELSEWHERE, answer.text) == []
    assert "cdn" not in answer.text
    assert '"vibeworkbenchReadOnly": true' in answer.text
    assert "static/watch.js" in answer.text
    assert answer.headers["Cache-Control"].startswith("no-cache, no-store")
    left(viewer, answer.text)


def test_an_analyst_s_page_is_none_to_look_at_only(analyst: Person) -> None:
    """Its sliders work."""
    page = analyst.page("guarded.ipynb")
    assert '"vibeworkbenchReadOnly": false' in page
    left(analyst, page)


@pytest.mark.parametrize("role", ["viewer", "analyst", "operator", "admin"])
@pytest.mark.parametrize("name", ["secret", "page-only", "made-up"])
def test_what_is_not_published_to_run_runs_for_nobody(server: Server, role: str, name: str) -> None:
    """No kernel was started to find that out, and no cell was run; who could publish it is told how."""
    before = kernels(server)
    answer = person(server, role).get(f"voila/render/{name}.ipynb")
    assert answer.status_code == 403
    assert (f"vibeworkbench dashboards publish {name}.ipynb" in answer.text) == (role != "viewer")
    assert "text/html" in answer.headers["Content-Type"]
    assert kernels(server) <= before
    assert not (server.data / "secret.ran").exists()


def test_a_dashboard_for_analysts_is_not_for_viewers(server: Server, viewer: Person) -> None:
    """It is for whom it was published."""
    before = kernels(server)
    assert viewer.get("voila/render/guarded.ipynb").status_code == 403
    assert kernels(server) <= before


@pytest.mark.parametrize("role", ["viewer", "admin"])
@pytest.mark.parametrize(
    "path",
    [
        "/live.ipynb",
        "%2flive.ipynb",
        "./live.ipynb",
        "%2e/live.ipynb",
        "team/../live.ipynb",
        "team/%2e%2e/live.ipynb",
        "team%2f..%2flive.ipynb",
        "team//mine.ipynb",
        "team%5cmine.ipynb",
        "live.ipynb/",
        "live.ipynb%00",
        "live.ipynb%20",
        "live.IPYNB",
        "live%2eipynb%2f",
        "live.ipynb;x.ipynb",
        "voila.json",
        "",
    ],
)
def test_a_notebook_is_found_under_one_address(server: Server, role: str, path: str) -> None:
    """No other spelling of it runs, nor anything that is no notebook."""
    before = kernels(server)
    with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=PATIENCE_S)) as as_it_is:
        as_it_is.request("GET", f"/voila/render/{path}", headers=person(server, role).headers)
        assert as_it_is.getresponse().status in {400, 403, 404}
    assert kernels(server) <= before


def test_no_address_chooses_a_template(viewer: Person) -> None:
    """Voila's own would load style sheets from elsewhere."""
    answer = viewer.get("voila/render/live.ipynb", template="lab")
    assert answer.status_code == 200
    assert re.findall(ELSEWHERE, answer.text) == []
    left(viewer, answer.text)


@pytest.mark.parametrize("theme", ["x", '"><script>alert(1)</script>', "../../x"])
def test_an_address_chooses_light_or_dark(server: Server, viewer: Person, theme: str) -> None:
    """Any other theme is refused before a kernel starts."""
    before = kernels(server)
    answer = viewer.get("voila/render/live.ipynb", theme=theme)
    assert answer.status_code == 400
    assert "<script>alert" not in answer.text
    assert kernels(server) <= before


def test_a_notebook_s_own_wishes_do_not_count(viewer: Person) -> None:
    """Neither for a template nor for a theme."""
    page = viewer.page("team/mine.ipynb")
    assert re.findall(ELSEWHERE, page) == []
    assert 'data-jp-theme-name=""' in page
    assert "static/watch.js" in page
    left(viewer, page)


def test_a_cell_that_fails_says_nothing_of_the_inside(viewer: Person) -> None:
    """What was drawn before it stays, and a sentence stands in its place, whatever voila.json wants."""
    page = viewer.page("failing.ipynb")
    assert "before" in page
    assert "This part could not be drawn." in page
    for told in ("the inside of the server", "def inner", "Traceback", "ValueError"):
        assert told not in page
    left(viewer, page)


def test_a_kernel_is_told_everything_of_the_address_but_its_token(server: Server) -> None:
    """What a notebook learns of the request holds no token of its reader; its own is lent, with its reader's rights."""
    token = server.grant("viewer")
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S) as client:
        answer = client.get("voila/render/telling.ipynb", params={"token": token, "shop": "north"})
        told = re.search(
            r"told: (\{.*\})", answer.text.replace('\\"', '"').replace("&quot;", '"').replace("&#34;", '"')
        )
        assert told is not None
        assert token not in answer.text
        assert 'QUERY_STRING": "shop=north' in told[1]
        lent = re.search(r"VIBEWORKBENCH_TOKEN\": \"(vwb_[\w-]+)", told[1])
        assert lent is not None
        assert f'VIBEWORKBENCH_URL": "{server.url}' in told[1]
        status = f"{server.url}vibeworkbench/api/status"
        headers = {"Authorization": f"token {lent[1]}"}
        assert httpx.get(status, headers=headers, timeout=PATIENCE_S).json()["caller"]["role"] == "viewer"
        with ends(server) as ended:
            xsrf = client.cookies["_xsrf"]
            beacon = client.post(f"voila/api/shutdown/{kernel_in(answer.text)}", data={"_xsrf": xsrf})
            assert beacon.status_code == 204
            ended.wait_for(kernel_in(answer.text))
        assert httpx.get(status, headers=headers, timeout=PATIENCE_S).status_code == 401


def test_the_beacon_of_a_page_needs_the_cookie_that_the_page_was_given(server: Server) -> None:
    """A foreign page ends nobody's kernel."""
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S) as client:
        page = client.get("voila/render/live.ipynb", params={"token": server.grant("viewer")}).text
        address = f"voila/api/shutdown/{kernel_in(page)}"
        assert client.post(address).status_code == 403
        assert kernel_in(page) in kernels(server)
        assert client.post(address, files={"_xsrf": (None, client.cookies["_xsrf"])}).status_code == 204


@pytest.mark.parametrize("role", ["viewer", "analyst", "operator"])
def test_nobody_ends_somebody_else_s_page(server: Server, viewer: Person, role: str) -> None:
    """Nor a kernel that is no page's; an admin may end every page."""
    page = viewer.page("live.ipynb")
    other = person(server, role)
    with other.http() as client:
        assert client.post(f"voila/api/shutdown/{kernel_in(page)}").status_code == 403
    admin = person(server)
    with admin.http() as client:
        lab = client.post("api/kernels", json={}).json()["id"]
        assert client.post(f"voila/api/shutdown/{lab}").status_code == 404
        assert {lab, kernel_in(page)} <= kernels(server)
        assert client.post(f"voila/api/shutdown/{kernel_in(page)}").status_code == 204
        assert client.delete(f"api/kernels/{lab}").status_code == 204


def test_the_list_shows_what_may_be_opened_and_loads_nothing_from_elsewhere(server: Server, analyst: Person) -> None:
    """Titles and links; a folder's address is the same list."""
    for path in ("voila", "voila/", "voila/tree", "voila/tree/team"):
        answer = analyst.get(path)
        assert answer.status_code == 200
        assert 'href="/voila/render/team/mine.ipynb"' in answer.text
        assert "secret" not in answer.text
        assert "page-only" not in answer.text
        assert re.findall(ELSEWHERE, answer.text) == []


def test_the_list_is_not_for_viewers(viewer: Person) -> None:
    """Theirs is that of the dashboards."""
    for path in ("voila", "voila/tree"):
        assert viewer.get(path).status_code == 403


@pytest.mark.parametrize("role", ["viewer", "analyst", "admin"])
def test_no_file_is_to_be_had_by_way_of_voila(server: Server, role: str) -> None:
    """Whatever the configuration in the working directory allows."""
    for path in ("voila.json", "vibeworkbench.toml", "live.ipynb", "x.png"):
        assert person(server, role).get(f"voila/files/{path}").status_code in {403, 404}


def test_a_narrowed_token_opens_its_dashboard_and_no_other(server: Server) -> None:
    """For programs that send it as a header; in an address it would not reach what the page loads, and says so."""
    narrow = person(server, "viewer", "dashboard:live")
    page = narrow.page("live.ipynb")
    assert "live was drawn" in page
    left(narrow, page)
    before = kernels(server)
    assert narrow.get("voila/render/team/mine.ipynb").status_code == 403
    refused = httpx.get(f"{server.url}voila/render/live.ipynb", params={"token": narrow.token}, timeout=PATIENCE_S)
    assert refused.status_code == 403
    assert "vibeworkbench/dashboards" in refused.text
    assert kernels(server) <= before


def test_a_stranger_is_led_to_the_login(server: Server) -> None:
    """And back to the page from there."""
    answer = httpx.get(f"{server.url}voila/render/live.ipynb", timeout=PATIENCE_S)
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("login?next=%2Fvoila%2Frender%2Flive.ipynb")
