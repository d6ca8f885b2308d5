"""Published pages: what a hostile notebook may do to its readers, and what is served beside it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping

import httpx
import pytest

from tests.patience import PATIENCE_MS
from tests.security.staging import Stage, publish, write_notebook
from tests.security.wire import raw

HOSTILE = """
from IPython.display import HTML, Javascript, Markdown, SVG
display(HTML('<script>fetch("/vibeworkbench/api/tokens", {method: "POST"})</script><img src=x onerror="alert(1)">'))
there = "https://elsewhere.example/"
display(HTML(f'<iframe src="{there}"></iframe><form action="{there}"><input name=x></form><img src="{there}">'))
display(HTML(f'<base href="{there}"><meta http-equiv="refresh" content="0;url={there}"><link href="{there}" rel=icon>'))
display(HTML('<a href="javascript:alert(1)">x</a></script><script src="https://elsewhere.example/x.js"></script>'))
display(Javascript('alert(1)'))
display(Markdown('[x](javascript:alert(1)) <script>alert(2)</script>'))
display(SVG('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(3)</script></svg>'))
print('</script><script>alert(4)</script>')
"""
FRAMED = "https://intranet.example"


@pytest.fixture(scope="module")
def stage(stage: Stage) -> Stage:
    """The stage, and on it a hostile notebook, and one that an intranet may frame."""
    write_notebook(stage.root / "hostile.ipynb", HOSTILE)
    write_notebook(stage.root / "framed.ipynb", "print('framed')")
    with stage.http() as admin:
        publish(admin, ("hostile", {}), ("framed", {"frameAncestors": [FRAMED]}))
    return stage


def policy_of(answer: httpx.Response) -> Mapping[str, set[str]]:
    """The Content-Security-Policy by directive."""
    (text,) = answer.headers.get_list("Content-Security-Policy")
    parts = (part.split() for part in text.split(";") if part.strip())
    return {name: set(sources) for name, *sources in parts}


def page(stage: Stage, name: str) -> httpx.Response:
    """A published page."""
    with stage.http("viewer") as viewer:
        answer = viewer.get(f"vibeworkbench/dashboards/{name}")
    assert answer.status_code == 200
    return answer


def begun(stage: Stage) -> str:
    """How a policy names the one script that stands in every page."""
    with stage.http("viewer") as viewer:
        script = viewer.get("static/vibeworkbench/page_begin.js").raise_for_status().text.strip()
    return named(script)


def named(script: str) -> str:
    """How a policy names a script by its hash."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


@pytest.mark.parametrize("name", ["hostile", "framed", "audited"])
def test_a_page_runs_scripts_of_this_server_only(stage: Stage, name: str) -> None:
    """In the page one that is served as a file, too; no eval, no other host, plug-in or base; no form goes out."""
    policy = policy_of(page(stage, name))
    allowed = {"'self'", "'none'", "'wasm-unsafe-eval'", "'report-sample'", begun(stage)}
    assert policy["default-src"] <= {"'self'", "'none'"}
    assert policy.get("script-src", policy["default-src"]) <= allowed
    assert policy.get("object-src", policy["default-src"]) == {"'none'"}
    assert policy["base-uri"] <= {"'self'", "'none'"}
    assert policy["form-action"] <= {"'self'", "'none'"}


@pytest.mark.parametrize("name", ["hostile", "audited"])
def test_a_page_connects_to_this_server_only(stage: Stage, name: str) -> None:
    """What a page knows is sent nowhere else by its scripts."""
    policy = policy_of(page(stage, name))
    assert policy.get("connect-src", policy["default-src"]) == {"'self'"}


def test_a_page_that_nobody_may_frame_says_so(stage: Stage) -> None:
    """Unless its publisher named who may."""
    assert policy_of(page(stage, "audited"))["frame-ancestors"] <= {"'none'", "'self'"}
    assert FRAMED in policy_of(page(stage, "framed"))["frame-ancestors"]
    assert "*" not in policy_of(page(stage, "framed"))["frame-ancestors"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example; script-src *",
        "https://a.example\r\nX: y",
        "javascript:",
        "*;",
        "'self' *",
        "https://a.example, x",
        "",
    ],
)
def test_whoever_publishes_cannot_write_the_policy(stage: Stage, origin: str) -> None:
    """An origin is an origin."""
    with stage.http() as admin:
        body = {"notebook": "framed.ipynb", "name": "made-up", "role": "viewer", "frameAncestors": [origin]}
        assert admin.post("vibeworkbench/api/dashboards", json=body).status_code == 400


def test_what_a_notebook_prints_ends_no_script_block_of_the_page(stage: Stage) -> None:
    """Data stands in the page as JSON, in which ``</script>`` means nothing."""
    text = page(stage, "hostile").text
    blocks = re.findall(r"<script(?P<about>[^>]*)>(?P<body>.*?)</script>", text, re.DOTALL)
    assert [about for about, body in blocks if named(body) == begun(stage)] == [""]
    for about, body in blocks:
        if named(body) != begun(stage):
            assert 'src="' in about or json.loads(body) is not None, about


