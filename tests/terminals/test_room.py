"""What many viewers see of one terminal, what reaches its program, and what all are told."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest

from tests.terminals.stage import staged
from vibeworkbench.errors import LimitExceeded, NotFound
from vibeworkbench.terminals.model import Exit, Hop, HopState, Right, Size

PASTE = bytes(range(32, 127)) * 11_038


async def test_output_reaches_every_viewer_once_and_in_order() -> None:
    """Viewers that keep up get the very same frames, and the recording gets the bytes."""
    async with staged() as stage:
        connection = await stage.connected()
        _, ada = await stage.watching("ada")
        _, bob = await stage.watching("bob", Right.watch)
        said = b"".join(b"line %d\n" % n for n in range(50_000))
        for start in range(0, len(said), 10_000):
            connection.say(said[start : start + 10_000])
        await ada.shows(said[-100:])
        await bob.shows(said[-100:])
        assert ada.data == bob.data == said == stage.recording.data
        assert [id(chunk) for chunk in ada.chunks] == [id(chunk) for chunk in bob.chunks]


async def test_hello_comes_first() -> None:
    """Whoever comes learns how everything stands before anything else."""
    async with staged(size=Size(30, 100)) as stage:
        await stage.connected("sh", 5)
        _, link = stage.viewer("ada", Right.own)
        assert link.controls[0] == {
            "type": "hello",
            "terminalId": "t1",
            "memberId": "ada",
            "epoch": "sh",
            "base": 5,
            "head": 5,
            "size": {"rows": 30, "cols": 100},
            "role": "owner",
            "hold": None,
            "upstream": {"state": "connected"},
            "driver": None,
        }


async def test_a_silent_newcomer_gets_a_snapshot() -> None:
    """Who does not say that it comes back gets the screen as it is."""
    async with staged() as stage:
        connection = await stage.connected()
        connection.say(b"$ ")
        await stage.recording.until(lambda: stage.room.head)
        _, link = stage.viewer("ada")
        await link.shows(b"$ ")
        assert [block.kind for block in link.blocks] == ["snapshot"]


async def test_a_newcomer_that_announced_what_it_has_gets_what_it_missed_alone() -> None:
    """However long its first message is under way."""
    async with staged() as stage:
        connection = await stage.connected()
        connection.say(b"$ ls")
        await stage.recording.until(lambda: stage.room.head)
        ada, far = stage.viewer("ada", is_announced=True)
        _, near = stage.viewer("bob")
        await near.shows(b"$ ls")
        assert far.blocks == []
        stage.room.resumed(ada, "one", 2)
        await far.shows(b"ls")
        assert [block.kind for block in far.blocks] == ["resume"]


async def test_full_rooms_say_so() -> None:
    """A room has as many members as the settings allow."""
    async with staged(members=1) as stage:
        stage.viewer("ada")
        with pytest.raises(LimitExceeded):
            stage.viewer("bob")


# Typing


async def test_typing() -> None:
    """Who types first on a free terminal drives it; others are told that they do not."""
    async with staged() as stage:
        connection = await stage.connected()
        ada, _ = await stage.watching("ada")
        bob, told = await stage.watching("bob")
        stage.room.typed(ada, b"echo hi\r")
        stage.room.typed(bob, b"rm -rf /\r")
        await connection.until(lambda: connection.written)
        assert connection.written == b"echo hi\r"
        assert stage.room.driver is ada
        await told.told("error", code="not-driver")
        assert (await told.told("members", driver="ada"))["count"] == 2
        assert "driver: ada" in stage.recording.marks


async def test_watchers_change_nothing() -> None:
    """Whatever a watcher says, nothing reaches the program, and each refusal is told."""
    async with staged() as stage:
        connection = await stage.connected()
        eve, link = await stage.watching("eve", Right.watch)
        room = stage.room
        room.typed(eve, b"x")
        room.typed(eve, b"\x1b[?1;2c")
        room.sized(eve, Size(2, 1))
        room.drive(eve, "take")
        room.asked_hold(eve, on=True)
        room.asked_retry(eve)
        room.drive(eve, "keep")
        room.drive(eve, "release")
        codes = [said["code"] for said in link.of("error")]
        assert codes == ["not-driver", "not-driver", "not-driver", "not-allowed", "not-allowed", "not-allowed"]
        ada, _ = await stage.watching("ada")
        room.typed(ada, b"!")
        await connection.until(lambda: connection.written)
        assert connection.written == b"!"
        assert (room.size, room.hold) == (Size(), None)


async def test_input_while_the_upstream_is_away() -> None:
    """What is typed while nothing is connected is refused, and makes nobody a driver."""
    async with staged() as stage:
        ada, link = await stage.watching("ada")
        stage.room.typed(ada, b"x")
        await link.told("error", code="upstream-away")
        assert stage.room.driver is None


async def test_a_paste_of_a_megabyte_arrives_whole() -> None:
    """A program that reads slowly gets all of it, in order, in small pieces."""
    async with staged() as stage:
        connection = await stage.connected()
        connection.may_write.clear()
        ada, link = await stage.watching("ada")
        stage.room.typed(ada, b"\x1b[200~" + PASTE + b"\x1b[201~")
        stage.room.typed(ada, b"y" * 8_192)
        await link.told("error", code="too-much-input")
        connection.may_write.set()
        await connection.until(lambda: len(connection.written) == len(PASTE) + 12)
        assert connection.written == b"\x1b[200~" + PASTE + b"\x1b[201~"


async def test_a_write_that_hangs_stops_nothing_else() -> None:
    """Output flows, sizes arrive and the room closes while a program reads nothing."""
    async with staged() as stage:
        connection = await stage.connected()
        connection.may_write.clear()
        ada, link = await stage.watching("ada")
        stage.room.typed(ada, b"x" * 100_000)
        stage.room.sized(ada, Size(50, 120))
        connection.say(b"still here")
        await link.shows(b"still here")
        await connection.until(lambda: Size(50, 120) in connection.sizes)
        await stage.room.close(end=True)
        assert connection.closed is True


async def test_input_that_never_arrived() -> None:
    """Where the connection breaks before a program read what was typed, the driver hears of it."""
    async with staged() as stage:
        connection = await stage.connected()
        connection.may_write.clear()
        ada, link = await stage.watching("ada")
        stage.room.typed(ada, b"x" * 10_000)
        await asyncio.sleep(0)
        connection.end(broke=True)
        assert "bytes typed were not sent" in (await link.told("error", code="upstream-away"))["message"]


async def test_only_the_driver_answers_questions() -> None:
    """A program's question is answered once, and a lone window answers before anybody typed."""
    async with staged() as stage:
        connection = await stage.connected()
        ada, _ = await stage.watching("ada")
        bob, told = await stage.watching("bob")
        stage.room.typed(ada, b"\x1b[?1;2c")
        for _ in range(5):
            stage.room.typed(bob, b"\x1b[?1;2c")
        await connection.until(lambda: connection.written)
        assert connection.written == b"\x1b[?1;2c"
        assert len(told.of("error")) == 1


