"""What happened to a terminal stands in files that play, whatever becomes of the disk, the clock and the process."""

from __future__ import annotations

import errno
import json
import os
import resource
import stat
from contextlib import ExitStack

import pytest

from vibeworkbench.terminals.model import Exit, Size
from vibeworkbench.terminals.recordings import asciicast, reading
from vibeworkbench.terminals.recordings.segments import Bounds, paths, segments
from vibeworkbench.terminals.recordings.track import UNFINISHED_S, Track

NOON = 1_800_000_000.0
PLENTY = Bounds(bytes=2**26, age_s=7 * 86_400)
SIZE = Size(24, 80)


def track(folder, bounds=PLENTY, values=(), title="Terminal 1"):
    return Track(folder, bounds, values, title)


def say(to, at, data, offset):
    to.output(at, data, offset, hurried=False)


def played(folder):
    """The header and the events of the whole recording, as a player reads them: times from its beginning."""
    with ExitStack() as stack:
        first, *lines = b"".join(reading.whole(reading.opened(folder, stack))).decode().splitlines()
    header, at, events = json.loads(first), 0.0, []
    assert header["version"] == 3
    for interval, code, text in map(json.loads, lines):
        assert interval >= 0
        at += interval
        events.append((round(at, 3), code, text))
    return header, events


def outputs(folder):
    return "".join(text for _, code, text in played(folder)[1] if code == "o")


def test_a_session(tmp_path):
    """Output, sizes, markers and the end stand in one file with their times."""
    kept = track(tmp_path / "a")
    kept.began(NOON, "one", SIZE)
    say(kept, NOON + 1, b"hello\r\n", 0)
    kept.resized(NOON + 2, Size(30, 100))
    kept.marked(NOON + 3.25, "held by ada")
    say(kept, NOON + 4, b"bye\r\n", 7)
    kept.ended(NOON + 5, Exit(3))
    kept.close(NOON + 5)
    header, events = played(tmp_path / "a")
    assert header["term"] == {"cols": 80, "rows": 24, "type": "xterm-256color"}
    assert (header["timestamp"], header["title"]) == (int(NOON), "Terminal 1")
    assert events == [
        (1, "o", "hello\r\n"),
        (2, "r", "100x30"),
        (3.25, "m", "held by ada"),
        (4, "o", "bye\r\n"),
        (5, "x", "3"),
    ]


def test_only_its_owner_may_read_it(tmp_path):
    """Whatever the umask says."""
    before = os.umask(0)
    try:
        kept = track(tmp_path / "a")
        kept.began(NOON, "one", SIZE)
        say(kept, NOON, b"x\n", 0)
        kept.close(NOON)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths(tmp_path / "a")] == [0o600]


def test_characters_and_lines_that_are_cut(tmp_path):
    """Wide characters, emoji, broken bytes and carriage returns come out as a terminal shows them."""
    data = "漢字 🎉 é\r50 %\r100 %\r\n".encode() + b"\xff\xe6\xbc tail\r\n"
    kept = track(tmp_path / "a")
    kept.began(NOON, "one", SIZE)
    for at in range(len(data)):
        say(kept, NOON + at, data[at : at + 1], at)
        kept.pass_time(NOON + at + UNFINISHED_S)
    kept.close(NOON + 1_000)
    assert outputs(tmp_path / "a") == data.decode(errors="replace")


def test_an_unfinished_line_waits_for_a_moment_only(tmp_path):
    """A prompt is in the recording with the time at which it came."""
    kept = track(tmp_path / "a")
    kept.began(NOON, "one", SIZE)
    say(kept, NOON + 1, b"$ ", 0)
    assert kept.due_at() == NOON + 1 + UNFINISHED_S
    kept.pass_time(NOON + 1 + UNFINISHED_S)
    assert kept.due_at() is None
    assert played(tmp_path / "a")[1] == [(1, "o", "$ ")]


def test_a_recording_goes_on_after_a_restart(tmp_path):
    """What the holder says again is not doubled, wherever its memory begins, and secrets stay hidden across the cut."""
    stream = b"one\r\n$ export TOKEN=hunter2hunter2 \xe2\x82\xac\r\ntwo\r\n"
    for cut in range(1, len(stream)):
        folder = tmp_path / str(cut)
        first = track(folder)
        first.began(NOON, "one", SIZE)
        say(first, NOON + 1, stream[:cut], 0)
        first.close(NOON + 2)
        second = track(folder)
        second.began(NOON + 60, "one", SIZE)
        say(second, NOON + 61, stream, 0)
        second.close(NOON + 62)
        assert outputs(folder) == "one\r\n$ export TOKEN=••• €\r\ntwo\r\n"
        assert played(folder)[1][-1][0] == 61


