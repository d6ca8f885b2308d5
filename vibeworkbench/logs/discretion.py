"""Secrets are masked before a record is written anywhere. Most records hold none, which one fast search tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from vibeworkbench.logs.columns import Lines
from vibeworkbench.masking import SUSPECT, masked, masked_value


def mask(lines: Lines) -> None:
    """No message, attribute or instance of the records holds a secret that is known as one."""
    for index in _suspects(lines.message):
        lines.message[index] = masked_message(lines.message[index])
    for index in _suspects(lines.instance):
        lines.instance[index] = masked(lines.instance[index])
    for index in _suspects(lines.attributes):
        attributes = lines.attributes[index]
        if attributes is not None:
            lines.attributes[index] = _masked_attributes(attributes)


def masked_message(message: str) -> str:
    """A message with secrets masked; one that is a JSON object stays one."""
    if message.startswith("{"):
        try:
            return _encoded(masked_value(msgspec.json.decode(message)))
        except (msgspec.DecodeError, RecursionError):  # it only looks like JSON
            pass
    return masked(message)


def _masked_attributes(attributes: str) -> str:
    """Attributes with secrets masked; of those that cannot be gone through, the text."""
    try:
        return _encoded(masked_value(msgspec.json.decode(attributes)))
    except (msgspec.DecodeError, RecursionError):  # too deep, or a number that is none
        return _encoded({"unreadable": masked(attributes)})


def _suspects(texts: Sequence[str | None]) -> Iterable[int]:
    found = pc.match_substring_regex(pa.array(texts, pa.string()), SUSPECT)
    return [*pc.indices_nonzero(found).to_pylist()]


def _encoded(value: Any) -> str:
    return msgspec.json.encode(value).decode()