# Driving


@pytest.mark.parametrize("answer", ["release", "keep"])
async def test_taking_asks_the_driver(answer: Literal["release", "keep"]) -> None:
    """The driver is asked, and says who drives."""
    async with staged() as stage:
        await stage.connected()
        ada, asked = await stage.watching("ada")
        bob, told = await stage.watching("bob")
        stage.room.drive(ada, "take")
        stage.room.drive(bob, "take")
        message = await asked.told("drive")
        assert message["asked"] == {"by": "bob", "memberId": "bob"}
        assert 9 < message["untilS"] <= 10
        stage.room.drive(ada, answer)
        if answer == "keep":
            await told.told("error", code="not-driver")
            assert stage.room.driver is ada
        else:
            assert stage.room.driver is bob
            assert not told.of("error")


async def test_two_takes_at_the_same_time() -> None:
    """One asks, the other is told that somebody did."""
    async with staged() as stage:
        await stage.connected()
        ada, _ = await stage.watching("ada")
        bob, _ = await stage.watching("bob")
        cy, told = await stage.watching("cy")
        for viewer in (ada, bob, cy):
            stage.room.drive(viewer, "take")
        await told.told("error", code="not-driver")
        stage.room.leave(ada)
        assert stage.room.driver is bob


async def test_an_owner_takes_at_once() -> None:
    """An owner drives without being let, and whoever had asked is told."""
    async with staged() as stage:
        await stage.connected()
        ada, _ = await stage.watching("ada")
        bob, told = await stage.watching("bob")
        boss, _ = await stage.watching("boss", Right.own)
        stage.room.drive(ada, "take")
        stage.room.drive(bob, "take")
        stage.room.drive(boss, "take")
        assert stage.room.driver is boss
        await told.told("error", code="not-driver")


