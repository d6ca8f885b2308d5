"""What a late viewer gets: the end of the output, in the right modes, without questions."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.ring import Ring
from vibeworkbench.terminals.screen.ground import broken_tail, ground_cut
from vibeworkbench.terminals.screen.modes import Modes
from vibeworkbench.terminals.screen.queries import is_answer, without_questions
from vibeworkbench.terminals.screen.snapshot import RESET, Screen

PARTS = st.sampled_from(
    [
        *(b"a", b"text\r\n", "é€😀".encode(), b"\x07", b"\x0e", b"\x0f", b"\x1bc", b"\x1b[!p", b"\x1b=", b"\x1b>"),
        *(b"\x1b[?%d%c" % (mode, final) for mode in (1, 7, 25, 1000, 1002, 1006, 1049, 2004) for final in b"hl"),
        *(b"\x1b[1;31m", b"\x1b[m", b"\x1b[4h", b"\x1b[4l", b"\x1b[2;20r", b"\x1b[r", b"\x1b[3 q", b"\x1b[0 q"),
        *(b"\x1b(0", b"\x1b(B", b"\x1b]0;a title\x07", b"\x1b]2;another\x1b\\", b"\x1bP1;2qsixel\x1b\\", b"\x1b[2J"),
        *(b"\x1b]8;;https://example.org\x1b\\", b"\x1b[?1;2004h", b"\x1b[>4;2m", b"\x1b[>4m"),
    ]
)
USUAL = Size()
STREAM = st.lists(PARTS, max_size=40).map(b"".join)


@given(STREAM, st.data())
def test_modes_do_not_depend_on_where_the_stream_was_cut(stream: bytes, drawn: st.DataObject) -> None:
    """Cut anywhere, in a sequence or a character, the modes are those of the whole."""
    whole, pieces = Modes(), Modes()
    whole.feed(stream)
    rest = stream
    while rest:
        length = drawn.draw(st.integers(1, len(rest)))
        pieces.feed(rest[:length])
        rest = rest[length:]
    assert pieces.restored() == whole.restored()
    assert (pieces.rest, whole.rest) == (b"", b"")


@given(STREAM)
def test_restored_modes_are_the_same_modes(stream: bytes) -> None:
    """A terminal that reads what restores the modes is in them."""
    modes, again = Modes(), Modes()
    modes.feed(stream)
    again.feed(modes.restored())
    assert again.restored() == modes.restored()
    assert again.is_alternate == modes.is_alternate


@given(STREAM)
def test_in_a_hurry_the_private_modes_are_right(stream: bytes) -> None:
    """What is looked for in a flood are the modes that a screen cannot be without."""
    stream = re.sub(rb"\x1bc|\x1b\[!p", b"", stream)  # resets within a flood are not seen
    quick, careful = Modes(), Modes()
    careful.feed(stream)
    quick.feed(stream + b"x" * 10_000, hurried=True)
    assert quick._private == careful._private


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_nothing_hostile_harms(first: bytes, second: bytes) -> None:
    """Any bytes at all: what is kept back is no more than what was fed."""
    modes = Modes()
    modes.feed(first)
    modes.feed(second)
    assert (first + second).endswith(modes.rest)
    without_questions(first)
    assert is_answer(first) in {True, False}


@pytest.mark.parametrize(
    ("stream", "rest"),
    [
        (b"plain", b""),
        (b"a\x1b", b"\x1b"),
        (b"a\x1b[", b"\x1b["),
        (b"a\x1b[1;3", b"\x1b[1;3"),
        (b"a\x1b[1;3m", b""),
        (b"a\x1b]0;title", b"\x1b]0;title"),
        (b"a\x1b]0;title\x1b", b"\x1b]0;title\x1b"),
        (b"a\x1b]0;title\x1b\\", b""),
        (b"a\x1b]0;title\x1b[", b"\x1b["),
        (b"a\x1bPq data", b"\x1bPq data"),
        (b"a\x1b(", b"\x1b("),
        (b"a\x1b[1\x18", b""),
        ("né".encode()[:-1], b"\xc3"),
        ("😀".encode()[:3], "😀".encode()[:3]),
        (b"\x80\x80\x80\x80", b""),
        (b"\xff", b""),
    ],
)
def test_a_stream_is_cut_between_sequences_and_characters(stream: bytes, rest: bytes) -> None:
    """What is left over begins a sequence or a character."""
    assert stream[ground_cut(stream) :] == rest


def test_an_endless_string_is_no_string() -> None:
    """A title that never ends does not hold the terminal's modes for ever."""
    stream = b"\x1b]0;" + b"x" * 100_000
    assert ground_cut(stream) == len(stream)