def test_a_torn_line_is_mended(tmp_path):
    """Whatever the last write left, the recording goes on from the last line that says how far it is."""
    kept = track(tmp_path / "a")
    kept.began(NOON, "one", SIZE)
    say(kept, NOON, b"one\n", 0)
    kept.close(NOON)
    (path,) = paths(tmp_path / "a")
    whole = path.read_bytes()
    for torn in (b'[1.000, "o", "tw', b'[1.000, "o", "two\\n"]\n', b"\0" * 4096, b'[0.1, "o", "x"]\n# {"at":'):
        path.write_bytes(whole + torn)
        again = track(tmp_path / "a")
        again.began(NOON + 1, "one", SIZE)
        say(again, NOON + 2, b"two\n", 4)
        again.close(NOON + 2)
        assert outputs(tmp_path / "a") == "one\ntwo\n"


@pytest.mark.parametrize("length", range(0, 200, 7))
def test_a_file_that_is_torn_at_its_beginning_is_gone(tmp_path, length):
    """The next one takes its place."""
    kept = track(tmp_path / "a")
    kept.began(NOON, "one", SIZE)
    say(kept, NOON, b"one\n", 0)
    kept.close(NOON)
    (path,) = paths(tmp_path / "a")
    path.write_bytes(path.read_bytes()[:length])
    again = track(tmp_path / "a")
    again.began(NOON + 1, "one", SIZE)
    say(again, NOON + 2, b"one\n", 0)
    again.close(NOON + 2)
    assert outputs(tmp_path / "a") == "one\n"


def test_a_new_shell_begins_on_a_clear_screen(tmp_path):
    """Its offsets are its own."""
    kept = track(tmp_path / "a")
    kept.began(NOON, "one", SIZE)
    say(kept, NOON, b"old\n", 0)
    kept.ended(NOON + 1, Exit(None, "lost"))
    kept.began(NOON + 2, "two", SIZE)
    say(kept, NOON + 3, b"new\n", 0)
    kept.close(NOON + 3)
    assert outputs(tmp_path / "a") == "old\n\x1bcnew\n"
    assert [text for _, code, text in played(tmp_path / "a")[1] if code == "m"] == ["lost", "new shell"]


def test_what_never_came_is_marked(tmp_path):
    """With its number of bytes, at the place where it is missing."""
    kept = track(tmp_path / "a")
    kept.began(NOON, "one", SIZE)
    say(kept, NOON, b"one\n", 0)
    say(kept, NOON + 1, b"two\n", 1_004)
    kept.missed(NOON + 2, 2_000)
    kept.close(NOON + 2)
    said = [(code, text) for _, code, text in played(tmp_path / "a")[1]]
    assert said == [
        ("o", "one\n"),
        ("m", "1000 bytes of output are not in the recording"),
        ("o", "two\n"),
        ("m", "992 bytes of output are not in the recording"),
    ]


@pytest.mark.parametrize("later", [-1e6, -0.5, 0, 0.5, 1e6])
def test_a_clock_that_is_set_breaks_nothing(tmp_path, later):
    """No time is negative, and what is played lasts no longer than it did."""
    first = track(tmp_path / "a")
    first.began(NOON, "one", SIZE)
    say(first, NOON + 1, b"one\n", 0)
    first.close(NOON + 1)
    second = track(tmp_path / "a")
    second.began(NOON + later, "one", SIZE)
    say(second, NOON + later + 2, b"two\n", 4)
    second.close(NOON + later + 2)
    assert played(tmp_path / "a")[1][-1][0] == max(3, later + 2) if later <= -1 else True
    assert outputs(tmp_path / "a") == "one\ntwo\n"


def test_bytes_are_bounded_and_the_oldest_goes_first(tmp_path):
    """Whatever is left plays from its own beginning and size."""
    bounds = Bounds(bytes=400_000, age_s=1e9)
    kept = track(tmp_path / "a", bounds)
    kept.began(NOON, "one", SIZE)
    kept.resized(NOON, Size(50, 132))
    for number in range(20_000):
        say(kept, NOON + number, b"%063d\n" % number, 64 * number)
    kept.close(NOON + 20_000)
    assert 200_000 < sum(path.stat().st_size for path in paths(tmp_path / "a")) <= bounds.bytes
    header, events = played(tmp_path / "a")
    assert header["term"]["cols"] == 132
    text = outputs(tmp_path / "a")
    assert text.endswith("19999\n")
    assert [int(line) for line in text.splitlines()] == list(range(int(text[:63]), 20_000))
    assert events[-1][0] == pytest.approx(20_000 - int(text[:63]), abs=1)


