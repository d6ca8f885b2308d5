"""Layouts as text, to be kept: a source that is known is read as before, also after a restart."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from vibeworkbench.logs.headers.forms import Form
from vibeworkbench.logs.headers.layout import AnyForm, Layout
from vibeworkbench.logs.headers.pairs import JsonForm, LogfmtForm

_KINDS: dict[str, type[AnyForm]] = {"pattern": Form, "json": JsonForm, "logfmt": LogfmtForm}
_FIELDS = {"pattern": ("name", "pattern", "status"), "json": ("message", "time", "level")}
_FIELDS["logfmt"] = _FIELDS["json"]


class _Kept(msgspec.Struct, array_like=True):
    forms: list[list[str]]
    wrapper: list[str]
    now_s: float


def text_of(layout: Layout) -> str:
    """The layout as text."""
    wrapper = _fields(layout.wrapper) if layout.wrapper else []
    kept = _Kept([_fields(form) for form in layout.forms], wrapper, layout.now.timestamp())
    return msgspec.json.encode(kept).decode()


def _fields(form: AnyForm) -> list[str]:
    kind = next(name for name, each in _KINDS.items() if isinstance(form, each))
    return [kind, *(str(getattr(form, name)) for name in _FIELDS[kind])]


def layout_from(text: str) -> Layout:
    """The layout that a text keeps.

    Raises:
        msgspec.DecodeError: It keeps none.
    """
    kept = msgspec.json.decode(text, type=_Kept)
    wrapper = _form(kept.wrapper) if kept.wrapper else None
    return Layout(tuple(map(_form, kept.forms)), datetime.fromtimestamp(kept.now_s, UTC), wrapper)


def _form(fields: list[str]) -> AnyForm:
    return _KINDS[fields[0]](*fields[1:])
