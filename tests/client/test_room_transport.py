"""A membership over broken connections: nothing lost, nothing doubled, and an honest word about how it stands."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.client.scripted_room import ScriptedRoom, scripted_room
from tests.patience import PATIENCE_S
from vibeworkbench.client.discovery import Address
from vibeworkbench.client.errors import RoomClosed, Unreachable
from vibeworkbench.client.rooms import Connection, Message, RoomSubscription, Timing

QUICK = Timing(
    ping_s=0.1,
    pong_s=PATIENCE_S,
    handshake_s=PATIENCE_S,
    backoff_base_s=0.02,
    backoff_cap_s=0.1,
    stable_s=0.0,
    offline_s=0.3,
    upgrade_s=0.3,
    poll_s=1.0,
)


@pytest.fixture
def served():
    with scripted_room() as room:
        yield room


def joined(served: tuple[ScriptedRoom, Address], **options) -> RoomSubscription:
    return RoomSubscription(served[1], "notes", "main", timing=options.pop("timing", QUICK), **options)


def texts(subscription: RoomSubscription, count: int) -> list[str]:
    """The next ``count`` notes, whatever else comes between."""
    found: list[str] = []
    while len(found) < count:
        message = subscription.next(PATIENCE_S)
        assert message is not None, f"only {found}"
        if message.type == "note":
            found.append(message.data["text"])
    return found


def until(subscription: RoomSubscription, kind: str) -> Message:
    """The next message of type ``kind``."""
    while True:
        message = subscription.next(PATIENCE_S)
        assert message is not None
        if message.type == kind:
            return message


def test_a_new_member_gets_a_snapshot_and_then_what_is_new(served):
    served[0].say("before")
    with joined(served) as subscription:
        assert until(subscription, "snapshot").data == {"count": 1}
        served[0].say("after")
        assert texts(subscription, 1) == ["after"]


def test_since_replays_and_sends_no_snapshot(served):
    served[0].say("a", "b", "c")
    with joined(served, since=1, epoch="e1") as subscription:
        assert [subscription.next(PATIENCE_S).data["text"] for _ in range(2)] == ["b", "c"]


@pytest.mark.parametrize("code", [1001, 1011, 4408])
def test_a_closed_connection_comes_back_with_since_and_misses_nothing(served, code):
    room, _ = served
    with joined(served) as subscription:
        until(subscription, "snapshot")
        room.say("one")
        room.close_all(code)
        room.say("two", "three")
        assert texts(subscription, 3) == ["one", "two", "three"]
        assert room.handshakes[-1]["epoch"] == "e1"
        assert "since" in room.handshakes[-1]
        assert room.handshakes[0]["_pk"] == room.handshakes[-1]["_pk"]


def test_a_connection_cut_without_a_word_comes_back_too(served):
    room, _ = served
    with joined(served) as subscription:
        until(subscription, "snapshot")
        for number in range(5):
            room.wait(lambda: room.sockets)
            room.say(f"a{number}")
            room.cut_all()
            room.say(f"b{number}")
        assert texts(subscription, 10) == [f"{letter}{number}" for number in range(5) for letter in "ab"]


def test_a_half_open_connection_is_found_and_replaced(served):
    room, _ = served
    with joined(served, timing=replace(QUICK, pong_s=0.4)) as subscription:
        until(subscription, "snapshot")
        room.mute = True
        room.wait(lambda: len(room.handshakes) >= 2)
        room.mute = False
        room.say("back")
        assert texts(subscription, 1) == ["back"]


def test_what_is_no_longer_kept_is_a_gap_and_a_snapshot(served):
    room, _ = served
    with joined(served) as subscription:
        until(subscription, "snapshot")
        room.say("one")
        assert texts(subscription, 1) == ["one"]

        def forget() -> None:
            room.epoch, room.oldest_seq, room.log[:] = "e2", 100, []

        room.do(forget)
        room.cut_all()
        assert until(subscription, "gap").data["requested"] == 1
        assert until(subscription, "snapshot").seq == 99
        room.say("new")
        assert texts(subscription, 1) == ["new"]
        assert (subscription.epoch, subscription.last_seq) == ("e2", 100)


def test_announcements_outside_the_history_are_delivered_and_move_nothing(served):
    room, _ = served
    with joined(served) as subscription:
        until(subscription, "snapshot")
        room.say("one")
        assert texts(subscription, 1) == ["one"]
        room.announce("hey")
        assert until(subscription, "hail").data == {"text": "hey"}
        assert subscription.last_seq == 1


@pytest.mark.parametrize(("code", "exit_code"), [(4400, 1), (4401, 3), (4403, 3), (4404, 1)])
def test_a_final_close_code_ends_the_membership_with_its_reason(served, code, exit_code):
    room, _ = served
    with joined(served) as subscription:
        until(subscription, "snapshot")
        room.close_all(code, "because")
        with pytest.raises(RoomClosed, match="because") as refused:
            until(subscription, "note")
        assert (refused.value.close_code, refused.value.exit_code) == (code, exit_code)
        assert subscription.connection.quality == "closed"
        assert len(room.handshakes) == 1


def test_too_fast_waits_before_it_comes_back(served):
    room, _ = served
    seen: list[Connection] = []
    with joined(served, on_connection=seen.append) as subscription:
        until(subscription, "snapshot")
        room.close_all(4429)
        room.say("later")
        assert texts(subscription, 1) == ["later"]
    assert [each.retry_in_s for each in seen if each.quality == "reconnecting"] == [QUICK.backoff_cap_s / 2]


def test_without_websockets_the_same_messages_come_by_polling_and_later_by_socket_again(served):
    room, _ = served
    room.refuse_sockets = True
    room.say("one")
    with joined(served, since=0, epoch="e1") as subscription:
        assert texts(subscription, 1) == ["one"]
        room.say("two")
        assert texts(subscription, 1) == ["two"]
        assert subscription.connection.transport == "poll"
        room.refuse_sockets = False
        room.wait(lambda: room.sockets)
        room.say("three")
        assert texts(subscription, 1) == ["three"]
        assert subscription.connection.transport == "socket"
    assert {poll.get("epoch") for poll in room.polls} == {"e1"}


def test_a_proxy_that_opens_sockets_and_drops_them_is_polled_around(served):
    room, _ = served
    room.drop_unwelcomed = True
    room.say("one")
    with joined(served, since=0) as subscription:
        assert texts(subscription, 1) == ["one"]
        assert subscription.connection.transport == "poll"


def test_a_server_that_lets_polls_wait_less_is_asked_for_less(served):
    room, _ = served
    room.refuse_sockets, room.longest_wait_s = True, 1.5
    with joined(served, timing=replace(QUICK, poll_s=4.0, upgrade_s=60.0)) as subscription:
        until(subscription, "snapshot")
        room.wait(lambda: len(room.polls) >= 4)
        room.say("one")
        assert texts(subscription, 1) == ["one"]
    assert [float(poll["wait"]) for poll in room.polls][:4] == [0.0, 4.0, 2.0, 1.0]


def test_a_reader_that_is_behind_is_waited_for_and_gets_everything(served, monkeypatch):
    room, _ = served
    monkeypatch.setattr("vibeworkbench.client.rooms.subscription.WAITING_MESSAGES", 10)
    with joined(served) as subscription:
        until(subscription, "snapshot")
        room.say(*(str(number) for number in range(500)))
        room.close_all(4408)
        room.say("last")
        assert texts(subscription, 501) == [*(str(number) for number in range(500)), "last"]


def test_a_poll_that_is_refused_ends_the_membership(served):
    room, _ = served
    room.refuse_sockets, room.poll_status = True, 403
    with joined(served) as subscription, pytest.raises(RoomClosed, match="4403"):
        subscription.wait_joined()


def test_a_server_that_is_away_is_first_reconnecting_then_offline_and_found_when_it_returns(served):
    room, _ = served
    seen: list[str] = []
    offline = threading.Event()

    def note(connection: Connection) -> None:
        seen.append(connection.quality)
        if connection.quality == "offline":
            offline.set()

    with joined(served, on_connection=note) as subscription:
        until(subscription, "snapshot")
        room.refuse_sockets, room.poll_status = True, 503
        room.cut_all()
        assert offline.wait(PATIENCE_S)
        room.refuse_sockets = False
        room.wait(lambda: room.sockets)
        room.say("again")
        assert texts(subscription, 1) == ["again"]
    assert seen.index("reconnecting") < seen.index("offline")
    assert seen[-1] == "closed"


def test_the_round_trip_time_is_measured(served):
    measured = threading.Event()
    with joined(served, on_connection=lambda now: now.rtt_ms is not None and measured.set()) as subscription:
        assert measured.wait(PATIENCE_S)
        assert subscription.connection.rtt_ms > 0
        assert subscription.connection.members == 1


def test_a_callback_gets_each_message_and_its_failure_ends_nothing(served, caplog):
    room, _ = served
    got: list[str] = []
    done = threading.Event()

    def take(message: Message) -> None:
        if message.type != "note":
            return
        got.append(message.data["text"])
        if message.data["text"] == "b":
            done.set()
        raise ValueError("a stranger's mistake")

    with joined(served, on_message=take):
        room.wait(lambda: room.sockets)
        room.say("a", "b")
        assert done.wait(PATIENCE_S)
    assert got == ["a", "b"]
    assert "a stranger's mistake" in caplog.text


def test_closing_wakes_the_reader_and_may_be_repeated(served):
    subscription = joined(served)
    until(subscription, "snapshot")
    ended = threading.Thread(target=lambda: list(subscription))
    ended.start()
    subscription.close()
    subscription.close()
    ended.join(PATIENCE_S)
    assert not ended.is_alive()
    assert subscription.next() is None
    assert "closed" in repr(subscription)


def test_sending_without_a_connection_is_refused(served):
    room, _ = served
    room.refuse_sockets, room.poll_status = True, 503
    with joined(served) as subscription:
        room.wait(lambda: room.polls)
        with pytest.raises(Unreachable, match="nothing was sent"):
            subscription.send({"type": "note"})
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
            subscription.wait_joined(0.01)
