"""Settings of scans, what they judge by, and when they start."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from vibeworkbench.settings.parts import Count, Positive, Ratio, Section
from vibeworkbench.settings.targets import Target


class HostThresholds(Section, frozen=True):
    """Where the host's checks speak. Each has a lower value at which the issue clears (hysteresis)."""

    cpu_ratio: Ratio = 0.95
    cpu_clear_ratio: Ratio = 0.85
    memory_ratio: Ratio = 0.92
    memory_clear_ratio: Ratio = 0.85
    swap_ratio: Ratio = 0.80
    swap_clear_ratio: Ratio = 0.60
    space_ratio: Ratio = 0.90
    space_critical_ratio: Ratio = 0.97
    space_clear_ratio: Ratio = 0.85
    inodes_ratio: Ratio = 0.90
    inodes_clear_ratio: Ratio = 0.85
    load_per_cpu: Positive = 4.0
    load_clear_per_cpu: Positive = 2.0
    open_files_ratio: Ratio = 0.80
    open_files_clear_ratio: Ratio = 0.70
    zombies: Count = 20
    zombies_clear: Count = 10


class ProcessSettings(Section, frozen=True):
    """What is read of processes."""

    arguments: bool = False
    """Whether command-line arguments are kept (then masked); off keeps pid, name and user only."""
    top: Count = 20
    """How many processes get their full attributes in one sweep, by CPU and by memory."""
    memory_ratio: Ratio = 0.50
    """Share of the machine's memory at which one process becomes a finding."""
    memory_clear_ratio: Ratio = 0.40
    cpu_cores: Positive = 0.90
    """Average number of CPU cores that one process uses, now and for ``cpu_for_s``, at which it becomes a finding."""
    cpu_clear_cores: Positive = 0.60
    cpu_for_s: Positive = 900.0
    """How long a process must have used that much: since an earlier scan, or since it started."""
    stuck_for_s: Positive = 30.0
    """How long a process must sit in uninterruptible sleep, over at least two scans, to become a finding."""
    zombies: Count = 5
    """Ended children that one parent has not waited for, at which the parent becomes a finding."""
    zombies_clear: Count = 2


class ContainerThresholds(Section, frozen=True):
    """Where the containers' checks speak, and what takes from a container's health."""

    memory_ratio: Ratio = 0.90
    """Share of its memory limit (without one: of the machine's memory)."""
    memory_clear_ratio: Ratio = 0.80
    cpu_ratio: Ratio = 0.90
    """Share of its processor limit; a container without one is not judged."""
    cpu_clear_ratio: Ratio = 0.75
    restarts: Count = 3
    """Restarts within ``restarts_within_s`` at which they become a finding."""
    restarts_within_s: Positive = 3600.0
    silent_after_s: Positive = 120.0
    """A running container of which nothing was heard for this long is not taken for well."""


class JupyterSettings(Section, frozen=True):
    """Where the checks of this Jupyter server's kernels and terminals speak."""

    restarts: Count = 3
    """Restarts of one kernel within ``restarts_within_s`` at which it becomes a finding."""
    restarts_within_s: Positive = 3600.0
    idle_after_s: Positive = 6 * 3600.0
    """A kernel or terminal without activity for this long is idle."""
    idle_memory_bytes: Count = 2**30
    """Resident memory of an idle kernel and its children at which it becomes a finding."""
    idle_memory_clear_bytes: Count = 768 * 2**20
    kernels: Count = 10
    """Idle kernels at which their number becomes a finding."""
    kernels_clear: Count = 6
    terminals: Count = 10
    """Idle terminals at which their number becomes a finding."""
    terminals_clear: Count = 6


