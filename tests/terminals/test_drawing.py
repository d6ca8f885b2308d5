"""Screens that an emulator draws: a late viewer sees what was painted long ago."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest
from avt import Vt
from hypothesis import given
from hypothesis import strategies as st

from tests.terminals.test_screen import STREAM, screen_of
from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.ring import Ring
from vibeworkbench.terminals.screen.drawing import ASKED_S, MOST_S, Drawing, is_drawn_alike
from vibeworkbench.terminals.screen.snapshot import Screen

SIZE = Size(12, 60)
FRAME = b"$ monitor\r\n\x1b[?1049h\x1b[?25l" + b"".join(
    b"\x1b[%d;1H\x1b[3%dmrow %02d \xe2\x94\x82 \xf0\x9f\x98\x80\x1b[0m" % (row, row % 8, row) for row in range(1, 13)
)
CHANGES = b"".join(b"\x1b[6;20H%07d" % number for number in range(30_000))
WITHOUT = """
import sys, time
sys.modules["avt"] = None
from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.ring import Ring
from vibeworkbench.terminals.screen.snapshot import Screen
ring = Ring(2**22)
screen = Screen(ring, Size(), time.thread_time)
for number in range(9):
    ring.append([b"a line of text\\r\\n" * 4_000])
    screen.follow(ring.head, float(number))
