"""The client against a real server: verbs, displays, frames, live rooms, and a connection that is cut."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tests.client.proxy import proxy_to
from tests.patience import PATIENCE_S
from vibeworkbench import connect
from vibeworkbench.cli.start import full_scan
from vibeworkbench.client import errors
from vibeworkbench.client.discovery import Address
from vibeworkbench.client.rooms import RoomSubscription, Timing
from vibeworkbench.client.scans import RunningScan
from vibeworkbench.client.targets import NotConfirmed
from vibeworkbench.client.workbench import Workbench

NASTY = "<img src=x onerror=alert(1)>&amp;"
QUICK = Timing(backoff_base_s=0.02, backoff_cap_s=0.2, stable_s=0.0, upgrade_s=0.2)


@pytest.fixture(scope="module")
def server(start_server):
    return start_server("", "--no-lab")


@pytest.fixture
def wb(server):
    with connect(server.url, server.token) as found:
        yield found


@pytest.fixture
def silent_url():
    """An address that accepts connections and never answers: whoever scans it is busy until its time is over."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@pytest.fixture
def silent_target(wb, silent_url):
    """A target that keeps a scan running for two seconds or more."""
    target = wb.targets.add("http", name="silent", url=silent_url, timeout_s=2)
    yield target
    wb.targets.remove(target, confirm=True)


@pytest.fixture
def dead_target(wb, closed_port):
    """A target that refuses connections, with a name that a display must escape."""
    target = wb.targets.add("tcp", name=NASTY, host="127.0.0.1", port=closed_port, timeout_s=2)
    yield target
    wb.targets.remove(target, confirm=True)
    for issue in wb.issues():
        if NASTY in issue.subject:
            issue.resolve("the test is over")


def trouble(wb: Workbench):
    return next(issue for issue in wb.issues() if NASTY in issue.subject)


def test_a_scan_reports_progress_and_is_a_value(wb):
    steps = []
    scan = wb.scan("full", on_progress=steps.append)
    assert scan.ok
    assert scan.duration_s > 0
    assert {run.name for run in scan.collectors} >= {"host", "processes", "jupyter"}
    assert all(step.scan_id == scan.scan_id and 0 <= step.ratio <= 1 for step in steps)
    assert wb.scan_of(scan.scan_id) == scan
    assert wb.scans(limit=1)[0].scan_id == scan.scan_id


def test_a_scan_can_be_iterated_over(wb):
    with wb.scan("incremental", wait=False) as running:
        last = None
        for last in running:
            assert last.scan_id == running.scan_id
        scan = running.result()
    assert scan.status == "completed"
    assert scan.scope == "incremental"
    assert last is None or last.step


def test_a_scan_is_followed_after_its_end_too(wb):
    scan = wb.scan("incremental")
    with wb.follow(scan.scan_id) as running:
        assert running.result() == scan


def test_a_second_scan_of_a_scope_is_a_conflict_that_names_the_first(wb, silent_target):
    with wb.scan("full", source="http", wait=False) as first:
        with pytest.raises(errors.Conflict) as refused:
            wb.scan("full", source="http")
        assert refused.value.details["scanId"] == first.scan_id
        assert first.result().ok


def test_a_server_s_first_scan_is_the_one_that_runs_already(wb, silent_target):
    with wb.scan("full", source="http", wait=False) as first, full_scan(wb) as second:
        assert second.scan_id == first.scan_id
        assert second.result() == first.result()


def test_a_scan_under_way_is_followed_from_the_snapshot_on(wb, silent_target):
    with wb.scan("full", source="http", wait=False) as first, wb.follow(first.scan_id) as second:
        assert next(iter(second)).scan_id == first.scan_id
        assert second.result() == first.result()


def test_a_scan_is_waited_for_without_a_room_too(wb):
    with wb.scan("full", source="host", wait=False) as first:
        with RunningScan(wb._api, first.scan_id, wb.room("no-such-party")) as second:
            assert list(second) == []
            assert second.result() == first.result()
        assert "completed" in repr(first)


def test_a_server_that_dies_in_mid_scan_is_unreachable_and_says_so(start_server, silent_url, monkeypatch):
    monkeypatch.setattr("vibeworkbench.client.scans.GIVE_UP_S", 0.1)
    monkeypatch.setattr("vibeworkbench.client.scans.LOOK_AGAIN_S", 0.1)
    doomed = start_server("", "--no-lab")
    with connect(doomed.url, doomed.token) as wb:
        wb.targets.add("http", name="silent", url=silent_url, timeout_s=5)
        with wb.scan("full", source="http", wait=False) as running:
            next(iter(running))
            doomed.process.kill()
            doomed.process.wait()
            with pytest.raises(errors.Unreachable, match="vibeworkbench doctor"):
                running.result()
        assert "running" in repr(running)
        assert "does not answer" in wb._repr_html_()


