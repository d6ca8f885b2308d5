"""Which of many texts show a sign of a secret: found in one pass over their bytes, while other threads run.

Most texts show none, and only those that do are gone through by the patterns that find where it stands. Hyperscan reads
its pattern once and then some gigabytes a second; where there is no build of it, RE2 takes its place.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vibeworkbench.masking import may_hold_secrets

try:
    import hyperscan
except ImportError:  # there are builds for most machines, not for all
    hyperscan = None  # type: ignore[assignment]

_SHORT_BYTES = 8_192
"""RE2 reads its pattern anew for each search, which takes half a millisecond; less is searched sooner without it."""
_FOLDED = str.maketrans({"\u017f": "s", "\u212a": "k"})
"""The letters outside ASCII that mean one of ASCII's where case does not count."""


class Signs:
    """A pattern of signs that many texts are searched for.

    Args:
        pattern: ``masking.SUSPECT``, or one found in more texts; ``re``, RE2 and Hyperscan read it alike, and no
            match goes over the end of a line.
        by_re2: RE2 is taken though Hyperscan is there.
    """

    def __init__(self, pattern: str, *, by_re2: bool = hyperscan is None) -> None:
        self._pattern = pattern
        self._engine = None if by_re2 else _engine(pattern)

    def shown_in(self, texts: Sequence[str | None]) -> list[int]:
        """The numbers of the texts that show a sign, in order, and perhaps of a few that show none.

        Args:
            texts: ``None`` shows nothing.
        """
        encoded = [_bytes_of(text) for text in texts]
        if self._engine is not None:
            ends = self._engine.ends_in(b"\n".join(encoded))
            return np.unique(np.searchsorted(_bounds(encoded, 1)[1:], ends)).tolist() if ends else []
        if sum(map(len, encoded)) < _SHORT_BYTES:
            return [number for number, text in enumerate(texts) if text and may_hold_secrets(text)]
        return self._by_re2(encoded)

    def _by_re2(self, encoded: list[bytes]) -> list[int]:
        # pa.array() imports pandas, for seconds, in the middle of somebody's first command
        bounds = _bounds(encoded, 0).astype(np.int32)
        column = pa.StringArray.from_buffers(len(encoded), pa.py_buffer(bounds), pa.py_buffer(b"".join(encoded)))
        numbers: list[int] = pc.indices_nonzero(pc.match_substring_regex(column, self._pattern)).to_pylist()
        return numbers


def _bounds(encoded: Sequence[bytes], between: int) -> np.ndarray:
    """Where each begins and the last one ends, with so many bytes between them."""
    bounds = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(each) + between for each in encoded], out=bounds[1:])
    return bounds


class _Engine:
    """Hyperscan's, with room of its own for each thread."""

    def __init__(self, pattern: str) -> None:
        self._database: Any = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(expressions=[pattern.encode()], ids=[0], elements=1, flags=[0])
        self._own = threading.local()

    def ends_in(self, content: bytes) -> list[int]:
        """Where matches end."""
        ends: list[int] = []
        if not hasattr(self._own, "scratch"):
            self._own.scratch = hyperscan.Scratch(self._database)

        def found(_id: int, _start: int, end: int, _flags: int, _context: object) -> None:
            ends.append(end)

        self._database.scan(content, match_event_handler=found, scratch=self._own.scratch)
        return ends


def _engine(pattern: str) -> _Engine | None:
    try:
        return _Engine(pattern)
    except hyperscan.error:  # a processor that the build is not made for
        return None


def _bytes_of(text: str | None) -> bytes:
    if text is None:
        return b""
    return (text if text.isascii() else text.translate(_FOLDED)).encode("utf-8", "replace")
