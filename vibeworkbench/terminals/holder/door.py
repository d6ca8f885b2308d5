"""The socket at which workbenches ask for a shell: one file, for this user alone."""

from __future__ import annotations

import os
import socket
import struct


class Door:
    """A listening unix socket.

    Args:
        path: Where its file shall be; nobody else's may be there.

    Raises:
        OSError: It cannot be made there.
    """

    def __init__(self, path: bytes) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            self._socket.bind(path)
        finally:
            os.umask(before)
        self._inode = os.stat(path).st_ino
        self._socket.listen(8)
        self._socket.setblocking(False)
        self.fileno = self._socket.fileno()

    def visitor(self) -> socket.socket | None:
        """Whoever has come; ``None`` when that is nobody, or somebody else than this user."""
        try:
            visitor, _ = self._socket.accept()
        except OSError:
            return None
        if uid_of(visitor) != os.geteuid():
            visitor.close()
            return None
        visitor.setblocking(False)
        return visitor

    def is_there(self) -> bool:
        """Whether its file still is where workbenches look."""
        try:
            return os.stat(self._path).st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Nobody comes any more, and the file is gone."""
        if self.is_there():
            os.unlink(self._path)
        self._socket.close()


def uid_of(peer: socket.socket) -> int:
    """Whose process the other side of a unix socket is."""
    return _credentials(peer)[1]


def pid_of(peer: socket.socket) -> int:
    """Which process the other side of a unix socket is, or that which listened there."""
    return _credentials(peer)[0]


def _credentials(peer: socket.socket) -> tuple[int, int, int]:
    """Process, user and group at the time of connect or listen.

    Source: unix(7), ``SO_PEERCRED``.
    """
    pid, uid, gid = struct.unpack("iII", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, uid, gid
