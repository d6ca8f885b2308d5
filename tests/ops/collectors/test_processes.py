"""The process collector, over real processes that hold memory, burn CPU, sleep uninterruptibly and leave zombies."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime

import psutil
import pytest

from vibeworkbench.ops.collectors.processes import (
    Past,
    ProcessesCollector,
    Sweep,
    _psutil_arguments,
    _psutil_stats,
    _psutil_user_id,
    full_attributes,
    notable,
    stuck_since,
    sweep,
    user_name,
    uses,
    zombie_parents,
)
from vibeworkbench.ops.machine.procfs import (
    ProcessStat,
    process_arguments,
    process_stat,
    process_stats,
    process_user_id,
)
from vibeworkbench.ops.model import LookState
from vibeworkbench.settings import OpsSettings, ProcessSettings

QUICK = OpsSettings(cpu_interval_s=0.05)
SPIN = "print('ready', flush=True)\nwhile True: pass"
HOLD = "import sys; held = b'x' * (96 * 2**20); print('ready', flush=True); sys.stdin.read()"
# The parent of a vfork sleeps uninterruptibly until its child ends or becomes another program: vfork(2).
STUCK = """
import ctypes, os, signal
ctypes.PyDLL(None).vfork()
os.write(1, b"%d\\n" % os.getpid())
signal.pause()
"""


def stat(pid: int = 7, **changes) -> ProcessStat:
    """The stat of some process."""
    given = {"parent_pid": 1, "name": "worker", "state": "S", "cpu_s": 10.0, "started_s": 100.0}
    return ProcessStat(pid, **{**given, "resident_bytes": 4096, "kernel_thread": False, **changes})


def swept(at_s: float, *stats: ProcessStat) -> Sweep:
    """A sweep taken at an instant."""
    return Sweep(at_s, at_s, {one.key: one for one in stats})


def of(look, pid: int):
    """The observation of one process, ``None`` when it was not worth naming."""
    named = (one for one in look.observations if one.metric == "process" and one.attributes["pid"] == pid)
    return next(named, None)


async def test_every_process_is_counted_and_the_largest_named(order_for, program):
    """A process that holds memory is named with its user and its resident memory, and without its arguments."""
    holder = program(HOLD)
    reports = []
    look = await ProcessesCollector().look(order_for(settings=QUICK, progress=lambda *n: reports.append(n)))
    assert (look.state, look.covered) == (LookState.ok, None)
    assert look.records == pytest.approx(len(psutil.pids()), abs=50)
    assert reports[-1] == (look.records, look.records)
    seen = of(look, holder.pid)
    assert seen.attributes["residentBytes"] > 96 * 2**20
    assert seen.attributes["user"] == user_name(os.getuid())
    assert "arguments" not in seen.attributes
    assert seen.subject == f"process:{seen.attributes['name']}:{holder.pid}"


async def test_a_busy_process_is_seen_busy(order_for, program):
    """A spinning process uses CPU now and ever since it started."""
    spinner = program(SPIN)
    collector = ProcessesCollector()
    seen = of(await collector.look(order_for(settings=OpsSettings(cpu_interval_s=0.3))), spinner.pid)
    assert seen.attributes["coresNow"] > 0
    assert seen.attributes["coresSustained"] > 0
    assert seen.attributes["sustainedS"] > 0


async def test_arguments_are_kept_only_on_demand_and_masked(order_for, program):
    """Where the settings ask for arguments, secrets among them are masked."""
    holder = program("password='hunter2'; " + HOLD)
    settings = OpsSettings(cpu_interval_s=0.05, processes=ProcessSettings(arguments=True))
    seen = of(await ProcessesCollector().look(order_for(settings=settings)), holder.pid)
    assert seen.attributes["arguments"][1] == "-c"
    assert "hunter2" not in str(seen.attributes)


async def test_a_process_in_uninterruptible_sleep_is_stuck_from_look_to_look(order_for, program):
    """The time it is known to be stuck grows with every look."""
    parent = program(STUCK)
    child = psutil.Process(parent.pid).children()[0].pid
    collector = ProcessesCollector()
    try:
        first = of(await collector.look(order_for(settings=QUICK)), parent.pid)
        second = of(await collector.look(order_for(settings=QUICK)), parent.pid)
    finally:
        os.kill(parent.pid, signal.SIGKILL)  # before its child: it would go on with the child's stack
        os.kill(child, signal.SIGKILL)
    assert first.attributes["state"] == "D"
    assert second.attributes["stuckS"] > first.attributes["stuckS"] > 0


async def test_zombies_count_for_their_parent(order_for, brood):
    """The parent of real zombies is observed with their number."""
    parent = brood(4)
    look = await ProcessesCollector().look(order_for(settings=QUICK))
    (seen,) = [one for one in look.observations if one.metric == "process.zombies" and one.value == 4]
    assert seen.attributes["pid"] == parent.pid


async def test_attributes_are_read_once_for_each_process(order_for, program, monkeypatch):
    """The costly second stage is only for processes that are new or have become another program."""
    holder = program(HOLD)
    collector = ProcessesCollector()
    await collector.look(order_for(settings=QUICK))
    read = []
    monkeypatch.setattr(
        "vibeworkbench.ops.collectors.processes.full_attributes", lambda pid, settings: read.append(pid) or {}
    )
    look = await collector.look(order_for(settings=QUICK))
    assert of(look, holder.pid).attributes["user"] == user_name(os.getuid())
    assert holder.pid not in read


def test_use_is_measured_over_both_intervals():
    """Now is between the two sweeps; sustained since the base, or since its start for a process unknown then."""
    base, first = swept(1000, stat(cpu_s=0)), swept(2000, stat(cpu_s=500))
    (use,) = uses(base, {}, first, swept(2010, stat(cpu_s=505)))
    assert (use.cores_now, use.cores_sustained, use.sustained_s) == (0.5, 0.5, 1010)
    (use,) = uses(None, {}, first, swept(2010, stat(cpu_s=191)))
    assert (use.cores_now, use.cores_sustained, use.sustained_s) == (0.0, 0.1, 1910)
    (use,) = uses(base, {}, swept(2000), swept(2010, stat(pid=8, started_s=2005, cpu_s=5)))
    assert (use.cores_now, use.sustained_s) == (1.0, 5)


def test_a_reused_pid_is_another_process():
    """The CPU seconds of a former owner of the pid do not count."""
    first = swept(2000, stat(started_s=100, cpu_s=900))
    (use,) = uses(first, {}, first, swept(2010, stat(started_s=2000, cpu_s=1)))
    assert use.cores_now == 0.1


def test_stuck_means_no_cpu_at_all():
    """Whoever used CPU, or was awake in one of the sweeps, is not stuck; the clock of a stuck one goes on."""
    asleep = stat(state="D")
    assert stuck_since({}, swept(10, stat(state="S")), swept(11, asleep)) == {}
    assert stuck_since({}, swept(10, stat(state="D", cpu_s=9)), swept(11, asleep)) == {}
    began = stuck_since({}, swept(10, asleep), swept(11, asleep))
    assert began == {asleep.key: (10, 10.0)}
    assert stuck_since(began, swept(20, asleep), swept(21, asleep)) == began
    later = stat(state="D", cpu_s=12)
    assert stuck_since(began, swept(30, later), swept(31, later)) == {later.key: (30, 12)}


def test_threads_of_the_kernel_are_no_stuck_processes():
    """Some threads of the kernel always sleep so; they are neither named nor stuck."""
    thread = stat(state="D", kernel_thread=True)
    (use,) = uses(None, {thread.key: (0, 10.0)}, swept(1, thread), swept(2, thread))
    assert use.stuck_s == 0
    assert notable([use], ProcessSettings()) == []


def test_the_past_keeps_a_base_and_few_sweeps():
    """However often looks come, about ten sweeps are kept and one is old enough to be the base."""
    past = Past()
    for second in range(2000):
        past = past.followed_by(swept(second), {}, 900)
    assert len(past.sweeps) <= 11
    base = past.base(2000, 900)
    assert 900 <= 2000 - base.taken_at_s <= 900 + 900 / 8 + 1
    assert Past().base(2000, 900) is None


def test_notable_are_the_top_and_the_stuck_and_the_busy():
    """Beside the top by CPU and memory, nobody who is stuck or long busy is left out."""
    second = [stat(pid=pid, resident_bytes=pid, cpu_s=10) for pid in range(1, 50)]
    stuck = {second[0].key: (0.0, 10.0)}
    listed = uses(None, stuck, swept(1990, *second), swept(2000, *second))
    chosen = {use.stat.pid for use in notable(listed, ProcessSettings(top=3))}
    assert {1, 47, 48, 49} <= chosen
    assert len(chosen) <= 7


def test_orphaned_zombies_have_no_parent_to_name():
    """A zombie whose parent cannot be seen is nobody's."""
    zombie = stat(pid=9, state="Z", parent_pid=12345)
    assert list(zombie_parents(swept(1, zombie), datetime.now(UTC))) == []


