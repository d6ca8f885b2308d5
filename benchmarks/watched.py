"""Our server with a clock in each callback of its event loop, which also says messages when it is told to."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import servers
from benchmarks.servers import Server

ANSWER_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Watched:
    """The server, and the file in which it leaves its longest callbacks."""

    server: Server
    callbacks: Path

    def longest(self) -> list[dict[str, Any]]:
        """The callbacks that used the most CPU since the last time this was asked, the longest first.

        Raises:
            TimeoutError: The server did not answer.
        """
        self.callbacks.unlink(missing_ok=True)
        self.server.process.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + ANSWER_LIMIT_S
        while time.monotonic() < deadline:
            if self.callbacks.exists() and (text := self.callbacks.read_text()):
                found: list[dict[str, Any]] = json.loads(text)
                return found
            time.sleep(0.02)
        raise TimeoutError("the server did not write its longest callbacks")

    def longest_ms(self) -> float:
        """CPU of the longest of them."""
        return max((each["cpu_ms"] for each in self.longest()), default=0.0)

    def say(self) -> None:
        """The ops room hears one more numbered message, by the way of all messages: commit, feed, broadcast."""
        self.server.process.send_signal(signal.SIGRTMIN)


@contextmanager
def watched(settings_toml: str = "", notebooks: tuple[Path, ...] = ()) -> Iterator[Watched]:
    """The server runs within the block."""
    folder = Path(tempfile.mkdtemp(prefix="bench-callbacks-"))
    callbacks = folder / "callbacks.json"
    env = {"BENCH_CALLBACKS": str(callbacks)}
    try:
        with servers.vibeworkbench(
            settings_toml, module="benchmarks.watched_serve", notebooks=notebooks, env=env
        ) as server:
            yield Watched(server, callbacks)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
