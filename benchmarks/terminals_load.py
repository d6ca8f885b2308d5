"""The load of bench terminals, in a process of its own: ``python -m benchmarks.terminals_load``.

It reads one JSON object from its standard input, ``{"act", "door", …}``. Each step is answered with a line of JSON;
where the measuring process looks at the server in between, it waits for an empty line before it goes on.
"""

from __future__ import annotations

import contextlib
import json
import select
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.terminals_wire import BEGIN, END, READY, Door, Sum, Viewer, typed_mark

LIMIT_S = 150.0
KEYS = 300
KEY_PAUSE_S = 0.012
TICK_S = 0.01


class Watch:
    """Viewers on one epoll loop."""

    def __init__(self, viewers: list[Viewer]) -> None:
        self.epoll = select.epoll()
        self.viewers: dict[int, Viewer] = {}
        for each in viewers:
            self.add(each)

    def add(self, viewer: Viewer) -> None:
        """One more is read."""
        self.viewers[viewer.connection.fileno()] = viewer
        self.epoll.register(viewer.connection.fileno(), select.EPOLLIN)

    def remove(self, viewer: Viewer) -> None:
        """One is read no more."""
        self.epoll.unregister(viewer.connection.fileno())
        del self.viewers[viewer.connection.fileno()]

    def step(self, timeout_s: float) -> None:
        """What is there is read once from each."""
        for descriptor, _ in self.epoll.poll(timeout_s):
            self.viewers[descriptor].receive()

    def until(self, holds: Callable[[], object], limit_s: float = LIMIT_S) -> float:
        """Seconds until it held.

        Raises:
            TimeoutError: It did not.
        """
        started = time.perf_counter()
        while not holds():
            if time.perf_counter() - started > limit_s:
                raise TimeoutError(f"it did not happen within {limit_s} s")
            self.step(0.05)
        return time.perf_counter() - started

    def quiet(self, seconds: float) -> None:
        """Nothing came for so long."""
        while True:
            before = sum(each.wire_bytes for each in self.viewers.values())
            deadline = time.perf_counter() + seconds
            while time.perf_counter() < deadline:
                self.step(seconds / 4)
            if before == sum(each.wire_bytes for each in self.viewers.values()):
                return


def say(**told: Any) -> None:
    """A line for the measuring process."""
    print(json.dumps(told), flush=True)


def wait_go() -> None:
    """The measuring process has looked at what it wanted to see."""
    sys.stdin.readline()


def shell(door: Door) -> tuple[Viewer, Watch]:
    """A viewer who drives, at the prompt of its shell, which is a mark."""
    viewer = Viewer(door)
    watch = Watch([viewer])
    viewer.type(f"PS1={typed_mark(READY)} PS2=; stty -echo\r")
    watch.until(lambda: viewer.last.endswith(READY), 60)
    return viewer, watch


def printing(file: str) -> str:
    """The command line that prints a file between the marks."""
    return f"printf %s {typed_mark(BEGIN)}; cat {file}; printf %s {typed_mark(END)}\r"


def cat(door: Door, file: str, viewers: int, stalled: int = 0) -> Iterator[dict[str, Any]]:
    """A file is printed to so many viewers; some more of them never read."""
    driver, watch = shell(door)
    others = [Viewer(door, decodes=False) for _ in range(viewers - 1)]
    for each in others:
        watch.add(each)
    watch.quiet(0.3)
    held = [Viewer(door, decodes=False) for _ in range(stalled)]
    everybody = [driver, *others]
    for each in everybody:
        each.sum, each.frames = Sum(BEGIN, END), 0
    yield {"ready": True}
    started = time.perf_counter()
    driver.type(printing(file))
    watch.until(lambda: all(each.sum.has_ended for each in everybody))  # type: ignore[union-attr]
    seconds = time.perf_counter() - started
    sums = [each.sum for each in everybody if each.sum is not None]
    yield {
        "seconds": seconds,
        "bytes": sums[0].count,
        "crc": sums[0].crc,
        "same": len({(each.count, each.crc) for each in sums[1:]}) <= 1
        and (not door.is_ours or len({(each.count, each.crc) for each in sums}) == 1),
        "skips": sum(message["type"] == "skip" for each in everybody for message in each.control),
        "frames": driver.frames,
        "wire_bytes": driver.wire_bytes,
    }
    wait_go()
    for each in held:
        each.close()


def _echo(viewer: Viewer, watch: Watch, keys: int = KEYS) -> list[float]:
    """Milliseconds until each key came back."""
    took_ms = []
    for number in range(keys):
        key = chr(ord("a") + number % 26)
        before = viewer.received
        started = time.perf_counter()
        viewer.type(key)
        while viewer.received == before:
            watch.step(1.0)
            if time.perf_counter() - started > LIMIT_S:
                raise TimeoutError("a key did not come back")
        took_ms.append((time.perf_counter() - started) * 1e3)
        deadline = started + KEY_PAUSE_S
        while (left_s := deadline - time.perf_counter()) > 0:
            watch.step(left_s)
    return took_ms


def _echoing(viewer: Viewer, watch: Watch) -> None:
    """Keys come back from the kernel, and nothing else does."""
    viewer.type("stty echo; cat > /dev/null\r")
    watch.quiet(0.3)


def echo(door: Door) -> Iterator[dict[str, Any]]:
    """Keys come back, and nothing else happens."""
    viewer, watch = shell(door)
    _echoing(viewer, watch)
    _echo(viewer, watch, 30)
    yield {"ms": _echo(viewer, watch)}


