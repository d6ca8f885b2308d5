"""Shells on this machine, and the process that holds each of them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.terminals.upstreams.conformance import Conformance, Subject, gone
from vibeworkbench.settings import Settings, TerminalSettings
from vibeworkbench.terminals.upstreams import Place
from vibeworkbench.terminals.upstreams.local import LocalSpec, LocalUpstream

SHELL = ("/bin/sh", "-i")


def holders(mark: str) -> list[int]:
    """The holders of terminals whose identifier begins so."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        if any(word.startswith(mark.encode()) for word in words[1:]):
            found.append(int(path.parent.name))
    return found


@pytest.fixture
async def mark() -> AsyncIterator[str]:
    """How this test's terminals are called; afterwards no holder of theirs is left."""
    mark = uuid.uuid4().hex[:12]
    yield mark
    for pid in holders(mark):
        await gone(pid)


@pytest.fixture
def local(tmp_path: Path, mark: str) -> Callable[..., LocalUpstream]:
    """An upstream of a new terminal, or of the one named."""
    numbers = iter(range(1_000))

    def make(
        spec: LocalSpec | None = None, *, name: str = "", directory: Path | None = None, **limits: float
    ) -> LocalUpstream:
        name = f"{mark}{name or next(numbers)}"
        settings = Settings(terminals=TerminalSettings(survive_s=limits.pop("survive_s", 60.0), **limits))
        place = Place(name, directory or tmp_path / name, tmp_path, settings)
        return LocalUpstream(spec or LocalSpec(command=SHELL), place)

    return make


@pytest.fixture
def subject(local: Callable[..., LocalUpstream], tmp_path: Path) -> Subject:
    """Local shells."""
    return Subject(local, tmp_path)


class TestLocal(Conformance):
    """What every upstream does."""
