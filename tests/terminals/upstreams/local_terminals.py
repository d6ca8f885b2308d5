"""Local terminals of a test, and the processes that hold them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vibeworkbench.settings import Settings, TerminalSettings
from vibeworkbench.terminals.upstreams import Place
from vibeworkbench.terminals.upstreams.local import LocalSpec, LocalUpstream

SHELL = ("/bin/sh", "-i")
Making = Callable[..., LocalUpstream]


def holders(mark: str) -> list[int]:
    """The holders of terminals whose identifier begins so."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        if any(word.endswith(b"holder/start.py") for word in words) and words[-2].startswith(mark.encode()):
            found.append(int(path.parent.name))
    return found


def making(folder: Path, mark: str) -> Making:
    """A function that makes the upstream of a new terminal, or of the one that is named."""
    numbers = iter(range(1_000))

    def make(
        spec: LocalSpec | None = None,
        *,
        name: str = "",
        directory: Path | None = None,
        root: Path = folder,
        settings: Settings | None = None,
        **limits: float,
    ) -> LocalUpstream:
        name = f"{mark}{name or next(numbers)}"
        terminals = TerminalSettings(**{"survive_s": 60.0, **limits})
        place = Place(name, directory or folder / name, root, settings or Settings(terminals=terminals))
        return LocalUpstream(spec or LocalSpec(command=SHELL), place)

    return make