def test_a_whole_character_is_not_broken() -> None:
    """Every whole character may be cut after; every part of one not."""
    for character in ("é", "€", "😀"):
        encoded = character.encode()
        assert [broken_tail(b"a" + encoded[:n]) for n in range(1, len(encoded) + 1)] == [*range(1, len(encoded)), 0]


QUESTIONS = [
    *(b"\x1b[c", b"\x1b[0c", b"\x1b[>c", b"\x1b[>0c", b"\x1b[=c", b"\x1b[5n", b"\x1b[6n", b"\x1b[?6n", b"\x1b[?996n"),
    *(
        b"\x1b[?2026$p",
        b"\x1b[4$p",
        b"\x1b[>q",
        b"\x1b[>0q",
        b"\x1b[x",
        b"\x1b[1x",
        b"\x1b[14t",
        b"\x1b[18t",
        b"\x1b[?u",
    ),
    *(
        b"\x1b]10;?\x07",
        b"\x1b]11;?\x1b\\",
        b"\x1b]4;1;?\x07",
        b"\x1b]52;c;?\x07",
        b"\x1bP$qm\x1b\\",
        b"\x1bP+q544e\x1b\\",
    ),
    *(b"\x1bZ", b"\x05", b"\x1b]52;c;aGk=\x07", b"\x1b]9;done\x07"),
]
ANSWERS = [
    *(
        b"\x1b[?1;2c",
        b"\x1b[>0;276;0c",
        b"\x1b[24;80R",
        b"\x1b[?24;80R",
        b"\x1b[0n",
        b"\x1b[?997;1n",
        b"\x1b[I",
        b"\x1b[O",
    ),
    *(b"\x1b[?2026;2$y", b"\x1b[8;24;80t", b"\x1b]10;rgb:ffff/ffff/ffff\x07", b"\x1b]11;rgb:0/0/0\x1b\\", b"\x1b[?0u"),
    *(b"\x1b]4;1;rgb:cdcd/0/0\x07", b"\x1bP>|xterm.js(6.0)\x1b\\", b"\x1bP1$r0m\x1b\\", b"\x1bP!|00000000\x1b\\"),
    b"\x1b[?1;2c\x1b[24;80R",
]
KEYS = [
    *(
        b"a",
        b"\r",
        b"\x03",
        b"\x1b",
        b"\x1b[A",
        b"\x1bOP",
        b"\x1b[3~",
        b"\x1b[1;5C",
        b"\x1b[200~pasted\x1b[201~",
        b"\x1bb",
    ),
    *(b"\x1b[<0;10;20M", b"\x1b[M !!", b"\x1b[15;2~", "é".encode(), b"\x1b[?1;2cx", b"x\x1b[0n", b"\x1b[97;5u", b""),
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_replay_holds_no_question(question: bytes) -> None:
    """Nothing that a terminal would answer, copy or ring is shown a second time."""
    assert without_questions(b"before" + question + b"after") == b"beforeafter"


@pytest.mark.parametrize(
    "shown", [b"\x1b[1;31m", b"\x1b[2J", b"\x1b[3 q", b"\x1b]0;really?\x07", b"\x1b]10;#fff\x07", b"c?"]
)
def test_replay_shows_all_else(shown: bytes) -> None:
    """What draws, colours or names stays."""
    assert without_questions(shown) == shown


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_are_known(answer: bytes) -> None:
    """What terminals say by themselves is told from what people type."""
    assert is_answer(answer)


@pytest.mark.parametrize("typed", KEYS)
def test_keys_are_no_answers(typed: bytes) -> None:
    """Whoever types is heard."""
    assert not is_answer(typed)


def screen_of(output: bytes, size: Size = USUAL, piece_bytes: int = 50_000) -> tuple[Ring, Screen]:
    """A screen that followed the output as a room's does, in pieces of a second each."""
    ring = Ring(2**22)
    screen = Screen(ring, size, time.thread_time)
    for number, start in enumerate(range(0, len(output), piece_bytes)):
        ring.append([output[start : start + piece_bytes]])
        screen.follow(ring.head, float(number))
    return ring, screen


@given(STREAM)
def test_a_short_output_is_shown_whole(stream: bytes) -> None:
    """A terminal that said little is shown from its beginning, and counted so."""
    stream = without_questions(stream)
    ring, screen = screen_of(stream)
    chunk = screen.snapshot(ring.head)
    assert (chunk.offset, chunk.end, chunk.data) == (0, len(stream), stream)


@pytest.mark.parametrize("length", [89_000, 90_000, 90_001, 131_072, 200_000, 3_000_000, 9_000_000])
def test_a_snapshot_is_small_and_counted_back_from_the_head(length: int) -> None:
    """At most 100 kB, from the beginning of a line, in the modes of the program, with nothing to answer."""
    line = b"\x1b[32mok\x1b[0m a line\x1b[6n of %06d\r\n"
    output = b"\x1b[?2004h\x1b]0;the title\x07" + b"".join(line % n for n in range(length // 30))
    ring, screen = screen_of(output[:length])
    chunk = screen.snapshot(ring.head)
    assert chunk.end == ring.head
    assert chunk.offset >= 0
    assert len(chunk) <= 100_000
    assert b"\x1b[6n" not in chunk.data[:-4]
    assert b"\x1b[?2004h" in chunk.data
    if length > 90_000:
        assert chunk.data.startswith(RESET + b"\x1b]0;the title\x07\x1b[?2004h")
        assert b"\x1b[?2004h\x1b[32mok" in chunk.data[:100] or b"\x1b[0m" in chunk.data[:60]
    assert screen.snapshot(ring.head) is chunk


def test_a_snapshot_begins_in_the_colours_of_its_beginning() -> None:
    """A program that changed its colour long ago goes on in it."""
    ring, screen = screen_of(b"\x1b[0m\x1b[1m" + b"x" * 10_000 + b"\x1b[31m" + (b"y" * 99 + b"\n") * 850)
    assert screen.snapshot(ring.head).data.startswith(RESET + b"\x1b[0m\x1b[1m\x1b[31my")


def test_a_snapshot_of_the_second_screen() -> None:
    """An editor's screen is shown as an editor's."""
    ring, screen = screen_of(b"shell\r\n\x1b[?1049h\x1b[?1h\x1b=" + b"\x1b[5;5Hx" * 40_000)
    chunk = screen.snapshot(ring.head)
    assert chunk.data.startswith(RESET + b"\x1b[?1049h\x1b[?1h\x1b=")
    assert len(chunk) <= 100_000


def test_a_screen_before_its_end() -> None:
    """A screen that is held is that of where it is held, whatever has come since."""
    ring, screen = screen_of(b"a line\r\n" * 5_000)
    stop = ring.head
    ring.append([b"later"])
    chunk = screen.snapshot(stop)
    assert chunk.end == stop
    assert chunk.data.endswith(b"a line\r\n")
