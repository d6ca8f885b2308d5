"""Every record of a followed glob is delivered exactly once, whatever happens to the files between readings."""

from __future__ import annotations

import gzip
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vibeworkbench.logs.tail.follow import Tail
from vibeworkbench.logs.tail.lines import RECORD_BYTES, Patience
from vibeworkbench.logs.tail.looks import Candidate, Memory, TailOrder, TailResult, candidates
from vibeworkbench.logs.tail.marks import mark_of, stored_form


class Follower:
    """Reads one folder again and again; what must be durable goes through its stored form, and nothing else is kept."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder, self.changes = folder, changes
        self.stored = dict[str, Mapping[str, Any]]()
        self.records = list[str]()

    def order(self, glob: str = "app.log*", **changes: Any) -> TailOrder:
        """The order of the next reading."""
        chosen: dict[str, Any] = {
            "glob": str(self.folder / glob),
            "marks": [mark_of(form) for form in self.stored.values()],
            "memory": Memory(),
            "max_bytes": 2**20,
            "max_files": 100,
            "until_s": time.monotonic() + 60,
            "now_s": 1000,
            "patience": Patience(0, 3600),
        }
        return TailOrder(**{**chosen, **changes})

    def read(self, most: int | None = None, **changes: Any) -> TailResult:
        """One reading from where the last one got to; killed after ``most`` deliveries."""
        tail = Tail(self.order(**{**self.changes, **changes}))
        self.records = []
        for delivery in itertools.islice(tail.deliveries(), most):
            self.records += delivery.records
            self.stored |= {name: stored_form(mark) for name, mark in delivery.marks.items() if mark}
            for name in [name for name, mark in delivery.marks.items() if mark is None]:
                del self.stored[name]
        return tail.result

    def new(self, most: int | None = None, **changes: Any) -> int:
        """How many records one reading delivers."""
        self.read(most, **changes)
        return len(self.records)


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    return Follower(tmp_path)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def numbered(start: int, count: int) -> str:
    return "".join(f"ERROR line number {number}\n" for number in range(start, start + count))


def test_growth_is_read_once(follower: Follower, tmp_path: Path) -> None:
    """A second reading counts what was appended, a third nothing."""
    log = tmp_path / "app.log"
    append(log, numbered(0, 3))
    assert follower.new() == 3
    append(log, numbered(3, 2))
    assert [follower.new(), follower.new()] == [2, 0]


def test_an_unfinished_line_waits(follower: Follower, tmp_path: Path) -> None:
    """A line counts when its end is written."""
    log = tmp_path / "app.log"
    append(log, "ERROR whole\nERROR ha")
    assert follower.new() == 1
    append(log, "lf\n")
    follower.read()
    assert follower.records == ["ERROR half"]


def test_the_rest_of_a_renamed_file_is_read(follower: Follower, tmp_path: Path) -> None:
    """What was written between the last reading and the rotation is not lost, and not read twice."""
    log = tmp_path / "app.log"
    append(log, numbered(0, 3))
    follower.read()
    append(log, numbered(3, 2))
    log.rename(tmp_path / "app.log.1")
    append(log, numbered(5, 4))
    assert follower.new() == 6
    assert follower.records[0] == "ERROR line number 3"
    assert follower.new() == 0


def test_a_renamed_file_outside_the_glob_is_read_to_its_end(tmp_path: Path) -> None:
    """The rest of a rotated file is read although the glob only matches the live one, also when it still grows."""
    follower, log = Follower(tmp_path, glob="app.log"), tmp_path / "app.log"
    append(log, numbered(0, 3))
    follower.read()
    append(log, numbered(3, 2))
    log.rename(tmp_path / "app.log.1")
    append(log, numbered(5, 1))
    assert follower.new() == 3
    append(tmp_path / "app.log.1", numbered(6, 1))
    assert [follower.new(), follower.new()] == [1, 0]


@pytest.mark.parametrize("glob", ["app.log*", "app.log"])
def test_copytruncate_loses_and_doubles_nothing(tmp_path: Path, glob: str) -> None:
    """The copy's unread rest counts once, and the truncated file starts anew."""
    follower, log = Follower(tmp_path, glob=glob), tmp_path / "app.log"
    append(log, numbered(0, 3))
    follower.read()
    append(log, numbered(3, 2))
    shutil.copy(log, tmp_path / "app.log.1")
    os.truncate(log, 0)
    append(log, numbered(5, 1))
    assert [follower.new(), follower.new()] == [3, 0]


