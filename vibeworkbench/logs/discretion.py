"""Secrets are masked before a record is written anywhere. Most records hold none, which one fast search tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from vibeworkbench.logs.columns import Lines
from vibeworkbench.masking import SUSPECT, masked, masked_id, masked_message, masked_name, masked_value
from vibeworkbench.signs import Signs

_SIGNS = Signs(SUSPECT)


def mask(lines: Lines) -> None:
    """No text of the records holds a secret that is known as one; their ids stay different ones."""
    for index in _SIGNS.shown_in(lines.message):
        lines.message[index] = masked_message(lines.message[index])
    for index in _SIGNS.shown_in(lines.instance):
        lines.instance[index] = masked(lines.instance[index])
    for index in _SIGNS.shown_in(lines.attributes):
        attributes = lines.attributes[index]
        if attributes is not None:
            lines.attributes[index] = _masked_attributes(attributes)
    if any(lines.id):
        lines.id[:] = map(masked_id, lines.id)
    lines.source[:] = _renamed(lines.source, masked_name)
    lines.stream[:] = _renamed(lines.stream, masked)
    lines.refused[:] = [msgspec.structs.replace(each, source=masked_name(each.source)) for each in lines.refused]


def _renamed(names: list[str], masked_by: Callable[[str], str]) -> list[str]:
    """The names masked; there are few different ones."""
    masked_names = {name: masked_by(name) for name in set(names)}
    return (
        names if all(name == shown for name, shown in masked_names.items()) else [masked_names[name] for name in names]
    )


def _masked_attributes(attributes: str) -> str:
    """Attributes with secrets masked; of those that cannot be gone through, the text."""
    try:
        return _encoded(masked_value(msgspec.json.decode(attributes)))
    except (msgspec.DecodeError, RecursionError):  # too deep, or a number that is none
        return _encoded({"unreadable": masked(attributes)})


def _encoded(value: Any) -> str:
    return msgspec.json.encode(value).decode()
