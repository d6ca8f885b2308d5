"""The host collector measures this very machine."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from vibeworkbench.ops.collectors.host import (
    CpuSample,
    HostCollector,
    cpu_observations,
    mount_observations,
    open_files_observations,
    without_overlaid,
    zombie_observations,
)
from vibeworkbench.ops.machine.cgroup import CpuLimit
from vibeworkbench.ops.machine.mounts import Fill, Mount, MountGauge
from vibeworkbench.ops.model import LookState, Observation
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def only(seen, metric: str, subject: str) -> Observation:
    """The one observation of a metric and subject."""
    (found,) = [one for one in seen if (one.metric, one.subject) == (metric, subject)]
    return found


def fill(**changes) -> Fill:
    """A file system half full."""
    given = {"total_bytes": 100, "used_bytes": 50, "free_bytes": 50, "inodes_count": 10, "inodes_free_count": 9}
    return Fill(**{**given, "directory": True, "device": 1, **changes})


async def test_this_machine_is_measured(order_for):
    """One look brings CPU, memory, load, the root's space, open files, zombies and uptime, each plausible."""
    reports = []
    order = order_for(settings=OpsSettings(cpu_interval_s=0.2), progress=lambda *numbers: reports.append(numbers))
    look = await HostCollector().look(order)
    assert (look.collector, look.state, look.covered) == ("host", LookState.ok, None)
    assert look.records == len(look.observations)
    assert reports[-1] == (2, 2)
    cpu = only(look.observations, "cpu.used", "host:cpu")
    assert 0 <= cpu.value <= 1
    assert cpu.attributes["intervalS"] >= 0.2
    memory = only(look.observations, "memory.used", "host:memory")
    assert memory.attributes["totalBytes"] == psutil.virtual_memory().total
    assert memory.attributes["usedBytes"] + memory.attributes["freeBytes"] == memory.attributes["totalBytes"]
    root = only(look.observations, "mount.space", "mount:/")
    assert root.attributes["totalBytes"] == shutil.disk_usage("/").total
    assert {one.metric for one in look.observations} >= {"load.per-cpu", "open-files.used", "zombies", "uptime"}
    assert only(look.observations, "uptime", "host:uptime").value > 0


async def test_the_loop_is_free_while_it_measures(order_for):
    """Other tasks run between the two samples."""
    look = asyncio.create_task(HostCollector().look(order_for(settings=OpsSettings(cpu_interval_s=0.2))))
    turns = 0
    while not look.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns >= 3


async def test_ignored_mounts_are_not_measured(order_for):
    """A glob of the settings takes mount points out, the directory itself included."""
    look = await HostCollector().look(order_for(settings=OpsSettings(cpu_interval_s=0.1, mounts_ignore=("/**",))))
    assert not [one for one in look.observations if one.metric == "mount.space"]


def test_cpu_is_the_use_between_two_samples():
    """Two seconds of which half a second was idle are 75 %, with the stolen share beside it."""
    first = CpuSample(10.0, 100.0, 80.0, 0.0, CpuLimit(2.0, 5.0, 3))
    second = CpuSample(11.0, 102.0, 80.5, 0.2, CpuLimit(2.0, 6.0, 7))
    machine, limited = cpu_observations(first, second, 2, NOW)
    assert machine.value == pytest.approx(0.75)
    assert machine.attributes["stealRatio"] == pytest.approx(0.1)
    assert (limited.subject, limited.value) == ("cgroup:cpu", pytest.approx(0.5))
    assert limited.attributes["throttledPeriods"] == 4


def test_a_clock_that_did_not_move_measures_nothing():
    """Two samples of one instant have no interval to divide by."""
    sample = CpuSample(10.0, 100.0, 80.0, 0.0, None)
    assert list(cpu_observations(sample, sample, 2, NOW)) == []


