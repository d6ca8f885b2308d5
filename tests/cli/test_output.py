"""What people read: nothing of it is obeyed by a terminal, and times are said shortly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.cli.arguments import Instant
from vibeworkbench.cli.output import ago, cell, safe, show, table

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@given(st.text())
def test_no_text_moves_a_cursor_or_changes_a_colour(text):
    assert not [letter for letter in safe(text) if ord(letter) < 32 or 127 <= ord(letter) < 160]
    assert not [letter for letter in cell(text).plain if ord(letter) < 32 or 127 <= ord(letter) < 160]


def test_markup_in_a_title_is_only_text(capsys):
    show(table(("title",), [["[red]not red[/red] [/oops]"]]))
    assert "[red]not red[/red] [/oops]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(seconds=5), "5 s ago"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=30), "1 d ago"),
        (-timedelta(hours=2), "in 2 h"),
    ],
)
def test_instants_are_said_in_their_largest_unit(span, said):
    assert ago(NOW - span, NOW) == said
    assert ago(None) == "-"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-05-04T12:00:00Z", NOW),
        ("2026-05-04T14:00:00+02:00", NOW),
        ("2026-05-04T12:00:00", NOW),
        ("2026-05-04", NOW.replace(hour=0)),
    ],
)
def test_an_instant_is_meant_in_utc_unless_it_says_otherwise(text, meant):
    assert Instant().convert(text, None, None) == meant


@pytest.mark.parametrize(("ahead", "sign"), [(True, 1), (False, -1)])
def test_a_span_is_ahead_or_past(ahead, sign):
    before = datetime.now(UTC)
    at = Instant(ahead=ahead).convert("2h", None, None)
    assert timedelta(0) <= at - (before + sign * timedelta(hours=2)) <= datetime.now(UTC) - before
    with pytest.raises(click.BadParameter, match="2h"):
        Instant().convert("soon", None, None)
