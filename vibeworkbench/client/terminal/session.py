"""A terminal for scripts and notebooks: send and expect; the reconnecting happens behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import monotonic
from typing import NamedTuple

from vibeworkbench.client import displays
from vibeworkbench.client.api import segment
from vibeworkbench.client.errors import NotSeen, TerminalEnded, Unreachable
from vibeworkbench.client.terminal.joined import ANSWER_S, JoinedTerminal

PIECE_BYTES = 64 * 1024


class Seen(NamedTuple):
    """What was expected and came.

    Attributes:
        match: The match of the pattern.
        before: The text that came before it.
    """

    match: re.Match[str]
    before: str


class TerminalSession(JoinedTerminal):
    """A terminal, joined and kept joined until ``close()``. Also a context manager; the terminal itself lives on.

    What is refused (somebody else drives, the program is held, its upstream is away) is raised by the call that asked.
    """

    # What comes

    def expect(self, pattern: str | re.Pattern[str], timeout_s: float | None = 30.0, *, plain: bool = True) -> Seen:
        """What fits the pattern first, with the text before it; the next ``expect`` and ``read`` begin behind it.

        Args:
            pattern: A regular expression (``^`` and ``$`` mean lines); a match is at most 65,536 characters long.
            timeout_s: How long it may take.
            plain: Whether it is looked for in the text alone: without colours and other sequences, each line ended by a
                line feed alone.

        Raises:
            NotSeen: It did not come in time; what came instead is unread still.
            TerminalEnded: The shell ended, and it had not come.
            RoomClosed: The server closed the terminal to us.
        """
        wanted = re.compile(pattern, re.MULTILINE) if isinstance(pattern, str) else pattern
        deadline = None if timeout_s is None else monotonic() + timeout_s
        with self._reading:
            self._output.search_anew()
            while True:
                is_over = self._is_closed or self.state.has_ended
                self._pull()
                found = self._output.search(wanted, as_plain=plain)
                if found is not None:
                    return Seen(*found)
                if is_over:
                    self._raise_error()
                    raise TerminalEnded(self.terminal_id, self.exit_code)
                left_s = None if deadline is None else max(0.0, deadline - monotonic())
                if not self._wait(lambda: self._unread or self.state.has_ended, left_s, or_closed=True):
                    raise NotSeen(wanted.pattern, self._output.unread(as_plain=plain), timeout_s)

    def read(self, timeout_s: float | None = 0.0, *, plain: bool = True) -> str:
        """All that has come and was not read yet; waits ``timeout_s`` for something, and gives no text if nothing came.

        Raises:
            RoomClosed: The server closed the terminal to us, and all was read.
        """
        with self._reading:
            self._pull()
            if not len(self._output):
                self._wait(lambda: self._unread or self.state.has_ended, timeout_s, or_closed=True)
                self._pull()
            text = self._output.take(as_plain=plain)
        if not text and self._is_closed:
            self._raise_error()
        return text

    def read_bytes(self, timeout_s: float | None = 0.0) -> bytes:
        """The next bytes as the program wrote them; none when nothing came in time. Do not mix it with the others."""
        self._wait(lambda: self._unread or self.state.has_ended, timeout_s, or_closed=True)
        return self._next_bytes()

    def __iter__(self) -> Iterator[str]:
        """The text as it comes, until the shell has ended or the session is closed."""
        while True:
            is_over = self._is_closed or self.state.has_ended
            text = self.read(None if not is_over else 0.0)
            if text:
                yield text
            elif is_over:
                return

    def wait_ended(self, timeout_s: float | None = None) -> int | None:
        """The shell's exit code, once it has ended; ``None`` where it is not known.

        Raises:
            NotSeen: It has not ended in ``timeout_s``.
        """
        if not self._wait(lambda: self.state.has_ended, timeout_s):
            raise NotSeen("the end of the shell", "", timeout_s)
        return self.exit_code

    # What we do

    def send(self, text: str | bytes, timeout_s: float = ANSWER_S) -> None:
        """The terminal has taken what was typed, on its way to the program; a line feed is Enter.

        Who types first at a free terminal becomes its driver.

        Raises:
            InputRefused: Nothing of it was typed; ``code`` says why.
            Unreachable: The connection was lost meanwhile; whether it was typed is not known.
        """
        data = text.encode() if isinstance(text, str) else bytes(text)
        pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
        self._ask(*pieces, timeout_s=timeout_s)

    def send_line(self, text: str = "", timeout_s: float = ANSWER_S) -> None:
        """The same, and Enter."""
        self.send(f"{text}\r", timeout_s)

    def resize(self, rows: int, cols: int) -> None:
        """The screen has this size, for everybody.

        Raises:
            InputRefused: Somebody else drives.
        """
        self._ask({"type": "size", "rows": rows, "cols": cols})

    def take(self, timeout_s: float = ANSWER_S) -> None:
        """We drive. A driver who is there is asked first, and has ten seconds to keep the keyboard.

        Raises:
            InputRefused: The driver keeps it, or we have no right to it.
        """
        self._ask({"type": "drive", "action": "take"}, until=lambda: self.drives, timeout_s=timeout_s)

    def release(self) -> None:
        """The terminal is free, or driven by who has asked."""
        self._ask({"type": "drive", "action": "release"})

    def keep(self) -> None:
        """Whoever has asked us for the keyboard does not get it."""
        self._ask({"type": "drive", "action": "keep"})

    def hold(self, why: str = "", for_s: float | None = None) -> None:
        """The program is held for everybody, and takes no input; ``resume`` or the time limit ends it.

        Args:
            why: What the others are told.
            for_s: How long at most; the server's settings say when it is not given.

        Raises:
            InputRefused: We have no right to it.
        """
        said = {"why": why, "forS": for_s}
        message = {"type": "hold", "on": True, **{name: value for name, value in said.items() if value}}
        self._ask(message, until=lambda: self.state.hold is not None)

    def resume(self) -> None:
        """The program runs on."""
        self._ask({"type": "hold", "on": False}, until=lambda: self.state.hold is None)

    def retry(self) -> None:
        """The upstream is tried again at once, instead of after the wait that it announced."""
        self._ask({"type": "retry"})

    def restart(self, timeout_s: float = ANSWER_S) -> None:
        """A new shell runs, whose output begins a new stream, or the upstream that was lost is reached again.

        Raises:
            Unreachable: It was not possible in ``timeout_s``.
        """
        epoch = self.epoch
        self._api.send("POST", f"api/terminals/{segment(self.terminal_id)}/restart", body={})
        if not self._wait(lambda: self.epoch != epoch or not self.state.has_ended, timeout_s):
            why = f": {self.state.upstream.reason}" if self.state.upstream.reason else ""
            raise Unreachable(f"terminal {self.terminal_id}: no new shell came{why}")

    def end(self) -> None:
        """The terminal and its shell have ended, for everybody."""
        self._api.send("DELETE", f"api/terminals/{segment(self.terminal_id)}")

    def __repr__(self) -> str:
        ended = ", ended" if self.state.has_ended else ""
        return f"<terminal {self.terminal_id}: {self.connection.quality}, {self.offset} bytes{ended}>"

    def _repr_html_(self) -> str:
        return displays.terminal_card(self.terminal_id, self.state, self.offset)
