"""What the Engine's JSON means where it says little, and what of it may be shown."""

from __future__ import annotations

from vibeworkbench.engine.facts import facts_of, masked_environment
from vibeworkbench.engine.stats import Cpu, cpu_percent, reading_of


def test_little_is_enough():
    """An engine that leaves things out is understood."""
    facts = facts_of({"Id": "f", "State": {"Running": True}, "Config": None, "Image": "sha256:ab"})
    assert (facts.state, facts.image, facts.labels, facts.is_running) == ("running", "sha256:ab", {}, True)
    assert facts_of({"State": {"Health": {"Status": "none"}}}).health == ""
    assert facts_of({}).state == "exited"


def test_only_harmless_values_are_shown():
    """Names are all kept; a value is shown when its name is known to be harmless, and even then masked as any text."""
    shown = masked_environment(
        ["LANG=C.UTF-8", "PYTHON_VERSION=3.13", "SHOP=open", "HOME=https://ada:pw@host/", "TOKEN=a=b", "EMPTY"]
    )
    assert shown == {
        "LANG": "C.UTF-8",
        "PYTHON_VERSION": "3.13",
        "SHOP": "•••",
        "HOME": "https://•••@host/",
        "TOKEN": "•••",
        "EMPTY": "•••",
    }
    labels = facts_of({"Config": {"Labels": {"app": "shop", "db.password": "hunter2"}}}).labels
    assert labels == {"app": "shop", "db.password": "•••"}


def test_memory_on_both_kinds_of_control_groups():
    """Version 1 has both counters and means the total; a counter larger than the use is not taken off."""
    memory = {"usage": 100, "limit": 0, "stats": {"total_inactive_file": 30, "inactive_file": 10}}
    assert reading_of({"memory_stats": memory}).memory_bytes == 70
    assert reading_of({"memory_stats": {"usage": 100, "stats": {"inactive_file": 10}}}).memory_bytes == 90
    odd = reading_of({"memory_stats": {"usage": 100, "stats": {"inactive_file": 200}}})
    assert (odd.memory_bytes, odd.memory_ratio) == (100, 0.0)
    assert reading_of({"memory_stats": {"usage": 50, "limit": 100}}).memory_ratio == 0.5


def test_use_of_processors():
    """Nothing between equal or turned-back counters; without ``online_cpus`` the counters of each are counted."""
    assert cpu_percent(Cpu(5, 10, 2), Cpu(5, 20, 2)) == 0.0
    assert cpu_percent(Cpu(5, 10, 2), Cpu(9, 10, 2)) == 0.0
    assert reading_of({"cpu_stats": {"cpu_usage": {"percpu_usage": [1, 2, 3]}}}).cpu.online == 3
    assert reading_of({"blkio_stats": {"io_service_bytes_recursive": None}, "networks": None}).read_bytes == 0


def test_the_processor_limit():
    """Either way in which an engine says it."""
    hosts = (
        {"NanoCpus": 1_500_000_000},
        {"CpuQuota": 50_000},
        {"CpuQuota": 50_000, "CpuPeriod": 25_000},
        {"CpuQuota": -1},
    )
    assert [facts_of({"HostConfig": host}).cpu_limit for host in hosts] == [1.5, 0.5, 2.0, 0.0]
