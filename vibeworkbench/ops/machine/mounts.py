"""The file systems of this machine: which are real, how full they are, and which of them hang."""

from __future__ import annotations

import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import psutil

from vibeworkbench.ops.machine.procfs import PROC

NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "ncpfs",
        "afs",
        "ceph",
        "glusterfs",
        "lustre",
        "gpfs",
        "beegfs",
        "9p",
        "virtiofs",
        "ocfs2",
        "gfs2",
        "webdav",
    }
)
# Interfaces of the kernel, and images that are always full because nobody can write to them.
UNREAL = frozenset(
    {
        "proc",
        "sysfs",
        "devtmpfs",
        "devpts",
        "devfs",
        "cgroup",
        "cgroup2",
        "mqueue",
        "debugfs",
        "tracefs",
        "securityfs",
        "pstore",
        "bpf",
        "configfs",
        "fusectl",
        "hugetlbfs",
        "autofs",
        "binfmt_misc",
        "rpc_pipefs",
        "nsfs",
        "efivarfs",
        "selinuxfs",
        "binder",
        "fuse.gvfsd-fuse",
        "fuse.portal",
        "fuse.lxcfs",
        "nfsd",
        "ramfs",
        "rootfs",
        "squashfs",
        "iso9660",
        "udf",
        "erofs",
        "cramfs",
        "romfs",
    }
)


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system.

    Attributes:
        point: Where it is mounted.
        device: ``major:minor``; equal for every mount of one file system.
        kind: Type of the file system.
        root: The directory of the file system that is mounted; ``/`` unless it is a bind mount.
        read_only: Whether nothing can be written through this mount.
        upper: The upper directory of an overlay, else empty.
    """

    point: str
    device: str
    kind: str
    root: str = "/"
    read_only: bool = False
    upper: str = ""

    @property
    def may_hang(self) -> bool:
        """Whether it depends on somebody else: the network, or a program in user space."""
        return self.kind in NETWORK or self.kind.startswith("fuse")


@dataclass(frozen=True, slots=True)
class Fill:
    """How full a file system is, as ``df`` counts it: what only root may use counts neither as free nor as used.

    ``inodes_count`` is 0 where the file system has no fixed number of them. ``directory`` says whether the mount point
    is one: a single file mounted into a container is not.
    """

    total_bytes: int
    used_bytes: int
    free_bytes: int
    inodes_count: int
    inodes_free_count: int
    directory: bool
    device: int

    @property
    def space_ratio(self) -> float:
        """Used share of what may be used."""
        usable = self.used_bytes + self.free_bytes
        return self.used_bytes / usable if usable else 0.0

    @property
    def inodes_ratio(self) -> float:
        """Used share of the inodes."""
        return (self.inodes_count - self.inodes_free_count) / self.inodes_count if self.inodes_count else 0.0


def mounts_of(mountinfo: str) -> list[Mount]:
    """The mounts of ``/proc/<pid>/mountinfo``, without those hidden under a later mount at the same point.

    Source: proc_pid_mountinfo(5), https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
    """
    found: dict[str, Mount] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(" "), [*after.split(" "), "", ""][:3]
        upper = re.search(r"(?:^|,)upperdir=([^,]*)", options)
        point = _unescaped(fields[4])
        found.pop(point, None)
        found[point] = Mount(
            point=point,
            device=fields[2],
            kind=kind,
            root=_unescaped(fields[3]),
            read_only="ro" in fields[5].split(",") or "ro" in options.split(","),
            upper=_unescaped(upper[1]) if upper else "",
        )
    return list(found.values())


def system_mounts(proc: Path = PROC) -> list[Mount]:
    """The mounts of this machine, read from the kernel or, where there is no ``/proc``, through psutil."""
    try:
        return mounts_of((proc / "self" / "mountinfo").read_text("utf-8", "surrogateescape"))
    except FileNotFoundError:
        partitions = psutil.disk_partitions(all=False)
        return [Mount(one.mountpoint, one.device, one.fstype, "/", "ro" in one.opts.split(",")) for one in partitions]


def real_mounts(mounts: Iterable[Mount], ignore: Sequence[str]) -> list[Mount]:
    """The mounts whose space is worth judging: real, not ignored, each file system once.

    Of several mounts of one file system the one of its root wins, then the shortest path.

    Args:
        mounts: All mounts.
        ignore: Globs of mount points; ``/run/**`` means ``/run`` and everything below.
    """
    chosen: dict[str, Mount] = {}
    for mount in sorted(mounts, key=lambda one: (one.root != "/", len(one.point), one.point)):
        ignored = any(fnmatchcase(mount.point, glob) or fnmatchcase(mount.point + "/", glob) for glob in ignore)
        if mount.kind not in UNREAL and not ignored:
            chosen.setdefault(mount.device, mount)
    return sorted(chosen.values(), key=lambda one: one.point)


def fill_of(point: str) -> Fill:
    """How full the file system at ``point`` is. May hang for as long as the file system does.

    Raises:
        OSError: It cannot be asked.
    """
    space, entry = os.statvfs(point), os.stat(point)
    return Fill(
        total_bytes=space.f_blocks * space.f_frsize,
        used_bytes=(space.f_blocks - space.f_bfree) * space.f_frsize,
        free_bytes=space.f_bavail * space.f_frsize,
        inodes_count=space.f_files,
        inodes_free_count=space.f_ffree,
        directory=stat.S_ISDIR(entry.st_mode),
        device=entry.st_dev,
    )


class MountGauge:
    """Measures mounts in daemon threads, so that a file system that hangs costs one thread and no scan.

    A thread that hangs is remembered: the mount is reported again without another thread until it returns.

    Args:
        measure: How one mount point is measured; may block for ever.
    """

    def __init__(self, measure: Callable[[str], Fill] = fill_of) -> None:
        self._measure = measure
        self._stuck: dict[str, threading.Thread] = {}

    def fills(self, mounts: Sequence[Mount], limit_s: float) -> dict[str, Fill | OSError | None]:
        """Mount point → how full it is, why it cannot be asked, or ``None`` when it did not answer in time.

        Args:
            mounts: What to measure.
            limit_s: How long to wait for all of them together, seconds.
        """
        self._stuck = {point: thread for point, thread in self._stuck.items() if thread.is_alive()}
        answers: dict[str, Fill | OSError | None] = {mount.point: None for mount in mounts}
        awaited = [mount for mount in mounts if mount.point not in self._stuck]
        local = [mount.point for mount in awaited if not mount.may_hang]
        groups = [local, *([mount.point] for mount in awaited if mount.may_hang)]
        threads = [(group, self._started(group, answers)) for group in groups if group]
        give_up_at = time.monotonic() + limit_s
        for group, thread in threads:
            thread.join(max(give_up_at - time.monotonic(), 0.0))
            if thread.is_alive():
                # The first one without an answer is the one it hangs at; those behind it wait for another scan.
                self._stuck[next(point for point in group if answers[point] is None)] = thread
        return dict(answers)

    def hangs(self, point: str) -> bool:
        """Whether the last measurement stopped at this very mount."""
        return point in self._stuck

    def _started(self, points: Sequence[str], answers: dict[str, Fill | OSError | None]) -> threading.Thread:
        def measured() -> None:
            for point in points:
                try:
                    answers[point] = self._measure(point)
                except OSError as error:
                    answers[point] = error

        thread = threading.Thread(target=measured, name="vibeworkbench-mounts", daemon=True)
        thread.start()
        return thread


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
