"""Where the terminals of one server live on disk, and that no second server runs them."""

from __future__ import annotations

import fcntl
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from vibeworkbench.errors import Unavailable

FOLDER = "terminals"


@dataclass(slots=True)
class Home:
    """The directory of a server's terminals, for its owner alone.

    Attributes:
        directory: Where it is.
        home_id: Tells it from those of other servers on the same database; empty until it is taken.
    """

    directory: Path
    home_id: str = ""
    _lock: int | None = field(default=None, repr=False)

    def take(self) -> None:
        """The directory is there and this process's; its terminals are run by no other one.

        Raises:
            Unavailable: Another server runs them, or the directory cannot be used.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.home_id = _kept(self.directory / "home")
        except BlockingIOError:
            self.leave()
            raise Unavailable("another server on this data directory runs its terminals") from None
        except OSError as error:
            self.leave()
            reason = error.strerror or "it cannot be used"
            raise Unavailable(f"the directory of the terminals cannot be used: {reason}", reason=reason) from error

    def leave(self) -> None:
        """Another server may take it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def of(self, terminal_id: str) -> Path:
        """The directory of one terminal, which need not be there."""
        return self.directory / terminal_id


def _kept(path: Path) -> str:
    if not path.exists():
        unfinished = path.with_suffix(".part")
        unfinished.write_text(uuid.uuid4().hex)
        unfinished.chmod(0o600)
        unfinished.replace(path)
    return path.read_text().strip()[:64]
