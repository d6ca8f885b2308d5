"""``vibeworkbench terminal attach``: this terminal shows another one, and its keys go there."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from vibeworkbench.cli.output import warn
from vibeworkbench.cli.terminal_screen import Screen, raw
from vibeworkbench.client import Workbench
from vibeworkbench.client.errors import ClientError, Unreachable
from vibeworkbench.client.terminal import TerminalSession, TerminalState
from vibeworkbench.client.terminal.values import Terminal

DETACH = b"\x1d"
"""Ctrl-], as in telnet."""
QUIET_S = 0.1
KEYS_BYTES = 65_536


def attached(found: Workbench, terminal: Terminal, *, watch: bool, take: bool) -> int:
    """The exit code of the shell once it has ended; 0 when we have left before.

    Args:
        found: The workbench.
        terminal: What is shown.
        watch: Whether nothing is typed, whatever the right.
        take: Whether the driver is asked for the keyboard at once.
    """
    has_keys = sys.stdin.isatty() and not watch
    hint = "Ctrl-] leaves, and it runs on" if has_keys else "it is watched only; Ctrl-C leaves, and it runs on"
    warn(f"terminal {terminal.title} ({terminal.terminal_id}): {hint}")
    with ExitStack() as stack:
        if has_keys:
            stack.enter_context(raw())
        screen = Screen(terminal.title)
        stack.callback(screen.end)
        attachment = Attachment(screen, may_type=has_keys, take=take)
        joined = found.terminals.join(
            terminal,
            history=True,
            buffer_bytes=0,
            on_message=attachment.heard,
            on_state=attachment.changed,
        )
        left = attachment.run(stack.enter_context(joined))
    if left or attachment.error is not None:
        if attachment.error is not None:
            raise attachment.error
        warn(f"left terminal {terminal.title}; it runs on")
        return 0
    code = joined.exit_code
    warn(f"the shell of terminal {terminal.title} has ended{'' if code is None else f' with exit code {code}'}")
    return code or 0


class Attachment:
    """What goes between this terminal and the other one.

    Args:
        screen: This one.
        may_type: Whether its keys go there.
        take: Whether the driver is asked for the keyboard at once.
    """

    def __init__(self, screen: Screen, *, may_type: bool, take: bool) -> None:
        self.error: ClientError | None = None
        self._screen, self._may_type, self._take = screen, may_type, take
        self._session: TerminalSession | None = None
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_out, False)
        self._is_over = self._is_unread = False
        self._drove = self._was_welcomed = False
        self._said = ""

    def run(self, session: TerminalSession) -> bool:
        """Whether we have left, rather than the shell ended."""
        self._session = session
        showing = threading.Thread(target=self._show, name="showing", daemon=True)
        with _signals(self._woken):
            showing.start()
            try:
                return self._type()
            finally:
                self._is_over = True
                showing.join()
                os.close(self._wake_in)
                os.close(self._wake_out)

    # What comes

    def _show(self) -> None:
        """In a thread of its own: all output goes to the screen, which may be slow."""
        session = self._session
        assert session is not None  # noqa: S101 - run has set it
        try:
            while not self._is_over:
                data = session.read_bytes(QUIET_S)
                if data:
                    self._screen.write(data)
                elif session.state.has_ended or session.connection.quality == "closed":
                    break
                self._screen.settle()
        except ClientError as error:
            self.error = error
        except OSError:  # whoever read our output is gone
            self._is_unread = True
        self._woken()

    def heard(self, message: Mapping[str, Any]) -> None:
        """A control message: what somebody at the keyboard has to know stands in the last row."""
        notice = notice_of(message, self._state)
        if notice:
            self._screen.say(notice)
            self._said = notice
        if message.get("type") == "members" and not self._was_welcomed:
            self._was_welcomed = True
            if self._take:
                self._post({"type": "drive", "action": "take"})
            else:
                self._fit()

    def changed(self, state: TerminalState) -> None:
        """The state is another: who drives decides on the size."""
        session = self._session
        if session is None:
            return
        drives = session.drives
        if drives and not self._drove:
            self._fit()
        self._drove = drives
        notice = standing(state, drives=drives)
        if notice != self._said:
            self._said = notice
            self._screen.say(notice)

    @property
    def _state(self) -> TerminalState:
        return self._session.state if self._session is not None else TerminalState()

    # What goes

    def _type(self) -> bool:
        while True:
            watched = [self._wake_in, *([sys.stdin.fileno()] if self._may_type else [])]
            ready, _, _ = select.select(watched, [], [])
            if self._wake_in in ready:
                os.read(self._wake_in, KEYS_BYTES)
                if self.error is not None or self._has_ended:
                    return False
                if self._is_unread:
                    return True
                self._screen.resized()
                self._fit()
            else:
                keys, is_leaving, _ = os.read(sys.stdin.fileno(), KEYS_BYTES).partition(DETACH)
                if keys:
                    self._post(keys)
                if is_leaving or not keys:
                    return True

    @property
    def _has_ended(self) -> bool:
        session = self._session
        return session is not None and (session.state.has_ended or session.connection.quality == "closed")

    def _fit(self) -> None:
        """The other terminal has our size, if that is ours to say; one that nobody drives is taken for it."""
        session = self._session
        if session is None or not self._may_type or session.state.role not in {"owner", "driver"}:
            return
        if session.drives:
            size = self._screen.size
            self._post({"type": "size", "rows": size.rows, "cols": size.cols})
        elif not session.state.driver:
            self._post({"type": "drive", "action": "take"})

    def _post(self, message: bytes | Mapping[str, Any]) -> None:
        session = self._session
        assert session is not None  # noqa: S101 - run has set it
        try:
            session.post(message)
        except Unreachable:
            self._screen.say("not connected now: nothing that you type gets there")

    def _woken(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._wake_out, b"\0")


def notice_of(message: Mapping[str, Any], state: TerminalState) -> str:
    """What a control message says to somebody at the keyboard; empty where it is shown otherwise, or not at all."""
    match message.get("type"):
        case "error":
            return str(message.get("message") or message.get("code") or "")
        case "drive":
            asked = message.get("asked")
            by = asked.get("by") if isinstance(asked, Mapping) else None
            return f"{by} asks for the keyboard and gets it in {message.get('untilS', 10)} s" if by else ""
        case "skip":
            return "some output was left out: more came than could be shown"
        case "hil-state":
            return f"task {message.get('taskId')} is {message.get('state')}: {message.get('reason') or ''}"
    return ""


def standing(state: TerminalState, *, drives: bool) -> str:
    """In one line how it stands."""
    connection, upstream = state.connection, state.upstream
    if connection.quality in {"reconnecting", "offline", "connecting"}:
        return f"connection lost{_because(connection.reason)}, reconnecting" if connection.reason else "connecting"
    if upstream.state != "connected":
        attempt = f", attempt {upstream.attempt}" if upstream.attempt else ""
        return f"its upstream is {upstream.state}{attempt}{_because(upstream.reason)}"
    if state.hold is not None:
        why = f": {state.hold.why}" if state.hold.why else ""
        return f"held by {state.hold.by}{why}"
    who = "you drive" if drives else f"{state.name_of(state.driver)} drives" if state.driver else "nobody drives"
    only = ", you watch" if state.role == "watcher" else ""
    return f"{who}{only}, {len(state.members)} here; Ctrl-] leaves"


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


@contextmanager
def _signals(resized: Callable[[], None]) -> Iterator[None]:
    """``resized`` is called when this terminal has another size; what would end us leaves this terminal right."""

    def ended(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    wanted = {signal.SIGWINCH: lambda *_: resized(), signal.SIGTERM: ended, signal.SIGHUP: ended}
    before = {number: signal.signal(number, act) for number, act in wanted.items()}
    try:
        yield
    finally:
        for number, act in before.items():
            signal.signal(number, act)
