"""Pages of lists: how many, and after which item."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

import msgspec

from vibeworkbench.errors import InvalidInput

Limit = Annotated[int, msgspec.Meta(ge=1, le=500)]
_NUMBERS = range(2**57)
"""What may stand in a cursor; as Unix microseconds every one is an instant that Python and the databases know."""


def cursor_of(*keys: int | str) -> str:
    """The cursor of the page that follows what is sorted under these keys."""
    return base64.urlsafe_b64encode(msgspec.json.encode(keys)).decode().rstrip("=")


def keys_of(cursor: str, types: tuple[type, ...]) -> tuple[Any, ...]:
    """The keys after which a page begins.

    Raises:
        InvalidInput: The cursor is none that ``cursor_of`` has made of keys of these types.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        keys = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=list[int | str])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        keys = []
    if tuple(type(key) for key in keys) != types or any(isinstance(key, int) and key not in _NUMBERS for key in keys):
        raise InvalidInput("cursor: this is none that a list has answered", field="cursor", reason="unknown cursor")
    return tuple(keys)