sys.stdout.buffer.write(screen.snapshot(ring.head).data)
"""


def fed(*output: bytes, size: Size = SIZE) -> Vt:
    """A terminal that read all of this."""
    terminal = Vt(size.cols, size.rows, 0)
    terminal.feed_str(b"".join(output).decode("utf-8", "replace"))
    return terminal


def seen(terminal: Vt) -> tuple[list[str], object, bool]:
    """What a person sees of it: rows with their colours, the cursor, what its keys send."""
    cursor = terminal.cursor
    where = (min(cursor.col, terminal.size[0] - 1), cursor.row, cursor.visible)
    return [repr(line) for line in terminal.view()], where, terminal.cursor_key_app_mode


def batched(output: bytes, size: int) -> list[bytes]:
    """The output in pieces."""
    return [output[start : start + size] for start in range(0, len(output), size)]


def test_what_was_painted_long_ago_is_seen() -> None:
    """A frame is painted once, and one number of it changes for a long time."""
    ring, screen = screen_of(FRAME + CHANGES, SIZE, 2_000)
    snapshot = screen.snapshot(ring.head)
    assert len(snapshot) <= 100_000
    assert snapshot.end == ring.head
    assert seen(fed(snapshot.data)) == seen(fed(FRAME + CHANGES))
    back = b"\x1b[?1049l"
    assert seen(fed(snapshot.data, back)) == seen(fed(FRAME + CHANGES, back)), "and the shell's screen is behind it"


def test_what_scrolled_away_is_there() -> None:
    """The end of the output stands before the screen, for whoever scrolls back."""
    lines = b"".join(b"line %06d\r\n" % number for number in range(20_000))
    ring, screen = screen_of(lines + b"\x1b[1;1Htop", SIZE, 2_000)
    snapshot = screen.snapshot(ring.head).data
    assert b"line 019000\r\n" in snapshot
    assert seen(fed(snapshot)) == seen(fed(lines, b"\x1b[1;1Htop"))


@given(STREAM, STREAM)
def test_a_viewer_who_comes_late_sees_what_the_others_see(before: bytes, after: bytes) -> None:
    """Wherever it comes in, and whatever follows."""
    output = FRAME + CHANGES[:100_000] + before
    ring, screen = screen_of(output, SIZE, 5_000)
    assert seen(fed(screen.snapshot(ring.head).data, after)) == seen(fed(output, after))


@given(STREAM, st.data())
def test_a_cut_in_a_sequence_or_a_character_is_none(stream: bytes, drawn: st.DataObject) -> None:
    """What follows the snapshot goes on where the output was cut."""
    cut = drawn.draw(st.integers(0, len(stream)))
    output = FRAME + CHANGES[:100_000] + stream[:cut]
    ring, screen = screen_of(output, SIZE, 5_000)
    assert seen(fed(screen.snapshot(ring.head).data + stream[cut:])) == seen(fed(output + stream[cut:]))


@given(st.binary(max_size=4_000))
def test_whatever_a_program_writes_can_be_drawn(noise: bytes) -> None:
    """Noise ends nothing, and a snapshot is counted back from the head."""
    ring, screen = screen_of(CHANGES[:100_000] + noise * 10, SIZE)
    snapshot = screen.snapshot(ring.head)
    assert snapshot.end == ring.head
    assert len(snapshot) <= 100_000


class Spent:
    """A processor of which each look takes a millisecond."""

    spent_s = 0.0
    step_s = 0.001

    def __call__(self) -> float:
        self.spent_s += self.step_s
        return self.spent_s


def test_a_flood_is_left_out() -> None:
    """Nothing of it is drawn once it is ahead; what is shown after it is, and all that follows."""
    ring = Ring(2**22)
    flood = b"".join(b"line %06d\r\n" % number for number in range(400_000))
    spent, at_first_s = Spent(), 0.0
    drawing = Drawing(ring, SIZE, lambda stop: (stop - 10_000, b"\x1bc"), spent)
    for start in range(0, len(flood), 60_000):
        ring.append([flood[start : start + 60_000]])
        drawing.follow(ring.head, start / 40e6)
        if start == 240_000:
            at_first_s = spent.spent_s
    assert spent.spent_s == at_first_s < 3 * MOST_S
    assert drawing.shown(ring.head) is None
    spent.step_s = 0.0
    for number, piece in enumerate((b"\r\n", FRAME, *batched(CHANGES[:150_000], 2_000))):
        ring.append([piece])
        drawing.follow(ring.head, 60.0 + number)
    assert seen(fed(drawing.shown(ring.head))) == seen(fed(flood[-10_000:] + b"\r\n" + FRAME + CHANGES[:150_000]))


def test_a_screen_of_another_size() -> None:
    """What was painted before a change of size stands where the emulator leaves it."""
    ring, screen = screen_of(FRAME + CHANGES, SIZE, 2_000)
    narrow = screen.snapshot(ring.head)
    screen.resized(Size(20, 100), ring.head)
    assert screen.snapshot(ring.head).data != narrow.data
    wide = b"\x1b[20;90Hcorner" + CHANGES[:150_000]
    for number, piece in enumerate(batched(wide, 2_000)):
        ring.append([piece])
        screen.follow(ring.head, 1_000.0 + number)
    terminal = fed(FRAME + CHANGES)
    terminal.resize(100, 20)
    terminal.feed_str(wide.decode())
    assert seen(fed(screen.snapshot(ring.head).data, size=Size(20, 100))) == seen(terminal)


def test_a_held_screen_is_that_of_where_it_is_held() -> None:
    """What came since is not in it."""
    ring, screen = screen_of(FRAME + CHANGES, SIZE, 2_000)
    stop = ring.head
    ring.append([b"\x1b[1;1Hlater"])
    snapshot = screen.snapshot(stop)
    assert snapshot.end == stop
    assert seen(fed(snapshot.data)) == seen(fed(FRAME + CHANGES))


def test_a_screen_too_large_to_be_dumped_is_shown_by_its_end() -> None:
    """A snapshot stays small; a screen in true colours is shown in place of what scrolled away."""
    size = Size(500, 1_000)
    colours = b"".join(b"\x1b[38;2;%d;%d;9mx" % (number % 251, number % 241) for number in range(20_000))
    ring, screen = screen_of(b"\x1b[?1049h" + colours, size, 2_000)
    assert len(screen.snapshot(ring.head)) <= 100_000


@pytest.mark.parametrize("sequence", [b"\x1b[38:2:1:2:3m", b"\x1b[38;5;200m", b"\x1b[1;4;7;9m", b"\x1b[48;2;9;8;7m"])
def test_colours_are_told_as_every_terminal_knows_them(sequence: bytes) -> None:
    """No eight-bit controls, no colons."""
    ring, screen = screen_of(FRAME + CHANGES + b"\x1b[3;3H" + sequence + b"38:2:1 text", SIZE, 2_000)
    data = screen.snapshot(ring.head).data
    drawn = data.rpartition(b"\x1b[H\x1b[2J")[2]
    assert "\x9b" not in drawn.decode()
    assert b"38:2:1 text" in drawn
    assert not [colour for colour in re.findall(rb"\x1b\[[\d;:]*m", drawn) if b":" in colour]
    assert seen(fed(data)) == seen(fed(FRAME + CHANGES + b"\x1b[3;3H" + sequence + b"38:2:1 text"))


@pytest.mark.parametrize(
    "text",
    [
        *("e\u0301X", "\u2764\ufe0f", "\U0001f468\u200d\U0001f469", "\u200b", "\x1b[8mhidden", "\x1b[1;8;3mx"),
        *("\x1b[48;2;1;2;3;8mx", "\x1b[53m", "\x1b[58;5;1;4mx", "\x1b[58:2::1:2:3mx", "\x1b[4:3mx", "\x1b#6"),
    ],
)
def test_what_the_emulator_draws_otherwise_is_left_to_the_viewer_s_own(text: str) -> None:
    """No cell is shown that is not there: the end of the output is sent as ever."""
    assert not is_drawn_alike(text)
    ring, screen = screen_of(FRAME + CHANGES + text.encode(), SIZE, 2_000)
    assert b"row 02" not in screen.snapshot(ring.head).data


@pytest.mark.parametrize(
    "text",
    [
        "plain é 漢 😀 │",
        "\x1b[38;5;8mx",
        "\x1b[48;2;8;53;58mx",
        "\x1b[1;38;5;8;4mx",
        "\x1b[38:2:8:8:8mx",
        "\x1b[0;4;7m",
        "\x1b[m",
    ],
)
def test_what_is_usual_is_drawn(text: str) -> None:
    """A colour's number is no attribute."""
    assert is_drawn_alike(text)


