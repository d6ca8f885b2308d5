"""Reads the tracked files of a workspace for markers, in a thread, within bounds."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vibeworkbench.ops.collectors.markers import MENTION, NOTEBOOK, Marker, is_known, markers_of

FILE_BYTES = 2**20
"""A larger file was not written by hand."""
NOTEBOOK_BYTES = 8 * 2**20
"""Notebooks carry their outputs and may be larger."""
MARKERS = 20_000
"""Beyond this many markers the rest of a workspace is not read."""


@dataclass(frozen=True, slots=True)
class MarkedFiles:
    """What was found: ``marked`` by relative path, ``read`` files, and whether all files were looked at."""

    marked: dict[str, tuple[Marker, ...]]
    read: int
    complete: bool


def marked_files(folder: Path, files: Collection[str], stop: threading.Event) -> MarkedFiles:
    """The markers in these files of a folder. Blocks, so it runs in a thread; ends early when ``stop`` is set.

    Binary and huge files, links, and files of no known language are passed over.
    """
    marked: dict[str, tuple[Marker, ...]] = {}
    read = total = 0
    inside: dict[Path, bool] = {}
    root = folder.resolve()
    for file in files:
        if stop.is_set() or total > MARKERS:
            return MarkedFiles(marked, read, complete=False)
        if not is_known(file) or not _is_inside(root, (folder / file).parent, inside):
            continue
        content = _content(folder / file)
        if content is None:
            continue
        read += 1
        markers = markers_of(file, content) if MENTION.search(content) else ()
        if markers:
            marked[file] = markers
            total += len(markers)
    return MarkedFiles(marked, read, complete=True)


def _is_inside(root: Path, parent: Path, known: dict[Path, bool]) -> bool:
    """Whether a folder is really in the work tree: a tracked folder may have been replaced by a link to elsewhere."""
    if parent not in known:
        known[parent] = parent.resolve().is_relative_to(root)
    return known[parent]


def _content(path: Path) -> bytes | None:
    """The bytes of a regular text file of sensible size; None for anything else, also for a file that is gone."""
    limit_bytes = NOTEBOOK_BYTES if path.suffix == NOTEBOOK else FILE_BYTES
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > limit_bytes:
                return None
            content = opened.read(limit_bytes)
            return None if b"\0" in content[:8192] else content
    return None
