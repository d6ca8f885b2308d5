"""What tests of following share: a follower with real spool and warehouse, in this process or one to be killed."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.logs.staging import opened
from tests.patience import PATIENCE_S
from vibeworkbench.logs.asking import Wanted
from vibeworkbench.logs.follower import Follower
from vibeworkbench.logs.model import Kind
from vibeworkbench.logs.service import Logs
from vibeworkbench.logs.tail.lines import Patience
from vibeworkbench.settings import FilesTarget, LogSettings


@dataclass
class Stage:
    """A follower that runs, what it follows, and where it keeps what it reads."""

    logs: Logs
    follower: Follower
    targets: list[FilesTarget]

    async def messages(self, source: str = "app", kind: Kind = Kind.files) -> list[str]:
        """What is kept of a source once all is read, oldest first."""
        await self.follower.caught_up(30)
        return await kept(self.logs, source, kind)


async def kept(logs: Logs, source: str, kind: Kind = Kind.files) -> list[str]:
    """What is kept of a source, oldest first."""
    lines = await logs.lines(Wanted(kind=kind, source=source, limit=100_000))
    return [line.message for line in sorted(lines, key=lambda line: line.seq)]


@asynccontextmanager
async def followed(
    data: Path, targets: Sequence[FilesTarget], patience: Patience | None = None, **settings: Any
) -> AsyncIterator[Stage]:
    """A follower of these targets, which may change while it runs."""
    async with opened(data, LogSettings(**settings)) as site:
        wanted = [*targets]

        async def present() -> list[FilesTarget]:
            return wanted

        follower = Follower(logs=site.logs, targets=present, patience=patience or Patience(0, 3600))
        await follower.start()
        try:
            yield Stage(site.logs, follower, wanted)
        finally:
            await follower.stop()


def follow(data: Path, target: FilesTarget, ready: Any) -> None:
    """Follows the target until this process is killed."""

    async def always() -> None:
        async with followed(data, [target]) as stage:
            ready.set()
            while True:
                await stage.follower.caught_up(60)

    asyncio.run(always())


def following_process(data: Path, target: FilesTarget) -> ForkServerProcess:
    """A process that follows the target, and has begun to."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ready = context.Event()
    process = context.Process(target=follow, args=(data, target, ready), daemon=True)
    process.start()
    assert ready.wait(PATIENCE_S)
    return process
