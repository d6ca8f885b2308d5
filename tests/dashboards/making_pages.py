"""Notebooks as a render leaves them, with real widgets, and readers of the pages that they become."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import ipywidgets
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from vibeworkbench.dashboards.model import Page, PageAbout
from vibeworkbench.dashboards.page import page
from vibeworkbench.dashboards.page_widgets import STATE_TYPE, VIEW_TYPE
from vibeworkbench.web.roles import Role

AT = datetime(2026, 11, 23, 2, 31, 59, 480_167, tzinfo=UTC)
ABOUT = PageAbout("night-shift", "Night shift", AT, Role.viewer)


def display(**data: Any) -> NotebookNode:
    """An output: ``html=``, ``plain=``, ``latex=``, or a whole bundle as ``data=``."""
    kinds = {"html": "text/html", "plain": "text/plain", "latex": "text/latex", "markdown": "text/markdown"}
    return new_output(
        "display_data", {kinds[name]: value for name, value in data.items() if name in kinds} | data.get("data", {})
    )


def view(widget: ipywidgets.Widget) -> NotebookNode:
    """The output that shows a widget."""
    model = {"model_id": widget.model_id, "version_major": 2, "version_minor": 0}
    return display(data={VIEW_TYPE: model, "text/plain": repr(widget)})


def notebook(*outputs: NotebookNode, cells: Sequence[NotebookNode] = (), widgets: bool = False) -> NotebookNode:
    """An executed notebook of one code cell with these outputs, or of these cells; with the state of every widget."""
    made = [*cells, new_code_cell("a = 'the source'", outputs=list(outputs))]
    state = ipywidgets.Widget.get_manager_state() if widgets else {"state": {}}
    return new_notebook(cells=made, metadata={"widgets": {STATE_TYPE: state}})


def page_of(*outputs: NotebookNode, **made: Any) -> Page:
    """The page of such a notebook."""
    return page(notebook(*outputs, **made), ABOUT)


class Read(HTMLParser):
    """A page, as far as tests look at it.

    Attributes:
        tags: Its start tags with their attributes.
        data: Contents of its script elements that have an ``id``, decoded.
        within: Contents of its script elements that run and load no file.
    """

    def __init__(self, html: bytes | str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data: dict[str, Any] = {}
        self.within: list[str] = []
        self._inside = ""
        self._runs = False
        self.feed(html.decode() if isinstance(html, bytes) else html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Noted."""
        self.tags.append((tag, dict(attrs)))
        self._inside = (dict(attrs).get("id") or "") if tag == "script" else ""
        self._runs = tag == "script" and not {"src", "id"} & dict(attrs).keys()

    def handle_endtag(self, tag: str) -> None:
        """A script's content ends."""
        self._inside, self._runs = "", False

    def handle_data(self, data: str) -> None:
        """What a script holds."""
        if self._runs:
            self.within.append(data)
        if self._inside:
            self.data[self._inside] = json.loads(data)

    def loads(self) -> list[str]:
        """Every address that a browser fetches by itself."""
        fetched = [(tag, attrs.get("src")) for tag, attrs in self.tags if attrs.get("src")]
        fetched += [(tag, attrs.get("href")) for tag, attrs in self.tags if tag == "link"]
        return [address or "" for _tag, address in fetched]

    def scripts(self) -> list[dict[str, str | None]]:
        """Its script elements that run."""
        return [attrs for tag, attrs in self.tags if tag == "script" and attrs.get("type") != "application/json"]
