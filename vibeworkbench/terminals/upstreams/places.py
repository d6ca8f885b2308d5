"""Where the sockets of holders are: in the terminal's directory, or in this user's where the path is too long."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from vibeworkbench.errors import UpstreamFailed

PATH_BYTES = 103
"""Longest path of a unix socket everywhere.

Source: unix(7): ``sun_path`` has 108 bytes on Linux, its closing zero among them; macOS has 104.
"""


def socket_paths(directory: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """Where a terminal's socket may be, the best place first; none is too long.

    Args:
        directory: The terminal's own directory.
        environment: Where ``XDG_RUNTIME_DIR`` stands.
    """
    directory = directory.absolute()
    mark = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    shared = [Path(runtime) / "vibeworkbench"] if runtime else []
    shared += [Path(each) / f"vibeworkbench-{os.geteuid()}" for each in (tempfile.gettempdir(), "/tmp")]  # noqa: S108 - see is_ours
    for path in (directory / "shell.sock", *(place / f"{mark}.sock" for place in shared)):
        if len(os.fsencode(path)) <= PATH_BYTES:
            yield path


def usable(path: Path) -> bool:
    """Whether a socket may be made at ``path``: its directory is there, and nobody else's."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_ours(path.parent):
            return False
        path.parent.chmod(0o700)
    except OSError:
        return False
    return True


def is_ours(directory: Path) -> bool:
    """Whether it is a directory of this user's, not a link to one that somebody laid out."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def free_path(directory: Path, environment: Mapping[str, str]) -> Path:
    """Where a terminal's new socket shall be.

    Raises:
        UpstreamFailed: There is no place for one.
    """
    for path in socket_paths(directory, environment):
        if usable(path):
            path.unlink(missing_ok=True)  # one whose holder was killed
            return path
    raise UpstreamFailed("No directory of the server has room for a terminal's socket; XDG_RUNTIME_DIR may name one.")