class LogThresholds(Section, frozen=True):
    """Where the checks of log records speak. Counts are compared with the same source's own past."""

    history_hours: Count = 48
    """Hours of past that it takes to judge spikes and the error ratio; where there is a week, all of it counts."""
    spike_records: Count = 10
    """Records of one template within an hour that are a spike, at least."""
    spike_times: Positive = 3.0
    """How many times what was to be expected of the hour a spike is, at least."""
    spike_false_ratio: Ratio = 0.01
    """Share of the spikes told that may be chance, over all templates of a scan."""
    warm_up_s: Positive = 24 * 3600.0
    """How long a source must have been heard before its new templates are told, unless they are errors."""
    new_templates: Count = 20
    """Most new templates that are no errors which one scan tells of one source: more are another version of it."""
    error_records: Count = 10
    """Error records within the newest hour for a rise of a source's error ratio to be told, at least."""
    error_lines: Count = 50
    """Records within the newest hour for that, at least."""
    error_times: Positive = 2.0
    """How many times the usual error ratio the present one must be, with 99.9 % confidence."""
    error_clear_times: Positive = 1.3
    silence_s: Positive = 900.0
    """Shortest silence of a source that is told."""
    silence_times: Positive = 2.0
    """How many times as long as the second longest pause of the source's past a silence must be."""
    silence_spoke: Count = 30
    """Minutes in which the source must have spoken."""
    silence_history_s: Positive = 24 * 3600.0
    """How long it must have been known."""
    silence_forget_s: Positive = 7 * 86400.0
    """A source that is silent for longer is gone, and no longer told."""
    restarts: Count = 5
    """Starts of one source within ``restarts_within_s`` at which they become a finding."""
    restarts_within_s: Positive = 3600.0
    restarts_times: Positive = 3.0
    """How many times as many starts as usual."""


class OpsSettings(Section, frozen=True):
    """Scans."""

    scan_limit_s: Positive = 30.0
    """Limit for a whole scan; what ran out of time is a finding."""
    collector_limit_s: Positive = 10.0
    """Limit for each collector; code health has the sum of its tools' limits, within the scan's."""
    probes_at_once: Count = 50
    """Probes under way at the same time."""
    host: HostThresholds = HostThresholds()
    processes: ProcessSettings = ProcessSettings()
    jupyter: JupyterSettings = JupyterSettings()
    logs: LogThresholds = LogThresholds()
    containers: ContainerThresholds = ContainerThresholds()
    cpu_interval_s: Positive = 0.5
    """Time between the two samples from which the use of the CPUs, whole and by process, is measured."""
    mount_limit_s: Positive = 2.0
    """A mount whose file system does not answer for this long hangs: a finding, and not judged otherwise."""
    mounts_ignore: tuple[str, ...] = ("/proc/**", "/sys/**", "/dev/**", "/run/**", "/snap/**", "/boot/efi")
    """Globs of mount points whose space and inodes are not judged."""
    disabled_collectors: tuple[str, ...] = ()
    """Names of collectors that no scan runs."""
    disabled_checks: tuple[str, ...] = ()
    """Ids of checks that judge nothing."""
    targets: tuple[Target, ...] = ()
    """Targets beside those added over REST; the default needs none."""
    log_quiet_s: Positive = 24 * 3600.0
    """An issue about log records resolves when its logs were read and brought none of it for this long."""
    flap_start_ratio: Ratio = 0.30
    """Weighted share of an issue's last 21 looks that must differ from the one before for it to start flapping."""
    flap_stop_ratio: Ratio = 0.20
    """Below this share it stops flapping."""
    lease_s: Positive = 15.0
    """A running scan whose server has not renewed it for this long is taken for dead; a server killed on the same
    machine is known to be dead at once."""
    keep_scans: Count = 1000
    """Finished scans kept, with their health samples."""
    keep_resolved_days: Positive = 90.0
    """Issues resolved longer ago than this are forgotten, with their history."""


class ScheduleSettings(Section, frozen=True):
    """One scan on a clock."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    cron: str
    """Five fields, evaluated in ``timezone``."""
    scope: Literal["full", "incremental"]
    timezone: str = "UTC"
    """IANA name of the zone in which the fields are meant."""
    grace_s: Positive = 6 * 3600.0
    """A missed fire is made up once when it is no older than this."""


DEFAULT_SCHEDULES = (
    ScheduleSettings(name="full", cron="0 2 * * *", scope="full"),
    ScheduleSettings(name="incremental", cron="0 */4 * * *", scope="incremental"),
)
