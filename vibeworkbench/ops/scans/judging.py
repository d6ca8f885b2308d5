"""Checks judge a snapshot, each one apart from the others: one that crashes or hangs costs only its own judgement."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from vibeworkbench.ops.checks import Check, CheckContext
from vibeworkbench.ops.checks.scan import crashed_check_finding
from vibeworkbench.ops.model import Finding, Look, LookState, Snapshot
from vibeworkbench.ops.scans.storable import storable
from vibeworkbench.ops.scans.threads import started

log = logging.getLogger(__name__)

_LEAST_S = 0.1
"""What each check has, however late it is."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the checks found, those that crashed among it, and the ids of the checks that judged to their end."""

    findings: tuple[Finding, ...]
    judged: frozenset[str]


@dataclass(slots=True)
class Judges:
    """The checks, and the threads of those that hang."""

    checks: tuple[Check, ...]
    _hanging: dict[str, threading.Thread] = field(default_factory=dict)

    def present(self, looks: Iterable[Look]) -> tuple[Check, ...]:
        """The checks whose collector has looked."""
        looked = {look.collector for look in looks if look.state is not LookState.skipped}
        return tuple(check for check in self.checks if check.judged & looked)

    async def judge(self, snapshot: Snapshot, context: CheckContext, until: float) -> Judgement:
        """What the checks think of the snapshot.

        Args:
            snapshot: What was seen; checks of collectors that did not look do not judge.
            context: What checks may know beside it.
            until: ``time.monotonic()`` at which all are to be done; a check has half of the time that is left when its
                turn comes, so that one that hangs leaves some to those after it.
        """
        findings: list[Finding] = []
        judged: set[str] = set()
        for check in self.present(snapshot.looks):
            try:
                findings += await self._judgement(check, snapshot, context, until)
                judged.add(check.id)
            except Exception as error:  # border: a stranger's check may raise anything
                log.exception("check %s crashed", check.id)
                findings.append(crashed_check_finding(check.id, type(error).__name__))
        return Judgement(tuple(findings), frozenset(judged))

    async def _judgement(
        self, check: Check, snapshot: Snapshot, context: CheckContext, until: float
    ) -> tuple[Finding, ...]:
        if (thread := self._hanging.get(check.id)) is not None and thread.is_alive():
            raise TimeoutError(f"{check.id} still hangs from an earlier scan")
        future, thread = started(lambda: _found(check, snapshot, context), f"vw-check-{check.id}")
        await asyncio.wait({future}, timeout=max(_LEAST_S, (until - time.monotonic()) / 2))
        if not future.done():
            self._hanging[check.id] = thread
            future.cancel()
            raise TimeoutError(f"{check.id} did not finish")
        return future.result()


def _found(check: Check, snapshot: Snapshot, context: CheckContext) -> tuple[Finding, ...]:
    return tuple(storable(finding, check) for finding in check.judge(snapshot, context))
