"""Upstreams whose other side is dead, half dead or hostile: each ends with a reason, and nothing hangs."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S
from tests.terminals.upstreams.scripted_peer import (
    BINARY,
    OWN,
    PROTOCOLS,
    TERMINADO,
    TEXT,
    TTYD,
    Call,
    Protocol,
    Script,
    ScriptedPeer,
    failure_of,
    frame,
)
from vibeworkbench.errors import NotAllowed, NotFound, Unavailable, UpstreamFailed, WorkbenchError
from vibeworkbench.settings import Settings
from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.upstreams import Connection, Place
from vibeworkbench.terminals.upstreams.peer import Limits
from vibeworkbench.terminals.upstreams.websocket import WebsocketSpec, WebsocketUpstream

PATIENT = Limits(answer_s=PATIENCE_S, replay_s=PATIENCE_S, keep_alive_s=PATIENCE_S, silent_s=PATIENCE_S)
HASTY = Limits(answer_s=0.5, replay_s=0.5, keep_alive_s=PATIENCE_S, silent_s=PATIENCE_S)
WATCHFUL = Limits(answer_s=PATIENCE_S, replay_s=PATIENCE_S, keep_alive_s=0.05, silent_s=0.2)
NARROW = Limits(answer_s=PATIENCE_S, keep_alive_s=PATIENCE_S, silent_s=PATIENCE_S, message_bytes=10_000)
Making = Callable[..., WebsocketUpstream]


@pytest.fixture
def make(tmp_path: Path) -> Making:
    """Makes an upstream of an address."""

    def make(url: str, protocol: str = "auto", limits: Limits = PATIENT) -> WebsocketUpstream:
        upstream = WebsocketUpstream(
            WebsocketSpec(url=url, protocol=protocol), Place("t1", tmp_path, tmp_path, Settings())
        )
        upstream.limits = limits
        return upstream

    return make


@pytest.fixture(params=PROTOCOLS, ids=lambda protocol: protocol.name)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    """Each of the three."""
    return request.param


async def printed(upstream: WebsocketUpstream) -> Connection:
    """A connection whose shell has printed its word."""
    async with asyncio.timeout(PATIENCE_S):
        connection = await upstream.connect(Size(), None)
        assert await connection.read() == b"printed"
    return connection


async def ends(connection: Connection) -> None:
    """Nothing comes any more, and it is not claimed that the shell has ended."""
    async with asyncio.timeout(PATIENCE_S):
        assert await connection.read() == b""
        assert await connection.read() == b""
    assert connection.exit is None


async def silent(call: Call) -> None:
    """Reads, and says nothing."""
    await call.listen()


async def gone(call: Call) -> None:
    """Closes without a word."""
    call.writer.close()


def after_greeting(protocol: Protocol, then: Script) -> Script:
    """A beginning as it should be, and then something else."""

    async def script(call: Call) -> None:
        await call.greet(protocol)
        await then(call)

    return script


def sending(data: bytes) -> Script:
    """Sends this and then reads."""

    async def script(call: Call) -> None:
        await call.send(data)
        await call.listen()

    return script


def accepted(protocol: Protocol, data: bytes) -> Script:
    """Answers the handshake and sends this instead of a beginning."""

    async def script(call: Call) -> None:
        await call.accept(protocol.subprotocol)
        await call.send(data)
        await call.listen()

    return script


@pytest.fixture
async def mute() -> AsyncIterator[str]:
    """The address of a server that takes connections, and neither reads nor writes."""
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for writer in writers:
        writer.transport.abort()
    with warnings.catch_warnings():
        # httpcore leaves the socket of a TLS handshake that ended by its timeout to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("name", ["auto", "room-terminal.v1", "terminado", "ttyd"])
async def test_who_takes_the_connection_and_never_answers_may_be_asked_again(
    make: Making, mute: str, scheme: str, name: str
) -> None:
    """Neither the request nor TLS's first message is answered: the reason is the time."""
    error = await failure_of(make(f"{scheme}://{mute}/", name, HASTY))
    assert isinstance(error, Unavailable)
    assert "does not answer in time" in error.message


async def test_who_never_answers_the_handshake_may_be_asked_again(make: Making, protocol: Protocol) -> None:
    """Although its REST answers."""
    async with ScriptedPeer(protocol, [silent]) as peer:
        error = await failure_of(make(peer.url, protocol.name, HASTY))
    assert isinstance(error, Unavailable)
    assert "does not answer in time" in error.message


@pytest.mark.parametrize("protocol", [OWN, TERMINADO], ids=["own", "terminado"], indirect=False)
async def test_who_answers_the_handshake_and_then_never_begins_may_be_asked_again(
    make: Making, protocol: Protocol
) -> None:
    """A shell's beginning is waited for no longer than any answer; ttyd's shells begin with their first byte."""
    async with ScriptedPeer(protocol, [accepted(protocol, b"")]) as peer:
        error = await failure_of(make(peer.url, protocol.name, HASTY))
    assert isinstance(error, Unavailable)
    assert "does not answer in time" in error.message


