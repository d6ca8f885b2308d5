"""The page of a published dashboard: an executed notebook as HTML that needs no kernel and nothing from elsewhere.

Pure but for the files of this package: the same notebook makes the same page. Addresses in a page are relative to it,
so that it does not depend on where the server stands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbformat import NotebookNode

from vibeworkbench.dashboards.model import Asset, IndexEntry, Page, PageAbout, State
from vibeworkbench.dashboards.page_exporter import TEMPLATE, TEMPLATES, cells_page
from vibeworkbench.dashboards.page_notebook import PLOTLY_TYPE, captured_cell, shown_notebook, widget_states
from vibeworkbench.dashboards.page_widgets import KeptWidgets, asset_of, kept_widgets, views_in
from vibeworkbench.errors import NotFound

STATIC_FILES = Path(__file__).parents[1] / "panels" / "static"
"""What the server extension serves as ``static/vibeworkbench/``."""

_STATIC = "static/vibeworkbench/"
_FROM_PAGE, _FROM_LIST = "../../", "../"
"""The server's root, seen from ``vibeworkbench/dashboards/<name>`` and from ``vibeworkbench/dashboards``."""

_STATE_WORDS = {State.rendering: "Being refreshed", State.failed: "The latest refresh failed"}
_FIRST_WORDS = {
    State.rendering: "Being made for the first time",
    State.failed: "Could not be made yet",
    State.never: "Not ready yet",
}
_FAILED = ("Not ready", "This dashboard could not be made; its publisher is told. It appears here by itself.")
_NOT_YET = ("Not ready yet", "This dashboard is being made for the first time. It appears here by itself.")

_environment = Environment(loader=FileSystemLoader(TEMPLATES / TEMPLATE), autoescape=True)


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
    widgets = kept_widgets(states, views, _FROM_PAGE + _STATIC, f"{about.name}/assets/")
    captured = widgets.outputs.items()
    shown.cells += [captured_cell(each, outputs, frozenset(states), draws_figures) for each, outputs in captured]
    figures = _plotly_asset(plotly) if _has_figures(shown) else {}
    told = _told(about, widgets, "".join(f"{about.name}/assets/{file}" for file in figures))
    html = cells_page(_with_figures(shown), told)
    return Page(html.encode("utf-8", "replace"), {**widgets.assets, **figures}, widgets.rooms)


def content_security_policy(frame_ancestors: Sequence[str] = ()) -> str:
    """What a page may do: run and load what this server serves, connect to this server, and nothing else.

    Args:
        frame_ancestors: Origins whose pages may embed it, beside this server's own.

    Source: Content Security Policy Level 3. ``connect-src 'self'`` admits ``ws:`` and ``wss:`` to the same host (4.1.3,
    scheme-part matching).
    """
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        # Outputs bring style elements and attributes: pandas' styled tables, widgets' layouts. A style runs nothing,
        # and loads nothing but what the other rules admit.
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "frame-ancestors": " ".join(["'self'", *frame_ancestors]),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def index_page(entries: Sequence[IndexEntry], caller: str = "") -> bytes:
    """The page that lists dashboards.

    Args:
        entries: Those that the caller may see, in the order of the list.
        caller: Whom the page offers to sign out; empty for one who never signed in.
    """
    listed = [
        {
            "name": each.name,
            "title": each.title,
            "at": _instant(each.rendered_at) if each.rendered_at else None,
            "state": each.state.value,
            "word": (_STATE_WORDS if each.rendered_at else _FIRST_WORDS).get(each.state, ""),
        }
        for each in entries
    ]
    return _own("list.html.j2", _frame("Dashboards", _FROM_LIST), entries=listed, caller=caller)


def waiting_page(name: str, title: str, state: State) -> bytes:
    """The page of a dashboard that was not rendered yet; it gives way to the real one by itself."""
    heading, sentence = _FAILED if state is State.failed else _NOT_YET
    return _own("waiting.html.j2", _frame(title, _FROM_PAGE, name=name), heading=heading, sentence=sentence)


def _told(about: PageAbout, widgets: KeptWidgets, plotly: str) -> dict[str, Any]:
    static = _addresses(_FROM_PAGE)
    controls = {"controls": static["page_widgets_js"]} if widgets.needs_controls else {}
    frame = _frame(about.title, _FROM_PAGE, name=about.name, renderedAt=about.rendered_at.isoformat(), **controls)
    return frame | {
        "at": _instant(about.rendered_at),
        "preloads": [*controls.values(), *widgets.panels],
        "sheets": [static["page_widgets_css"]] if widgets.needs_controls else [],
        "widgets": _script_json(widgets.models),
        "needs_kernel": widgets.needs_kernel,
        "plotly": plotly,
    }


def _frame(title: str, root: str, **told: Any) -> dict[str, Any]:
    """What the head of every page needs; ``told`` goes to its program."""
    return {
        "title": title,
        "static": _addresses(root),
        "config": _script_json({"baseUrl": root}),
        "page": _script_json({"name": "", "renderedAt": None} | told),
    }


def _own(template: str, frame: Mapping[str, Any], **told: Any) -> bytes:
    marked = {name: Markup(frame[name]) for name in ("config", "page")}  # noqa: S704 - escaped as JSON in a script is
    return _environment.get_template(template).render({**frame, **marked, **told}).encode()


def _addresses(root: str) -> dict[str, str]:
    """The static files of pages by name (``page_js``), each with its version, so that browsers keep them for good."""
    found = {path.name.replace(".", "_"): f"{root}{_STATIC}{path.name}?v={_hash(path)}" for path in _page_files()}
    if "page_js" not in found:
        raise NotFound("the program of published pages is not built: run npm ci and npm run build in js/", panel="page")
    return found


def _page_files() -> list[Path]:
    return sorted(path for path in STATIC_FILES.glob("page*") if path.suffix in {".js", ".css"})


def _hash(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=6).hexdigest()


def _instant(at: datetime) -> dict[str, str]:
    """For machines, and for people until the page's program says it in their zone and language."""
    utc = at.astimezone(UTC)
    return {"iso": utc.isoformat().replace("+00:00", "Z"), "words": f"{utc.day} {utc:%B %Y, %H:%M} UTC"}


def _script_json(value: Any) -> str:
    r"""JSON that can stand in a script element of HTML, and in a script.

    Source: HTML Living Standard, 4.12.1.3 (restrictions for contents of script elements): ``<`` is written as
    ``\u003c``, which leaves neither ``</script`` nor ``<!--``. U+2028 and U+2029 end lines in scripts of old.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    for character in "<\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


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
        data[PLOTLY_TYPE] = _script_json(data[PLOTLY_TYPE])
    return notebook


def _made_by() -> str:
    """What makes pages: templates, programs of the page and of panels, and the libraries that they are made with."""
    said = hashlib.blake2b(digest_size=12)
    sources = [*Path(__file__).parent.glob("page*.py"), *(TEMPLATES / TEMPLATE).iterdir(), *STATIC_FILES.glob("*.*")]
    for path in sorted(sources):
        said.update(f"{path.name}\0{_hash(path)}\0".encode())
    for library in ("nbconvert", "latex2mathml", "mistune"):
        said.update(f"{library} {version(library)}\0".encode())
    return said.hexdigest()


MADE_BY = _made_by()
"""Names what made a page. A page that was made by another one is stale: its programs may be gone."""
