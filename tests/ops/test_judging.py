"""Checks judge apart from each other."""

from __future__ import annotations

import threading
import time

from tests.ops.making import NOON
from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.judging import Judges
from vibeworkbench.ops.model import Finding, Look, LookState, Scope, Severity, Snapshot
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