async def test_who_types_nothing_drives_no_more() -> None:
    """A terminal is free again when its driver has been silent, and all are told."""
    async with staged(free_after_s=0.05) as stage:
        await stage.connected()
        ada, _ = await stage.watching("ada")
        bob, told = await stage.watching("bob")
        stage.room.typed(ada, b"x")
        await told.told("members", driver="ada")
        await told.until(lambda: told.of("members")[-1]["driver"] is None)
        stage.room.typed(bob, b"y")
        assert stage.room.driver is bob


async def test_rights_that_end() -> None:
    """Who may not watch any more is sent away, and who may not drive any more does not."""
    async with staged() as stage:
        await stage.connected()
        ada, _ = await stage.watching("ada")
        _, gone = await stage.watching("bob")
        stage.room.drive(ada, "take")
        stage.rights.update(ada=Right.watch, bob=Right.none)
        stage.room.rights_changed()
        assert gone.close_code == 4403
        assert stage.room.driver is None
        assert list(stage.room.viewers) == ["ada"]
        stage.rights["ada"] = Right.none
        stage.room.typed(ada, b"x")
        assert not stage.room.viewers


# Size


async def test_the_driver_sizes_the_screen() -> None:
    """The last of many sizes counts, within limits; nobody else's does until he drives."""
    async with staged() as stage:
        connection = await stage.connected()
        ada, link = await stage.watching("ada")
        bob, told = await stage.watching("bob")
        for rows in range(30, 40):
            stage.room.sized(ada, Size(rows, 5_000))
        stage.room.sized(bob, Size(2, 1))
        await told.told("error", code="not-driver")
        assert (await link.told("size"))["owner"] == "ada"
        assert link.of("size") == [{"type": "size", "rows": 39, "cols": 1_000, "owner": "ada"}]
        await connection.until(lambda: connection.sizes[-1] == Size(39, 1_000))
        stage.room.leave(ada)
        stage.room.typed(bob, b"x")
        await told.told("size", rows=5, cols=20)
        assert stage.recording.sizes == [Size(39, 1_000), Size(5, 20)]


async def test_legacy_sizes_are_refused_silently() -> None:
    """A client of terminado's protocol could not understand why."""
    async with staged() as stage:
        ada, _ = await stage.watching("ada")
        stage.room.drive(ada, "take")
        old, link = stage.viewer("old", is_legacy=True)
        stage.room.sized(old, Size(2, 1))
        assert not link.of("error")


# Holding


async def test_a_held_program_shows_and_hears_nothing() -> None:
    """Output stands still and input is refused until somebody lets it go on; nothing is lost."""
    async with staged() as stage:
        connection = await stage.connected()
        ada, link = await stage.watching("ada")
        connection.say(b"before ")
        await link.shows(b"before ")
        stage.room.asked_hold(ada, on=True, why="look here", for_s=60.0)
        held = await link.told("hold", on=True, by="ada", why="look here")
        assert held["until"].endswith("Z")
        connection.say(b"meanwhile ")
        stage.room.typed(ada, b"x")
        await link.told("error", code="held")
        _, late = await stage.watching("late")
        assert late.data == link.data == b"before "
        assert late.controls[0]["hold"]["by"] == "ada"
        stage.room.asked_hold(ada, on=False)
        connection.say(b"after")
        await link.shows(b"meanwhile after")
        await late.shows(b"meanwhile after")
        assert link.of("hold")[-1] == {"type": "hold", "on": False, "by": "ada"}
        assert stage.recording.marks[-2:] == ["held by ada: look here", "resumed by ada"]


