"""What a page keeps of a notebook's widgets."""

from __future__ import annotations

import hashlib
from typing import Any

import anywidget
import ipywidgets as w
import pytest
import traitlets
from nbformat import NotebookNode

from tests.dashboards.making_pages import Read, display, page_of, view
from vibeworkbench.dashboards.page_widgets import NEEDS_KERNEL, kept_widgets

PROGRAM = "export default { render({ el }) { el.textContent = 'hello'; } }"
SHEET = ".hello { color: red }"


class Hello(anywidget.AnyWidget):
    """An anywidget of somebody's own."""

    _esm = PROGRAM
    _css = SHEET
    raw = traitlets.Bytes(b"\x00\x01\xff").tag(sync=True)
    partner = traitlets.Any().tag(sync=True, **w.widget_serialization)


def widgets_of(*outputs: NotebookNode) -> dict[str, Any]:
    """What the page of these outputs tells of its widgets."""
    told: dict[str, Any] = Read(page_of(*outputs, widgets=True).html).data["vw-widgets"]
    return told


def test_programs_and_style_sheets_are_assets_named_by_their_content() -> None:
    """Browsers keep them for good, and two widgets of a kind share one."""
    one, other = Hello(), Hello()
    made = page_of(view(one), view(other), widgets=True)
    digests = {hashlib.sha256(text.encode()).hexdigest()[:32]: text for text in (PROGRAM, SHEET)}
    assert {file.partition(".")[0]: asset.body.decode() for file, asset in made.assets.items()} == digests
    assert {asset.media_type for asset in made.assets.values()} == {"text/javascript", "text/css"}
    told = Read(made.html).data["vw-widgets"]
    assert told[one.model_id]["esm"] == told[other.model_id]["esm"]
    assert told[one.model_id]["esm"].startswith("night-shift/assets/")
    assert "_esm" not in told[one.model_id]["state"]
    assert PROGRAM.encode() not in made.html


def test_binary_parts_of_a_state_are_kept() -> None:
    """With the place where they belong."""
    widget = Hello()
    assert widgets_of(view(widget))[widget.model_id]["buffers"] == [{"path": ["raw"], "data": "AAH/"}]


@pytest.mark.parametrize("address", ["https://example.org/widget.js", "http://example.org/widget.js"])
def test_a_program_of_another_host_is_no_asset(address: str) -> None:
    """The page says in its place that it could not be drawn."""
    states = {"a": {"model_module": "anywidget", "model_name": "AnyModel", "state": {"_esm": address, "_css": address}}}
    kept = kept_widgets(states, ["a"], "../../static/vibeworkbench/", "a/assets/")
    assert kept.assets == {}
    assert "esm" not in kept.models["a"]


def test_widgets_that_are_not_shown_are_not_told() -> None:
    """What a notebook worked with is nobody's business."""
    shown, unseen = w.Label("seen"), w.Label("never shown")
    told = widgets_of(view(w.VBox([shown])))
    assert shown.model_id in told
    assert unseen.model_id not in told


def test_links_between_what_is_shown_come_along_with_what_they_pass_through() -> None:
    """Two links over a control that is nowhere: they still work."""
    first, hidden, last = w.IntSlider(), w.IntText(), w.IntProgress()
    links = [w.jslink((first, "value"), (hidden, "value")), w.jsdlink((hidden, "value"), (last, "value"))]
    told = widgets_of(view(first), view(last))
    assert {each.model_id for each in (first, hidden, last, *links)} <= told.keys()


def test_controls_that_would_need_python_are_greyed_out() -> None:
    """With the reason; those that a link carries on, or that a widget of its own looks at, are not."""
    dead, button = w.Text(), w.Button(description="Restart")
    moved, shown, watched = w.IntSlider(), w.IntProgress(), w.IntSlider()
    w.jslink((moved, "value"), (shown, "value"))
    told = widgets_of(*map(view, (dead, button, moved, shown, watched, Hello(partner=watched), w.Tab())))
    for each in (dead, button):
        assert told[each.model_id]["state"]["disabled"] is True
        assert told[each.model_id]["state"]["tooltip"] == NEEDS_KERNEL
    for each in (moved, watched):
        assert told[each.model_id]["state"]["disabled"] is False


def test_the_page_says_why_something_is_grey_only_when_something_is() -> None:
    """Once, below."""
    assert b"greyed out" in page_of(view(w.Button()), widgets=True).html
    assert b"greyed out" not in page_of(view(w.Label("x")), widgets=True).html


def test_a_password_is_not_published() -> None:
    """Whatever stood in its field when the notebook was executed."""
    field = w.Password("correct horse")
    assert widgets_of(view(field))[field.model_id]["state"]["value"] == ""


def test_markup_in_widgets_is_tidied_like_outputs() -> None:
    """It is put into the page as it is."""
    widget = w.HTML('<b>x</b><img src="https://example.org/a.png"><script>alert(1)</script>')
    value = widgets_of(view(widget))[widget.model_id]["state"]["value"]
    assert value.startswith("<b>x</b>")
    assert "https://" not in value
    assert "script" not in value


def test_outputs_that_a_widget_captured_are_rendered_with_the_page() -> None:
    """In markup like any other, widgets in them included, for every view of the widget."""
    inner = w.Label("inside")
    output = w.Output(outputs=(dict(view(inner)), dict(display(html="<b>captured</b><script>alert(1)</script>"))))
    made = page_of(view(output), widgets=True)
    read = Read(made.html)
    kept = [attrs["data-vw-output"] for tag, attrs in read.tags if tag == "template"]
    places = [attrs["data-vw-model"] for _tag, attrs in read.tags if "data-vw-model" in attrs]
    assert kept == [output.model_id]
    assert places == [output.model_id, inner.model_id]
    assert b"<b>captured</b>" in made.html
    assert read.data["vw-widgets"][output.model_id]["state"]["outputs"] == []
    assert inner.model_id in read.data["vw-widgets"]


def test_a_view_of_a_widget_that_is_gone_is_shown_as_its_text() -> None:
    """A closed widget leaves no state."""
    gone = w.Label("gone")
    shown = view(gone)
    gone.close()
    assert b"Label(" in page_of(shown, widgets=True).html
