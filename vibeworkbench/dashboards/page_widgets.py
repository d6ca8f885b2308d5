"""What a page keeps of a notebook's widgets: those that it shows, with their programs as assets. Pure.

What would need Python is greyed out.

Source: https://github.com/jupyter-widgets/ipywidgets, packages/schema (the widget state in notebooks); anywidget 0.11.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vibeworkbench.dashboards.model import Asset
from vibeworkbench.dashboards.page_markup import shown

STATE_TYPE = "application/vnd.jupyter.widget-state+json"
VIEW_TYPE = "application/vnd.jupyter.widget-view+json"
ANYWIDGET = "anywidget"
OUTPUT = "@jupyter-widgets/output"
CONTROLS = "@jupyter-widgets/controls"
NEEDS_KERNEL = "Needs a kernel, and this page has none."

_REFERENCE = re.compile(r"^(?:IPY_MODEL_|anywidget:)(.+)$", re.DOTALL)
_LINKS = frozenset({"LinkModel", "DirectionalLinkModel"})
_LOADER = re.compile(r"\bstatic/vibeworkbench/([A-Za-z0-9_-]+\.js\?v=[0-9A-Za-z]+)")
_MOST_LOADER_CHARACTERS = 4_000
_MARKUP_MODELS = frozenset({"HTMLModel", "HTMLMathModel"})
_SCRIPT, _SHEET = "text/javascript", "text/css"
_SECRET_MODELS = frozenset({"PasswordModel"})
_OF_ANYWIDGETS = frozenset({"_esm", "_css", "_anywidget_id"})
_LAYOUT = "LayoutModel"
_DRESS = frozenset({"layout", "style"})


@dataclass(frozen=True, slots=True)
class KeptWidgets:
    """The widgets of a page.

    Attributes:
        models: Model id → what the page's program is told of it, as JSON.
        assets: File name → the programs and style sheets of anywidgets.
        panels: Addresses of the panels' bundles, relative to the page.
        rooms: Addresses ``(party, room)`` of the rooms to which panels connect.
        outputs: Model id → the outputs that an Output widget had captured.
        needs_controls: Whether there is anything but anywidgets.
        needs_kernel: Whether something was greyed out because it would need one.
    """

    models: Mapping[str, Any] = field(default_factory=dict)
    assets: Mapping[str, Asset] = field(default_factory=dict)
    panels: tuple[str, ...] = ()
    rooms: tuple[tuple[str, str], ...] = ()
    outputs: Mapping[str, list[Any]] = field(default_factory=dict)
    needs_controls: bool = False
    needs_kernel: bool = False


def kept_widgets(states: Mapping[str, Any], shown_ids: Iterable[str], static: str, assets_at: str) -> KeptWidgets:
    """What the page keeps.

    Args:
        states: Model id → model, as in the notebook's metadata.
        shown_ids: The models whose views the notebook's outputs show.
        static: Address of the server's static files relative to the page, ending in ``/``.
        assets_at: Address of the page's assets, relative to it, ending in ``/``.
    """
    ids = reachable(states, shown_ids)
    chosen = {each: states[each] for each in states if each in ids}
    useless = frozenset(_useless(chosen))
    assets: dict[str, Asset] = {}
    panels: dict[str, None] = {}
    models = {}
    for model_id, model in chosen.items():
        told = _told(model)
        told |= _greyed(told["state"]) if model_id in useless else {}
        if model.get("model_module") == ANYWIDGET:
            told |= _files(model["state"], static, assets_at, assets, panels)
        models[model_id] = told
    return KeptWidgets(
        models=models,
        assets=assets,
        panels=tuple(panels),
        rooms=tuple(dict.fromkeys(room for model in chosen.values() for room in _rooms(model["state"]))),
        outputs={each: _captured(model) for each, model in chosen.items() if model.get("model_module") == OUTPUT},
        needs_controls=any(_has_view(model) and model.get("model_module") != ANYWIDGET for model in chosen.values())
        or any(model.get("model_name") in _LINKS for model in chosen.values()),
        needs_kernel=bool(useless),
    )


def reachable(states: Mapping[str, Any], shown_ids: Iterable[str]) -> frozenset[str]:
    """The models that are shown, those they refer to, those in their outputs, and those linked to any of them."""
    found: set[str] = set()
    waiting = [each for each in shown_ids if each in states]
    links = {
        each: set(_referred(model["state"])) for each, model in states.items() if model.get("model_name") in _LINKS
    }
    while waiting:
        model_id = waiting.pop()
        if model_id in found:
            continue
        found.add(model_id)
        model = states[model_id]
        near = set(_referred(model["state"])) | set(views_in(_captured(model)))
        near |= {link for link, ends in links.items() if model_id in ends}
        waiting.extend(each for each in near if each in states)
    return frozenset(found)


def views_in(outputs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The models whose views are among the outputs."""
    for output in outputs:
        view = (output.get("data") or {}).get(VIEW_TYPE)
        if isinstance(view, Mapping) and isinstance(view.get("model_id"), str):
            yield view["model_id"]


