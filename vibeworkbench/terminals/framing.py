"""What is told to many, encoded once: frames of control messages, and of output as text. Pure."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Any

import msgspec

from vibeworkbench.rooms.frames import text_frame
from vibeworkbench.terminals.ring import Chunk


class ControlFrames:
    """Control messages as text frames, encoded once for all to whom the same one is told."""

    def __init__(self) -> None:
        self._message: Mapping[str, Any] | None = None
        self._frame = b""

    def of(self, message: Mapping[str, Any]) -> bytes:
        """The frame of a message."""
        if message is not self._message:
            self._message, self._frame = message, text_frame(msgspec.json.encode(message))
        return self._frame


class TextFrames:
    """Output as text frames, encoded once for all members of a terminal that are at the same place."""

    def __init__(self) -> None:
        self._chunk: Chunk | None = None
        self._before = b""
        self._after = b""
        self._frame = b""

    def of(self, chunk: Chunk, before: bytes) -> tuple[bytes, bytes]:
        """The frame of a chunk, and the bytes at its end that are the first ones of a cut character.

        Args:
            chunk: The output.
            before: What was left of the output before it.
        """
        if chunk is not self._chunk or before != self._before:
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            text = decoder.decode(before + chunk.data)
            self._chunk, self._before, self._after = chunk, before, decoder.getstate()[0]
            self._frame = stdout_frame(text)
        return self._frame, self._after


def stdout_frame(text: str) -> bytes:
    """Text as terminado says it."""
    return text_frame(msgspec.json.encode(("stdout", text)))