async def test_a_hostile_notebook_runs_nothing_in_its_reader_s_browser(stage: Stage, browser) -> None:
    """No dialog, no navigation, no request elsewhere, no write in the reader's name: asked of a real browser."""
    context = await browser.new_context(extra_http_headers=stage.headers("admin"))
    context.set_default_timeout(PATIENCE_MS)
    requests, dialogs = [], []
    opened = await context.new_page()
    opened.on("request", lambda request: requests.append((request.method, request.url)))
    opened.on("dialog", lambda dialog: dialogs.append(dialog.message))
    address = f"{stage.server.url}vibeworkbench/dashboards/hostile"
    async with opened.expect_event("websocket") as connected:  # the page is drawn, and its own scripts have run
        await opened.goto(address, wait_until="load")
    await (await connected.value).wait_for_event("framereceived")
    for link in await opened.query_selector_all("a[href^='javascript:']"):
        await link.click(force=True, no_wait_after=True)
    assert dialogs == []
    assert opened.url == address
    assert not [url for _, url in requests if "elsewhere.example" in url]
    assert {method for method, _ in requests} == {"GET"}
    await context.close()


@pytest.mark.parametrize(
    "address",
    [
        "../../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/api/tokens",
        "....//....//etc/passwd",
        "0" * 64 + ".js",
        "x.js",
        "x.html",
        ".js",
        "%00.js",
        "a" * 5000 + ".js",
    ],
)
def test_assets_that_do_not_exist_are_not_found(stage: Stage, address: str) -> None:
    """No file system stands behind them."""
    answer = raw(stage.server, f"/vibeworkbench/dashboards/audited/assets/{address}", *stage.headers("viewer").items())
    assert answer.status in (400, 403, 404)
    assert "root:" not in answer.text


def test_an_asset_is_for_those_who_may_see_its_page(stage: Stage) -> None:
    """Whoever knows its hash gets it neither from its own dashboard nor from one that is open to all."""
    with stage.http("analyst") as analyst:
        names = set(re.findall(r"assets/([0-9a-f]+\.js)", analyst.get("vibeworkbench/dashboards/guarded").text))
        (name,) = names
        assert "for analysts" in analyst.get(f"vibeworkbench/dashboards/guarded/assets/{name}").text
    for caller in ("anonymous", "viewer", "viewer of it"):
        with stage.http(caller) as client:
            for dashboard in ("guarded", "audited", "interactive"):
                answer = client.get(f"vibeworkbench/dashboards/{dashboard}/assets/{name}")
                assert answer.status_code in (401, 403, 404), (caller, dashboard)


def test_a_page_is_not_kept_by_caches_that_others_use(stage: Stage) -> None:
    """A proxy must ask again for each reader."""
    control = page(stage, "audited").headers["Cache-Control"]
    assert "public" not in control
    assert "private" in control or "no-store" in control or "no-cache" in control


def test_an_etag_tells_nobody_anything_who_may_not_see_the_page(stage: Stage) -> None:
    """A right guess at it is refused like a wrong one."""
    with stage.http("analyst") as analyst:
        tag = analyst.get("vibeworkbench/dashboards/guarded").headers["ETag"]
        assert analyst.get("vibeworkbench/dashboards/guarded", headers={"If-None-Match": tag}).status_code == 304
    for caller in ("viewer", "viewer of it"):
        with stage.http(caller) as client:
            answer = client.get("vibeworkbench/dashboards/guarded", headers={"If-None-Match": tag})
            assert answer.status_code == 403
            assert "ETag" not in answer.headers


def test_the_list_shows_a_caller_what_it_may_see(stage: Stage) -> None:
    """As a page and by REST, where REST is open to it at all."""
    for caller, hidden in (("viewer", {"guarded"}), ("viewer of it", {"guarded", "hostile", "framed", "interactive"})):
        with stage.http(caller) as client:
            text = client.get("vibeworkbench/dashboards").text + client.get("vibeworkbench/api/dashboards").text
            assert "audited" in text
            assert not [name for name in hidden if name in text]


@pytest.mark.parametrize("caller", ["viewer", "viewer of it"])
def test_a_dashboard_that_one_may_not_see_is_not_told_from_one_that_is_not_there(stage: Stage, caller: str) -> None:
    """Names are guessed otherwise."""
    with stage.http(caller) as client:
        hidden = client.get("vibeworkbench/dashboards/guarded")
        missing = client.get("vibeworkbench/dashboards/made-up")
    assert hidden.status_code == missing.status_code


@pytest.mark.parametrize("caller", ["viewer", "ingest"])
def test_nobody_below_analyst_publishes_renders_or_removes(stage: Stage, caller: str) -> None:
    """A page runs with its publisher's rights."""
    with stage.http(caller) as client:
        body = {"notebook": "unpublished.ipynb", "name": "x", "role": "viewer"}
        assert client.post("vibeworkbench/api/dashboards", json=body).status_code == 403
        assert client.post("vibeworkbench/api/dashboards/audited/render").status_code == 403
        assert client.delete("vibeworkbench/api/dashboards/audited").status_code == 403
    assert not list(stage.root.rglob("unpublished.ran"))


@pytest.mark.parametrize(
    "notebook", ["../data/x.ipynb", "/etc/x.ipynb", "secret.txt", ".hidden.ipynb", "a\0.ipynb", "", ".", "notebooks"]
)
def test_only_notebooks_below_the_server_s_root_are_published(stage: Stage, notebook: str) -> None:
    """Not files, not what lies above, not what is hidden."""
    with stage.http() as admin:
        body = {"notebook": notebook, "name": "made-up", "role": "viewer"}
        answer = admin.post("vibeworkbench/api/dashboards", json=body)
    assert answer.status_code in (400, 404), answer.text
    assert str(stage.root) not in answer.text
