"""An executed notebook becomes a page that needs no kernel and nothing from elsewhere."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from datetime import timedelta

import ipywidgets as w
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests.dashboards.making_pages import ABOUT, AT, Read, display, notebook, page_of, view
from vibeworkbench.dashboards import page as pages
from vibeworkbench.dashboards.model import IndexEntry, State
from vibeworkbench.dashboards.page import page
from vibeworkbench.dashboards.page_frame import STATIC_FILES, content_security_policy, index_page, waiting_page
from vibeworkbench.dashboards.page_notebook import PLOTLY_TYPE
from vibeworkbench.panels import OpsPanel

FIGURE = {"data": [{"type": "scatter", "y": [1, 3, 2], "name": "</script><!--\u2028"}], "layout": {}}
MOST_BYTES = 150_000
MOST_PAGE_BYTES = 7_000


def test_viewers_see_outputs_and_neither_sources_nor_what_went_wrong() -> None:
    """Errors and stderr name files of the server."""
    made = page_of(
        new_output("stream", name="stdout", text="said aloud"),
        new_output("stream", name="stderr", text="/srv/secret.py:1: DeprecationWarning"),
        new_output("error", ename="KeyError", evalue="secret", traceback=["/srv/secret.py in secret"]),
        display(html="<b>bold</b>", plain="plain"),
    )
    text = made.html.decode()
    assert "said aloud" in text
    assert "<b>bold</b>" in text
    assert "secret" not in text
    assert "the source" not in text
    assert "plain" not in Read(made.html).data


def test_hidden_cells_and_outputs_stay_hidden() -> None:
    """By the tags that Jupyter's and Voila's users know."""
    cells = [
        new_markdown_cell("unseen", metadata={"tags": ["hide-cell"]}),
        new_code_cell("x", metadata={"tags": ["remove_output"]}, outputs=[display(plain="unseen")]),
        new_markdown_cell("# seen"),
    ]
    text = page_of(cells=cells).html.decode()
    assert "unseen" not in text
    assert "<h1>seen</h1>" in text


def test_a_stream_is_shown_as_a_terminal_would() -> None:
    """Pieces are one text, and a progress line is seen as it ended."""
    pieces = [new_output("stream", name="stdout", text=text) for text in ("10 %\r", "99 %\rdone", "\nnext\r\n")]
    assert "<pre>done\nnext\n</pre>" in page_of(*pieces).html.decode()


def test_a_page_runs_nothing_but_files_of_ours_and_loads_nothing_from_elsewhere() -> None:
    """Whatever outputs and texts hold."""
    made = page_of(
        display(html='<script>alert(1)</script><img src="https://example.org/a.png"><p onclick="alert(1)">text</p>'),
        display(data={"application/javascript": "alert(1)", "text/plain": "<Javascript>"}),
        cells=[new_markdown_cell('![](https://example.org/b.png) <iframe src="https://example.org"></iframe>')],
    )
    read = Read(made.html)
    loaded = [attrs["src"] or "" for attrs in read.scripts() if "src" in attrs]
    assert all(address.startswith("../../static/vibeworkbench/") for address in loaded)
    assert read.within == [(STATIC_FILES / "page_begin.js").read_text("utf-8").strip()]
    assert len(read.scripts()) == len(loaded) + 1
    assert [address for address in read.loads() if not address.startswith(("../../static/", "data:"))] == []
    assert [attrs for _tag, attrs in read.tags if any(name.startswith("on") for name in attrs)] == []
    assert b"alert(1)" not in made.html


def test_addresses_are_relative_to_the_page() -> None:
    """It does not depend on where the server stands."""
    read = Read(page_of(view(OpsPanel()), widgets=True).html)
    assert read.data["jupyter-config-data"] == {"baseUrl": "../../"}
    assert all(address.startswith(("../../static/vibeworkbench/", "data:")) for address in read.loads())


def test_a_page_says_as_of_when_it_is() -> None:
    """To the second for machines, and in words for people whose browser runs nothing."""
    read = Read(page_of().html)
    assert read.data["vw-page"] == {
        "name": "night-shift",
        "renderedAt": AT.isoformat(),
        "rooms": [["dashboards", "night-shift"]],
    }
    assert "2026-11-23T02:31:59.480167Z" in {attrs.get("datetime") for _tag, attrs in read.tags}
    assert "As of <time" in page_of().html.decode()
    assert "23 November 2026, 02:31 UTC" in page_of().html.decode()


def test_what_a_state_holds_cannot_leave_its_script() -> None:
    """End tags, comments and old line separators arrive as they were."""
    title = "</script><script>alert(1)</script><!-- \u2028 &amp; \u2029"
    panel = OpsPanel(title=title)
    made = page_of(view(panel), widgets=True)
    assert b"<script>alert" not in made.html
    assert b"<!--" not in made.html
    assert "\u2028" not in made.html.decode()
    assert Read(made.html).data["vw-widgets"][panel.model_id]["state"]["title"] == title


def test_panels_are_loaded_by_the_page_itself_and_their_rooms_are_known() -> None:
    """The loader of a panel's bundle is recognised: the bundle is fetched at once, and only once."""
    panel = OpsPanel()
    made = page_of(view(panel), widgets=True)
    read = Read(made.html)
    bundle = read.data["vw-widgets"][panel.model_id]["esm"]
    assert bundle.startswith("../../static/vibeworkbench/ops.js?v=")
    assert {"rel": "modulepreload", "href": bundle} in [attrs for _tag, attrs in read.tags]
    assert made.assets == {}
    assert ("ops-monitor-broadcast", "main") in made.rooms


