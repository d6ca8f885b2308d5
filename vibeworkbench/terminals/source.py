"""What runs behind a terminal, and what it says: the line to its upstream, its output, and the gate between them."""

from __future__ import annotations

from collections.abc import Callable

from vibeworkbench.settings import TerminalSettings
from vibeworkbench.terminals import notices
from vibeworkbench.terminals.audience import Audience
from vibeworkbench.terminals.courtesy import Manners
from vibeworkbench.terminals.gate import Gate
from vibeworkbench.terminals.keyboard import Keyboard
from vibeworkbench.terminals.line import Line, Told, Wanted
from vibeworkbench.terminals.model import Exit, Hop, HopState, Size
from vibeworkbench.terminals.recordings import Recording
from vibeworkbench.terminals.stream import Stream
from vibeworkbench.terminals.upstreams import Connection, Upstream
from vibeworkbench.terminals.viewer import Viewer


class Source:
    """The source of one terminal.

    Args:
        upstream: What runs it.
        recording: Where it is recorded.
        settings: Of terminals.
        audience: Who hears of it.
        size: Of the screen at first.
        manners: Towards those who type in other terminals.

    Attributes:
        size: Of the screen.
        hop: How it stands with the upstream.
        exit: How the shell ended; ``None`` while it runs or where that is not known.
        stream: What it said.
        keyboard: What it is to be told.
        gate: Whether it is read.
        changed: Called after hop, exit, epoch or size changed.
        renewed: Called with each viewer after a new shell began, before the viewer gets anything of it.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        recording: Recording,
        settings: TerminalSettings,
        audience: Audience,
        size: Size,
        manners: Manners,
    ) -> None:
        self.size = size
        self.hop = Hop(HopState.connecting)
        self.exit: Exit | None = None
        self.changed: Callable[[], None] = lambda: None
        self.renewed: Callable[[Viewer], None] = lambda viewer: None
        self.stream = Stream(recording, settings.ring_bytes, size, self._grown)
        self.keyboard = Keyboard(settings.input_bytes)
        self.gate = Gate(
            holds_back=upstream.holds_back,
            viewers=audience.viewers.values,
            driver=lambda: audience.driver,
            manners=manners,
        )
        self._recording = recording
        self._audience = audience
        self._repeated_bytes = 0
        self._line = Line(
            upstream,
            attempts=settings.attempts,
            gate=self.gate,
            keyboard=self.keyboard,
            wanted=Wanted(lambda: self.size, lambda: self.stream.seen),
            told=Told(self._say_hop, self._connected, self._output, self._ended, self._lost_input),
        )

    def start(self) -> None:
        """The upstream is connected, now and whenever it is lost."""
        self._line.start()

    def recall(self, output: bytes, hop: Hop, ended: Exit | None) -> None:
        """Nothing runs; this was its last screen, and so it ended."""
        self.stream.recall(output)
        self.hop, self.exit = hop, ended

    def restart(self) -> None:
        """The shell is ended where there is one, and a new one begins."""
        self._line.restart()

    def retry(self) -> None:
        """A lost upstream is tried now; nothing happens where it is connected, or its shell has ended."""
        if self.exit is None and self.hop.state is not HopState.connected:
            self._line.retry()

    async def pulse(self) -> float | None:
        """Seconds to the upstream and back, where that can be said."""
        return await self._line.pulse()

    async def close(self, *, end: bool) -> None:
        """Nothing is connected, and with ``end`` the shell has ended."""
        self.gate.close()
        await self._line.close(end=end)
        self.stream.flush()

    def resized(self, size: Size, owner: str) -> None:
        """The screen has this size, because the member ``owner`` wanted it."""
        if size == self.size:
            return
        self.size = size
        self.stream.flush()
        self.stream.screen.resized(size, self.stream.stop)
        self._recording.resized(size)
        self._audience.tell(notices.size(size, owner))
        self._line.resized()
        self.changed()

    def held(self, *, on: bool) -> None:
        """The program is held, or goes on; what it says meanwhile is seen afterwards."""
        if on:
            self.stream.freeze()
        else:
            self.stream.thaw()
            self._audience.pull()
        self.gate.hold(on=on)

    # What the line says

    def _grown(self) -> None:
        self._audience.pull()
        self.gate.check()

    def _say_hop(self, hop: Hop) -> None:
        self.hop = hop
        if hop.state is not HopState.connecting:
            words = f"upstream {hop.state.value}"
            self._recording.marked(f"{words}: {hop.reason}" if hop.reason else words)
        self._audience.tell(notices.upstream(hop))
        self.changed()

    def _connected(self, connection: Connection) -> None:
        """What comes belongs to this shell, from this offset on."""
        self._repeated_bytes = 0
        self.stream.flush()
        if connection.shell != self.stream.epoch:
            self._renew(connection)
        elif connection.offset > self.stream.ring.head:
            self.stream.restart(connection.shell, connection.offset)  # what lies between is lost
            for viewer in list(self._audience.viewers.values()):
                viewer.miss(self.stream)
        else:
            self._repeated_bytes = self.stream.ring.head - connection.offset

    def _renew(self, connection: Connection) -> None:
        self.exit = None
        self.stream.restart(connection.shell, connection.offset)
        self._recording.began(connection.shell, self.size)
        for viewer in list(self._audience.viewers.values()):
            self.renewed(viewer)
            if viewer.is_started:
                viewer.renew(self.stream)
        self.changed()

    def _output(self, data: bytes) -> None:
        if self._repeated_bytes:
            repeated = min(self._repeated_bytes, len(data))
            self._repeated_bytes -= repeated
            data = data[repeated:]
        if data:
            self.stream.add(data)

    def _ended(self, end: Exit) -> None:
        self.stream.flush()
        self.exit = end
        self._recording.ended(end)
        self._audience.tell(notices.ended(end))
        self.changed()

    def _lost_input(self, count: int) -> None:
        driver = self._audience.driver
        if driver is not None:
            words = f"The upstream is not connected: the last {count} bytes typed were not sent."
            driver.link.control(notices.error("upstream-away", words))