def test_a_name_may_hold_anything():
    """Blanks and parentheses in a command's name do not shift the fields."""
    tail = b" ".join(str(number).encode() for number in range(4, 53))
    seen = process_stat(b"42 (a) (b c) S 1 " + tail)
    assert (seen.pid, seen.name, seen.state, seen.parent_pid) == (42, "a) (b c", "S", 1)


def test_what_vanished_or_is_closed_is_left_out(tmp_path):
    """Processes that end during the sweep do not disturb it."""
    (tmp_path / "123").mkdir()
    (tmp_path / "self").mkdir()
    assert list(process_stats(tmp_path)) == []
    assert process_arguments(123, tmp_path) == ()
    assert process_user_id(999, tmp_path) is None
    assert full_attributes(2**22 + 1, ProcessSettings(arguments=True)) == {"user": "?", "arguments": []}


def test_a_user_without_name_is_a_number():
    """Where the machine knows no name for a user, the number stands."""
    assert user_name(2**31 - 7) == str(2**31 - 7)


def test_psutil_sees_the_same_where_there_is_no_proc(program, brood):
    """The way for machines without /proc agrees with the kernel about a real process and real zombies."""
    holder, parent = program(HOLD), brood(3)
    ours, theirs = ({one.pid: one for one in stats} for stats in (process_stats(), _psutil_stats()))
    assert theirs[holder.pid].parent_pid == ours[holder.pid].parent_pid == os.getpid()
    assert theirs[holder.pid].resident_bytes == pytest.approx(ours[holder.pid].resident_bytes, rel=0.1)
    assert sum(one.state == "Z" and one.parent_pid == parent.pid for one in theirs.values()) == 3
    assert _psutil_user_id(holder.pid) == os.getuid()
    assert _psutil_arguments(holder.pid)[1] == "-c"
    assert (_psutil_user_id(2**22 + 1), _psutil_arguments(2**22 + 1)) == (None, ())


def test_a_sweep_knows_its_instant():
    """This very process is in a sweep and started before it."""
    taken = sweep()
    (own,) = [one for one in taken.stats.values() if one.pid == os.getpid()]
    assert own.started_s < taken.uptime_s + 1
