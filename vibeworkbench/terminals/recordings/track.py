"""One terminal's recording as the writer's thread has it: from what happened to lines in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from vibeworkbench.terminals.model import Exit, Size
from vibeworkbench.terminals.recordings import asciicast
from vibeworkbench.terminals.recordings.asciicast import EXIT, MARK, OUTPUT, SIZE, Position
from vibeworkbench.terminals.recordings.decoding import Decoding, length_in_bytes, readable
from vibeworkbench.terminals.recordings.hiding import REMEMBERED, Hiding
from vibeworkbench.terminals.recordings.segments import Bounds, Segments

UNFINISHED_S = 0.25
"""How long an unfinished line waits for its end."""

WRITE_BYTES = 262_144
WRITE_S = 0.2
"""What came is written after so many bytes or seconds, whichever is sooner."""

AGAIN_S = 1.0
"""After a failure nothing is written for so long."""

RESTARTED = "recorded again"
NEW_SHELL = "new shell"
_CLEAR = "\x1bc"


class Track:
    """Takes what happened in order; instants are Unix time that never goes back.

    Attributes:
        problem: What the disk has against being written, in words for people; empty where nothing.
        spoiled_bytes: Output that came here and is not in the files.
        shell: Whose stream this is.
        head: Absolute offset of the first byte that did not come yet.
    """

    def __init__(self, folder: Path, bounds: Bounds, values: Sequence[str], title: str) -> None:
        """Args: where and how much, what is a secret whatever it looks like, the title of every file."""
        self.problem = ""
        self.spoiled_bytes = 0
        self.shell = ""
        self.head = 0
        self._segments = Segments(folder, bounds)
        self._values = tuple(values)
        self._title = self._hidden(title)
        self._hiding = Hiding(values)
        self._decoding = Decoding()
        self._before: bytes | None = None
        """After a restart: what the files have of the unfinished line, as the shell says it again."""
        self._size = Size()
        self._lines: list[bytes] = []
        self._lines_bytes = 0
        self._last_ms = 0
        self._taken: Position | None = None
        """After the lines that were written or spoiled."""
        self._filed = Position(at=0, shell="", offset=0, rows=self._size.rows, cols=self._size.cols)
        """After the lines that stand in the files."""
        self._came_at = 0.0
        self._unfinished_at: float | None = None
        self._unwritten_at: float | None = None
        self._again_at = 0.0
        self._untold_bytes = 0

    def began(self, at: float, shell: str, size: Size) -> None:
        """What follows is this shell's; the files that are there go on."""
        if self._taken is None and not self._resume(at):
            self.shell, self._size = shell, size
            self._taken = self._filed = self._position()
        elif self.shell != shell:
            self._finish(at)
            self._event(at, MARK, NEW_SHELL)
            self._event(at, OUTPUT, _CLEAR)
            self.shell, self.head, self._before = shell, 0, None
        elif self._before is not None:
            self._event(at, MARK, RESTARTED)
        self.resized(at, size)

    def output(self, at: float, data: bytes, offset: int, *, hurried: bool) -> None:
        """The shell said this; ``hurried`` where more waits than can be masked with care."""
        self._ready(at)
        known = self.head - offset
        if known > 0:
            self._before = None if self._before is None else (self._before + data[:known])[-REMEMBERED:]
            data = data[known:]
        elif known < 0:
            self.missed(at, offset)
        if data:
            self._take(at, data, hurried=hurried)

    def _ready(self, at: float) -> None:
        if self._taken is None:
            self.began(at, self.shell, self._size)

    def _take(self, at: float, data: bytes, *, hurried: bool) -> None:
        if self._before:
            self._hiding.remember(self._decoding.add(self._before.rpartition(b"\n")[2]))
        self._before = None
        self.head += len(data)
        self._hiding.hurried = hurried
        self._shown(at, self._hiding.add(self._decoding.add(data)))
        self._came_at = at
        if not self._hiding.waiting:
            self._unfinished_at = None
        elif self._unfinished_at is None:
            self._unfinished_at = at

    def missed(self, at: float, head: int) -> None:
        """The shell's output up to this offset never comes."""
        if head > self.head:
            self._finish(at)
            self._event(at, MARK, _missing(head - self.head))
            self.head, self._before = head, None

    def resized(self, at: float, size: Size) -> None:
        """The screen has this size."""
        self._ready(at)
        if size != self._size:
            self._settle()
            self._size = size
            self._event(at, SIZE, asciicast.size_text(size))

    def marked(self, at: float, label: str) -> None:
        """A marker stands here."""
        self._ready(at)
        self._settle()
        self._event(at, MARK, self._hidden(label))

    def ended(self, at: float, end: Exit) -> None:
        """The shell ended, and all it said is written."""
        self._ready(at)
        self._finish(at)
        if end.reason:
            self._event(at, MARK, self._hidden(end.reason))
        self._event(at, EXIT, str(0 if end.code is None else end.code))
        self.write(at)

    def flush(self, at: float) -> None:
        """All is written but what may be the beginning of a secret."""
        self._settle()
        self.write(at)

    def close(self, at: float) -> None:
        """The same, and no file is open."""
        self.flush(at)
        self._segments.close()

    def forget(self) -> None:
        """Nothing is kept, and what came is forgotten too."""
        self._lines, self._lines_bytes = [], 0
        self._segments.forget()

    def forget_before(self, instant: float) -> None:
        """Files that began earlier are gone."""
        self._segments.forget_before(instant)

    def due_at(self) -> float | None:
        """When ``pass_time`` has something to do; ``None`` where nothing waits."""
        unfinished = None if self._unfinished_at is None else self._unfinished_at + UNFINISHED_S
        unwritten = None if self._unwritten_at is None else self._unwritten_at + WRITE_S
        return min((each for each in (unfinished, unwritten) if each is not None), default=None)

    def pass_time(self, at: float) -> None:
        """What waited long enough is written."""
        if self._unfinished_at is not None and at >= self._unfinished_at + UNFINISHED_S:
            self._settle()
        self._write_when_due(at)

    def _settle(self) -> None:
        self._shown(self._came_at, self._hiding.settled())
        self._unfinished_at = None

    def _finish(self, at: float) -> None:
        self._shown(at, self._hiding.add(self._decoding.ended()) + self._hiding.ended())
        self._unfinished_at = None

    def _shown(self, at: float, text: str) -> None:
        if text:
            self._event(at, OUTPUT, readable(text))

    def _hidden(self, label: str) -> str:
        """What people and programs say of a terminal holds secrets too: why it is held, what an upstream answered."""
        hiding = Hiding(self._values)
        return hiding.add(label) + hiding.ended()

    def _event(self, at: float, code: str, text: str) -> None:
        now_ms = max(self._last_ms, int(at * 1000))
        line = asciicast.event(now_ms - self._last_ms, code, text)
        self._last_ms = now_ms
        self._lines.append(line)
        self._lines_bytes += len(line)
        if self._unwritten_at is None:
            self._unwritten_at = at
        self._write_when_due(at)

    def _resume(self, at: float) -> bool:
        self._last_ms = int(at * 1000)
        try:
            found = self._segments.resume()
        except OSError as failed:
            self._failed(at, failed)
            found = None
        if found is None:
            return False
        self.shell, self.head, self._size = found.shell, found.offset, found.size
        if found.at > at:  # the clock went back: a file's time does not, and a new one's begins now
            self._segments.close()
            found = msgspec.structs.replace(found, at=at)
        self._last_ms = int(found.at * 1000)
        self._taken = self._filed = found
        self._before = b""
        return True

    def _position(self) -> Position:
        offset = self.head - self._decoding.waiting_bytes - length_in_bytes(self._hiding.waiting)
        at = self._last_ms / 1000
        return Position(at=at, shell=self.shell, offset=offset, rows=self._size.rows, cols=self._size.cols)

    def _write_when_due(self, at: float) -> None:
        is_due = self._unwritten_at is not None and at >= self._unwritten_at + WRITE_S
        if self._lines_bytes >= WRITE_BYTES or is_due:
            self.write(at)

    def write(self, at: float) -> None:
        """All lines that are ready stand in the files, or their output is counted as spoiled."""
        lines, self._lines, self._lines_bytes, self._unwritten_at = b"".join(self._lines), [], 0, None
        if not lines:
            return
        position = self._position()
        try:
            written = at >= self._again_at and self._append(at, lines, position)
        except OSError as failed:
            self._failed(at, failed)
            written = False
        before, self._taken = self._taken, position
        if not written and before is not None and before.shell == position.shell:
            self.spoiled_bytes += max(0, position.offset - before.offset)
            self._untold_bytes += max(0, position.offset - before.offset)

    def _failed(self, at: float, failed: OSError) -> None:
        self.problem = f"cannot be written: {(failed.strerror or 'unknown trouble').lower()}"
        self._again_at = at + AGAIN_S

    def _append(self, at: float, lines: bytes, position: Position) -> bool:
        lines = self._told() + lines + asciicast.comment(position)
        if not self._segments.has_room(len(lines)) or self._segments.is_old(at):
            self._segments.begin(asciicast.header(self._filed.size, at=self._filed.at, title=self._title), self._filed)
        self._segments.append(lines)
        self._filed, self._untold_bytes, self.problem = position, 0, ""
        return True

    def _told(self) -> bytes:
        """What stands for the lines that were spoiled since the last one in the files."""
        taken = self._taken
        if taken is None or taken == self._filed:
            return b""
        interval_ms = max(0, round(taken.at * 1000) - round(self._filed.at * 1000))
        mark = asciicast.event(interval_ms, MARK, _missing(self._untold_bytes))
        return mark + asciicast.event(0, SIZE, asciicast.size_text(taken.size))


def _missing(count: int) -> str:
    return f"{count} bytes of output are not in the recording"
