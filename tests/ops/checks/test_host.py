"""The host's checks speak at their limits, clear below the lower ones, and say the value and what to do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.host import CHECKS, cpu, load, mount_hangs, open_files, space, zombies
from vibeworkbench.ops.model import Look, LookState, Observation, Scope, Severity, Snapshot
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 11, 22, tzinfo=UTC)
GIB = 2**30
BYTES = {"totalBytes": 100 * GIB, "freeBytes": 12 * GIB}
SPACE = {"point": "/var", "kind": "ext4", "readOnly": False, **BYTES}
INODES = {"point": "/var", "kind": "ext4", "readOnly": False, "total": 1000, "free": 70}
CPU = {"intervalS": 0.5, "cores": 4, "load1PerCpu": 1.2}


def judged(check, metric: str, subject: str, value: object, facts=None, active=frozenset()):
    """What one check thinks of one observation."""
    seen = Observation(metric, subject, value, "ratio", NOW, facts or {})
    snapshot = Snapshot(Scope.full, NOW, (Look("host", LookState.ok, (seen,)),))
    return list(check.judge(snapshot, CheckContext(OpsSettings(), active)))


@pytest.mark.parametrize(
    ("check_id", "metric", "subject", "facts", "below_clear", "between", "at"),
    [
        ("host.cpu", "cpu.used", "host:cpu", CPU, 0.84, 0.9, 0.95),
        ("host.memory", "memory.used", "host:memory", BYTES, 0.84, 0.9, 0.92),
        ("host.memory", "memory.used", "cgroup:memory", BYTES, 0.84, 0.9, 0.92),
        ("host.swap", "swap.used", "host:swap", BYTES, 0.59, 0.7, 0.8),
        ("host.load", "load.per-cpu", "host:load", {"load5": 16.0, "cores": 4}, 1.9, 3.0, 4.0),
        ("host.space", "mount.space", "mount:/var", SPACE, 0.84, 0.88, 0.9),
        ("host.inodes", "mount.inodes", "mount:/var", INODES, 0.84, 0.88, 0.9),
        ("host.open-files", "open-files.used", "host:open-files", {"open": 8, "limit": 10}, 0.69, 0.75, 0.8),
        ("host.zombies", "zombies", "host:zombies", {"parents": []}, 9, 15, 20),
    ],
)
def test_a_check_has_hysteresis(check_id, metric, subject, facts, below_clear, between, at):
    """Between its two limits a value is an issue only if it was one before."""
    (check,) = [one for one in CHECKS if one.id == check_id]
    (finding,) = judged(check, metric, subject, at, facts)
    active = frozenset({finding.fingerprint})
    assert judged(check, metric, subject, between, facts) == []
    (held,) = judged(check, metric, subject, between, facts, active)
    assert held.fingerprint == finding.fingerprint
    assert judged(check, metric, subject, below_clear, facts, active) == []
    assert (finding.subject, finding.hint, finding.collector) == (subject, check.hint, "host")
    assert finding.evidence["value"] == at


def test_a_full_mount_says_how_full_and_how_much_is_left():
    """The title has the measured value, its unit and what is free."""
    (finding,) = judged(space, "mount.space", "mount:/var", 0.931, SPACE)
    assert finding.title == "Mount /var is 93.1 % full (12.0 GiB free)"
    assert finding.severity is Severity.high


def test_a_nearly_full_mount_is_critical():
    """Beyond the critical limit the same trouble is worse, not another one."""
    (high,) = judged(space, "mount.space", "mount:/var", 0.93, SPACE)
    (critical,) = judged(space, "mount.space", "mount:/var", 0.98, SPACE)
    assert critical.severity is Severity.critical
    assert critical.fingerprint == high.fingerprint


def test_a_file_system_that_nobody_writes_to_may_be_full():
    """An image that is mounted read-only is always full."""
    assert judged(space, "mount.space", "mount:/iso", 1.0, {**SPACE, "readOnly": True}) == []


def test_a_burst_of_cpu_is_no_trouble():
    """Busy for half a second without a queue in the last minute is how computers work."""
    assert judged(cpu, "cpu.used", "host:cpu", 0.99, {**CPU, "load1PerCpu": 0.3}) == []


def test_a_limited_container_is_judged_by_its_limit():
    """A cgroup has no load average; its use alone counts, and the title says whose it is."""
    (finding,) = judged(cpu, "cpu.used", "cgroup:cpu", 0.97, {"intervalS": 0.5, "cores": 1.5})
    assert finding.title == "The CPU limit of this container is 97.0 % used, measured over 0.5 s (1.5 cores)"


def test_load_names_its_interval():
    """A load says over which time it was averaged."""
    (finding,) = judged(load, "load.per-cpu", "host:load", 5.0, {"load5": 20.0, "cores": 4})
    assert finding.title == "Load is 5.00 tasks per core over 5 min (20.0 on 4 cores)"


def test_a_hanging_mount_is_a_finding_and_an_answering_one_is_not():
    """Only a mount that did not answer is named, with the limit."""
    facts = {"point": "/nfs", "kind": "nfs4"}
    (finding,) = judged(mount_hangs, "mount.answers", "mount:/nfs", False, facts)
    assert finding.title == "Mount /nfs (nfs4) did not answer within 2 s"
    assert judged(mount_hangs, "mount.answers", "mount:/nfs", True, facts) == []


def test_this_server_is_told_from_the_machine():
    """Whose limit is meant stands in the title."""
    (finding,) = judged(open_files, "open-files.used", "server:open-files", 0.9, {"open": 900, "limit": 1000})
    assert finding.title == "This server has 900 files open, 90.0 % of its limit of 1,000"


def test_zombies_name_their_parents():
    """Who does not wait for its children is what one needs to know."""
    parents = [{"name": "npm", "pid": 42, "zombies": 25}]
    (finding,) = judged(zombies, "zombies", "host:zombies", 25, {"parents": parents})
    assert finding.title == "25 zombie processes; their parents: npm [42]: 25"
