"""The spool on a real disk: what was acknowledged is there, whatever happens to the files' ends."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibeworkbench.errors import Unavailable
from vibeworkbench.logs.frames import Frame, encoded, frame_at, frames_in
from vibeworkbench.logs.spool import SEGMENT, Spool

WAIT_S = 30


def spool_at(directory: Path, segment_bytes: int = 10**6, limit_bytes: int = 10**7) -> Spool:
    """An open spool."""
    spool = Spool(directory / "spool" / "1", segment_bytes=segment_bytes, limit_bytes=limit_bytes)
    assert spool.open()
    return spool


def frame(text: str, ids: bytes = b"") -> Frame:
    """A frame with this payload."""
    return Frame("test", 1, ids, text.encode())


def put(spool: Spool, *texts: str) -> int:
    """All are on disk; the end of the last."""
    return [spool.put(frame(text)) for text in texts][-1].result(WAIT_S)


def texts(spool: Spool, position: int = 0) -> list[str]:
    """The payloads from a position on."""
    found = []
    while position < spool.head:
        taken = spool.take(position, 64)
        found += [each.payload.decode() for each in taken.frames]
        position = taken.end
    return found


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """An open spool."""
    spool = spool_at(tmp_path)
    yield spool
    spool.close()


def test_what_is_put_is_taken_in_order_also_by_the_next_process(tmp_path: Path) -> None:
    """Whether in one file or several."""
    wanted = [f"number {number}" for number in range(50)]
    spool = spool_at(tmp_path, segment_bytes=200)
    for each in wanted:
        put(spool, each)
    assert texts(spool) == wanted
    middle = spool.take(0, 64).end
    spool.close()
    again = spool_at(tmp_path, segment_bytes=200)
    assert texts(again) == wanted
    assert texts(again, middle) == wanted[1:] or texts(again, middle) == wanted[2:]
    assert len([*again.directory.glob(f"*{SEGMENT}")]) > 5
    again.close()


def test_what_is_taken_at_once_is_bounded_by_records_and_bytes_and_not_by_files(tmp_path: Path) -> None:
    """A frame that has more records than may be taken is taken alone."""
    spool = spool_at(tmp_path, segment_bytes=100)
    counts = [3, 3, 4, 50, 1, 1]
    for count in counts:
        spool.put(Frame("test", 1, b"", b"x" * 40, count)).result(WAIT_S)
    assert len([*spool.directory.glob(f"*{SEGMENT}")]) > 1
    taken, position = [], 0
    while position < spool.head:
        some = spool.take(position, 10**6, 10)
        taken.append([each.records for each in some.frames])
        position = some.end
    assert taken == [[3, 3, 4], [50], [1, 1]]
    assert len(spool.take(0, 80).frames) == 2
    assert len(spool.take(0, 10**6).frames) == len(counts)
    assert spool.take(spool.head, 10**6).frames == ()
    spool.close()


def test_only_its_owner_can_read_it(spool: Spool) -> None:
    """Logs hold much that is nobody's business."""
    put(spool, "private")
    assert {path.stat().st_mode & 0o777 for path in spool.directory.iterdir()} == {0o600}
    assert spool.directory.stat().st_mode & 0o777 == 0o700
    assert spool.directory.parent.stat().st_mode & 0o777 == 0o700


def test_a_spool_belongs_to_one_process(tmp_path: Path, spool: Spool) -> None:
    """The second must take another directory."""
    second = Spool(spool.directory, segment_bytes=100, limit_bytes=100)
    assert not second.open()


@pytest.mark.parametrize("cut", [1, 5, 11, 13, 20])
def test_a_torn_tail_is_cut_and_what_comes_next_stands_behind_the_last_whole_frame(tmp_path: Path, cut: int) -> None:
    """As a crash in the middle of a write leaves it."""
    spool = spool_at(tmp_path)
    end = put(spool, "one", "two")
    spool.close()
    (path,) = spool.directory.glob(f"*{SEGMENT}")
    with path.open("ab") as file:
        file.write(encoded(frame("never acknowledged"))[:cut])
    again = spool_at(tmp_path)
    assert again.head == end
    put(again, "three")
    assert texts(again) == ["one", "two", "three"]
    again.close()


def test_a_damaged_frame_costs_only_itself(tmp_path: Path) -> None:
    """What stands behind it was acknowledged, too."""
    spool = spool_at(tmp_path)
    put(spool, "one", "two", "three")
    spool.close()
    (path,) = spool.directory.glob(f"*{SEGMENT}")
    content = bytearray(path.read_bytes())
    content[content.index(b"two")] ^= 1
    path.write_bytes(content)
    again = spool_at(tmp_path)
    taken = again.take(0, 10**6)
    assert [each.payload for each in taken.frames] == [b"one", b"three"]
    assert taken.damaged_bytes == len(encoded(frame("two")))
    again.close()