@pytest.mark.parametrize("much", [b"x\x1b[65535b", b"\x1b[2J", b"\x1b[999S", b"\x1b[999L"])
def test_a_program_cannot_keep_the_server_busy(much: bytes) -> None:
    """What takes the emulator long is given up in time, and the end of the output is shown."""
    ring = Ring(2**22)
    spent = Spent()
    drawing = Drawing(ring, Size(100, 200), lambda stop: (stop, b""), spent)
    ring.append([much * (60_000 // len(much))])
    assert drawing.shown(ring.head) is None
    assert spent.spent_s < 2 * ASKED_S
    assert Drawing(Ring(2**22), Size(200, 200), lambda stop: (stop, b""), spent).shown(0) is None, "too large"


def test_where_the_beginning_is_not_known_nothing_is_claimed() -> None:
    """A stream that begins in its middle, as after a gap, shows what it says and no blank screen."""
    ring = Ring(2**22)
    screen = Screen(ring, SIZE, time.thread_time)
    ring.restart(500_000)
    screen.restart()
    ring.append([CHANGES[:4_000]])
    screen.follow(ring.head, 1.0)
    assert b"\x1b[H\x1b[2J" not in screen.snapshot(ring.head).data


def test_without_an_emulator_the_end_of_the_output_is_shown() -> None:
    """The extra is one."""
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, check=True)
    assert done.stdout.startswith(b"\x1bc")
    assert done.stdout.endswith(b"a line of text\r\n")
    assert len(done.stdout) < 80_000