def test_a_copy_seen_before_its_original_is_truncated_counts_once(follower: Follower, tmp_path: Path) -> None:
    """A reading between copy and truncation recognises the copy, whichever of the two is longer by then."""
    log = tmp_path / "app.log"
    append(log, numbered(0, 100))
    assert follower.new() == 100
    append(log, numbered(100, 50))
    shutil.copy(log, tmp_path / "app.log.1")
    append(log, numbered(150, 50))
    assert follower.new() == 100
    os.truncate(log, 0)
    assert follower.new() == 0


@pytest.mark.parametrize("glob", ["app.log*", "app.log"])
def test_a_compressed_rotation_is_the_same_content(tmp_path: Path, glob: str) -> None:
    """What gzip made of a file that was read in part brings only the rest."""
    follower, log = Follower(tmp_path, glob=glob), tmp_path / "app.log"
    append(log, numbered(0, 3))
    follower.read()
    append(log, numbered(3, 2))
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    append(log, numbered(5, 1))
    assert [follower.new(), follower.new()] == [3, 0]


def test_an_incomplete_gzip_is_read_when_it_is_whole(follower: Follower, tmp_path: Path) -> None:
    """What there is of a half-written archive is read, it is named as skipped, and later the rest is read."""
    packed = gzip.compress(numbered(0, 2000).encode())
    archive = tmp_path / "app.log.1.gz"
    archive.write_bytes(packed[: len(packed) // 2])
    assert follower.read().skipped == {"app.log.1.gz": "incomplete gzip"}
    part = len(follower.records)
    archive.write_bytes(packed)
    assert [part + follower.new(), follower.new()] == [2000, 0]


def test_a_reused_inode_is_another_file(follower: Follower, tmp_path: Path) -> None:
    """Other content under a marked inode is read from its start, although it is longer than the mark."""
    log = tmp_path / "app.log"
    append(log, numbered(0, 2))
    follower.read()
    inode = log.stat().st_ino
    with log.open("r+") as file:  # the same inode with other content, as a file system that reuses it would give it
        file.truncate()
        file.write(numbered(100, 5))
    assert log.stat().st_ino == inode
    assert follower.new() == 5


def test_the_limit_of_bytes_goes_on_next_time(follower: Follower, tmp_path: Path) -> None:
    """A reading stops at the line that passes the limit and says how much is left."""
    append(tmp_path / "app.log", numbered(0, 100))
    counts = []
    while not counts or counts[-1]:
        result = follower.read(max_bytes=500)
        counts.append(len(follower.records))
        assert (result.behind_bytes > 0) == (sum(counts) < 100)
    assert sum(counts) == 100
    assert len(counts) > 3


def test_a_huge_line_counts_once(follower: Follower, tmp_path: Path) -> None:
    """Of a line beyond the limit the beginning is delivered without waiting for its end, and the rest never."""
    log = tmp_path / "app.log"
    append(log, "INFO before\nERROR " + "x" * 3 * 2**20)
    assert follower.new(max_bytes=2**24) == 2
    assert follower.records[1] == "ERROR " + "x" * (RECORD_BYTES - 6) + " …"
    append(log, "y" * 100 + "\nINFO next\n")
    assert follower.new(max_bytes=2**24) == 1
    assert follower.records == ["INFO next"]


def test_a_long_line_of_no_text_is_not_longer_as_text(follower: Follower, tmp_path: Path) -> None:
    """What cannot be decoded would take three times its bytes."""
    (tmp_path / "app.log").write_bytes(b"\xe9" * (RECORD_BYTES - 1) + b"\n")
    assert follower.new() == 1
    assert len(follower.records[0].encode()) < 2 * RECORD_BYTES


def test_what_is_no_text_is_skipped_with_a_word(follower: Follower, tmp_path: Path) -> None:
    """Binary files are named, pipes do not block, invalid UTF-8 is read."""
    (tmp_path / "app.log.bin").write_bytes(b"\x7fELF\x02\x01\0\0\0rest\n" * 10)
    (tmp_path / "app.log").write_bytes(b"ERROR caf\xe9\n")
    os.mkfifo(tmp_path / "app.log.pipe")
    result = follower.read()
    assert result.skipped == {"app.log.bin": "binary"}
    assert follower.records == ["ERROR caf�"]


def test_a_hole_at_the_start_is_no_binary_file(follower: Follower, tmp_path: Path) -> None:
    """A writer that goes on at its old offset after a truncation leaves a hole before its next line."""
    with (tmp_path / "app.log").open("wb") as file:
        file.seek(50_000)
        file.write(b"ERROR after the hole\n")
    follower.read()
    assert follower.records == ["ERROR after the hole"]


def test_a_large_hole_hides_nothing(follower: Follower, tmp_path: Path) -> None:
    """It is no line too long to wait for."""
    log = tmp_path / "app.log"
    append(log, numbered(0, 3))
    follower.read()
    with log.open("r+b") as file:
        file.truncate()
        file.seek(3 * 2**20)
        file.write(b"ERROR after the hole\n")
    assert follower.new(max_bytes=2**24) == 1
    assert follower.records == ["ERROR after the hole"]


def test_links_to_one_file_are_one_file(follower: Follower, tmp_path: Path) -> None:
    """A symbolic and a hard link to a matched file bring nothing more."""
    log = tmp_path / "app.log"
    append(log, numbered(0, 3))
    (tmp_path / "app.log.current").symlink_to(log)
    os.link(log, tmp_path / "app.log.hard")
    assert [follower.new(), follower.new()] == [3, 0]


def test_short_files_that_begin_alike_are_different_files(follower: Follower, tmp_path: Path) -> None:
    """Without times in their lines, two runs may log the same first line: both count."""
    append(tmp_path / "app.log.1", "ERROR cannot connect\n")
    append(tmp_path / "app.log", "ERROR cannot connect\n")
    assert follower.new() == 2


def test_more_files_than_allowed_keeps_the_newest(follower: Follower, tmp_path: Path) -> None:
    """The oldest files are left out, and said to be."""
    for number in range(5):
        path = tmp_path / f"app.log.{number}"
        append(path, numbered(number * 10, 1))
        os.utime(path, (1000 + number, 1000 + number))
    result = follower.read(max_files=2)
    assert (result.files, result.left_out, len(follower.records)) == (5, 3, 2)


def test_no_time_left_moves_nothing(follower: Follower, tmp_path: Path) -> None:
    """A reading without time says so, and the next one reads everything."""
    append(tmp_path / "app.log", numbered(0, 3))
    result = follower.read(until_s=time.monotonic())
    assert (result.in_time, result.behind_bytes, follower.records) == (False, len(numbered(0, 3)), [])
    assert follower.new() == 3


def test_a_file_system_that_was_away_is_not_read_again(follower: Follower, tmp_path: Path) -> None:
    """Marks outlive a look at which the directory is gone."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    follower.changes["glob"] = "mounted/app.log*"
    append(folder / "app.log", numbered(0, 3))
    assert follower.new() == 3
    folder.rename(tmp_path / "away")
    assert follower.new() == 0
    (tmp_path / "away").rename(folder)
    assert follower.new() == 0


TRACE = 'Traceback (most recent call last):\n  File "a.py", line 1\n    f()\nValueError: no\n'


def test_a_trace_is_one_record(follower: Follower, tmp_path: Path) -> None:
    """Also when it arrives in parts: what may go on is left until something else begins."""
    log, waiting = tmp_path / "app.log", {"patience": Patience(3600, 3600)}
    parts = TRACE.splitlines(keepends=True)
    append(log, "INFO ready\n" + parts[0])
    assert follower.new(**waiting) == 1
    append(log, "".join(parts[1:]))
    result = follower.read(**waiting)
    assert (follower.records, result.waiting, result.behind_bytes) == ([], True, 0)
    append(log, "INFO next\n")
    assert follower.new(**waiting) == 1
    assert follower.records == [TRACE.rstrip("\n")]


def test_the_last_record_of_a_quiet_file_is_whole(follower: Follower, tmp_path: Path) -> None:
    """So is a line without an end, after a longer time."""
    log = tmp_path / "app.log"
    append(log, "INFO ready\n" + TRACE + "no end")
    patience = {"patience": Patience()}
    assert follower.new(**patience) == 1
    os.utime(log, (time.time() - 3, time.time() - 3))
    assert follower.new(**patience) == 1
    os.utime(log, (time.time() - 30, time.time() - 30))
    assert follower.new(**patience) == 1
    assert [follower.records, follower.new(**patience)] == [["no end"], 0]


def test_a_clock_in_the_future_holds_nothing_back(follower: Follower, tmp_path: Path) -> None:
    """A file that will have been written tomorrow is taken as it is."""
    log = tmp_path / "app.log"
    append(log, "INFO ready\n")
    os.utime(log, (time.time() + 3600, time.time() + 3600))
    assert follower.new(patience=Patience()) == 1


@pytest.mark.parametrize("killed_after", range(6))
def test_a_reader_that_is_killed_repeats_and_loses_nothing(tmp_path: Path, killed_after: int) -> None:
    """What was delivered stands with its marks, and the rest is delivered later; also where files rotated meanwhile."""
    follower, log = Follower(tmp_path), tmp_path / "app.log"
    append(log, numbered(0, 30_000))
    follower.read()
    append(log, numbered(30_000, 30_000))
    shutil.copy(log, tmp_path / "app.log.1")
    os.truncate(log, 0)
    append(log, numbered(60_000, 30_000))
    append(tmp_path / "app.log.0", numbered(90_000, 20_000))
    found = list[str]()
    follower.read(killed_after)
    found += follower.records
    while follower.new():
        found += follower.records
    assert sorted(found) == sorted(numbered(30_000, 80_000).splitlines())


def test_what_is_not_moved_is_not_stored_again(follower: Follower, tmp_path: Path) -> None:
    """A look that finds nothing new, and no other name, has nothing to keep."""
    for number in range(3):
        append(tmp_path / f"app.log.{number}", numbered(number, 1))
    assert [len(one.marks) for one in Tail(follower.order()).deliveries()] == [1, 1, 1]
    follower.read()
    assert list(Tail(follower.order()).deliveries()) == []
    (tmp_path / "app.log.1").rename(tmp_path / "app.log.7")
    assert [len(one.marks) for one in Tail(follower.order()).deliveries()] == [1]


def test_a_mark_without_a_file_is_forgotten_after_a_day(follower: Follower, tmp_path: Path) -> None:
    """Until then it knows the content again; the store is told that it goes."""
    log = tmp_path / "app.log"
    append(log, numbered(0, 3))
    follower.read()
    log.unlink()
    marks = follower.read().marks
    assert [mark.gone_at_s for mark in marks] == [1000]
    assert follower.read(marks=marks, now_s=1000 + 23 * 3600).marks == marks
    assert follower.read(marks=marks, now_s=1000 + 25 * 3600).marks == []
    assert follower.stored == {}


def test_a_file_that_is_not_read_is_not_opened_each_time(follower: Follower, tmp_path: Path) -> None:
    """What it was skipped for is remembered until it changes."""
    path = tmp_path / "app.log.bin"
    path.write_bytes(b"\x7fELF\0\0")
    memory = Memory()
    follower.read(memory=memory)
    path.write_bytes(b"INFO 1")  # as long as before
    os.utime(path, ns=(0, next(iter(memory.skipped.values()))[0][1]))
    assert follower.read(memory=memory).skipped == {"app.log.bin": "binary"}
    os.utime(path, (1000, 1000))
    assert follower.read(memory=memory).skipped == {}


def test_a_thousand_files_that_begin_alike(follower: Follower, tmp_path: Path) -> None:
    """Each is read, none of them taken for another one's copy, and none is opened when nothing happened."""
    for number in range(1000):
        append(tmp_path / f"app.log.{number}", numbered(0, 50) + numbered(number, 1))
        os.utime(tmp_path / f"app.log.{number}", (1000, 1000))
    assert follower.new(max_files=1000) == 51_000
    marks = follower.read(max_files=1000).marks
    again = Tail(follower.order(marks=marks, max_files=1000, until_s=time.monotonic()))
    assert (list(again.deliveries()), again.result.in_time, again.result.behind_bytes) == ([], True, 0)


def test_files_left_out_are_read_on_later(follower: Follower, tmp_path: Path) -> None:
    """A file that was among the newest, then was not, and then is again, goes on at its mark."""
    log = tmp_path / "app.log"
    append(log, numbered(0, 3))
    assert follower.new() == 3
    os.utime(log, (1000, 1000))
    append(tmp_path / "app.log.new", numbered(100, 1))
    assert follower.new(max_files=1) == 1
    append(log, numbered(3, 2))
    assert follower.new() == 2


def test_a_rotation_between_listing_and_opening(follower: Follower, tmp_path: Path, monkeypatch: Any) -> None:
    """The file that was listed is another one when it is opened: both are read once, by this reading or the next."""
    log = tmp_path / "app.log"
    append(log, numbered(0, 3))
    follower.read()
    append(log, numbered(3, 2))

    def listed_before_rotating(glob: str) -> list[Candidate]:
        found = candidates(glob)
        log.rename(tmp_path / "app.log.1")
        append(log, numbered(5, 1))
        return found

    monkeypatch.setattr("vibeworkbench.logs.tail.follow.candidates", listed_before_rotating)
    first = follower.new()
    monkeypatch.undo()
    assert first + follower.new() == 3
    assert follower.new() == 0


def test_a_file_that_vanishes_before_it_is_opened(follower: Follower, tmp_path: Path, monkeypatch: Any) -> None:
    """It is no error, and when it comes back it goes on at its mark."""
    log = tmp_path / "app.log"
    append(log, numbered(0, 3))
    follower.read()
    append(log, numbered(3, 1))

    def listed_before_moving(glob: str) -> list[Candidate]:
        found = candidates(glob)
        log.rename(tmp_path / "elsewhere")
        return found

    monkeypatch.setattr("vibeworkbench.logs.tail.follow.candidates", listed_before_moving)
    assert follower.read().refused == []
    monkeypatch.undo()
    (tmp_path / "elsewhere").rename(log)
    assert [follower.new(), follower.new()] == [1, 0]


def test_a_broken_archive_is_named_and_goes_on_when_mended(follower: Follower, tmp_path: Path) -> None:
    """An archive whose content is damaged brings what is readable, and disturbs no other file."""
    packed = bytearray(gzip.compress(numbered(0, 3000).encode()))
    good = bytes(packed)
    packed[len(packed) // 2 :] = bytes(len(packed) - len(packed) // 2)
    (tmp_path / "app.log.1.gz").write_bytes(bytes(packed))
    append(tmp_path / "app.log", numbered(5000, 1))
    assert list(follower.read().skipped) == ["app.log.1.gz"]
    part = len(follower.records)
    assert "ERROR line number 5000" in follower.records
    (tmp_path / "app.log.1.gz").write_bytes(good)
    assert part + follower.new() == 3001


def test_a_name_that_is_no_text_is_left_out(follower: Follower, tmp_path: Path) -> None:
    """A cursor is text; a file whose name is none is not followed."""
    (tmp_path / os.fsdecode(b"app.log.\xff")).write_text("ERROR 1\n")
    assert follower.read().files == 0


class Rotation(RuleBasedStateMachine):
    """A writer, a rotator and a reader in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.log = self.folder / "app.log"
        self.follower = Follower(self.folder)
        self.numbers = itertools.count()
        self.complete = self.counted = 0
        self.unfinished = False

    def teardown(self) -> None:
        """Reads what is left: then everything complete has been counted."""
        self.scan()
        assert self.counted == self.complete
        shutil.rmtree(self.folder)

    @rule(count=st.integers(1, 40))
    def write_lines(self, count: int) -> None:
        """Whole lines, the first of which ends an unfinished one."""
        append(self.log, "".join(f"INFO {next(self.numbers)} {'.' * (number % 30)}\n" for number in range(count)))
        self.complete += count
        self.unfinished = False

    @rule()
    def write_part_of_a_line(self) -> None:
        """A line without its end."""
        append(self.log, f"INFO part {next(self.numbers)}")
        self.unfinished = True

    def _shift(self) -> Iterator[Path]:
        """Moves every archive on by one name and yields the first name, free now."""
        for number in range(40, 0, -1):
            for suffix in ("", ".gz"):
                old = self.folder / f"app.log.{number}{suffix}"
                if old.exists():
                    old.rename(self.folder / f"app.log.{number + 1}{suffix}")
        yield self.folder / "app.log.1"

    @precondition(lambda self: self.log.exists() and not self.unfinished)
    @rule()
    def rotate_by_rename(self) -> None:
        """As logrotate does by default."""
        self.log.rename(next(self._shift()))

    @precondition(lambda self: self.log.exists() and not self.unfinished)
    @rule()
    def rotate_by_copy_and_truncate(self) -> None:
        """As logrotate's copytruncate does."""
        shutil.copy(self.log, next(self._shift()))
        os.truncate(self.log, 0)

    @precondition(lambda self: (self.folder / "app.log.1").exists())
    @rule()
    def compress(self) -> None:
        """As logrotate's compress does, with a new inode."""
        archive = self.folder / "app.log.1"
        (self.folder / "app.log.1.gz").write_bytes(gzip.compress(archive.read_bytes()))
        archive.unlink()

    @rule()
    def scan(self) -> None:
        """An incremental reading."""
        self.counted += self.follower.new()

    @rule()
    def scan_and_die(self) -> None:
        """A reading that is killed after its first delivery."""
        self.counted += self.follower.new(1)

    @rule()
    def scan_a_little(self) -> None:
        """A reading that has to stop early."""
        self.counted += self.follower.new(max_bytes=200)

    @invariant()
    def never_more_than_written(self) -> None:
        """Nothing is counted twice."""
        assert self.counted <= self.complete


Rotation.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=30, deadline=None)
TestRotation = Rotation.TestCase