def test_a_file_that_lost_its_end_costs_only_that(tmp_path: Path) -> None:
    """The frames before and the files behind it are taken, and how much is missing is known."""
    spool = spool_at(tmp_path, segment_bytes=100)
    for number in range(9):
        put(spool, f"number {number}")
    first, second, *_ = sorted(spool.directory.glob(f"*{SEGMENT}"))
    whole = len(encoded(frame("number 0")))
    with first.open("r+b") as file:
        file.truncate(whole + 5)
    taken = spool.take(0, 10**6)
    kept = [each.payload.decode() for each in taken.frames]
    assert len(kept) > 2
    assert kept == ["number 0", *(f"number {number}" for number in range(10 - len(kept), 9))]
    assert (taken.damaged_bytes, taken.end) == (int(second.stem) - whole, spool.head)
    spool.close()


def test_files_that_the_warehouse_has_go_and_their_ids_stay(tmp_path: Path) -> None:
    """Until these are too old as well."""
    spool = spool_at(tmp_path, segment_bytes=100)
    for number in range(1, 10):
        spool.put(Frame("test", number, bytes([number]) * 8, b"x" * 40)).result(WAIT_S)
    spool.forget(spool.head)
    assert len([*spool.directory.glob(f"*{SEGMENT}")]) == 1
    assert b"".join(ids for _, ids in spool.ids()) == b"".join(bytes([number]) * 8 for number in range(1, 10))
    spool.forget_ids(5)
    assert min(newest for newest, _ in spool.ids()) >= 5
    head = spool.head
    spool.close()
    again = spool_at(tmp_path, segment_bytes=100)
    assert again.head == head
    again.close()


def test_a_full_spool_takes_no_more_until_the_warehouse_has_taken(tmp_path: Path) -> None:
    """And says when to come back."""
    spool = spool_at(tmp_path, limit_bytes=100)
    put(spool, "x" * 50)
    with pytest.raises(Unavailable) as refused:
        spool.put(frame("y" * 50))
    assert refused.value.attributes["reason"] == "the spool is full"
    assert refused.value.retry_after_s > 0
    spool.drained = spool.head
    put(spool, "y" * 50)
    spool.close()


def test_on_a_full_disk_nothing_is_acknowledged_and_nothing_lost(tmp_path: Path) -> None:
    """The disk is full for this process: its files may not grow beyond some size."""
    spool = spool_at(tmp_path)
    put(spool, "kept")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
        futures = [spool.put(frame("x" * 1000)) for _ in range(3)]
        for each in futures:
            with pytest.raises(Unavailable):
                each.result(WAIT_S)
        put(spool, "fits")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    put(spool, "after")
    assert texts(spool) == ["kept", "fits", "after"]
    spool.close()
    again = spool_at(tmp_path)
    assert texts(again) == ["kept", "fits", "after"]
    again.close()


def test_what_is_put_at_the_same_time_shares_an_fsync(spool: Spool) -> None:
    """Group commit: all of it is on disk when the first of it is."""
    futures = [spool.put(frame(str(number))) for number in range(1000)]
    ends = [each.result(WAIT_S) for each in futures]
    assert ends == sorted(ends)
    assert next(spool.directory.glob(f"*{SEGMENT}")).stat().st_size == ends[-1]


FRAMES = st.builds(Frame, st.text(max_size=5), st.integers(0, 2**60), st.binary(max_size=16), st.binary(max_size=40))


@settings(deadline=None)
@given(st.lists(FRAMES, max_size=5), st.binary(max_size=30), st.lists(FRAMES, max_size=5))
def test_whole_frames_are_found_whatever_stands_between_them(
    first: list[Frame], rubbish: bytes, second: list[Frame]
) -> None:
    """Nothing is read that was not written."""
    content = b"".join(map(encoded, first)) + rubbish + b"".join(map(encoded, second))
    found = [each for _, each, _ in frames_in(content)]
    assert found == [*first, *second]


@settings(deadline=None)
@given(FRAMES, st.data())
def test_a_frame_that_is_cut_or_changed_is_none(each: Frame, data: st.DataObject) -> None:
    """The checksum sees one changed bit."""
    content = encoded(each)
    assert frame_at(content, 0) == (each, len(content))
    assert frame_at(content[: data.draw(st.integers(0, len(content) - 1))], 0) is None
    place = data.draw(st.integers(0, len(content) * 8 - 1))
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    assert frame_at(bytes(changed), 0) is None
