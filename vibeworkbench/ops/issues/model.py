"""Issues and their life cycle, as a table. Pure: time is an argument.

               acknowledge      claim            resolve     mute     reopen     a scan
    open       → acknowledged   → in_progress    → resolved  → muted             well again → resolved
    acknowledged                → in_progress    → resolved  → muted  → open     well again → resolved
    in_progress                                  → resolved  → muted  → open     well again → resolved
    muted                                        → resolved  → muted  → open     until over → as before, or resolved
    resolved                                                          → open     back again → open

``reopen`` of an issue somebody acknowledged or claimed puts it back for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from vibeworkbench.errors import Conflict, InvalidInput
from vibeworkbench.ops.model import Severity


class State(StrEnum):
    """Where an issue stands."""

    open = "open"
    acknowledged = "acknowledged"
    in_progress = "in_progress"
    muted = "muted"
    resolved = "resolved"


class Verb(StrEnum):
    """What moves an issue: the first five are a person's, the others a scan's."""

    acknowledge = "acknowledge"
    claim = "claim"
    resolve = "resolve"
    mute = "mute"
    reopen = "reopen"
    clear = "clear"
    recur = "recur"
    unmute = "unmute"


_UNRESOLVED = (State.open, State.acknowledged, State.in_progress, State.muted)

TABLE: Mapping[tuple[State, Verb], frozenset[State]] = {
    (State.open, Verb.acknowledge): frozenset({State.acknowledged}),
    (State.open, Verb.claim): frozenset({State.in_progress}),
    (State.acknowledged, Verb.claim): frozenset({State.in_progress}),
    **{(state, Verb.resolve): frozenset({State.resolved}) for state in _UNRESOLVED},
    **{(state, Verb.mute): frozenset({State.muted}) for state in _UNRESOLVED},
    **{(state, Verb.reopen): frozenset({State.open}) for state in State if state is not State.open},
    **{(state, Verb.clear): frozenset({State.resolved}) for state in _UNRESOLVED},
    (State.resolved, Verb.recur): frozenset({State.open}),
    (State.muted, Verb.unmute): frozenset({State.open, State.acknowledged, State.in_progress}),
}
"""Present state and verb → the states it may lead to; what is missing is not allowed."""

LONGEST_MUTE = timedelta(days=3653)

PERSONS_VERBS = (Verb.acknowledge, Verb.claim, Verb.resolve, Verb.mute, Verb.reopen)


@dataclass(frozen=True, slots=True)
class Issue:
    """Findings of one fingerprint over time.

    Attributes:
        issue_id: Its name in addresses.
        fingerprint: Which trouble it is; no two issues share one.
        check: Id of the check that judged.
        collector: Whose looks it rests on.
        subject: What it is about.
        target: The target (``http:shop``) or, without one, the collector that its health counts for.
        type: Kind of trouble.
        severity: That of the newest finding.
        title: That of the newest finding.
        first_seen_at: When it was first seen, aware UTC.
        last_seen_at: When it was last seen; never goes back, even when the clock does.
        state_changed_at: When it came into its present state; never goes back.
        hint: What to do next.
        evidence: The newest finding's facts.
        resolves_by_absence: Whether a look that no longer finds it resolves it; else a quiet time does.
        state: Where it stands.
        count: Sum of the occurrences of all its findings.
        claimed_by: Who works on it.
        resolution: Why it is resolved.
        note: What the last person who moved it said.
        muted_until: When its mute ends.
        muted_from: The state it returns to then.
        flapping: Whether it comes and goes too often for each time to matter; rooms hear each with this mark.
        reopened_count: How often it came back after a resolution.
        looks: The last 21 verdicts, see :mod:`vibeworkbench.ops.issues.flapping`.
        revision: Number of the transaction that last touched it.
    """

    issue_id: str
    fingerprint: str
    check: str
    collector: str
    subject: str
    target: str
    type: str
    severity: Severity
    title: str
    first_seen_at: datetime
    last_seen_at: datetime
    state_changed_at: datetime
    hint: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    resolves_by_absence: bool = True
    state: State = State.open
    count: int = 0
    claimed_by: str | None = None
    resolution: str | None = None
    note: str | None = None
    muted_until: datetime | None = None
    muted_from: State | None = None
    flapping: bool = False
    reopened_count: int = 0
    looks: int = 0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of an issue's history.

    ``came_from`` is ``None`` when the issue was filed; equal to ``to`` when only severity or flapping changed.
    """

    at: datetime
    came_from: State | None
    to: State
    actor: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of an issue; ``before`` is ``None`` when it is new, ``transition`` when only sightings changed."""

    before: Issue | None
    after: Issue
    transition: Transition | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants of an issue. ``resolve`` needs a ``resolution``, ``mute`` an ``until`` in the future."""

    verb: Verb
    actor: str
    note: str | None = None
    resolution: str | None = None
    until: datetime | None = None


