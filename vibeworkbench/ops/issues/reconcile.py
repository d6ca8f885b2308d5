"""What a scan's findings do to the issues that are known. Pure.

The rules, in the order in which they matter:

- One fingerprint is one issue. It counts occurrences; severity, title and evidence are those of the newest finding.
- A resolved issue that is found again reopens. A muted one stays so until its time, then returns to the state it had.
- *Not found* means *well* only with evidence: the check judged without crashing, and the look of its collector covers
  the subject (:meth:`Look.covers`). A collector that failed, timed out, was skipped or filtered out resolves nothing.
  The scope does not matter: a collector that reads only what is new says so by what it covers.
- Issues about log records resolve after a quiet time in which the logs were read, and reopen only on later records.
- A target whose source was read from its beginning has started anew: an issue about its records is found again however
  old they are, and counts these only, since they hold those that it counted before.
- Records that were counted before (``occurrences`` 0), or that another scan counts, refresh nothing and keep nothing
  from being quiet.
- Evidence older than a change is no evidence against it: an issue that a person or another scan touched while this scan
  was looking keeps its state. Revisions say so, not clocks, which may step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vibeworkbench.ops.issues.flapping import flaps, remembered
from vibeworkbench.ops.issues.model import Change, Issue, State, Transition, cleared, moved, recurred, unmuted
from vibeworkbench.ops.model import Finding, Look
from vibeworkbench.settings import OpsSettings

ACTOR = "scan"
"""Who moves issues when it is no person."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings of the life cycle.

    Attributes:
        quiet: How long an issue about log records must be quiet to be well.
        flap_start_ratio: Above this share of changes it starts flapping.
        flap_stop_ratio: Below this share it stops.
    """

    quiet: timedelta
    flap_start_ratio: float
    flap_stop_ratio: float


def rules_of(settings: OpsSettings) -> Rules:
    """The rules that the settings say."""
    return Rules(timedelta(seconds=settings.log_quiet_s), settings.flap_start_ratio, settings.flap_stop_ratio)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one scan brought home.

    Attributes:
        findings: All of them, whatever is reported.
        looks: The collectors' looks, the scan's look at itself among them.
        judged: Ids of the checks that judged to their end.
        revision: The issues' revision when the scan began to look.
        targets: Subject → the target that its health counts for; one that is missing counts for its collector.
        uncounted: Collectors whose records a later or another scan counts, because their cursors do not move here.
        first_read: Targets whose sources were read from their beginning.
    """

    findings: Sequence[Finding]
    looks: Mapping[str, Look]
    judged: frozenset[str]
    revision: int
    targets: Mapping[str, str]
    uncounted: frozenset[str] = frozenset()
    first_read: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Sighting:
    """The findings of one fingerprint in one scan: the worst stands for all, its occurrences are their sum.

    ``anew`` says that these records hold all that were counted before.
    """

    finding: Finding
    occurrences: int
    anew: bool

    @property
    def last_at(self) -> datetime | None:
        return self.finding.last_record_at


def reconcile(evidence: Evidence, known: Iterable[Issue], rules: Rules, now: datetime) -> tuple[Change, ...]:
    """What becomes of the issues.

    Args:
        evidence: What the scan brought home.
        known: Every unresolved issue, every one of a found fingerprint, and every resolved one whose remembered looks
            still disagree (:func:`vibeworkbench.ops.issues.flapping.settled`), so that these remember a quiet look too.
        rules: Settings of the life cycle.
        now: When the findings are filed, aware UTC.

    Returns:
        One change for each issue that is touched, new ones last, in the order of the findings.
    """
    sightings = _sightings(evidence)
    met = {issue.fingerprint: issue for issue in known}
    changes = [
        change
        for issue in met.values()
        if (change := _of_known(issue, sightings.get(issue.fingerprint), evidence, rules, now)) is not None
    ]
    changes += [
        _filed(sighting, evidence, now)
        for fingerprint, sighting in sightings.items()
        if fingerprint not in met and sighting.finding.occurrences > 0
    ]
    return tuple(changes)


def _sightings(evidence: Evidence) -> dict[str, _Sighting]:
    grouped: dict[str, list[Finding]] = {}
    for finding in evidence.findings:
        grouped.setdefault(finding.fingerprint, []).append(finding)
    return {fingerprint: _merged(findings, evidence) for fingerprint, findings in grouped.items()}


def _merged(findings: Sequence[Finding], evidence: Evidence) -> _Sighting:
    worst = max(findings, key=lambda finding: finding.severity)
    firsts = [finding.first_record_at for finding in findings if finding.first_record_at]
    lasts = [finding.last_record_at for finding in findings if finding.last_record_at]
    found = sum(finding.occurrences for finding in findings)
    whole = replace(
        worst,
        occurrences=found,
        first_record_at=min(firsts, default=None),
        last_record_at=max(lasts, default=None),
    )
    later = whole.collector in evidence.uncounted and not whole.resolves_by_absence
    anew = not whole.resolves_by_absence and evidence.targets.get(whole.subject) in evidence.first_read
    return _Sighting(whole, 0 if later else found, anew)