async def test_a_hold_has_an_end() -> None:
    """A program that nobody lets go on goes on by itself."""
    async with staged(hold_s=0.02) as stage:
        connection = await stage.connected()
        ada, link = await stage.watching("ada")
        stage.room.asked_hold(ada, on=True)
        connection.say(b"on and on")
        await link.shows(b"on and on")
        await link.told("hold", on=False, by="the time limit")


async def test_an_upstream_that_cannot_wait_is_drained_while_held() -> None:
    """Where the program does not wait, what it says meanwhile is kept for afterwards."""
    async with staged(holds_back=False) as stage:
        connection = await stage.connected()
        ada, link = await stage.watching("ada")
        stage.room.asked_hold(ada, on=True)
        connection.say(b"meanwhile")
        await stage.recording.until(lambda: stage.recording.data)
        assert link.data == b""
        stage.room.asked_hold(ada, on=False)
        await link.shows(b"meanwhile")


async def test_a_task_that_waits_for_a_person_holds_the_program() -> None:
    """All see it, latecomers too, and only the task's own end lets it go on."""
    async with staged() as stage:
        await stage.connected()
        _, link = await stage.watching("ada")
        stage.room.hil("review", task_id="7", reason="look at the plan", review_id="r1")
        assert (await link.told("hold", on=True))["by"] == "task 7"
        said = {"type": "hil-state", "taskId": "7", "state": "review", "reason": "look at the plan", "reviewId": "r1"}
        await link.told("hil-state", **said)
        stage.room.hil("paused", task_id="8", reason="", review_id=None)
        _, late = await stage.watching("late")
        assert [notice["taskId"] for notice in late.of("hil-state")] == ["7", "8"]
        stage.room.hil("resumed", task_id="8", reason="", review_id=None)
        assert stage.room.hold is not None
        assert stage.room.hold.by == "task 7"
        stage.room.hil("resumed", task_id="7", reason="", review_id=None)
        assert stage.room.hold is None
        assert stage.recording.marks[-1] == "resumed by task 7"


# The upstream


async def test_a_lost_connection_is_made_again_without_loss() -> None:
    """Every attempt is told, and what the upstream repeats is not shown twice."""
    async with staged() as stage:
        connection = await stage.connected()
        _, link = await stage.watching("ada")
        connection.say(b"0123456789")
        await link.shows(b"9")
        stage.upstream.fail()
        connection.end(broke=True)
        await link.told("upstream", state="reconnecting", attempt=1, reason="the connection with the upstream was lost")
        again = stage.upstream.offer("one", 4)
        stage.room.retry()
        again.say(b"456789abc")
        await link.shows(b"abc")
        assert link.data == b"0123456789abc"
        waits = [said for said in link.of("upstream") if "retryInS" in said]
        assert [said["attempt"] for said in waits] == [1, 2]
        assert waits[1]["reason"] == "it is away"
        seen = stage.upstream.asked[-1][1]
        assert seen is not None
        assert (seen.shell, seen.head, seen.tail) == ("one", 10, b"0123456789")
        assert connection.closed is False


async def test_an_upstream_that_lost_output_says_so() -> None:
    """Where bytes are missing they are skipped, and the offsets stay right."""
    async with staged() as stage:
        connection = await stage.connected()
        _, link = await stage.watching("ada")
        connection.say(b"0123")
        await link.shows(b"3")
        connection.end(broke=True)
        again = stage.upstream.offer("one", 1_000)
        stage.room.retry()
        again.say(b"later")
        await link.shows(b"later")
        assert link.of("skip") == [{"type": "skip", "from": 4, "to": 1_000}]
        assert (link.position, link.blocks[-1].kind) == (1_005, "tail")


