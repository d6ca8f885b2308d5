"""The page of a published dashboard: an executed notebook as HTML that needs no kernel and nothing from elsewhere.

Pure but for the files of this package: the same notebook makes the same page. Addresses in a page are relative to it,
so that it does not depend on where the server stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from vibeworkbench.dashboards.model import Asset, Page, PageAbout
from vibeworkbench.dashboards.page_exporter import cells_page
from vibeworkbench.dashboards.page_frame import FROM_PAGE, STATIC, addresses, frame, instant, own_room, script_json
from vibeworkbench.dashboards.page_notebook import PLOTLY_TYPE, captured_cell, shown_notebook, widget_states
from vibeworkbench.dashboards.page_widgets import KeptWidgets, asset_of, kept_widgets, views_in


def page(notebook: NotebookNode, about: PageAbout) -> Page:
    """The page of an executed notebook, its assets, and the rooms to which its panels connect.

    Args:
        notebook: The notebook with its outputs and the state of its widgets, as nbclient leaves them.
        about: What the page says about itself.
    """
    plotly = _plotly()
    draws_figures = plotly is not None
    shown = shown_notebook(notebook, draws_figures)
    states = widget_states(notebook)
    views = [view for cell in shown.cells for view in views_in(cell.get("outputs", ()))]
    widgets = kept_widgets(states, views, FROM_PAGE + STATIC, f"{about.name}/assets/")
    captured = widgets.outputs.items()
    shown.cells += [captured_cell(each, outputs, frozenset(states), draws_figures) for each, outputs in captured]
    figures = _plotly_asset(plotly) if _has_figures(shown) else {}
    told = _told(about, widgets, "".join(f"{about.name}/assets/{file}" for file in figures))
    html = cells_page(_with_figures(shown), told)
    return Page(html.encode("utf-8", "replace"), {**widgets.assets, **figures}, widgets.rooms)


def _told(about: PageAbout, widgets: KeptWidgets, plotly: str) -> dict[str, Any]:
    static = addresses(FROM_PAGE)
    controls = {"controls": static["page_widgets_js"]} if widgets.needs_controls else {}
    rooms = [*widgets.rooms, own_room(about.name)]  # in the order in which they are joined: what is seen comes first
    framed = frame(
        about.title, FROM_PAGE, name=about.name, renderedAt=about.rendered_at.isoformat(), rooms=rooms, **controls
    )
    return framed | {
        "at": instant(about.rendered_at),
        "preloads": [*controls.values(), *widgets.panels],
        "sheets": [static["page_widgets_css"]] if widgets.needs_controls else [],
        "widgets": script_json(widgets.models),
        "needs_kernel": widgets.needs_kernel,
        "plotly": plotly,
    }


# --- Plotly's figures ---


def _plotly() -> Path | None:
    """The program that draws them, where Plotly is installed."""
    found = find_spec("plotly")
    places = found.submodule_search_locations if found is not None else None
    program = Path(places[0], "package_data", "plotly.min.js") if places else None
    return program if program is not None and program.is_file() else None


def _plotly_asset(program: Path | None) -> dict[str, Asset]:
    return {} if program is None else asset_of(program.read_bytes(), "js", "text/javascript")


def _figures(notebook: NotebookNode) -> Iterator[dict[str, Any]]:
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if PLOTLY_TYPE in data:
                yield data


def _has_figures(notebook: NotebookNode) -> bool:
    return any(True for _ in _figures(notebook))


def _with_figures(notebook: NotebookNode) -> NotebookNode:
    """The same notebook, its figures as the JSON that stands in the page."""
    for data in _figures(notebook):
        data[PLOTLY_TYPE] = script_json(data[PLOTLY_TYPE])
    return notebook
