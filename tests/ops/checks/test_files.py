"""The checks of tailed files."""

from __future__ import annotations

from datetime import UTC, datetime

from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.files import behind, errors, none, unreadable
from vibeworkbench.ops.model import Look, LookState, Observation, Scope, Severity, Snapshot
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FACTS = {
    "target": "app",
    "errorsByFile": {"app.log": 3},
    "samples": ["ERROR x"],
    "refused": [],
    "refusedCount": 0,
    "leftOut": 0,
    "behindBytes": 0,
    "firstAt": "2026-11-22T10:00:00+00:00",
    "lastAt": None,
}


def judged(check, files=2, levels=(), **changes):
    """What one check thinks of one target with new lines of these levels."""
    seen = [
        Observation(
            "files.lines", "files:app", new, "count", NOW, {"target": "app", "level": level, "new": new, "error": error}
        )
        for level, new, error in levels
    ]
    seen.append(Observation("files.matched", "files:app", files, "count", NOW, {**FACTS, **changes}))
    snapshot = Snapshot(Scope.full, NOW, (Look("files", LookState.ok, tuple(seen)),))
    return list(check.judge(snapshot, CheckContext(OpsSettings())))


def test_new_error_lines_are_occurrences():
    """Every new line of an error level counts once; others and old ones do not."""
    (finding,) = judged(errors, levels=[("error", 3, True), ("info", 9, False)])
    assert finding.title == "Log files app: 3 new error lines (3 error) in app.log"
    assert (finding.occurrences, finding.severity, finding.resolves_by_absence) == (3, Severity.medium, False)
    assert finding.first_record_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert finding.last_record_at is None
    assert finding.evidence["samples"] == ["ERROR x"]
    assert judged(errors, levels=[("error", 0, True), ("info", 9, False)]) == []


def test_fatal_lines_are_worse():
    """One critical line raises the severity of the same trouble."""
    by_file = {"app.log": 1, "app.log.1": 1}
    (finding,) = judged(errors, levels=[("error", 1, True), ("fatal", 1, True)], errorsByFile=by_file)
    assert finding.title == "Log files app: 2 new error lines (1 error, 1 fatal) in 2 files"
    assert finding.severity is Severity.high


def test_one_line_is_a_line():
    """The title counts in words as well."""
    (finding,) = judged(errors, levels=[("error", 1, True)])
    assert "1 new error line (" in finding.title


def test_files_that_may_not_be_read():
    """Named, with how many there are."""
    (finding,) = judged(unreadable, refused=["app.log.1"], refusedCount=1)
    assert finding.title == "Log files app: 1 of 2 files may not be read (app.log.1)"
    assert judged(unreadable) == []


def test_a_glob_without_files():
    """A target that watches nothing is worth knowing."""
    (finding,) = judged(none, files=0)
    assert finding.title == "Log files app: the glob matches 0 files"
    assert judged(none) == []


def test_what_is_left_unread():
    """Bytes and files beyond the limits are named."""
    (finding,) = judged(behind, behindBytes=3 * 2**20, leftOut=5, files=1005)
    assert finding.title == "Log files app: 3.0 MiB are not read yet and 5 of 1005 files are left out"
    (finding,) = judged(behind, leftOut=5, files=1005)
    assert finding.title == "Log files app: 5 of 1005 files are left out"
    (finding,) = judged(behind, behindBytes=2**20)
    assert finding.title == "Log files app: 1.0 MiB are not read yet"
    assert judged(behind) == []