async def test_an_upstream_is_given_up() -> None:
    """After the last attempt the reason is told, and whoever may can try again."""
    async with staged(attempts=1) as stage:
        ada, link = await stage.watching("ada")
        stage.upstream.fail()
        stage.upstream.fail()
        closed = await link.told("upstream", state="closed")
        assert closed["reason"] == "it is away; given up after 1 attempts"
        stage.room.asked_retry(ada)
        connection = await stage.connected()
        connection.say(b"back")
        await link.shows(b"back")


async def test_a_final_refusal_is_told_at_once() -> None:
    """What asking again would not mend is not asked again."""
    async with staged() as stage:
        _, link = await stage.watching("ada")
        stage.upstream.fail(NotFound("there is no such container"))
        await link.told("upstream", state="closed", reason="there is no such container")
        assert stage.room.hop.state is HopState.closed
        assert len(stage.upstream.asked) == 1


async def test_a_shell_that_ends() -> None:
    """Its exit code is told and recorded; nothing is tried again until somebody begins a new one."""
    async with staged() as stage:
        connection = await stage.connected()
        ada, link = await stage.watching("ada")
        connection.say(b"bye")
        connection.end(3)
        await link.told("exit", code=3)
        await link.told("upstream", state="closed", reason="the shell ended with exit code 3")
        assert stage.recording.ends == [Exit(3)]
        stage.room.asked_retry(ada)
        _, late = await stage.watching("late")
        assert late.of("exit") == [{"type": "exit", "code": 3}]
        assert late.data == b"bye"
        stage.room.restart()
        again = await stage.connected("two")
        again.say(b"hello again")
        await link.shows(b"hello again")
        assert stage.upstream.asked[-1][1] is None
        assert stage.room.exit is None
        assert link.of("hello")[-1]["epoch"] == "two"
        assert (link.blocks[-1].offset, link.blocks[-1].kind) == (0, "tail")


async def test_a_restart_ends_the_shell() -> None:
    """A new shell takes the place of one that still runs."""
    async with staged() as stage:
        connection = await stage.connected()
        stage.room.restart()
        await connection.until(lambda: connection.closed)
        await stage.connected("two")
        assert stage.room.epoch == "two"


async def test_a_server_that_stops_leaves_the_shell_alone() -> None:
    """Only where it is said does the shell end with the room."""
    async with staged() as stage:
        connection = await stage.connected()
        _, link = stage.viewer("ada")
        await stage.room.close(end=False)
        assert connection.closed is False
        assert link.close_code == 1001


async def test_close_while_connecting() -> None:
    """A room whose upstream does not answer is closed all the same."""
    async with staged() as stage:
        _, link = stage.viewer("ada")
        await stage.upstream.until(lambda: stage.upstream.asked)
        await stage.room.close(end=True)
        assert link.close_code == 1001


async def test_the_last_screen_of_a_shell_that_is_gone() -> None:
    """What the recording showed last is shown, with what became of the process."""
    async with staged() as stage:
        hop = Hop(HopState.closed, reason="the shell did not survive")
        stage.room.recall(b"last words", hop, Exit(None))
        _, link = await stage.watching("ada")
        assert link.data == b"last words"
        assert link.controls[0]["upstream"] == {"state": "closed", "reason": "the shell did not survive"}


async def test_members_are_told_seldom() -> None:
    """Many changes at once are one message."""
    async with staged() as stage:
        await stage.connected()
        _, link = await stage.watching("ada")
        await link.told("members")
        people = [stage.viewer(f"member {n}")[0] for n in range(50)]
        for viewer in people[10:]:
            stage.room.leave(viewer)
        await link.told("members", count=11)
        assert len(link.of("members")) <= 3


async def test_a_clock_of_its_own() -> None:
    """All waits are by the loop's clock, so that nothing happens when the machine's is set."""
    async with staged() as stage:
        ada, _ = await stage.watching("ada")
        stage.room.drive(ada, "take")
        due = stage.room._steering._driving.due_at
        assert due is not None
        assert 0 < due - asyncio.get_running_loop().time() <= 10
