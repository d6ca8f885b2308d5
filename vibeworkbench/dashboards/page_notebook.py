"""A notebook as a page shows it: hidden cells gone, of each output the one form that a browser draws best. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from vibeworkbench.dashboards.page_formulas import formulas
from vibeworkbench.dashboards.page_markup import SCRIPTED, shown
from vibeworkbench.dashboards.page_widgets import STATE_TYPE, VIEW_TYPE

PLOTLY_TYPE = "application/vnd.plotly.v1+json"
_PREFERRED = (
    VIEW_TYPE,
    PLOTLY_TYPE,
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "text/latex",
    "image/png",
    "image/jpeg",
    "text/plain",
)
_HIDDEN_CELLS = frozenset({"hide", "hide-cell", "hide_cell", "remove", "remove-cell", "remove_cell"})
_HIDDEN_OUTPUTS = frozenset({"hide-output", "hide_output", "remove-output", "remove_output", "remove-outputs"})
_SCRIPT_TYPES = frozenset({"application/javascript", "text/javascript"})


def widget_states(notebook: NotebookNode) -> Mapping[str, Any]:
    """Model id → model, as the notebook's execution left them."""
    kept = notebook.metadata.get("widgets", {}).get(STATE_TYPE, {})
    return {
        str(name): model for name, model in kept.get("state", {}).items() if isinstance(model.get("state"), Mapping)
    }


def shown_notebook(notebook: NotebookNode, has_plotly: bool) -> NotebookNode:
    """A copy with the cells and outputs that are shown, each output in one form.

    Args:
        notebook: The executed notebook; it stays as it is.
        has_plotly: Whether the page can draw Plotly's figures.
    """
    models = frozenset(widget_states(notebook))
    cells = [_shown_cell(cell, models, has_plotly) for cell in notebook.cells if not tags(cell) & _HIDDEN_CELLS]
    return NotebookNode(nbformat=4, nbformat_minor=5, metadata=NotebookNode(), cells=cells)


def captured_cell(model_id: str, outputs: list[Any], models: frozenset[str], has_plotly: bool) -> NotebookNode:
    """A cell of what an Output widget had captured; the template keeps it for the widget's views."""
    kept = [NotebookNode(each) for each in outputs if isinstance(each, Mapping)]
    cell: NotebookNode = new_code_cell(metadata=NotebookNode(vw_output=model_id))
    cell.outputs = list(_shown_outputs(kept, models, has_plotly))
    return cell


def tags(cell: NotebookNode) -> frozenset[str]:
    """The cell's tags."""
    return frozenset(str(each) for each in cell.metadata.get("tags", ()))


def _shown_cell(cell: NotebookNode, models: frozenset[str], has_plotly: bool) -> NotebookNode:
    copy = NotebookNode({**cell, "metadata": NotebookNode(tags=sorted(tags(cell)))})
    if cell.cell_type == "code":
        hidden = bool(tags(cell) & _HIDDEN_OUTPUTS)
        copy.outputs = [] if hidden else list(_shown_outputs(cell.get("outputs", ()), models, has_plotly))
    return copy


def _shown_outputs(outputs: Any, models: frozenset[str], has_plotly: bool) -> Iterator[NotebookNode]:
    """Errors and what was written to stderr are not for viewers: they name the server's files."""
    for is_written, group in groupby(outputs, key=_is_written):
        if is_written:
            text = _overwritten("".join(_text(each.get("text", "")) for each in group))
            yield NotebookNode(output_type="stream", name="stdout", text=text)
        else:
            yield from _shown_displays(group, models, has_plotly)


def _is_written(output: NotebookNode) -> bool:
    return output.get("output_type") == "stream" and output.get("name") == "stdout"


def _overwritten(text: str) -> str:
    """What a terminal would show: a carriage return starts its line anew."""
    return "\n".join(line.removesuffix("\r").rpartition("\r")[2] for line in text.split("\n"))


def _shown_displays(
    outputs: Iterable[NotebookNode], models: frozenset[str], has_plotly: bool
) -> Iterator[NotebookNode]:
    for output in outputs:
        if output.get("output_type") in {"display_data", "execute_result"}:
            drawn = _best(output.get("data", {}), models, has_plotly)
            if drawn:
                metadata = {name: value for name, value in output.get("metadata", {}).items() if name in drawn}
                yield NotebookNode(
                    output_type="display_data", data=NotebookNode(drawn), metadata=NotebookNode(metadata)
                )


def _best(data: Mapping[str, Any], models: frozenset[str], has_plotly: bool) -> dict[str, Any]:
    for kind in _PREFERRED:
        if kind == "text/plain" and _SCRIPT_TYPES & data.keys():
            return {"text/html": f'<p class="vw-left-out">{SCRIPTED}</p>'}
        if kind in data and _can_draw(kind, data[kind], models, has_plotly):
            return {kind: _drawable(kind, data[kind])}
    return {}


def _can_draw(kind: str, value: Any, models: frozenset[str], has_plotly: bool) -> bool:
    if kind == VIEW_TYPE:
        return isinstance(value, Mapping) and value.get("model_id") in models
    return kind != PLOTLY_TYPE or has_plotly


def _drawable(kind: str, value: Any) -> Any:
    if kind == PLOTLY_TYPE:
        return value
    if kind == VIEW_TYPE:
        return NotebookNode(model_id=value["model_id"])
    text = _text(value)
    if kind == "text/html":
        return shown(text)
    return formulas(text) if kind == "text/latex" else text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "".join(str(each) for each in value)