def _captured(model: Mapping[str, Any]) -> list[Any]:
    outputs = model["state"].get("outputs") if model.get("model_module") == OUTPUT else None
    return list(outputs) if isinstance(outputs, list | tuple) else []


def _referred(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        reference = _REFERENCE.match(value)
        if reference is not None:
            yield reference[1]
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _referred(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _referred(each)


def _has_view(model: Mapping[str, Any]) -> bool:
    return model["state"].get("_view_name") not in {None, "", "LayoutView", "StyleView"}


def _told(model: Mapping[str, Any]) -> dict[str, Any]:
    """The model without what is told elsewhere: programs are assets, outputs stand in the page's markup."""
    name, module = model.get("model_name", ""), model.get("model_module", "")
    state = dict(model["state"])
    if module == ANYWIDGET:
        state = {key: value for key, value in state.items() if key not in _OF_ANYWIDGETS}
    elif module == OUTPUT:
        state["outputs"] = []
    elif name in _MARKUP_MODELS and isinstance(state.get("value"), str):
        state["value"] = shown(state["value"])
    elif name in _SECRET_MODELS:
        state["value"] = ""
    elif name == _LAYOUT:
        state = {key: value for key, value in state.items() if value is not None}  # what nobody chose is the default
    told = {"name": name, "module": module, "state": state}
    buffers = [_buffer(each) for each in model.get("buffers") or ()]
    return told | {"buffers": buffers} if buffers else told


def _buffer(written: Mapping[str, Any]) -> dict[str, Any]:
    text = str(written.get("data", ""))
    if written.get("encoding") == "hex":
        text = base64.b64encode(binascii.unhexlify(text)).decode()
    return {"path": list(written.get("path", ())), "data": text}


def _files(
    state: Mapping[str, Any], static: str, assets_at: str, assets: dict[str, Asset], panels: dict[str, None]
) -> dict[str, str]:
    """Where the program and the style sheet of an anywidget stand."""
    files = {}
    program, sheet = state.get("_esm"), state.get("_css")
    if isinstance(program, str) and program and not _is_elsewhere(program):
        panel = _LOADER.search(program) if len(program) < _MOST_LOADER_CHARACTERS else None
        files["esm"] = f"{static}{panel[1]}" if panel else assets_at + _kept(program, "js", _SCRIPT, assets)
        if panel:
            panels[files["esm"]] = None
    if isinstance(sheet, str) and sheet and not _is_elsewhere(sheet):
        files["css"] = assets_at + _kept(sheet, "css", _SHEET, assets)
    return files


def _is_elsewhere(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _kept(text: str, ending: str, media_type: str, assets: dict[str, Asset]) -> str:
    asset = asset_of(text.encode("utf-8", "replace"), ending, media_type)
    assets.update(asset)
    return next(iter(asset))


def asset_of(body: bytes, ending: str, media_type: str) -> dict[str, Asset]:
    """The asset under the name that its content gives it."""
    return {f"{hashlib.sha256(body).hexdigest()[:32]}.{ending}": Asset(media_type, body)}


def _rooms(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    rooms = state.get("rooms")
    for each in rooms if isinstance(rooms, list | tuple) else ():
        party, _, room = str(each).partition("/")
        if party and room:
            yield party, room


def _useless(models: Mapping[str, Any]) -> Iterator[str]:
    """Controls that do nothing on this page: no link carries on what a reader does there, and no anywidget looks."""
    looked_at = {
        each
        for model in models.values()
        if model.get("model_name") in _LINKS or model.get("model_module") == ANYWIDGET
        for name, value in model["state"].items()
        if name not in _DRESS
        for each in _referred(value)
    }
    for model_id, model in models.items():
        is_control = model.get("model_module") == CONTROLS and "disabled" in model["state"] and _has_view(model)
        if is_control and not model["state"]["disabled"] and model_id not in looked_at:
            yield model_id


def _greyed(state: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": {**state, "disabled": True, "tooltip": NEEDS_KERNEL}}