def echo_beside_stalled(door: Door, file: str) -> Iterator[dict[str, Any]]:
    """Keys come back while another viewer of the terminal has stopped reading before a file was printed."""
    viewer, watch = shell(door)
    stalled = Viewer(door, decodes=False)
    viewer.sum = Sum(BEGIN, END)
    viewer.type(printing(file))
    watch.until(lambda: viewer.sum is not None and viewer.sum.has_ended)
    _echoing(viewer, watch)
    yield {"ms": _echo(viewer, watch)}
    stalled.close()


def flood(door: Door) -> Iterator[dict[str, Any]]:
    """A terminal floods until the measuring process has seen enough."""
    viewer, watch = shell(door)
    viewer.type("yes\r")
    watch.until(lambda: viewer.received > 1_000_000)
    say(flooding=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        watch.step(0.05)
    yield {"bytes": viewer.received}


def interrupt(door: Door, bytes_per_s: int, seconds: float) -> Iterator[dict[str, Any]]:
    """``yes`` into a viewer who takes so many bytes a second, then Ctrl-C: seconds until the prompt is there."""
    viewer, watch = shell(door)
    watch.remove(viewer)
    viewer.type("yes\r")
    started, taken = time.perf_counter(), 0
    interrupted_at: float | None = None
    while True:
        now = time.perf_counter()
        if interrupted_at is None and now - started >= seconds:
            viewer.type("\x03")
            interrupted_at = now
        if interrupted_at is not None and viewer.last.endswith(READY):
            break
        if now - started > LIMIT_S:
            raise TimeoutError("no prompt came after Ctrl-C")
        due = int((now - started) * bytes_per_s) - taken
        came = viewer.receive(due) if due > 0 else 0
        taken += came
        if viewer.door.is_ours and came:
            viewer.acknowledge()
        if due <= 0 or not came:
            taken = max(taken, int((now - started) * bytes_per_s) - bytes_per_s // 10)
            time.sleep(0.002)
    yield {"seconds": time.perf_counter() - interrupted_at, "taken": taken}


def join(door: Door, file: str) -> Iterator[dict[str, Any]]:
    """Somebody comes after a file was printed: bytes and milliseconds until the screen is there."""
    viewer, watch = shell(door)
    viewer.sum = Sum(BEGIN, END)
    viewer.type(printing(file))
    watch.until(lambda: viewer.sum is not None and viewer.sum.has_ended and viewer.last.endswith(READY))
    watch.quiet(0.3)
    took_ms, came = [], []
    for _ in range(5):
        started = time.perf_counter()
        late = Viewer(door)
        watch.add(late)
        watch.until(lambda late=late: READY in late.last, 60)
        took_ms.append((time.perf_counter() - started) * 1e3)
        watch.quiet(0.2)
        came.append(late.wire_bytes)
        watch.remove(late)
        late.close()
    yield {"ms": took_ms, "bytes": max(came)}


def paste(door: Door, other: Door, size: int) -> Iterator[dict[str, Any]]:
    """So many bytes are pasted into a program that does not read, while keys of another terminal come back."""
    blocked, blocked_watch = shell(other)
    blocked.type("stty raw -echo; sleep 600\r")
    blocked_watch.quiet(0.3)
    viewer, watch = shell(door)
    _echoing(viewer, watch)
    _echo(viewer, watch, 30)
    blocked.type("x" * size)
    took_ms = []
    try:
        took_ms = _echo_for(viewer, watch, 20.0)
    finally:
        blocked.close()
    yield {"ms": took_ms}


def _echo_for(viewer: Viewer, watch: Watch, limit_s: float) -> list[float]:
    """The same as ``_echo``; a key that does not come back within the limit counts with it, and ends it."""
    took_ms: list[float] = []
    for _ in range(KEYS):
        before, started = viewer.received, time.perf_counter()
        viewer.type("k")
        while viewer.received == before and time.perf_counter() - started < limit_s:
            watch.step(0.1)
        took_ms.append((time.perf_counter() - started) * 1e3)
        if viewer.received == before:
            break
    return took_ms


def cut(door: Door, file: str, cuts: int) -> Iterator[dict[str, Any]]:
    """A viewer's connection is cut again and again while a file is printed, and comes back each time."""
    driver, watch = shell(door)
    viewer = Viewer(door)
    watch.add(viewer)
    watch.quiet(0.3)
    viewer.sum = Sum(BEGIN, END)
    driver.type(printing(file))
    done = 0
    started = time.perf_counter()
    while not viewer.sum.has_ended:
        if time.perf_counter() - started > LIMIT_S:
            raise TimeoutError("the file did not come to its end")
        watch.step(0.05)
        if done < cuts and viewer.sum.count > (done + 1) * 1_000_000:
            watch.remove(viewer)
            viewer.close()
            viewer.connect()
            watch.add(viewer)
            done += 1
    skips = sum(message["type"] == "skip" for message in viewer.control)
    kinds = [message["kind"] for message in viewer.control if message["type"] == "sync"]
    yield {"bytes": viewer.sum.count, "crc": viewer.sum.crc, "cuts": done, "skips": skips, "kinds": kinds}


ACTS: dict[str, Callable[..., Iterator[dict[str, Any]]]] = {
    "cat": cat,
    "echo": echo,
    "echo_beside_stalled": echo_beside_stalled,
    "flood": flood,
    "interrupt": interrupt,
    "join": join,
    "paste": paste,
    "cut": cut,
}


def main() -> None:
    """The act that was asked for is done."""
    asked = json.loads(sys.stdin.readline())
    act = ACTS[asked.pop("act")]
    given = {name: Door(**value) if isinstance(value, dict) else value for name, value in asked.items()}
    try:
        for told in act(**given):
            say(**told)
            if told.get("ready"):
                wait_go()
    except (TimeoutError, ConnectionError) as error:
        say(error=str(error))
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()


if __name__ == "__main__":
    main()