async def test_who_closes_during_the_handshake_may_be_asked_again(make: Making, protocol: Protocol) -> None:
    """It may be starting."""
    async with ScriptedPeer(protocol, [gone, after_greeting(protocol, silent)]) as peer:
        upstream = make(peer.url, protocol.name)
        error = await failure_of(upstream)
        assert isinstance(error, Unavailable)
        assert "during the handshake" in error.message
        await (await printed(upstream)).close(end=False)


async def test_who_goes_silent_is_cut_and_found_again(make: Making, protocol: Protocol) -> None:
    """A half-open connection answers no ping: nobody asks for it, and still the reader learns that it has ended."""
    async with ScriptedPeer(protocol, [after_greeting(protocol, silent)]) as peer:
        upstream = make(peer.url, protocol.name, WATCHFUL)
        connection = await printed(upstream)
        await ends(connection)
        with pytest.raises(Unavailable):
            await connection.write(b"x")
        await connection.close(end=False)
        await (await printed(upstream)).close(end=False)
        assert sum(call.is_socket for call in peer.calls) == 2


async def test_who_goes_silent_and_takes_nothing_lets_no_writer_wait(make: Making, protocol: Protocol) -> None:
    """Full buffers on the way, and the pings stand behind what is written: the writer is told all the same."""

    async def deaf(call: Call) -> None:
        call.writer.transport.pause_reading()
        await asyncio.Event().wait()

    async with ScriptedPeer(protocol, [after_greeting(protocol, deaf)]) as peer:
        connection = await printed(make(peer.url, protocol.name, WATCHFUL))
        async with asyncio.timeout(PATIENCE_S):
            reading = asyncio.create_task(connection.read())
            with pytest.raises(Unavailable):
                await written_for_ever(connection)
            assert await reading == b""
        await connection.close(end=False)


async def written_for_ever(connection: Connection) -> None:
    """More is written than any buffer takes."""
    while True:
        await connection.write(b"x" * 2**20)


@pytest.mark.parametrize("cut", [1, 2, 5, 60], ids=["in the head", "after the head", "in the body", "at its end"])
async def test_who_closes_in_mid_frame_is_found_again(make: Making, protocol: Protocol, cut: int) -> None:
    """Nothing of a frame that never came whole is shown."""

    async def broken(call: Call) -> None:
        await call.send(frame(BINARY, b"0" + b"x" * 60)[:cut])
        call.writer.write_eof()
        await call.listen()

    async with ScriptedPeer(protocol, [after_greeting(protocol, broken), after_greeting(protocol, silent)]) as peer:
        upstream = make(peer.url, protocol.name)
        connection = await printed(upstream)
        await ends(connection)
        await connection.close(end=False)
        await (await printed(upstream)).close(end=False)


@pytest.mark.parametrize(
    "message",
    [
        frame(BINARY, b"0" + b"x" * 20_000),
        frame(BINARY, b"0", said_bytes=2**62),
        frame(BINARY, b"0" + b"x" * 8_000, final=False) + frame(0, b"x" * 8_000),
    ],
    ids=["whole", "announced", "in pieces"],
)
async def test_a_message_that_is_too_large_ends_it_for_good(make: Making, protocol: Protocol, message: bytes) -> None:
    """It would come again: the next attempt says so, and connects with nobody."""
    async with ScriptedPeer(protocol, [after_greeting(protocol, sending(message))]) as peer:
        upstream = make(peer.url, protocol.name, NARROW)
        connection = await printed(upstream)
        await ends(connection)
        await connection.close(end=False)
        error = await failure_of(upstream)
        assert isinstance(error, UpstreamFailed)
        assert "more than 10000 bytes" in error.message
        assert sum(call.is_socket for call in peer.calls) == 1
        await (await printed(upstream)).close(end=False)  # whoever has it tried anew, has it tried


@pytest.mark.parametrize("protocol", [OWN, TERMINADO], ids=["own", "terminado"], indirect=False)
async def test_a_first_message_that_is_too_large_is_said_at_once(make: Making, protocol: Protocol) -> None:
    """Whoever opens the terminal learns it."""
    async with ScriptedPeer(protocol, [accepted(protocol, frame(TEXT, b"x" * 20_000))]) as peer:
        error = await failure_of(make(peer.url, protocol.name, NARROW))
    assert isinstance(error, UpstreamFailed)
    assert "more than 10000 bytes" in error.message


DEEP = frame(TEXT, b"[" * 200_000), frame(TEXT, b'{"a":' * 200_000)