def _filed(sighting: _Sighting, evidence: Evidence, now: datetime) -> Change:
    finding = sighting.finding
    last_seen_at = min(finding.last_record_at or now, now)
    issue = Issue(
        issue_id=finding.fingerprint,
        fingerprint=finding.fingerprint,
        check=finding.check,
        collector=finding.collector,
        subject=finding.subject,
        target=evidence.targets.get(finding.subject, finding.collector),
        type=finding.type,
        severity=finding.severity,
        title=finding.title,
        first_seen_at=min(finding.first_record_at or last_seen_at, last_seen_at),
        last_seen_at=last_seen_at,
        state_changed_at=now,
        hint=finding.hint,
        evidence=finding.evidence,
        resolves_by_absence=finding.resolves_by_absence,
        count=sighting.occurrences,
        looks=remembered(0, seen=True),
    )
    return Change(None, issue, Transition(now, None, State.open, ACTOR))


def _of_known(
    issue: Issue, sighting: _Sighting | None, evidence: Evidence, rules: Rules, now: datetime
) -> Change | None:
    seen: bool | None
    if sighting is not None and (sighting.occurrences > 0 or issue.resolves_by_absence):
        seen = sighting.occurrences > 0 or None
        after = _refreshed(issue, sighting, now) if seen else issue
    else:
        seen = False if _is_well(issue, evidence, rules, now) else None
        after = issue
    if seen is not None and issue.resolves_by_absence:
        after = replace(after, looks=remembered(issue.looks, seen))
        after = replace(
            after, flapping=flaps(after.looks, issue.flapping, rules.flap_start_ratio, rules.flap_stop_ratio)
        )
    final, note = _placed(after, seen, sighting, evidence, now)
    return _change(issue, final, note, now)


def _is_well(issue: Issue, evidence: Evidence, rules: Rules, now: datetime) -> bool:
    look = evidence.looks.get(issue.collector)
    if look is None or issue.check not in evidence.judged or not look.covers(issue.subject):
        return False
    if issue.resolves_by_absence:
        return True
    return issue.collector not in evidence.uncounted and now - issue.last_seen_at >= rules.quiet


def _refreshed(issue: Issue, sighting: _Sighting, now: datetime) -> Issue:
    finding = sighting.finding
    return replace(
        issue,
        severity=finding.severity,
        title=finding.title,
        hint=finding.hint,
        type=finding.type,
        evidence=finding.evidence,
        count=sighting.occurrences + (0 if sighting.anew else issue.count),
        last_seen_at=max(issue.last_seen_at, min(sighting.last_at or now, now)),
    )


def _placed(
    issue: Issue, seen: bool | None, sighting: _Sighting | None, evidence: Evidence, now: datetime
) -> tuple[Issue, str]:
    """The issue in the state that the verdict asks for, and why."""
    if issue.revision > evidence.revision:
        return issue, ""
    if issue.state is State.muted:
        return _after_mute(issue, seen, now)
    if seen is False and issue.state is not State.resolved:
        return cleared(issue, _reason(issue)), _reason(issue)
    if seen and issue.state is State.resolved and sighting is not None and _is_later(sighting, issue):
        return recurred(issue), "found again"
    return issue, ""


def _after_mute(issue: Issue, seen: bool | None, now: datetime) -> tuple[Issue, str]:
    if issue.muted_until is not None and now < issue.muted_until:
        return issue, ""
    last_seen = seen if seen is not None else bool(issue.looks & 1)
    if not last_seen:
        return cleared(issue, _reason(issue)), f"the mute is over; {_reason(issue)}"
    return unmuted(issue), "the mute is over and it is still there"


def _is_later(sighting: _Sighting, issue: Issue) -> bool:
    if issue.resolves_by_absence or sighting.anew or sighting.last_at is None:
        return True
    return sighting.last_at > issue.state_changed_at


def _reason(issue: Issue) -> str:
    return "a look no longer finds it" if issue.resolves_by_absence else "no further records in the quiet time"


def _change(before: Issue, after: Issue, note: str, now: datetime) -> Change | None:
    said = [note] if note else []
    if after.severity is not before.severity:
        said.append(f"severity {before.severity.name} → {after.severity.name}")
    if after.flapping is not before.flapping:
        said.append("flapping" if after.flapping else "no longer flapping")
    if not said:
        return None if after == before else Change(before, after)
    if after.state is before.state:
        transition = Transition(max(now, before.state_changed_at), before.state, after.state, ACTOR, "; ".join(said))
    else:
        after, transition = moved(before, after, now, ACTOR, "; ".join(said))
    return Change(before, after, transition)
