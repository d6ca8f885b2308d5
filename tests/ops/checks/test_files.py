"""The checks of followed files."""

from __future__ import annotations

from datetime import UTC, datetime

from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.files import behind, none, unreadable
from vibeworkbench.ops.model import Look, LookState, Observation, Scope, Snapshot
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FACTS = {
    "target": "app",
    "refused": [],
    "refusedCount": 0,
    "leftOut": 0,
    "behindBytes": 0,
}


def judged(check, files=2, **changes):
    """What one check thinks of one target."""
    seen = Observation("files.matched", "files:app", files, "count", NOW, {**FACTS, **changes})
    snapshot = Snapshot(Scope.full, NOW, (Look("files", LookState.ok, (seen,)),))
    return list(check.judge(snapshot, CheckContext(OpsSettings())))


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
