"""Bytes of a terminal as text that remembers how many bytes it was. Pure.

Characters may be cut between two reads; what is no UTF-8 becomes U+FFFD as browsers decode it, one for each maximal
part of a sequence. Until it is written such a part is a run of two lone surrogates, one for each byte, so that the
length of the text in bytes is exact: no UTF-8 makes one.

Source: WHATWG Encoding, 4.8 (decode); Unicode 16, 3.9 (U+FFFD substitution of maximal subparts)
"""

from __future__ import annotations

import codecs

_BROKEN = "\udc80"
_MORE = "\udc81"
_ERRORS = "vibeworkbench-recorded"


def _part_broken(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 - it is registered for decoding only
    return _BROKEN + _MORE * (error.end - error.start - 1), error.end


codecs.register_error(_ERRORS, _part_broken)


class Decoding:
    """A stream of UTF-8, as it comes."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(_ERRORS)

    def add(self, data: bytes) -> str:
        """The characters that are whole now."""
        return self._decoder.decode(data)

    def ended(self) -> str:
        """What is left of a character that was cut for ever; the next stream begins anew."""
        left = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return left

    @property
    def waiting_bytes(self) -> int:
        """Bytes of a character that is not whole."""
        return len(self._decoder.getstate()[0])


def length_in_bytes(text: str) -> int:
    """How many bytes this was."""
    if text.isascii():
        return len(text)
    return len(text.encode(errors="surrogatepass")) - 2 * (text.count(_BROKEN) + text.count(_MORE))


def readable(text: str) -> str:
    """The text with U+FFFD where there was no UTF-8."""
    if text.isascii():
        return text
    return text.replace(_BROKEN, "\ufffd").replace(_MORE, "")
