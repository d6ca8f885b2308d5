"""What a scan reports, and values of the model."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.ops.making import MINUTE, NOON, finding, line
from vibeworkbench.ops.model import Filters, Look, LookState, Observation, Period, Scope, Severity, Snapshot
from vibeworkbench.ops.scans.model import processed_logs, reported, run_of, tally

HOUR = timedelta(hours=1)
FOUND = [finding(severity=Severity.low), finding(type="availability"), line(3, last_record_at=NOON - HOUR)]


@pytest.mark.parametrize(
    ("filters", "passing"),
    [
        (Filters(), [0, 1, 2]),
        (Filters(severities=frozenset({Severity.high})), [1, 2]),
        (Filters(types=frozenset({"capacity", "error"})), [0, 2]),
        (Filters(severities=frozenset({Severity.low}), types=frozenset({"error"})), []),
        (Filters(period=Period(NOON - 2 * HOUR, NOON)), [2]),
        (Filters(period=Period(NOON, NOON + HOUR)), [0, 1]),
        (Filters(period=Period(NOON + HOUR, NOON + 2 * HOUR)), []),
        (Filters(sources=frozenset({"http"})), [0, 1, 2]),
    ],
)
def test_filters_limit_what_is_reported(filters, passing):
    """Severity, type and time range do; a source has limited what was read."""
    assert reported(FOUND, filters, NOON) == [FOUND[number] for number in passing]


def test_records_over_a_time_overlap_every_range_within():
    """Records from 10 to 12 are reported for a range from 11:00 to 11:01."""
    found = line(100, first_record_at=NOON - 2 * HOUR, last_record_at=NOON)
    assert reported([found], Filters(period=Period(NOON - HOUR, NOON - HOUR + MINUTE)), NOON) == [found]


def test_a_tally_names_every_severity_worst_first():
    """Also those without a finding."""
    counted = tally(FOUND)
    assert counted.by_severity == {"critical": 0, "high": 2, "medium": 0, "low": 1, "info": 0}
    assert list(counted.by_severity) == ["critical", "high", "medium", "low", "info"]
    assert (counted.by_type, counted.total) == ({"availability": 1, "capacity": 1, "error": 1}, 3)


def test_processed_logs_are_records_of_sources_with_a_cursor():
    """So that nothing new since the last scan is 0, however many processes were looked at."""
    looks = [Look("host", LookState.ok, records=9), Look("files", LookState.ok, records=4, cursors={"files:app": {}})]
    assert processed_logs(looks) == 4
    assert run_of(looks[0]).records == 9


def test_a_snapshot_finds_looks_and_observations():
    """By collector and by metric."""
    seen = Observation("mount.space", "mount:/", 0.5, "ratio", NOON)
    look = Look("host", LookState.ok, (seen,))
    snapshot = Snapshot(Scope.full, NOON, (look,))
    assert snapshot.look("host") is look
    assert snapshot.look("http") is None
    assert list(snapshot.observations("mount.space")) == [seen]
    assert list(snapshot.observations("mount.inodes")) == []
