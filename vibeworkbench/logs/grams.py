"""Which stretches of lines can hold a text: a small set of bits for each 16,384 lines. Pure.

A *gram* is four letters in a row, or six characters without a space of which the first is a digit; letters count as
small. A text can only stand in a stretch whose bits are set for every gram that lies within the text; so whatever is
searched for, whole words or parts of them, the stretches that hold it are among the candidates. Texts without a gram
(``OOM``, ``503``) have every stretch as candidate. Grams of letters are read off the distinct texts with digits put to
0, which are few.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

ROWS = 16_384
PARTS = 16
PART_BITS = 2**16
"""One stretch has 16 parts of 65,536 bits: 128 KiB. A search reads the parts that its grams fall into."""

_LOWER = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))
_IS_LETTER = bytes(97 <= byte <= 122 or byte == 95 for byte in range(256))
"""Of small letters. What is not ASCII is in no gram, as its case is not folded here."""
_PIECE = 65_536
"""Bytes of a text that are looked at together: what is made of them stays in the processor's cache."""
_TIMES = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(44)


def _hashed(keys: np.ndarray) -> np.ndarray:
    """20 bits of each key."""
    hashes: np.ndarray = (keys * _TIMES) >> _SHIFT
    return hashes.view(np.int64)


def _windows(text: bytes, at: np.ndarray, width: int) -> np.ndarray:
    """The bytes of windows as numbers, the width among them."""
    overlapping = np.ndarray((len(text),), np.uint64, buffer=text + bytes(8), strides=(1,))
    keys: np.ndarray = overlapping[at]
    keys &= np.uint64((1 << 8 * width) - 1)
    keys |= np.uint64(width << 56)
    return keys


def letter_grams(text: bytes) -> np.ndarray:
    """The grams of letters in a text; a byte below 32 separates texts."""
    if len(text) < 4:
        return np.empty(0, np.int64)
    text = text.translate(_LOWER)
    is_letter = np.frombuffer(text.translate(_IS_LETTER), bool)
    pairs = is_letter[:-1] & is_letter[1:]
    return _hashed(_windows(text, np.flatnonzero(pairs[:-2] & pairs[2:]), 4))


def digit_grams(text: bytes) -> np.ndarray:
    """The grams with digits in a text."""
    starts = range(0, max(len(text) - 5, 0), _PIECE)
    pieces = [_digit_grams(np.frombuffer(text, np.uint8, min(_PIECE + 5, len(text) - at), at)) for at in starts]
    return np.concatenate(pieces) if pieces else np.empty(0, np.int64)


def _digit_grams(content: np.ndarray) -> np.ndarray:
    is_space = (content - np.uint8(33)) >= 95
    spaces = is_space[:-1] | is_space[1:]
    has_space = spaces[:-4] | spaces[2:-2] | spaces[4:]
    begins = np.flatnonzero(((content[:-5] - np.uint8(48)) < 10) & ~has_space)
    small = content | (((content - np.uint8(65)) < 26).view(np.uint8) << 5)
    return _hashed(_windows(small.tobytes(), begins, 6))


def wanted(texts: Iterable[str]) -> list[int]:
    """The grams that a line must have to hold all of the texts."""
    grams: set[int] = set()
    for text in texts:
        content = text.encode("utf-8", "surrogatepass")
        grams.update(letter_grams(content).tolist(), digit_grams(content).tolist())
    return sorted(grams)


class Stretch:
    """The bits of one stretch while it grows."""

    def __init__(self) -> None:
        self.rows = 0
        self._is_set = np.zeros(PARTS * PART_BITS, bool)

    def add(self, grams: np.ndarray) -> None:
        """These grams occur."""
        self._is_set[grams] = True

    def parts(self) -> list[bytes]:
        """The bits, 16 parts."""
        return [part.tobytes() for part in np.packbits(self._is_set).reshape(PARTS, -1)]


def is_set(part: bytes, gram: int) -> bool:
    """Whether a gram's bit is set in the part that it falls into."""
    bit = gram % PART_BITS
    return bool(part[bit >> 3] >> (7 - (bit & 7)) & 1)


def part_of(gram: int) -> int:
    """The part that a gram falls into."""
    return gram // PART_BITS


def bytes_between(texts: pa.Array, start: int, end: int) -> bytes:
    """The bytes of some texts of an array, one after the other; grams over their borders do no harm."""
    _, offsets, data = texts.buffers()
    if data is None:
        return b""
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    content: bytes = data.slice(int(bounds[start]), int(bounds[end] - bounds[start])).to_pybytes()
    return content
