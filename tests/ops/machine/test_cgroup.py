"""Limits of a cgroup, read from files as the kernel writes them."""

from __future__ import annotations

import pytest

from vibeworkbench.ops.machine.cgroup import CpuLimit, MemoryLimit, cpu_limit, memory_limit


@pytest.fixture
def machine(tmp_path):
    """A /proc and a cgroup file system in which this process sits in ``/pod/box``; writes files of its groups."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("1:cpu:/\n0::/pod/box\n")
    (tmp_path / "cgroup/pod/box").mkdir(parents=True)

    def write(group: str, **files: str) -> None:
        for name, text in files.items():
            (tmp_path / "cgroup" / group / name.replace("_", ".", 1)).write_text(text)

    write.proc, write.root = tmp_path / "proc", tmp_path / "cgroup"
    return write


def test_without_a_limit_there_is_none(machine):
    """``max`` is no limit, and neither is a missing file."""
    machine("pod/box", memory_max="max\n", memory_current="5\n", cpu_max="max 100000\n")
    assert memory_limit(machine.proc, machine.root) is None
    assert cpu_limit(machine.proc, machine.root) is None


def test_memory_leaves_out_what_can_be_dropped(machine):
    """Page cache that is not in use does not count towards the limit."""
    machine("pod/box", memory_max="1000\n", memory_current="900\n", memory_stat="anon 1\ninactive_file 300\n")
    assert memory_limit(machine.proc, machine.root) == MemoryLimit(1000, 600)


def test_the_tightest_limit_above_counts(machine):
    """A group above may leave less than the own one."""
    machine("pod/box", memory_max="1000\n", memory_current="100\n", cpu_max="200000 100000\n")
    machine("pod", memory_max="2000\n", memory_current="1900\n", cpu_max="50000 100000\n")
    machine("pod", cpu_stat="usage_usec 2500000\nnr_periods 9\nnr_throttled 4\n")
    assert memory_limit(machine.proc, machine.root) == MemoryLimit(2000, 1900)
    assert cpu_limit(machine.proc, machine.root) == CpuLimit(0.5, 2.5, 4)


def test_a_group_that_is_out_of_sight_is_the_root(machine):
    """Inside a container whose group has the host's name, the visible root is the own group."""
    (machine.proc / "self/cgroup").write_text("0::/../../elsewhere\n")
    machine("", memory_max="700\n", memory_current="70\n")
    assert memory_limit(machine.proc, machine.root) == MemoryLimit(700, 70)


def test_a_machine_without_cgroups_has_no_limit(tmp_path):
    """No files, no limit, no error."""
    assert memory_limit(tmp_path, tmp_path) is None
    assert cpu_limit(tmp_path, tmp_path) is None