def test_filters_limit_what_is_read(wb):
    scan = wb.scan("full", source=["host"], severity="critical", since=datetime.now(UTC) - timedelta(hours=1))
    assert {run.name for run in scan.collectors if run.state != "skipped"} == {"host"}


def test_what_the_server_refuses_names_the_field(wb):
    with pytest.raises(errors.Invalid) as refused:
        wb.scan("everything")
    assert refused.value.field == "scope"
    assert refused.value.details["allowed"] == ["full", "incremental"]
    assert refused.value.request_id
    assert refused.value.exit_code == 2


def test_an_instant_without_zone_is_refused_before_it_is_sent(wb):
    with pytest.raises(errors.ClientError, match="no time zone"):
        wb.scan("full", since=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_a_dead_target_becomes_an_issue_with_its_whole_life(wb, dead_target):
    wb.scan("full", source="tcp")
    issue = trouble(wb)
    assert issue.state == "open"
    assert issue.acknowledge("seen").state == "acknowledged"
    claimed = issue.claim()
    assert (claimed.state, bool(claimed.claimed_by)) == ("in_progress", True)
    assert issue.mute(timedelta(hours=1)).muted_until > datetime.now(UTC) + timedelta(minutes=59)
    assert issue.reopen().state == "open"
    resolved = issue.resolve("switched on", note="by hand")
    assert (resolved.state, resolved.resolution) == ("resolved", "switched on")
    with pytest.raises(errors.Conflict):
        resolved.resolve("again")
    history = issue.refresh().history
    assert [each.to for each in history][-5:] == ["acknowledged", "in_progress", "muted", "open", "resolved"]
    assert history[0].from_ is None


def test_displays_escape_what_comes_from_outside(wb, dead_target):
    wb.scan("full", source="tcp")
    issue = trouble(wb).refresh()
    shown = [issue, wb.issues(), wb.targets, dead_target, wb.scans(), wb.scans()[0], wb.summary(), wb.health()]
    shown += [wb.health(), wb.schedules(), wb.rooms(), wb.members("ops-monitor-broadcast", "main"), wb.status(), wb]
    for each in shown:
        html = each._repr_html_()
        assert "<img" not in html
        assert repr(each)
    assert "&lt;img" in issue._repr_html_()
    assert "&lt;img" in wb.issues()._repr_html_()


def test_frames_have_typed_columns_also_when_they_are_empty(wb, dead_target):
    wb.scan("full", source="tcp")
    filled, empty = wb.issues().to_df(), wb.issues("resolved", type="no-such-type").to_df()
    assert list(filled.columns) == list(empty.columns)
    assert len(filled) >= 1
    assert len(empty) == 0
    for frame in (filled, empty):
        assert frame["first_seen_at"].dtype == "datetime64[us, UTC]"
        assert frame["count"].dtype == "Int64"
        assert frame["severity"].dtype == pd.CategoricalDtype(
            ["info", "low", "medium", "high", "critical"], ordered=True
        )
    assert (filled["severity"] >= "info").all()
    for each in (wb.scans(), wb.scans()[0].looks, wb.targets(), wb.schedules(), wb.rooms(), wb.summary(), wb.health()):
        assert list(each.to_df().columns)
    assert list(wb.health().history_df().columns) == ["at", "score"]


def test_removing_a_target_needs_a_yes(wb):
    target = wb.targets.add("http", name="kept", url="http://127.0.0.1:1/")
    with pytest.raises(NotConfirmed, match="confirm=True"):
        wb.targets.remove("kept")
    assert wb.targets.find("kept").target_id == target.target_id
    replaced = wb.targets.replace("kept", url="http://127.0.0.1:2/")
    assert (replaced.place, replaced.name, replaced.target_id) == ("http://127.0.0.1:2/", "kept", target.target_id)
    wb.targets.remove("kept", confirm=True)
    with pytest.raises(errors.ClientError, match="no target"):
        wb.targets.find("kept")


def test_a_schedule_can_be_fired_by_hand(wb):
    assert {each.name for each in wb.schedules()} == {"full", "incremental"}
    with wb.run_schedule("incremental") as running:
        assert running.result().ok
    with pytest.raises(errors.NotFound):
        wb.run_schedule("../status")


def test_a_wrong_token_is_a_sentence_and_not_a_page(server):
    with connect(server.url, "wrong") as stranger:
        with pytest.raises(errors.NotLoggedIn) as refused:
            stranger.status()
        assert refused.value.exit_code == 3
        assert "wrong" not in str(refused.value)
        with stranger.room() as room, pytest.raises(errors.RoomClosed) as closed:
            room.wait_joined(PATIENCE_S)
        assert closed.value.close_code == 4401


def test_unknown_rooms_and_issues_are_named_as_such(wb):
    with pytest.raises(errors.NotFound):
        wb.issue("0" * 32)
    with wb.room("no-such-party") as room, pytest.raises(errors.RoomClosed, match="4404"):
        room.wait_joined(PATIENCE_S)


def test_nobody_at_the_address_says_where_and_what_to_do(closed_port):
    with (
        connect(f"http://127.0.0.1:{closed_port}", "secret") as nobody,
        pytest.raises(errors.Unreachable) as away,
    ):
        nobody.status()
    assert f"127.0.0.1:{closed_port}" in str(away.value)
    assert "vibeworkbench start" in str(away.value)
    assert "secret" not in str(away.value)


async def test_the_client_works_inside_a_running_event_loop(wb):
    assert asyncio.get_running_loop()
    assert wb.scan("incremental").ok


def test_members_are_listed_with_their_connection(wb):
    with wb.room() as room:
        room.wait_joined(PATIENCE_S)
        present = wb.members("ops-monitor-broadcast", "main")
        assert len(present) >= 1
        assert "WebSocket" in room._repr_html_()


def test_a_membership_that_is_cut_again_and_again_gets_every_message_once(wb, server):
    """Scans talk, the proxy cuts; what arrives is exactly what the log holds."""
    with proxy_to(server.url) as proxy:
        address = Address(proxy.url, server.token)
        with RoomSubscription(address, "ops-monitor-broadcast", "main", timing=QUICK) as room:
            room.wait_joined(PATIENCE_S)
            begin = room.next(PATIENCE_S)
            assert begin.type == "snapshot"
            got, cuts = [], 0
            for _ in range(3):
                scan_id = wb.scan("incremental", wait=False)
                for _ in scan_id:
                    cuts += bool(proxy.cut())
                cuts += bool(proxy.cut())
            last = wb.room("ops-monitor-broadcast", "main")
            with last:
                end = last.next(PATIENCE_S)
            while room.last_seq < end.seq:
                message = room.next(PATIENCE_S)
                assert message is not None
                got.append(message)
            while room._waiting:
                got.append(room.next(0))
    assert cuts >= 3
    recorded = [message for message in got if message.type not in {"presence", "snapshot", "gap"}]
    with wb.room("ops-monitor-broadcast", "main", since=begin.seq, epoch=room.epoch) as replay:
        expected = []
        while not expected or expected[-1].seq < end.seq:
            message = replay.next(PATIENCE_S)
            if message.type != "presence":
                expected.append(message)
    assert [message.wire() for message in recorded] == [message.wire() for message in expected]


def test_where_websockets_are_refused_the_same_room_is_polled(wb, server):
    with proxy_to(server.url) as proxy:
        proxy.refuse_upgrades = True
        address = Address(proxy.url, server.token)
        with RoomSubscription(address, "ops-monitor-broadcast", "main", timing=QUICK) as room:
            assert room.wait_joined(PATIENCE_S).connection.transport == "poll"
            assert room.next(PATIENCE_S).type == "snapshot"
            scan = wb.scan("incremental")
            seen = []
            while not seen or seen[-1].type != "scan-result":
                seen.append(room.next(PATIENCE_S))
            assert seen[-1].data["scanId"] == scan.scan_id


def test_a_relay_room_passes_text_and_bytes_verbatim(wb):
    with wb.room("relay", "test") as one, wb.room("relay", "test") as other:
        one.wait_joined(PATIENCE_S)
        other.wait_joined(PATIENCE_S)
        while len(wb.members("relay", "test")) < 2:
            pass  # a verbatim room has no first frame that says so: each look is a request to the server
        one.send("hello")
        one.send(b"\x00\x01")
        assert [other.next(PATIENCE_S).data for _ in range(2)] == ["hello", b"\x00\x01"]


def test_a_server_that_is_killed_and_started_again_loses_no_message(start_server, tmp_path):
    data = tmp_path / "data"
    first = start_server("", "--no-lab", data=data)
    with connect(first.url, first.token) as wb:
        wb.scan("full", source="host")
        with wb.room() as room:
            begin = room.next(PATIENCE_S)
            wb.scan("incremental", source="host")
    first.process.kill()
    first.process.wait()
    second = start_server("", "--no-lab", data=data)
    with (
        connect(second.url, second.token) as wb,
        wb.room(since=begin.seq, epoch=room.epoch) as room,
    ):
        kinds = []
        while "scan-result" not in kinds:
            kinds.append(room.next(PATIENCE_S).type)
        assert kinds[0] == "scan-start"
