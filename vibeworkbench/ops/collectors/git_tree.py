"""A git work tree: where it stands and which files it tracks. Reads only; runs no hook and asks no network."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from vibeworkbench.ops.collectors.programs import Ran, plain_environment, ran

_REGULAR_FILES = ("100644", "100755")
_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


class TreeUnreadable(Exception):
    """The folder cannot be looked at; the message goes on after the workspace's name."""


@dataclass(frozen=True, slots=True)
class GitTree:
    """A work tree.

    Attributes:
        folder: The workspace's folder: the work tree or a folder in it.
        timeout_s: Limit for one git command.
    """

    folder: Path
    timeout_s: float

    async def position(self) -> dict[str, str]:
        """Where the tree stands: equal as long as neither HEAD, the index nor a tracked file changes.

        Raises:
            TreeUnreadable: No folder, no git, no repository, or not ours to read.
        """
        await self._be_readable()
        head = await self._git("rev-parse", "--verify", "--quiet", "HEAD")
        status = await self._git(
            "status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all", "--", "."
        )
        edited = await self._git("ls-files", "-z", "--modified")
        digest = hashlib.blake2b(status.output, digest_size=16)
        await asyncio.to_thread(self._add_stamps, digest, edited.output)
        return {"head": head.output.decode().strip(), "status": digest.hexdigest()}

    async def files(self) -> tuple[str, ...]:
        """The tracked regular files, as paths relative to the folder, in order; no links, no submodules."""
        listed = await self._git("ls-files", "-z", "--stage")
        entries = (entry.partition("\t") for entry in os.fsdecode(listed.output).split("\0") if entry)
        return tuple(sorted({path for facts, _, path in entries if facts.startswith(_REGULAR_FILES)}))

    def _add_stamps(self, digest: hashlib.blake2b, edited: bytes) -> None:
        """The digest tells the versions of edited files apart, which ``git status`` does not."""
        for path in edited.split(b"\0"):
            try:
                stamp = os.lstat(os.fsencode(self.folder) + b"/" + path)
            except OSError:
                continue
            digest.update(b"%s\0%d\0%d\0" % (path, stamp.st_mtime_ns, stamp.st_size))

    async def _be_readable(self) -> None:
        """The folder is in a git work tree that we may read."""
        if shutil.which("git") is None:
            raise TreeUnreadable("cannot be looked at: git is not installed")
        if not await asyncio.to_thread(self.folder.is_dir):
            raise TreeUnreadable("cannot be looked at: its folder does not exist or is closed to this server")
        found = await self._run("rev-parse", "--is-inside-work-tree")
        if found.code is None:
            raise TreeUnreadable(f"cannot be looked at: git did not answer within {self.timeout_s:g} s")
        if "dubious ownership" in found.errors:
            raise TreeUnreadable("belongs to another user: git refuses it until it is listed in safe.directory")
        if found.code != 0 or found.output.strip() != b"true":
            raise TreeUnreadable("is not a git work tree")

    async def _git(self, *arguments: str) -> Ran:
        """A git command that has succeeded; ``rev-parse --verify`` may find nothing in a new repository."""
        done = await self._run(*arguments)
        if done.code == 0 or (done.code == 1 and "--verify" in arguments):
            return done
        if done.code is None:
            raise TreeUnreadable(f"cannot be looked at: git {arguments[0]} did not end within {self.timeout_s:g} s")
        raise TreeUnreadable(f"cannot be looked at: git {arguments[0]} ended with code {done.code}")

    async def _run(self, *arguments: str) -> Ran:
        environment = plain_environment(
            {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}
        )
        return await ran(
            ("git", "--no-pager", *_QUIET, *arguments),
            folder=self.folder,
            environment=environment,
            timeout_s=self.timeout_s,
        )