@pytest.mark.parametrize("protocol", [OWN, TERMINADO], ids=["own", "terminado"], indirect=False)
@pytest.mark.parametrize(
    "message",
    [*DEEP, frame(TEXT, b""), frame(TEXT, b"{"), frame(TEXT, b"[1]"), frame(TEXT, b"null"), frame(BINARY, b"\xff")],
    ids=["deep list", "deep object", "empty", "cut", "a number", "nothing", "no text"],
)
async def test_what_is_no_message_ends_it_for_good(make: Making, protocol: Protocol, message: bytes) -> None:
    """Instead of a beginning and after it: what is there speaks something else."""
    if protocol is OWN and message == frame(BINARY, b"\xff"):
        message = frame(TEXT, b"\xff")  # to a workbench bytes are output
    async with ScriptedPeer(
        protocol, [accepted(protocol, message), after_greeting(protocol, sending(message))]
    ) as peer:
        upstream = make(peer.url, protocol.name)
        first = await failure_of(upstream)
        connection = await printed(upstream)
        await ends(connection)
        await connection.close(end=False)
        if message == frame(TEXT, b"\xff"):  # RFC 6455, 8.1: the connection fails, and that is all that is known
            assert isinstance(first, Unavailable)
            return
        assert isinstance(first, UpstreamFailed)
        assert isinstance(await failure_of(upstream), UpstreamFailed)


async def test_text_where_ttyd_sends_bytes_ends_it_for_good(make: Making) -> None:
    """It is no ttyd."""
    async with ScriptedPeer(TTYD, [after_greeting(TTYD, sending(frame(TEXT, b"0text")))]) as peer:
        upstream = make(peer.url, "ttyd")
        connection = await printed(upstream)
        await ends(connection)
        await connection.close(end=False)
        assert isinstance(await failure_of(upstream), UpstreamFailed)


@pytest.mark.parametrize(
    ("code", "kind"), [(1008, NotAllowed), (4401, NotAllowed), (4403, NotAllowed), (4404, NotFound)]
)
async def test_who_closes_for_want_of_a_right_is_not_asked_again(
    make: Making, protocol: Protocol, code: int, kind: type[WorkbenchError]
) -> None:
    """A token that was taken back comes back by no patience; the other side's words are shown."""
    farewell = frame(8, code.to_bytes(2, "big") + b"the token was taken back")
    async with ScriptedPeer(protocol, [after_greeting(protocol, sending(farewell))]) as peer:
        upstream = make(peer.url, protocol.name)
        connection = await printed(upstream)
        await ends(connection)
        await connection.close(end=False)
        error = await failure_of(upstream)
        assert type(error) is kind
        assert "the token was taken back" in error.message


async def dripping(call: Call) -> None:
    """Never more than a byte, and never the last one."""
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not call.writer.is_closing():
        await call.send(b" ")
        await asyncio.sleep(0.01)  # the behaviour itself


async def flooding(call: Call) -> None:
    """An answer without end."""
    await call.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while not call.writer.is_closing():
        await call.send(b" " * 65_536)


async def deep(call: Call) -> None:
    """JSON that no parser's stack takes."""
    body = b"[" * 200_000
    await call.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)


def answering(script: Script, protocol: Protocol) -> ScriptedPeer:
    """A server whose REST does this."""

    class Answering(ScriptedPeer):
        async def _follow(self, call: Call) -> None:
            self.calls.append(call)
            await (after_greeting(protocol, silent) if call.is_socket else script)(call)

    return Answering(protocol, [silent])


@pytest.mark.parametrize("protocol", [TERMINADO, TTYD], ids=["terminado", "ttyd"], indirect=False)
@pytest.mark.parametrize(
    ("script", "limits", "kind", "words"),
    [
        (dripping, HASTY, Unavailable, "does not answer in time"),
        (flooding, PATIENT, UpstreamFailed, "answer has more than"),
        (gone, PATIENT, Unavailable, "cannot be reached"),
    ],
    ids=["dripping", "flooding", "gone"],
)
async def test_rest_that_never_ends_is_ended(
    make: Making, protocol: Protocol, script: Script, limits: Limits, kind: type[WorkbenchError], words: str
) -> None:
    """Each byte comes in time and the answer does not; or it comes, and would fill the memory."""
    async with answering(script, protocol) as peer:
        error = await failure_of(make(peer.url, protocol.name, limits))
    assert type(error) is kind
    assert words in error.message


@pytest.mark.parametrize("protocol", [TERMINADO, TTYD], ids=["terminado", "ttyd"], indirect=False)
async def test_rest_that_means_nothing_is_no_answer(make: Making, protocol: Protocol) -> None:
    """The socket is what counts."""
    async with answering(deep, protocol) as peer:
        await (await printed(make(peer.url, protocol.name))).close(end=False)


@pytest.mark.parametrize("url", ["ws://☃.test/", "wss://faß.invalid/"])
@pytest.mark.parametrize("name", ["terminado", "ttyd", "auto", "room-terminal.v1"])
async def test_a_name_that_has_no_address_is_said(make: Making, url: str, name: str) -> None:
    """Also one that only some libraries take for a name."""
    error: Any = await failure_of(make(url, name))
    assert isinstance(error, Unavailable | UpstreamFailed)
