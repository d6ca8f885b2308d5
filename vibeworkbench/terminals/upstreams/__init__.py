"""The port of upstreams: what runs a terminal, or reaches one that runs elsewhere.

An upstream is one object for each terminal, made of what the terminal's creation said of it. It connects as often as it
is asked to; a connection is read by one reader until its end, and then forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import msgspec

from vibeworkbench.settings import Settings
from vibeworkbench.terminals.model import Exit, Seen, Size

GROUP = "vibeworkbench.upstreams"
READ_BYTES = 65_536
"""Most that one read gives."""


class Connection(Protocol):
    """A connection with a shell.

    Attributes:
        shell: Which shell this is. Another text than before means a new shell, whose stream begins anew.
        offset: Absolute offset, in that shell's stream, of the first byte that ``read`` gives.
        exit: How the shell ended, once ``read`` gave nothing; ``None`` then means that only the connection did.
    """

    shell: str
    offset: int
    exit: Exit | None

    async def read(self) -> bytes:
        """The next bytes, as soon as there are any, at most ``READ_BYTES``; empty at the end, and ever after."""
        ...

    async def write(self, data: bytes) -> None:
        """The bytes are on their way, in order; waits as long as the program reads nothing.

        Raises:
            Unavailable: The connection has ended.
        """
        ...

    async def resize(self, size: Size) -> None:
        """The program knows the size of its screen."""
        ...

    async def pulse(self) -> float | None:
        """Seconds to the upstream and back; ``None`` where that means nothing or it does not answer."""
        ...

    async def close(self, *, end: bool) -> None:
        """The connection has ended, and with ``end`` the shell too, wherever that is ours to do."""
        ...


class Upstream(Protocol):
    """What runs a terminal, or reaches one.

    Attributes:
        kind: Its name in requests and answers.
        holds_back: Whether a program waits when nothing is read. Where it does not, all is read at once, because what
            is not read would only pile up elsewhere.
        lasting: Whether a shell can be found again after the workbench was started anew.
    """

    kind: ClassVar[str]
    holds_back: bool
    lasting: bool

    async def connect(self, size: Size, seen: Seen | None) -> Connection:
        """A connection whose shell has this size.

        Args:
            size: Of the screen.
            seen: What the terminal has of the stream already; ``None`` at its beginning.

        Raises:
            Unavailable: It cannot be reached now; the reason is for people.
            WorkbenchError: Any other means that asking again would be in vain.
        """
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where an upstream stands: what it is given beside what the request said of it.

    Attributes:
        terminal_id: The terminal that it runs.
        directory: A directory of this terminal's own (0700) that outlives the server; whoever needs it makes it.
        root: The server's root directory, where programs start that name no other.
        settings: All settings.
    """

    terminal_id: str
    directory: Path
    root: Path
    settings: Settings


class Kind(Protocol):
    """What an entry point of the group names: an upstream's class, made anew at each start of the server.

    Attributes:
        kind: Its name in requests.
        spec: What a request says of such an upstream: a strict struct (camelCase, ``tag_field="kind"``) which is
            stored and shown as it is, so it holds no secret but in fields named ``env``, whose values are not shown.
    """

    kind: str
    spec: type[msgspec.Struct]

    def __call__(self, spec: Any, place: Place) -> Upstream:
        """The upstream that the specification means.

        Raises:
            InvalidInput: It can mean nothing; ``field`` names where, below the specification.
        """
        ...
