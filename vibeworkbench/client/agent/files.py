"""Files that grow, and what a program writes into this one's standard input, line by line.

A file's mark is device, inode and offset. A file of another inode at the same path is a new file, and the old one was
read to its end before: it is held open as long as it is followed. One that is shorter than its mark was truncated.
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from vibeworkbench.client.agent.intake import Intake
from vibeworkbench.client.agent.model import known

POLL_S = 0.5
READ_BYTES = 2**20
LINE_BYTES = 256 * 2**10
"""A longer line is cut: what follows its beginning is a line of its own."""


@dataclass(slots=True)
class _Followed:
    file: BinaryIO
    key: str
    offset: int
    rest: bytes = b""


class Files:
    """Follows the files of some globs.

    Args:
        intake: Where lines go.
        patterns: The globs.
        container_id: For whom it speaks.
        container_name: The same, for people.
    """

    def __init__(self, intake: Intake, patterns: tuple[str, ...], container_id: str, container_name: str) -> None:
        self._intake = intake
        self._patterns = patterns
        self._of = {"containerId": container_id, "containerName": container_name}
        self._followed: dict[str, _Followed] = {}

    async def run(self) -> None:
        """What is written arrives, until this is cancelled."""
        while True:
            if not await self.sweep():
                await asyncio.sleep(POLL_S)

    async def sweep(self) -> bool:
        """Whether there was anything new in any file; it is kept."""
        found = False
        for path in await asyncio.to_thread(self._paths):
            found |= await self._read(path)
        return found

    def _paths(self) -> list[str]:
        return sorted({path for pattern in self._patterns for path in glob.glob(pattern, recursive=True)})  # noqa: PTH207 - patterns may be absolute

    async def _read(self, path: str) -> bool:
        followed = self._followed.get(path)
        if followed is None or _is_other(followed, path):
            if followed is not None and await self._take(path, followed, last=True):
                return True
            followed = self._begun(path)
        return followed is not None and await self._take(path, followed)

    def _begun(self, path: str) -> _Followed | None:
        old = self._followed.pop(path, None)
        if old is not None:
            old.file.close()
        try:
            file = Path(path).open("rb", buffering=0)  # noqa: SIM115 - held open: a rotated file is read to its end
        except OSError:
            return None
        status = os.fstat(file.fileno())
        key = f"file:{status.st_dev}:{status.st_ino}"
        mark = self._intake.mark_of(key) or {}
        offset = int(mark.get("offset", 0))
        self._followed[path] = _Followed(file, key, offset if offset <= status.st_size else 0)
        return self._followed[path]

    async def _take(self, path: str, followed: _Followed, *, last: bool = False) -> bool:
        if os.fstat(followed.file.fileno()).st_size < followed.offset + len(followed.rest):
            followed.offset, followed.rest = 0, b""  # truncated
        content = os.pread(followed.file.fileno(), READ_BYTES, followed.offset + len(followed.rest))
        lines, rest = _lines(followed.rest + content, last=last and not content)
        taken = len(followed.rest) + len(content) - len(rest)
        followed.rest = rest
        if not taken:
            return bool(content)
        records = [("logs", self._record(line, path)) for line in lines if line]
        await self._intake.put(records, {followed.key: {"offset": followed.offset + taken}})
        followed.offset += taken
        return True

    def _record(self, line: str, path: str) -> Mapping[str, Any]:
        return known(**self._of, message=line, attributes={"path": path})


def _is_other(followed: _Followed, path: str) -> bool:
    with contextlib.suppress(OSError):
        status, held = Path(path).stat(), os.fstat(followed.file.fileno())
        return (status.st_dev, status.st_ino) != (held.st_dev, held.st_ino)
    return False


def _lines(content: bytes, *, last: bool) -> tuple[list[str], bytes]:
    """The whole lines, and what is left; a line too long is cut, and at the file's end what is left is one."""
    *whole, rest = content.split(b"\n")
    while len(rest) > LINE_BYTES or (last and rest):
        whole.append(rest[:LINE_BYTES])
        rest = rest[LINE_BYTES:]
    return [line.removesuffix(b"\r").decode("utf-8", "replace") for line in whole], rest


async def standard_input(intake: Intake, container_id: str, container_name: str, descriptor: int = 0) -> None:
    """Lines of the standard input are kept as they come, until it ends."""
    of = {"containerId": container_id, "containerName": container_name, "stream": "stdout"}
    rest = b""
    while content := await asyncio.to_thread(os.read, descriptor, READ_BYTES):
        lines, rest = _lines(rest + content, last=False)
        await intake.put([("logs", known(**of, message=line)) for line in lines if line])
    if rest:
        await intake.put([("logs", known(**of, message=rest.decode("utf-8", "replace")))])
