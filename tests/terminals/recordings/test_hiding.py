"""No secret gets into a recording, whatever cuts, colours or hurries it, and everything else does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibeworkbench.masking import MASK
from vibeworkbench.terminals.recordings.hiding import LONGEST_LINE, Hiding, secret_values

KNOWN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
VALUE = "correct horse battery"
LINES = (
    f"export GITHUB_TOKEN={KNOWN}\r\n",
    f"remote: https://ada:{KNOWN}@example.org/a.git\r\n",
    f"Authorization: Bearer {KNOWN}\r\n",
    f"\x1b[32m{KNOWN}\x1b[0m\r\n",
    f"word\x1b[31m{KNOWN[:9]}\x1b[1m{KNOWN[9:]}\x1b[0m\r\n",
    f"\x1b]0;TOKEN={KNOWN}\x07$ make\r\n",
    f"$ echo {KNOWN[:20]} \r{KNOWN[20:]}\r\n",
    f"it is {VALUE}, it is\r\n",
    f"it is {VALUE[:7]}\x1b[4m{VALUE[7:]}\r\n",
    "-----BEGIN RSA PRIVATE KEY-----\r\nMIIEow\r\nbase64+/==\r\n-----END RSA PRIVATE KEY-----\r\nafter it\r\n",
)
SECRET_PARTS = (KNOWN[6:20], KNOWN[20:], "horse", "battery", "MIIEow", "base64+/")


def told(pieces, *, settle=True, values=(VALUE,)):
    """What is kept of these pieces, each of them settled before the next one comes."""
    hiding = Hiding(secret_values(values))
    shown = []
    for piece in pieces:
        shown.append(hiding.add(piece))
        if settle:
            shown.append(hiding.settled())
    return "".join([*shown, hiding.ended()])


def assert_nothing_leaks(shown):
    read = re.sub(r"\x1b\[[0-9;]*m| \r", "", shown)
    assert not [part for part in SECRET_PARTS if part in read], repr(shown)
    assert MASK in shown


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("settle", [True, False])
def test_a_secret_is_hidden_wherever_its_line_is_cut(line, settle):
    """Also where each piece was written before the next one came."""
    for at in range(len(line)):
        assert_nothing_leaks(told((line[:at], line[at:]), settle=settle))
    assert_nothing_leaks(told(line, settle=settle))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from((*LINES, "plain\r\n", "50 %\r", "\x1b[2J\x1b[H")), min_size=1, max_size=6), st.randoms()
)
def test_no_cutting_of_any_session_leaks(lines, random):
    """Secrets stay hidden between other lines however the stream is cut."""
    text = "".join(lines)
    cuts = sorted(random.choices(range(len(text) + 1), k=8))
    shown = told([text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)])
    read = re.sub(r"\x1b\[[0-9;]*m| \r", "", shown)
    assert not [part for part in SECRET_PARTS if part in read], repr(shown)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="ab \n\r\x1b[m;1é€😀", max_size=12), max_size=8))
def test_what_holds_no_secret_is_kept_as_it_came(pieces):
    """Every character, in order."""
    assert told(pieces, values=()) == "".join(pieces)


def test_colours_stay_where_a_secret_was():
    """The screen after a secret looks as it did."""
    assert told([f"\x1b[31m{KNOWN}\x1b[0m done\n"]) == f"\x1b[31m{MASK}\x1b[0m done\n"


def test_a_key_is_hidden_and_what_follows_it_is_not():
    """Also a line that is no part of a key ends it, so that a search for keys does not swallow the session."""
    shown = told([LINES[-1]])
    assert shown == f"{MASK}\r\nafter it\r\n" or shown.endswith("after it\r\n")
    assert told(["x: -----BEGIN PRIVATE KEY-----\n", "$ ls -la\n"], settle=False).endswith("$ ls -la\n")


def test_a_prompt_is_not_held_back():
    """An unfinished line that begins no secret is given whole."""
    hiding = Hiding(())
    assert hiding.add("one\nada@disk:~$ ") == "one\n"
    assert hiding.settled() == "ada@disk:~$ "
    assert hiding.settled() == ""


def test_typed_secrets_are_hidden_letter_by_letter():
    """What is echoed is masked once, however slowly it was typed."""
    assert told(f"$ export DB_PASSWORD={'hunter2'}\r\n") == f"$ export DB_PASSWORD={MASK}\r\n"


def test_in_a_hurry_a_suspicious_line_is_hidden_whole():
    """The others are kept, and nothing is searched that takes long."""
    hiding = Hiding(())
    hiding.hurried = True
    assert hiding.add(f"one\nTOKEN={KNOWN}\r\ntwo\n") == f"one\n{MASK}\r\ntwo\n"


def test_a_line_without_an_end_does_not_grow_for_ever():
    """A program that paints the screen writes no line ends."""
    hiding = Hiding(())
    shown = "".join(hiding.add("\x1b[1;1Hab" * 1_000) for _ in range(100))
    assert len(hiding.waiting) <= LONGEST_LINE
    assert shown + hiding.ended() == "\x1b[1;1Hab" * 100_000


def test_short_values_are_no_secrets():
    """A variable that holds ``prod`` would otherwise hide every word of that name."""
    assert secret_values(["prod", "long enough", "two\nlines of that"]) == ("lines of that", "long enough")
