"""Checks judge apart from each other."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from tests.ops.making import NOON
from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.model import Finding, Look, LookState, Scope, Severity, Snapshot
from vibeworkbench.ops.scans.judging import Judges
from vibeworkbench.settings import OpsSettings

SNAPSHOT = Snapshot(Scope.full, NOON, (Look("host", LookState.ok), Look("http", LookState.skipped)))
CONTEXT = CheckContext(OpsSettings())


def of(judge, id_="host.one", collector="host"):
    """A check that judges like this."""
    return check(id=id_, collector=collector, type="capacity", severity=Severity.low, hint="")(judge)


async def judged(*checks, within_s=10.0):
    """What these checks think of the snapshot."""
    return await Judges(checks).judge(SNAPSHOT, CONTEXT, time.monotonic() + within_s)


async def test_a_check_whose_collector_did_not_look_does_not_judge():
    """Skipped is as good as absent."""
    asked = []
    one = of(lambda *_: asked.append("host") or ())
    other = of(lambda *_: asked.append("http") or (), "http.one", "http")
    judgement = await judged(one, other)
    assert (asked, judgement.judged) == (["host"], frozenset({"host.one"}))


async def test_a_check_that_hangs_is_left_alone_and_not_asked_again_while_it_hangs():
    """It is a finding of its own, the others judge, and it judges again once it is free."""
    gate, asked = threading.Event(), []

    def hang(*_):
        asked.append(1)
        gate.wait()
        return ()

    judges = Judges((of(hang), of(lambda *_: (), "host.two")))
    for _ in range(2):
        judgement = await judges.judge(SNAPSHOT, CONTEXT, time.monotonic())
        assert judgement.judged == {"host.two"}
        assert [(one.check, one.subject) for one in judgement.findings] == [("scan.check-crashed", "check:host.one")]
    assert len(asked) == 1
    thread = judges._hanging["host.one"]
    gate.set()
    thread.join()
    assert (await judges.judge(SNAPSHOT, CONTEXT, time.monotonic() + 10)).judged == {"host.one", "host.two"}


async def test_a_check_that_hangs_leaves_time_to_the_others():
    """It takes no more than half of what is left, so that those after it judge too."""
    gate = threading.Event()

    def pause(*_):
        gate.wait(0.3)
        return ()

    judgement = await judged(of(lambda *_: gate.wait(), "host.a"), of(pause, "host.b"), within_s=2.0)
    gate.set()
    assert judgement.judged == {"host.b"}


@pytest.mark.parametrize(
    "odd",
    [
        {"occurrences": 2**70},
        {"occurrences": -1},
        {"type": "x" * 65},
        {"subject": "x" * 9000},
        {"evidence": {"log": "x" * 100_000}},
    ],
    ids=["too often", "less than never", "long type", "long subject", "much evidence"],
)
async def test_what_no_database_or_room_would_take_is_a_crash(odd):
    """One check's nonsense must not fail the transaction that files everybody's findings."""
    made = of(lambda *_: [replace(made.finding("mount:/", "full"), **odd)])
    assert not (await judged(made)).judged


async def test_what_is_told_to_everybody_is_short():
    """A title that is a whole log is cut."""
    made = of(lambda *_: [made.finding("mount:/", "x" * 10_000, hint="y" * 10_000)])
    [found] = (await judged(made)).findings
    assert (len(found.title), len(found.hint), found.title[-1]) == (500, 2000, "…")


async def test_what_is_no_finding_of_the_check_is_a_crash():
    """Foreign objects, other checks' findings, instants without a zone, and iterators that end oddly."""
    alien = Finding("host.other", "host", "x", Severity.low, "capacity", "x")
    naive = Finding("host.one", "host", "x", Severity.low, "capacity", "x", last_record_at=NOON.replace(tzinfo=None))
    odd = Finding("host.one", "host", "x", 4, "capacity", "x")

    def ends(*_):
        raise StopIteration

    def exits(*_):
        raise SystemExit

    for judge in (lambda *_: ["x"], lambda *_: [alien], lambda *_: [naive], lambda *_: [odd], ends, exits):
        judgement = await judged(of(judge))
        assert judgement.judged == frozenset()
        assert [one.subject for one in judgement.findings] == ["check:host.one"]
