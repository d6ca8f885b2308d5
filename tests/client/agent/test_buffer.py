"""The agent's buffer: what was put is there after any crash, in order, once, and within its limit."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibeworkbench.client.agent.buffer import Buffer
from vibeworkbench.client.agent.model import by_kind, ndjson, wait_s
from vibeworkbench.client.errors import ClientError

MIB = 2**20


def opened(directory: Path, limit_bytes: int = MIB) -> Buffer:
    buffer = Buffer(directory, limit_bytes)
    buffer.open()
    return buffer


def messages(buffer: Buffer, limit: int = 10_000) -> list[str]:
    return [json.loads(each.body)["message"] for each in buffer.pending(limit, MIB)]


def put(buffer: Buffer, *texts: str, **marks: int) -> None:
    buffer.put([("logs", {"message": text}) for text in texts], marks)


def test_what_was_put_is_there_for_the_next_process(tmp_path):
    """Records in order, marks, the agent's id, and how far the workbench has acknowledged."""
    buffer = opened(tmp_path)
    put(buffer, "a", "b", file=1)
    put(buffer, "c", file=2, other=7)
    buffer.acknowledge(1)
    buffer.close()
    again = opened(tmp_path)
    assert messages(again) == ["b", "c"]
    assert (again.agent_id, again.marks["file"], again.marks["other"]) == (buffer.agent_id, 2, 7)
    assert again.waiting == 2
    put(again, "d")
    assert messages(again, limit=2) == ["b", "c"]
    again.acknowledge(3)
    assert messages(again) == ["d"]
    again.close()


def test_numbers_count_each_kind_by_itself(tmp_path):
    """So that the workbench sees none missing; they go on after a restart."""
    buffer = opened(tmp_path)
    buffer.put([("logs", {"m": 1}), ("samples", {"m": 2}), ("logs", {"m": 3})], {})
    buffer.close()
    buffer = opened(tmp_path)
    buffer.put([("samples", {}), ("logs", {"m": 5})], {})
    kinds = by_kind(buffer.pending(10, MIB))
    assert [each.number for each in kinds["logs"]] == [1, 2, 3]
    assert [each.number for each in kinds["samples"]] == [1, 2]
    sent = [json.loads(line) for line in ndjson("me", kinds["samples"]).splitlines()]
    assert sent == [{"m": 2, "agentId": "me", "sequence": 1}, {"agentId": "me", "sequence": 2}]
    buffer.close()


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_line_that_a_crash_left_unfinished_is_cut_off(tmp_path, cut):
    """With its marks: its records are read again from their source."""
    buffer = opened(tmp_path)
    put(buffer, "a", file=1)
    put(buffer, "b", file=2)
    buffer.close()
    (segment,) = tmp_path.glob("*.seg")
    segment.write_bytes(segment.read_bytes()[:-cut])
    again = opened(tmp_path)
    assert (messages(again), again.marks["file"]) == (["a"], 1)
    put(again, "b", file=2)
    assert messages(again) == ["a", "b"]
    again.close()


def test_a_segment_that_a_crash_left_empty(tmp_path):
    """Is begun anew with all marks."""
    buffer = opened(tmp_path)
    put(buffer, "a", file=1)
    buffer.close()
    (tmp_path / f"{2:020}.seg").touch()
    again = opened(tmp_path)
    again.acknowledge(1)
    again.close()
    last = opened(tmp_path)
    assert (messages(last), last.marks["file"], len(list(tmp_path.glob("*.seg")))) == ([], 1, 1)
    last.close()


def test_the_oldest_go_when_the_limit_is_reached(tmp_path):
    """How many went unsent is told; what stays is in order and ends with the newest."""
    buffer = opened(tmp_path, 16_000)
    for number in range(1000):
        put(buffer, f"{number:050}", file=number)
        assert sum(path.stat().st_size for path in tmp_path.glob("*.seg")) <= 16_000
    left = [int(text) for text in messages(buffer)]
    assert left == list(range(buffer.sent.lost, 1000))
    assert 0 < buffer.sent.lost < 1000
    assert buffer.marks["file"] == 999
    buffer.close()


def test_two_agents_do_not_share_a_buffer(tmp_path):
    """The second is refused, and so is a place that is no directory."""
    buffer = opened(tmp_path / "one")
    with pytest.raises(ClientError, match="another agent"):
        opened(tmp_path / "one")
    buffer.close()
    (tmp_path / "file").touch()
    with pytest.raises(ClientError, match="cannot be used"):
        opened(tmp_path / "file")


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.sampled_from(["put", "send", "restart"]), max_size=40), limit=st.integers(1, 5))
def test_each_record_is_sent_in_order_and_once(tmp_path_factory, steps, limit):
    """Whatever the order of putting, acknowledging and restarting."""
    directory = tmp_path_factory.mktemp("buffer")
    buffer, number, sent = opened(directory, 40_000), 0, []
    for step in [*steps, *["send"] * 40]:
        if step == "put":
            put(buffer, str(number), str(number + 1))
            number += 2
        elif step == "send" and (pending := buffer.pending(limit, MIB)):
            sent += [json.loads(each.body)["message"] for each in pending]
            buffer.acknowledge(pending[-1].place)
        elif step == "restart":
            buffer.close()
            buffer = opened(directory, 40_000)
    sent += messages(buffer)
    buffer.close()
    assert sent == [str(each) for each in range(number)]


def test_waits_grow_and_are_left_to_chance():
    """Up to a minute, and never shorter than the server asks for."""
    assert [wait_s(failures, 1.0) for failures in (1, 2, 3, 8, 1000)] == [0.5, 1.0, 2.0, 60.0, 60.0]
    assert wait_s(5, 0.0) == 0.0
    assert wait_s(1, 0.5, asked_s=30.0) == 30.0


def test_what_is_put_while_something_is_taken_is_kept_once(tmp_path: Path) -> None:
    """Also when the oldest must go at that very moment."""
    buffer = Buffer(tmp_path / "buffer", 16 * 4000)
    buffer.open()
    with ThreadPoolExecutor(1) as threads:
        is_done = threading.Event()
        taking = threads.submit(_taken_until, is_done, buffer)
        try:
            for _ in range(3000):
                buffer.put([("logs", {"message": "x" * 300})] * 5, {"file": 1})
        finally:
            is_done.set()
    assert taking.result() > 0
    assert buffer.waiting <= 3000 * 5
    buffer.close()


def _taken_until(is_done: threading.Event, buffer: Buffer) -> int:
    rounds = 0
    while not is_done.is_set():
        pending = buffer.pending(50, 10**6)
        if pending and rounds % 7 == 0:
            buffer.acknowledge(pending[-1].place)
        rounds += 1
    return rounds
