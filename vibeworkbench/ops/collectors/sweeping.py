"""The sweep: many targets probed at once, within bounds and a deadline, with honest coverage."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.collectors.probing import Outcome
from vibeworkbench.ops.model import Look, LookState, Observation

T = TypeVar("T")

UP, DOWN, UNKNOWN = "up", "down", "unknown"
"""States of a target: as expected; anything else; not found out, because this side had trouble."""

DEADLINE_SHARE = 0.95
"""Share of a look's limit after which a sweep stops by itself and brings home what it has."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What one probe brought.

    Attributes:
        subject: The target's subject.
        observations: What was measured.
        conclusive: Whether the target showed all that is judged of it, so that the absence of a finding means that it
            is well. A target that is down hides whether it is slow; this side's trouble hides everything.
        hindrance: What kept this side from probing at all; empty for a probe that took place.
    """

    subject: str
    observations: tuple[Observation, ...]
    conclusive: bool
    hindrance: str = ""


def probed(kind: str, name: str, outcome: Outcome, attributes: Mapping[str, Any], *, hides: bool = True) -> Probed:
    """The outcome of a probe as observations: ``<kind>.state`` and, when the target was reached, ``<kind>.duration``.

    Args:
        kind: The target's kind.
        name: The target's name.
        outcome: What the probe found.
        attributes: JSON-able facts of the target itself, for the checks.
        hides: Whether a failure leaves other things about the target unknown.
    """
    failure, now, subject = outcome.attempt.failure, datetime.now(UTC), f"{kind}:{name}"
    local = failure is not None and failure.kind == "local"
    state = UP if failure is None else UNKNOWN if local else DOWN
    facts: dict[str, Any] = {
        "name": name,
        "attempts": outcome.attempts,
        "phasesMs": outcome.phases.named_ms(),
        "totalMs": outcome.phases.total_ms(),
        **attributes,
        **outcome.attempt.facts,
    }
    if failure is not None:
        facts["failure"] = {"phase": failure.phase, "kind": failure.kind, "reason": failure.reason}
    observations = [Observation(f"{kind}.state", subject, state, "state", now, facts)]
    if failure is None or outcome.attempt.facts:
        observations.append(Observation(f"{kind}.duration", subject, facts["totalMs"], "milliseconds", now))
    return Probed(
        subject,
        tuple(observations),
        conclusive=failure is None or not (hides or local),
        hindrance=failure.reason if failure is not None and local else "",
    )


async def sweep(
    order: LookOrder, collector: str, targets: Sequence[T], probe: Callable[[T], Awaitable[Probed]]
) -> Look:
    """The look over ``targets``: each probed once, at most ``probes_at_once`` at the same time, within the deadline.

    What was not probed when the time ran out is not covered, so none of its issues is resolved. How the sweep went as a
    whole is an observation too, ``<collector>.sweep``; one over some of the targets says nothing good about the whole.
    """
    began = time.perf_counter()
    done: list[Probed] = []
    waiting = iter(targets)

    async def worker() -> None:
        for target in waiting:  # shared by all workers: each target goes to one of them
            done.append(await probe(target))
            order.progress(len(done), len(targets))

    with suppress(TimeoutError):
        async with asyncio.timeout(order.deadline_s * DEADLINE_SHARE), asyncio.TaskGroup() as group:
            for _ in range(min(order.settings.probes_at_once, len(targets))):
                group.create_task(worker())
    state, reason = _ending(done, len(targets))
    covered = {one.subject for one in done if one.conclusive}
    facts = {"probed": len(done), "targets": len(targets), "reason": reason}
    whole = Observation(f"{collector}.sweep", f"{collector}-sweep", state.value, "state", datetime.now(UTC), facts)
    return Look(
        collector=collector,
        state=state,
        observations=(*(seen for one in done for seen in one.observations), whole),
        covered=frozenset(covered if order.narrowed else {*covered, whole.subject}),
        records=len(done),
        duration_ms=(time.perf_counter() - began) * 1e3,
        reason=reason,
    )


def _ending(done: Sequence[Probed], total: int) -> tuple[LookState, str]:
    """How a sweep ended, and why not well."""
    reasons = sorted({one.hindrance for one in done if one.hindrance})
    if len(done) < total:
        reasons.append(f"the time ran out after {len(done)} of {total} targets")
    if not reasons:
        return LookState.ok, ""
    return (LookState.partial if done else LookState.timed_out), "; ".join(reasons)