def acted(issue: Issue, wish: Wish, now: datetime) -> Change:
    """The change that a person's wish makes.

    Raises:
        InvalidInput: ``resolution`` or ``until`` is missing or cannot be meant.
        Conflict: The present state does not allow it; says the state, who claimed it, and what is allowed.
    """
    if wish.verb is Verb.resolve and not (wish.resolution or "").strip():
        raise InvalidInput("resolve needs a resolution: a sentence that says why it is well", field="resolution")
    if wish.verb is Verb.mute and (wish.until is None or wish.until <= now):
        raise InvalidInput("mute needs an until in the future", field="until")
    if wish.until is not None and wish.until - now > LONGEST_MUTE:
        raise InvalidInput("until: at most ten years from now", field="until")
    _refuse_impossible(issue, wish.verb)
    wished = {
        Verb.acknowledge: _acknowledged,
        Verb.claim: _claimed,
        Verb.resolve: _resolved,
        Verb.mute: _muted,
        Verb.reopen: _reopened,
    }[wish.verb](issue, wish)
    note = wish.note or wish.resolution or ""
    return Change(issue, *moved(issue, replace(wished, note=wish.note), now, wish.actor, note))


def allowed_verbs(state: State) -> list[str]:
    """What a person may do with an issue in this state."""
    return [verb.value for verb in PERSONS_VERBS if (state, verb) in TABLE]


def _refuse_impossible(issue: Issue, verb: Verb) -> None:
    if (issue.state, verb) not in TABLE or verb not in PERSONS_VERBS:
        raise Conflict(
            f"cannot {verb.value} an issue that is {issue.state.value}",
            issueId=issue.issue_id,
            state=issue.state.value,
            claimedBy=issue.claimed_by,
            allowed=allowed_verbs(issue.state),
        )


def _acknowledged(issue: Issue, _wish: Wish) -> Issue:
    return replace(issue, state=State.acknowledged)


def _claimed(issue: Issue, wish: Wish) -> Issue:
    return replace(issue, state=State.in_progress, claimed_by=wish.actor)


def _resolved(issue: Issue, wish: Wish) -> Issue:
    return cleared(issue, wish.resolution or "")


def _muted(issue: Issue, wish: Wish) -> Issue:
    before = issue.muted_from if issue.state is State.muted else issue.state
    return replace(issue, state=State.muted, muted_until=wish.until, muted_from=before)


def _reopened(issue: Issue, _wish: Wish) -> Issue:
    return recurred(issue) if issue.state is State.resolved else replace(_unbound(issue), state=State.open)


def _unbound(issue: Issue) -> Issue:
    return replace(issue, claimed_by=None, resolution=None, muted_until=None, muted_from=None)


def cleared(issue: Issue, resolution: str) -> Issue:
    """The issue, resolved for this reason; who had claimed it stays visible."""
    return replace(issue, state=State.resolved, resolution=resolution, muted_until=None, muted_from=None)


def recurred(issue: Issue) -> Issue:
    """The resolved issue, open again and nobody's."""
    return replace(_unbound(issue), state=State.open, reopened_count=issue.reopened_count + 1)


def unmuted(issue: Issue) -> Issue:
    """The muted issue, back in the state it had."""
    return replace(issue, state=issue.muted_from or State.open, muted_until=None, muted_from=None)


def moved(before: Issue, after: Issue, now: datetime, actor: str, note: str) -> tuple[Issue, Transition]:
    """The issue in the state of ``after``, and its line of history; times never go back, even when the clock does."""
    at = max(now, before.state_changed_at)
    return replace(after, state_changed_at=at), Transition(at, before.state, after.state, actor, note)


def retired(issue: Issue, now: datetime, actor: str, reason: str) -> Change:
    """The change that resolves an unresolved issue because nobody will look at its subject any more."""
    return Change(issue, *moved(issue, cleared(issue, reason), now, actor, reason))
