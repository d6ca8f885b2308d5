"""Mounts: which are real, which are the same, and which hang."""

from __future__ import annotations

import shutil
import threading

from vibeworkbench.ops.machine.mounts import Fill, Mount, MountGauge, fill_of, mounts_of, real_mounts, system_mounts

MOUNTINFO = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
28 27 254:0 /srv/data /data rw,relatime shared:5 master:1 - ext4 /dev/vda rw
29 27 254:16 / /var/lib\040files rw - xfs /dev/vdb rw
30 27 7:1 / /snap/core ro - squashfs /dev/loop1 ro
31 27 0:50 / /mnt/nfs rw - nfs4 server:/x rw,vers=4.2
32 31 0:51 / /mnt/nfs ro - tmpfs none rw
33 27 0:60 / /merged rw - overlay overlay rw,lowerdir=/l,upperdir=/var/up\040per,workdir=/w
34 27 0:61 / /run rw - tmpfs tmpfs rw
35 27 0:62 / /run/user/0 rw - tmpfs tmpfs rw
36 27 0:63 / /odd rw - fuse.sshfs
""".strip()


def test_mountinfo_is_read():
    """Escapes, optional fields, read-only and overlay options are understood; a hidden mount is left out."""
    mounts = {one.point: one for one in mounts_of(MOUNTINFO)}
    assert mounts["/var/lib files"].kind == "xfs"
    assert mounts["/data"] == Mount("/data", "254:0", "ext4", "/srv/data")
    assert (mounts["/mnt/nfs"].kind, mounts["/mnt/nfs"].read_only) == ("tmpfs", True)
    assert mounts["/merged"].upper == "/var/up per"
    assert mounts["/snap/core"].read_only
    assert (mounts["/odd"].may_hang, mounts["/data"].may_hang) == (True, False)


def test_each_real_file_system_counts_once():
    """Kernel interfaces, images and ignored points are out, and of a bind mount and its origin the origin stays."""
    real = real_mounts(mounts_of(MOUNTINFO), ["/run/**"])
    assert [one.point for one in real] == ["/", "/merged", "/mnt/nfs", "/odd", "/var/lib files"]


def test_of_two_bind_mounts_the_shorter_path_stays():
    """Where the root of a file system is not mounted, one of its directories stands for it."""
    inside = [Mount("/etc/hosts", "8:1", "ext4", "/c/hosts"), Mount("/data", "8:1", "ext4", "/c/data")]
    assert [one.point for one in real_mounts(inside, [])] == ["/data"]


def test_this_machine_has_a_root():
    """The real mounts of this machine have the root among them, measured as ``df`` does."""
    points = [one.point for one in real_mounts(system_mounts(), [])]
    assert "/" in points
    assert fill_of("/").total_bytes == shutil.disk_usage("/").total


def test_a_machine_without_proc_is_asked_through_psutil(tmp_path):
    """Where there is no mountinfo the root is found all the same."""
    assert "/" in {one.point for one in system_mounts(tmp_path)}


def test_what_only_root_may_use_is_neither_free_nor_used():
    """100 blocks, 50 used, 40 for everybody: 56 % full, as df says."""
    seen = Fill(100, 50, 40, 10, 4, directory=True, device=1)
    assert round(seen.space_ratio, 2) == 0.56
    assert seen.inodes_ratio == 0.6
    empty = Fill(0, 0, 0, 0, 0, directory=True, device=1)
    assert (empty.space_ratio, empty.inodes_ratio) == (0.0, 0.0)


def test_a_mount_that_hangs_costs_one_thread_and_no_scan():
    """It is given up after the limit, remembered while it hangs, and measured again when it answers."""
    release, calls = threading.Event(), []

    def measure(point: str) -> Fill:
        calls.append(point)
        if point == "/hangs":
            release.wait()
        return fill_of("/")

    gauge = MountGauge(measure)
    mounts = [Mount("/", "8:1", "ext4"), Mount("/hangs", "0:1", "nfs")]
    try:
        for _ in range(2):
            answers = gauge.fills(mounts, 0.1)
            assert isinstance(answers["/"], Fill)
            assert answers["/hangs"] is None
            assert gauge.hangs("/hangs")
        assert calls.count("/hangs") == 1
        stuck = gauge._stuck["/hangs"]
    finally:
        release.set()
    stuck.join()
    assert isinstance(gauge.fills(mounts, 60)["/hangs"], Fill)
    assert not gauge.hangs("/hangs")


def test_behind_a_local_disk_that_hangs_others_wait():
    """Local file systems share a thread: the first without an answer hangs, those behind it are not covered."""
    release = threading.Event()

    def measure(point: str) -> Fill:
        if point == "/a":
            release.wait()
        return fill_of("/")

    gauge = MountGauge(measure)
    try:
        answers = gauge.fills([Mount("/a", "8:1", "ext4"), Mount("/b", "8:2", "ext4")], 0.1)
        assert answers == {"/a": None, "/b": None}
        assert (gauge.hangs("/a"), gauge.hangs("/b")) == (True, False)
    finally:
        release.set()


def test_a_mount_that_refuses_says_why():
    """A stale handle or a missing right is an answer."""
    answers = MountGauge().fills([Mount("/no/such/point", "8:1", "ext4")], 10)
    assert isinstance(answers["/no/such/point"], FileNotFoundError)