def test_age_is_bounded(tmp_path):
    """A file is begun anew before it holds events of very different ages, and goes when its first one is too old."""
    bounds = Bounds(bytes=2**26, age_s=800)
    kept = track(tmp_path / "a", bounds)
    kept.began(NOON, "one", SIZE)
    for number in range(50):
        say(kept, NOON + 100 * number, b"%d\n" % number, sum(len(b"%d\n" % each) for each in range(number)))
        kept.pass_time(NOON + 100 * number + 1)
        kept.forget_before(NOON + 100 * number - bounds.age_s)
    kept.close(NOON + 5_000)
    assert all(each.begins.at >= NOON + 4_900 - bounds.age_s for each in segments(tmp_path / "a"))
    assert 4 <= len(outputs(tmp_path / "a").split()) <= 9


def test_an_idle_recording_is_forgotten_under_its_open_terminal(tmp_path):
    """And begins anew with the next event."""
    kept = track(tmp_path / "a")
    kept.began(NOON, "one", SIZE)
    say(kept, NOON, b"old\n", 0)
    kept.flush(NOON)
    kept.forget_before(NOON + 1)
    assert not (tmp_path / "a").exists()
    say(kept, NOON + 2, b"new\n", 4)
    kept.close(NOON + 3)
    assert outputs(tmp_path / "a") == "new\n"


def test_a_full_disk_is_told_and_marked(tmp_path):
    """The kernel refuses the write; later it does not, and the file says what is missing and has its true size."""
    kept = track(tmp_path / "a")
    kept.began(NOON, "one", SIZE)
    say(kept, NOON + 1, b"one\n", 0)
    kept.flush(NOON + 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400, limits[1]))
    try:
        say(kept, NOON + 2, b"x" * 1_000 + b"\n", 4)
        kept.resized(NOON + 2, Size(40, 90))
        kept.flush(NOON + 2)
        assert "cannot be written" in kept.problem
        say(kept, NOON + 2.5, b"y" * 99 + b"\n", 1_005)
        kept.flush(NOON + 2.5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert kept.spoiled_bytes == 1_101
    say(kept, NOON + 5, b"two\n", 1_105)
    kept.close(NOON + 5)
    assert kept.problem == ""
    assert played(tmp_path / "a")[1] == [
        (1, "o", "one\n"),
        (2.5, "m", "1101 bytes of output are not in the recording"),
        (2.5, "r", "90x40"),
        (5, "o", "two\n"),
    ]


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    """A file stands where the folder should be; once it is gone, the recording begins."""
    (tmp_path / "a").write_text("")
    kept = track(tmp_path / "a")
    kept.began(NOON, "one", SIZE)
    say(kept, NOON, b"one\n", 0)
    kept.flush(NOON)
    assert os.strerror(errno.EEXIST).lower() in kept.problem or kept.problem
    (tmp_path / "a").unlink()
    say(kept, NOON + 2, b"two\n", 4)
    kept.close(NOON + 2)
    assert outputs(tmp_path / "a") == "two\n"


def test_positions_are_comments_and_no_download_has_them(tmp_path):
    """They stand in the files only."""
    kept = track(tmp_path / "a")
    kept.began(NOON, "one", SIZE)
    say(kept, NOON, b"one\n", 0)
    kept.close(NOON)
    (path,) = paths(tmp_path / "a")
    lines = path.read_bytes().splitlines()
    assert asciicast.read_position(lines[-1]).offset == 4
    with ExitStack() as stack:
        assert b"#" not in b"".join(reading.whole(reading.opened(tmp_path / "a", stack)))


def test_the_last_screen(tmp_path):
    """The tail of the output from the beginning of a line, and the size; of the last shell only."""
    kept = track(tmp_path / "a", Bounds(bytes=100_000, age_s=1e9))
    kept.began(NOON, "one", SIZE)
    say(kept, NOON, b"".join(b"%05d\r\n" % number for number in range(5_000)), 0)
    kept.resized(NOON + 1, Size(10, 40))
    kept.close(NOON + 1)
    screen = reading.last_screen(tmp_path / "a", 1_000)
    assert screen.size == Size(10, 40)
    assert screen.output == b"".join(b"%05d\r\n" % number for number in range(4_858, 5_000))
    again = track(tmp_path / "a")
    again.began(NOON + 2, "two", SIZE)
    say(again, NOON + 2, b"$ ", 0)
    again.close(NOON + 3)
    assert reading.last_screen(tmp_path / "a", 1_000).output == b"\x1bc$ "
    assert reading.last_screen(tmp_path / "b", 1_000) is None
