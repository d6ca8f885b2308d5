"""Headers are found in lines that nobody has described."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logs.headers.written import FORMS, written
from vibeworkbench.logs.headers import layouts_of
from vibeworkbench.logs.headers.layout import SAMPLE, spread
from vibeworkbench.logs.model import Level

NOW = datetime(2025, 12, 31, tzinfo=UTC)
UNTIMED = {"virtual machine", "kernel", "basicConfig"}
NEEDS_MANY = {"epoch in the middle, then a flag", "columns", "day and month, program"}


@pytest.mark.parametrize("form", FORMS)
def test_the_message_of_a_form(form):
    """Out of 200 lines of a source comes what each of them says, exactly, and when."""
    pairs = list(written(FORMS[form], 200))
    layout = layouts_of([line for line, _ in pairs], NOW)
    parsed = [layout.parsed(line) for line, _ in pairs]
    assert [each.message for each in parsed] == [message for _, message in pairs]
    assert all((each.timestamp is None) == (form in UNTIMED) for each in parsed)


@pytest.mark.parametrize("form", sorted(set(FORMS) - NEEDS_MANY))
def test_one_line_is_enough(form):
    """A form whose marks are plain is known from a single line."""
    (line, message), *_ = written(FORMS[form], 1)
    assert layouts_of([line], NOW).parsed(line).message == message


def test_several_forms_in_one_source():
    """A source may write in several ways; each line is read by its own."""
    pairs = [
        pair for name in ("letters", "python default", "bars", "klog", "columns") for pair in written(FORMS[name], 90)
    ]
    layout = layouts_of([line for line, _ in pairs], NOW)
    assert [layout.parsed(line).message for line, _ in pairs] == [message for _, message in pairs]


def test_programs_that_write_their_instants_alike_keep_their_own_headers():
    """The one whose columns hold a level is told from the other, which has the instant only."""
    at = [f"11-28 09:00:{number % 60:02}.{number:03}" for number in range(120)]
    firm = [
        (f"{stamp}  1702  {2395 + number % 7} {'DIWE'[number % 4]} Pool{number % 5}: baked {number} loaves", "baked")
        for number, stamp in enumerate(at)
    ]
    bare = [
        (f"{stamp} oven{number % 3} sold {number} loaves to {'abc'[number % 3]}", "oven")
        for number, stamp in enumerate(at)
    ]
    lines = [line for pair in zip(firm, bare, strict=True) for line in pair]
    layout = layouts_of([line for line, _ in lines], NOW)
    assert {(layout.parsed(line).message.startswith(begin)) for line, begin in lines} == {True}


@pytest.mark.parametrize("programs", range(2, 17))
def test_a_sample_meets_every_program_that_takes_its_turn(programs):
    """Whatever their number has in common with that of the lines, also when the sample was one already."""
    for count in (1000, 1024, 16_000):
        places = spread(count)
        assert len(places) <= SAMPLE
        met = [at % programs for at in places]
        assert min(met.count(each) for each in range(programs)) > len(places) / programs / 3


def test_what_has_no_header_is_all_message():
    """Plain words stay whole, even with numbers, colons and words like error in them."""
    lines = ["12 errors: see below", "an error occurred", "  at main.go:12", "Total: 12 of 13", "done"] * 20
    layout = layouts_of(lines, NOW)
    assert [layout.parsed(line).message for line in lines] == lines
    assert layout.names == ()


def test_the_order_of_numbers_is_the_one_that_fits_all():
    """17/06/09 is a year first when all lines can be read so; 31/12/25 makes it the day first."""
    years = layouts_of(["17/06/09 20:10:40 INFO a.B: x", "17/06/10 20:10:40 INFO a.B: y"], NOW)
    assert years.parsed("17/06/09 20:10:40 INFO a.B: x").timestamp == datetime(2017, 6, 9, 20, 10, 40).astimezone(UTC)
    days = layouts_of(["31/11/2025 20:10:40 INFO a.B: x", "03/11/2025 20:10:40 INFO a.B: y"], NOW)
    assert days.parsed("03/11/2025 20:10:40 INFO a.B: y").timestamp == datetime(2025, 11, 3, 20, 10, 40).astimezone(UTC)


def test_a_clock_that_is_wrong_tells_nothing():
    """An instant in the future, or from before computers kept time, is none."""
    layout = layouts_of(["2025-12-30T10:00:00Z a", "2031-01-01T00:00:00Z b", "1970-01-01T00:00:09Z c"], NOW)
    assert layout.parsed("2025-12-30T10:00:00Z a").timestamp == datetime(2025, 12, 30, 10, tzinfo=UTC)
    assert layout.parsed("2031-01-01T00:00:00Z b").timestamp is None
    assert layout.parsed("1970-01-01T00:00:09Z c").timestamp is None


@given(st.lists(st.text(max_size=120), max_size=30))
def test_any_lines_have_a_layout(lines):
    """No lines break it, and a line whose header is not known keeps every word."""
    layout = layouts_of(lines, NOW)
    for line in lines:
        parsed = layout.parsed(line)
        assert isinstance(parsed.level, Level)
        assert line.endswith(parsed.message) or "{" in line or "=" in line