def test_open_files_of_this_server_are_counted():
    """A file that is opened counts against the server's own limit."""
    before = only(open_files_observations(NOW), "open-files.used", "server:open-files")
    with Path(os.devnull).open():
        after = only(open_files_observations(NOW), "open-files.used", "server:open-files")
    assert after.attributes["open"] == before.attributes["open"] + 1
    assert after.attributes["limit"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_a_machine_without_file_nr_has_only_its_own_limit(tmp_path):
    """Where the kernel does not say how many files are open, that is left out."""
    assert [one.subject for one in open_files_observations(NOW, tmp_path)] == ["server:open-files"]


def test_real_zombies_are_counted_with_their_parent(brood):
    """Six children that nobody waited for are six zombies of that very parent."""
    parent = brood(6)
    seen = only(zombie_observations(NOW), "zombies", "host:zombies")
    assert seen.value >= 6
    assert {"pid": parent.pid, "name": Path(f"/proc/{parent.pid}/comm").read_text().strip(), "zombies": 6} in (
        seen.attributes["parents"]
    )


def test_a_machine_without_proc_counts_no_zombies(tmp_path):
    """Where there is no /proc the host says nothing about zombies."""
    assert list(zombie_observations(NOW, tmp_path / "none")) == []


def test_mounts_that_hang_refuse_or_are_files_are_told_apart():
    """Only what answered is measured; what hangs is said to."""
    mounts = [Mount(f"/{name}", f"0:{name}", "nfs") for name in ("ok", "hangs", "refuses", "behind", "file")]
    answers = {"/ok": fill(), "/hangs": None, "/refuses": OSError(), "/behind": None, "/file": fill(directory=False)}
    seen = list(mount_observations(mounts, answers, {"/hangs"}.__contains__, NOW))
    assert [(one.metric, one.subject) for one in seen] == [
        ("mount.space", "mount:/ok"),
        ("mount.inodes", "mount:/ok"),
        ("mount.answers", "mount:/hangs"),
    ]


def test_a_file_system_without_inodes_has_only_space():
    """Where the number of inodes is not fixed there is no share of them."""
    seen = mount_observations([Mount("/b", "0:1", "btrfs")], {"/b": fill(inodes_count=0)}, bool, NOW)
    assert [one.metric for one in seen] == ["mount.space"]


def test_an_overlay_on_a_counted_file_system_counts_once(tmp_path):
    """An overlay whose upper directory is in sight is its file system's space; one out of sight is its own."""
    below = Mount("/data", "8:1", "ext4")
    seen = Mount("/merged", "0:50", "overlay", upper=str(tmp_path))
    unseen = Mount("/", "0:51", "overlay", upper="/nowhere/to/be/seen")
    answers = {"/data": fill(device=tmp_path.stat().st_dev), "/merged": fill(), "/": fill()}
    assert without_overlaid([below, seen, unseen], answers) == [below, unseen]


async def test_a_hanging_mount_leaves_the_look_partial(order_for):
    """The look ends in time, covers everything but the mount that hangs, and says so."""
    release = threading.Event()

    def measure(point: str) -> Fill:
        if point == "/":
            release.wait()
        return fill()

    collector = HostCollector()
    collector._gauge = MountGauge(measure)
    settings = OpsSettings(cpu_interval_s=0.05, mount_limit_s=0.1, mounts_ignore=())
    try:
        look = await collector.look(order_for(settings=settings))
    finally:
        release.set()
    assert look.state is LookState.partial
    assert not look.covers("mount:/")
    assert look.covers("host:memory")
    assert only(look.observations, "mount.answers", "mount:/").value is False
    assert "could not be measured" in look.reason


@pytest.fixture
def small_mount(tmp_path):
    """A real tmpfs of one mebibyte."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "vibeworkbench-test", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


async def test_a_small_file_system_that_fills_up_is_seen(order_for, small_mount):
    """A real tmpfs of one mebibyte with 60 KiB left is 94 % full."""
    (small_mount / "big").write_bytes(bytes(1024 * 964))
    look = await HostCollector().look(order_for(settings=OpsSettings(cpu_interval_s=0.05)))
    seen = only(look.observations, "mount.space", f"mount:{small_mount}")
    assert seen.value == pytest.approx(964 / 1024, abs=0.01)
    assert seen.attributes["kind"] == "tmpfs"
