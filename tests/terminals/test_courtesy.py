"""Whoever types is served first."""

from __future__ import annotations

import asyncio

import pytest

from tests.terminals.stage import staged
from vibeworkbench.terminals.courtesy import LEAST_REST_S, PACE_BYTES_S, TYPED_S, Courtesy


class Clock:
    """Seconds, as the test says."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_flood_rests_while_somebody_types_elsewhere() -> None:
    """As long as it takes to read no more than the pace; what its own people type slows nothing down."""
    clock = Clock()
    courtesy = Courtesy(clock)
    flood, calm, third = courtesy.of_one(), courtesy.of_one(), courtesy.of_one()
    assert flood.rest_s(10**6) == 0
    flood.typed()
    assert flood.rest_s(10**6) == 0
    calm.typed()
    assert flood.rest_s(10**5) == pytest.approx(10**5 / PACE_BYTES_S)
    clock.now_s += TYPED_S / 2
    assert calm.rest_s(10**6) > 0, "somebody typed in the flood's terminal, too"
    flood.typed()
    assert flood.rest_s(10**6) > 0, "and somebody elsewhere as well"
    clock.now_s += TYPED_S / 2
    assert flood.rest_s(10**6) == 0
    assert third.rest_s(10**6) > 0
    clock.now_s += TYPED_S
    assert third.rest_s(10**6) == 0


def test_what_people_read_is_no_flood() -> None:
    """Short rests are saved up until they are worth one; what comes slowly never is."""
    clock = Clock()
    courtesy = Courtesy(clock)
    one, other = courtesy.of_one(), courtesy.of_one()
    other.typed()
    few = int(LEAST_REST_S * PACE_BYTES_S * 0.6)
    assert one.rest_s(few) == 0
    assert one.rest_s(few) == pytest.approx(2 * few / PACE_BYTES_S)
    for _ in range(5):
        clock.now_s += 2 * few / PACE_BYTES_S
        assert one.rest_s(few) == 0


def test_floods_share_the_pace() -> None:
    """Two of them are read half as fast each, as long as both are ones."""
    clock = Clock()
    courtesy = Courtesy(clock)
    one, another, calm = courtesy.of_one(), courtesy.of_one(), courtesy.of_one()
    calm.typed()
    alone_s = one.rest_s(50_000)
    assert alone_s == pytest.approx(50_000 / PACE_BYTES_S)
    clock.now_s += alone_s
    assert another.rest_s(50_000) == pytest.approx(2 * alone_s)
    assert one.rest_s(50_000) == pytest.approx(2 * alone_s)
    clock.now_s += 2 * TYPED_S
    calm.typed()
    assert another.rest_s(50_000) == pytest.approx(alone_s)


def test_who_ends_a_flood_is_not_kept_waiting_for_what_it_said_before() -> None:
    """A key that interrupts is felt at once, whoever types elsewhere."""
    clock = Clock()
    courtesy = Courtesy(clock)
    flood, calm = courtesy.of_one(), courtesy.of_one()
    calm.typed()
    flood.interrupted()
    assert flood.rest_s(10**6) == 0
    clock.now_s += TYPED_S
    calm.typed()
    assert flood.rest_s(10**6) > 0


@pytest.mark.parametrize("holds_back", [True, False])
async def test_a_source_that_can_wait_is_read_slower_while_another_room_is_typed_in(holds_back: bool) -> None:
    """One that cannot is read as ever: what it says would be lost."""
    courtesy = Courtesy(Clock(), pace_bytes_s=0.01)
    async with (
        staged(holds_back=holds_back, courtesy=courtesy) as flood,
        staged(courtesy=courtesy) as calm,
    ):
        shell, _ = await flood.connected(), await calm.connected()
        person, _ = await calm.watching("ada")
        calm.room.typed(person, b"x")
        shell.say(b"much")
        shell.say(b"more")
        for _ in range(100):
            await asyncio.sleep(0)
        assert shell.taken == (4 if holds_back else 8)


async def test_an_interrupted_flood_is_read_to_its_prompt() -> None:
    """Ctrl-C in the terminal that floods ends its rests for a while."""
    courtesy = Courtesy(Clock(), pace_bytes_s=0.01)
    async with staged(courtesy=courtesy) as flood, staged(courtesy=courtesy) as calm:
        shell, _ = await flood.connected(), await calm.connected()
        person, _ = await calm.watching("ada")
        other, _ = await flood.watching("bob")
        calm.room.typed(person, b"x")
        shell.say(b"much")
        shell.say(b"more")
        for _ in range(100):
            await asyncio.sleep(0)
        assert shell.taken == 4, "it rests"
        flood.room.typed(other, b"\x03")
        for _ in range(100):
            await asyncio.sleep(0)
        assert shell.taken == 8
