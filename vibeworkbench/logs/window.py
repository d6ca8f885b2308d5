"""Which ids arrived within the last hours, so that what is sent again is stored once. Pure.

An id is kept as 8 bytes of its BLAKE2b hash together with kind, source and instance: beside two million remembered
ones, one new id in ten trillion is taken for known. They stand in sorted arrays, the youngest in a set.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SEALED_IDS = 65_536
ID_BYTES = 8

Hashes = npt.NDArray[np.uint64]


def hashed(*parts: str) -> int:
    """The hash of an id with what it belongs to, 64 bits; never 0."""
    text = "\x00".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=ID_BYTES).digest(), "little") or 1


def packed(hashes: Sequence[int]) -> bytes:
    """Hashes as bytes."""
    return np.asarray(hashes, dtype="<u8").tobytes()


@dataclass(frozen=True, slots=True)
class _Sealed:
    newest_us: int
    hashes: Hashes


class Window:
    """The remembered ids.

    Args:
        span_us: How long an id is remembered, in microseconds.
        limit: How many are, at most; beyond, the oldest go before their time.
    """

    def __init__(self, span_us: int, limit: int) -> None:
        self._span_us = span_us
        self._limit = limit
        self._young: dict[int, None] = {}
        self._first_us = self._newest_us = 0
        self._sealed: deque[_Sealed] = deque()
        self._sealed_count = 0

    def __len__(self) -> int:
        return self._sealed_count + len(self._young)

    def recall(self, newest_us: int, hashes: bytes) -> None:
        """Ids that arrived up to ``newest_us`` are known; called with the oldest first, before any other."""
        self._seal(newest_us, np.sort(np.frombuffer(hashes, dtype="<u8")))

    def known(self, hashes: Sequence[int]) -> list[bool]:
        """Of each hash, whether its id is remembered; 0 stands for a record without id."""
        found = np.zeros(len(hashes), dtype=bool)
        asked = np.asarray(hashes, dtype=np.uint64)
        for each in self._sealed:
            at = np.searchsorted(each.hashes, asked)
            at[at == len(each.hashes)] = 0
            found |= each.hashes[at] == asked
        young = self._young
        return [bool(old) or each in young for old, each in zip(found.tolist(), hashes, strict=True)]

    def add(self, hashes: Sequence[int], now_us: int) -> None:
        """These ids arrived now."""
        if not self._young:
            self._first_us = now_us
        self._young.update(dict.fromkeys(hashes))
        self._newest_us = now_us
        if len(self._young) >= SEALED_IDS:
            self._seal_young()

    def forget(self, now_us: int) -> int:
        """Ids that are too old are gone; the result is the arrival before which none is remembered."""
        if self._young and self._first_us < now_us - self._span_us // 8:
            self._seal_young()
        oldest_us = now_us - self._span_us
        while self._sealed and (self._sealed[0].newest_us < oldest_us or len(self) > self._limit):
            oldest_us = max(oldest_us, self._sealed[0].newest_us + 1)
            self._sealed_count -= len(self._sealed.popleft().hashes)
        return oldest_us

    def _seal_young(self) -> None:
        hashes = np.fromiter(self._young, dtype=np.uint64, count=len(self._young))
        self._seal(self._newest_us, np.sort(hashes))
        self._young = {}

    def _seal(self, newest_us: int, hashes: Hashes) -> None:
        if len(hashes):
            self._sealed.append(_Sealed(newest_us, hashes))
            self._sealed_count += len(hashes)
