"""Checks judge a snapshot, each one apart from the others: one that crashes or hangs costs only its own judgement."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from typing import Any

from vibeworkbench.ops.checks import Check, CheckContext
from vibeworkbench.ops.checks.scan import crashed_check_finding
from vibeworkbench.ops.model import Finding, Look, LookState, Severity, Snapshot
from vibeworkbench.ops.threads import started

log = logging.getLogger(__name__)

_JSON_INTEGERS = range(-(2**63), 2**64)


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
        return tuple(check for check in self.checks if check.collector in looked)

    async def judge(self, snapshot: Snapshot, context: CheckContext, until: float) -> Judgement:
        """What the checks think of the snapshot.

        Args:
            snapshot: What was seen; checks of collectors that did not look do not judge.
            context: What checks may know beside it.
            until: ``time.monotonic()`` at which a check that has not finished is left alone.
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
        await asyncio.wait({future}, timeout=max(0.1, until - time.monotonic()))
        if not future.done():
            self._hanging[check.id] = thread
            future.cancel()
            raise TimeoutError(f"{check.id} did not finish")
        return future.result()


def _found(check: Check, snapshot: Snapshot, context: CheckContext) -> tuple[Finding, ...]:
    return tuple(storable(finding, check) for finding in check.judge(snapshot, context))


def storable(finding: Any, check: Check) -> Finding:
    """The finding of ``check`` with nothing in it that JSON or a database refuses; that is what its fingerprint says.

    Raises:
        TypeError: It is no finding, or has fields of other types than a finding's.
        ValueError: It is another check's, so that nothing would ever resolve it.
    """
    if not isinstance(finding, Finding) or not isinstance(finding.severity, Severity):
        raise TypeError(f"a check yields findings, not {type(finding).__name__}")
    if (finding.check, finding.collector) != (check.id, check.collector):
        raise ValueError(f"check {check.id} yields a finding of {finding.check}")
    if any(at is not None and at.utcoffset() is None for at in (finding.first_record_at, finding.last_record_at)):
        raise TypeError("a record's instant lacks its time zone")
    return replace(
        finding,
        subject=_text(finding.subject),
        title=_text(finding.title),
        hint=_text(finding.hint),
        type=_text(finding.type),
        signature=_text(finding.signature),
        occurrences=int(finding.occurrences),
        evidence=_plain(finding.evidence),
    )


def _text(text: str) -> str:
    """``text`` with lone surrogates (undecodable file names) and NULs written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | float():
            return value
        case Enum():
            return _plain(value.value)
        case str():
            return _text(value)
        case int():
            return value if value in _JSON_INTEGERS else str(value)
        case Mapping():
            return {_text(str(key)): _plain(inner) for key, inner in value.items()}
        case date():
            return value.isoformat()
        case Sequence() | set() | frozenset():
            return [_plain(inner) for inner in value]
        case _:
            return _text(str(value))