def test_a_page_of_panels_is_small() -> None:
    """With everything that it loads, compressed."""
    made = page_of(view(OpsPanel()), widgets=True)
    named = [address.partition("?")[0].rpartition("/")[2] for address in Read(made.html).loads() if "static" in address]
    files = {name: (STATIC_FILES / name).read_bytes() for name in named}
    assert {"page.js", "ops.js"} == files.keys()
    assert len(gzip.compress(made.html)) < MOST_PAGE_BYTES
    assert sum(len(gzip.compress(body)) for body in [made.html, *files.values()]) < MOST_BYTES


@pytest.mark.parametrize("controls", [False, True])
def test_the_first_paint_waits_for_nothing_but_the_page(controls: bool) -> None:
    """What is shown first is styled by the head; the sheet for controls comes behind what is shown."""
    made = page_of(view(w.VBox([w.IntSlider()]) if controls else OpsPanel()), widgets=True)
    head, _, body = made.html.decode().partition("</head>")
    assert f"<style>{(STATIC_FILES / 'page.css').read_text('utf-8').strip()}</style>" in head
    assert 'rel="stylesheet"' not in head
    assert all(attrs.get("type") == "module" for attrs in Read(head).scripts() if "src" in attrs)
    shown, _, after = body.partition("</footer>")
    assert 'rel="stylesheet"' not in shown
    assert ('rel="stylesheet"' in after) is controls


