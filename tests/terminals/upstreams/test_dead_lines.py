"""What a terminal says of an upstream whose other side is dead, half dead or hostile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.patience import PATIENCE_S
from tests.terminals.upstreams.scripted_peer import BINARY, TERMINADO, Call, ScriptedPeer, frame
from vibeworkbench.settings import Settings
from vibeworkbench.terminals.gate import Gate
from vibeworkbench.terminals.keyboard import Keyboard
from vibeworkbench.terminals.line import LOST, Line, Told, Wanted
from vibeworkbench.terminals.model import Hop, HopState, Size
from vibeworkbench.terminals.upstreams import Place
from vibeworkbench.terminals.upstreams.peer import Limits
from vibeworkbench.terminals.upstreams.websocket import WebsocketSpec, WebsocketUpstream

PATIENT = Limits(answer_s=PATIENCE_S, replay_s=PATIENCE_S, keep_alive_s=PATIENCE_S, silent_s=PATIENCE_S)


async def hops_until(
    is_last: Callable[[list[Hop]], bool], url: str, folder: Path, limits: Limits, attempts: int = 2
) -> list[Hop]:
    """What is told of the way to an upstream, up to the hop that was waited for."""
    upstream = WebsocketUpstream(WebsocketSpec(url=url), Place("t1", folder, folder, Settings()))
    upstream.limits = limits
    hops: list[Hop] = []
    reached = asyncio.Event()

    def hop(new: Hop) -> None:
        hops.append(new)
        if is_last(hops):
            reached.set()

    line = Line(
        upstream,
        attempts=attempts,
        gate=Gate(holds_back=False, viewers=list, driver=lambda: None),
        keyboard=Keyboard(1_000),
        wanted=Wanted(Size, lambda: None),
        told=Told(hop, lambda _: None, lambda _: None, lambda _: None, lambda _: None),
    )
    line.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await reached.wait()
    finally:
        await line.close(end=False)
    return hops


def is_closed(hops: list[Hop]) -> bool:
    """It is given up."""
    return hops[-1].state is HopState.closed


def is_back(hops: list[Hop]) -> bool:
    """It was connected twice."""
    return [hop.state for hop in hops].count(HopState.connected) == 2


async def silent(call: Call) -> None:
    """A shell that has printed something, and then neither it nor its server says a word."""
    await call.greet(TERMINADO)
    await call.listen()


async def excessive(call: Call) -> None:
    """A shell, and then a message that is too large."""
    await call.greet(TERMINADO)
    await call.send(frame(BINARY, b"x" * 20_000))
    await call.listen()


async def test_who_never_answers_is_tried_as_often_as_said_and_given_up_with_the_reason(tmp_path: Path) -> None:
    """Each attempt says why it is the next one."""
    async with ScriptedPeer(TERMINADO, [lambda call: call.listen()]) as peer:
        hops = await hops_until(is_closed, peer.url, tmp_path, replace(PATIENT, answer_s=0.3))
    assert {hop.state for hop in hops[1:-1]} == {HopState.reconnecting}
    assert {hop.attempt for hop in hops[1:-1]} == {1, 2}
    assert all("does not answer in time" in hop.reason for hop in hops[1:])
    assert hops[-1].reason.endswith("given up after 2 attempts")


async def test_who_goes_silent_is_lost_and_found_again(tmp_path: Path) -> None:
    """A half-open connection is seen to be one although nobody types."""
    async with ScriptedPeer(TERMINADO, [silent]) as peer:
        hops = await hops_until(is_back, peer.url, tmp_path, replace(PATIENT, keep_alive_s=0.05, silent_s=0.2))
    assert all(hop.reason == LOST for hop in hops if hop.state is HopState.reconnecting)
    assert [hop.state for hop in hops if hop.state is not HopState.reconnecting][:2] == [
        HopState.connecting,
        HopState.connected,
    ]


async def test_who_sends_too_much_at_once_is_given_up_and_not_asked_again(tmp_path: Path) -> None:
    """The last word is the reason, and no second connection was made."""
    async with ScriptedPeer(TERMINADO, [excessive]) as peer:
        hops = await hops_until(is_closed, peer.url, tmp_path, replace(PATIENT, message_bytes=10_000))
        assert sum(call.is_socket for call in peer.calls) == 1
    assert "more than 10000 bytes" in hops[-1].reason
