"""Opening connections: names looked up once for each look, addresses tried as RFC 8305 says, never through a proxy."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import TypeAlias

from aiohappyeyeballs import AddrInfoType, start_connection

from vibeworkbench.ops.collectors.probing import Phases

_Answer: TypeAlias = "list[AddrInfoType] | OSError | ValueError"

HAPPY_EYEBALLS_DELAY_S = 0.25
"""Head start of one address before the next is tried too. Source: RFC 8305 §5 (Connection Attempt Delay)."""


class Resolver:
    """The names of one look, each asked for once however many targets share it.

    A lookup cannot be interrupted and may take the system's resolver half a minute. So each runs in a daemon thread of
    its own: it neither keeps the shared thread pool from its work nor the server from stopping.
    """

    def __init__(self) -> None:
        self._answers: dict[str, asyncio.Future[_Answer]] = {}

    async def addresses(self, host: str, port: int) -> list[AddrInfoType]:
        """The addresses of a host, in the system's order of preference.

        Raises:
            OSError: The name has no address (``socket.gaierror``).
            ValueError: The text is no host name.
        """
        with suppress(socket.gaierror):  # a literal address needs no lookup
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)  # type: ignore[return-value]
        if host not in self._answers:
            self._answers[host] = self._asked(host)
        answer = await asyncio.shield(self._answers[host])  # one waiter's timeout is not the others'
        if isinstance(answer, Exception):
            raise answer
        return [(*info[:4], (info[4][0], port, *info[4][2:])) for info in answer]

    def _asked(self, host: str) -> asyncio.Future[_Answer]:
        """The future answer to a lookup that has begun."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Answer] = loop.create_future()

        def look_up() -> None:
            found: _Answer
            try:
                found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)  # type: ignore[assignment]
            except (OSError, ValueError) as error:
                found = error
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(answer.set_result, found)

        threading.Thread(target=look_up, name="vibeworkbench-dns", daemon=True).start()
        return answer


async def opened(resolver: Resolver, host: str, port: int, phases: Phases) -> socket.socket:
    """A connected TCP socket, without blocking; ``phases`` has been through ``dns`` and is in ``connect``.

    Raises:
        OSError: Name unknown, refused, no route …
        ValueError: The text is no host name.
    """
    found = await resolver.addresses(host, port)
    phases.enter("connect")
    return await start_connection(found, happy_eyeballs_delay=HAPPY_EYEBALLS_DELAY_S)