def test_the_script_within_a_page_is_the_one_that_the_policy_names() -> None:
    """By the hash of its very bytes."""
    for html in (page_of().html, index_page([]), waiting_page("night", "Night", State.never)):
        (script,) = re.findall(rb"<script>(.*?)</script>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
        assert f"script-src 'self' 'sha256-{digest}';" in content_security_policy()


def test_the_program_for_controls_comes_only_with_controls() -> None:
    """Boxes and sliders bring it; it is fetched as early as the page's own."""
    assert b"page_widgets" not in page_of(view(OpsPanel()), widgets=True).html
    read = Read(page_of(view(w.VBox([w.IntSlider()])), widgets=True).html)
    assert read.data["vw-page"]["controls"] in read.loads()


def test_figures_of_plotly_are_drawn_by_its_own_program() -> None:
    """It is an asset of the page, and no page without a figure has it."""
    made = page_of(display(data={PLOTLY_TYPE: FIGURE, "text/html": "<div>needs a script</div>"}))
    (name,) = made.assets
    (place,) = [attrs for _tag, attrs in Read(made.html).tags if "data-vw-plotly" in attrs]
    assert place["data-vw-plotly"] == f"night-shift/assets/{name}"
    assert made.assets[name].media_type == "text/javascript"
    assert b"needs a script" not in made.html
    assert b"</script><!--" not in made.html
    assert page_of(display(plain="no figure")).assets == {}


def test_a_figure_without_plotly_is_shown_as_its_other_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Plotly is not installed, nothing can draw it."""
    monkeypatch.setattr(pages, "find_spec", lambda _name: None)
    made = page_of(display(data={PLOTLY_TYPE: FIGURE, "text/html": "<b>a table instead</b>"}))
    assert b"<b>a table instead</b>" in made.html
    assert made.assets == {}


def test_a_picture_has_its_alternative_text_and_its_size() -> None:
    """As the notebook gives them."""
    picture = new_output(
        "display_data", {"image/png": "aGVs\nbG8="}, metadata={"image/png": {"alt": "Load", "width": 300}}
    )
    (drawn,) = [attrs for tag, attrs in Read(page_of(picture).html).tags if tag == "img"]
    assert (drawn["src"], drawn["alt"], drawn["width"]) == ("data:image/png;base64,aGVsbG8=", "Load", "300")


def test_attachments_are_part_of_the_page() -> None:
    """One that is missing leaves its text."""
    text = "![here](attachment:a.png) ![gone](attachment:b.png)"
    cell = new_markdown_cell(text, attachments={"a.png": {"image/png": "aGVsbG8="}})
    made = page_of(cells=[cell])
    assert b"data:image/png;base64,aGVsbG8=" in made.html
    assert b"gone" in made.html


def test_the_same_notebook_makes_the_same_page() -> None:
    """And the notebook stays as it was."""
    given = notebook(view(OpsPanel()), display(html="<b>x</b>"), widgets=True)
    before = json.dumps(given)
    assert page(given, ABOUT) == page(given, ABOUT)
    assert json.dumps(given) == before


def test_the_policy_names_who_may_embed_the_page() -> None:
    """Everything else is this server's or nothing."""
    rules = dict(rule.split(" ", 1) for rule in content_security_policy(["https://wall.example"]).split("; "))
    assert rules["frame-ancestors"] == "'self' https://wall.example"
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'self' 'sha256-[A-Za-z0-9+/]{43}='", rules["script-src"])
    assert "unsafe" not in rules["script-src"]
    assert rules["style-src"] == "'self' 'unsafe-inline'"
    assert "unsafe-eval" not in str(rules)
    assert dict(rule.split(" ", 1) for rule in content_security_policy().split("; "))["frame-ancestors"] == "'self'"


def test_the_list_leads_to_dashboards_and_says_how_they_stand() -> None:
    """Titles are text, whatever they hold."""
    entries = [
        IndexEntry("night", "<Night> & day", State.ready, AT),
        IndexEntry("ops", "Operations", State.failed, AT - timedelta(days=1)),
        IndexEntry("new", "New", State.never, None),
    ]
    html = index_page(entries, "vera").decode()
    links = [attrs["href"] for tag, attrs in Read(html).tags if tag == "a" and "data-vw-within" in attrs]
    assert links == ["dashboards/night", "dashboards/ops", "dashboards/new"]
    assert "&lt;Night&gt; &amp; day" in html
    assert "The latest refresh failed" in html
    assert "Not ready yet" in html
    assert 'href="../logout"' in html
    assert Read(html).data["jupyter-config-data"] == {"baseUrl": "../"}


def test_an_empty_list_says_so() -> None:
    """And offers nobody to log out who never logged in."""
    html = index_page([]).decode()
    assert "No dashboards yet" in html
    assert "logout" not in html


@pytest.mark.parametrize(("state", "said"), [(State.never, "for the first time"), (State.failed, "could not be made")])
def test_a_dashboard_without_a_page_says_why_and_waits_for_it(state: State, said: str) -> None:
    """Its program joins the dashboard's room like that of any page, and any page is newer than none."""
    html = waiting_page("night", "Night", state)
    assert said in html.decode()
    assert Read(html).data["vw-page"] == {"name": "night", "renderedAt": None, "rooms": [["dashboards", "night"]]}
