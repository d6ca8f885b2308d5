"""Judging log records: errors, what is new, spikes; and sources that fail more often, fall silent, or restart."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from vibeworkbench.logs.judging.model import HOURS
from vibeworkbench.logs.judging.rates import SpikeRules, spikes
from vibeworkbench.logs.judging.ratios import rises
from vibeworkbench.logs.judging.silence import (
    RestartRules,
    Restarts,
    SilenceRules,
    ended_by_itself,
    restarts_of,
    says_start,
    silence_of,
)
from vibeworkbench.logs.model import Level
from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.checks.units import in_time
from vibeworkbench.ops.model import Finding, Observation, Severity, Snapshot
from vibeworkbench.settings import LogThresholds

COLLECTOR = "worker"
SAID: Mapping[str, str] = {
    "worker": "Worker",
    "build": "Build",
    "container": "Container",
    "files": "Log files",
    "journal": "Journal",
}
"""Collector of log records, which is the kind of their sources → how titles name one."""

_HOUR_S = 3600.0
_TITLE_CHARACTERS = 300
_SPARK_HOURS = 24
_MOST_TESTED_HOURS = 24


def _named(facts: Mapping[str, Any]) -> str:
    return f"{SAID[facts['kind']]} {facts['source']}"


def _link(facts: Mapping[str, Any]) -> str:
    return f"?template={facts['templateId']}" if facts["templateId"] else f"?source={facts['source']}"


def _hours_known(since: datetime, now: datetime) -> int:
    return max(math.floor((now - since).total_seconds() / _HOUR_S), 0)


# --- what is said: errors, new templates, spikes


@dataclass(frozen=True, slots=True)
class _Spike:
    """The hour of a template that stands out most: when it ended, its records, what was expected, by what chance."""

    end_at: datetime
    count: int
    expected: float
    chance: float

    def said(self) -> dict[str, Any]:
        """The spike as evidence."""
        return {"hourEndsAt": self.end_at, "count": self.count, "expected": self.expected, "chance": self.chance}


@check(
    id="logs.template",
    collector=COLLECTOR,
    collectors=SAID,
    type="error",
    severity=Severity.medium,
    hint="Read the samples; the link of the evidence opens all records of the template. Quiet resolves it by itself.",
    tags={"logs"},
)
def template(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A source has error records; said something that is no error for the first time; or says it far too often."""
    rules = context.settings.logs
    seen = [*snapshot.observations("logs.template")]
    spiking = _spikes(seen, rules)
    told: Counter[str] = Counter()
    for one in sorted(seen, key=lambda each: -int(each.value)):
        spike = spiking.get(id(one))
        if one.attributes["isError"]:
            yield _error(one, spike)
        elif spike is not None:
            yield _finding(one, spike, _usual_severity(one), f"{_count(spike.count)} within an hour")
        elif _is_news(one, rules) and told[one.subject] < rules.new_templates:
            told[one.subject] += 1
            yield _finding(one, None, _usual_severity(one), "for the first time")


def _spikes(seen: Sequence[Observation], rules: LogThresholds) -> dict[int, _Spike]:
    """By observation's ``id``; false discoveries are limited over all of them together."""
    rows = [one for one in seen if one.value and len(one.attributes["hours"]) == HOURS]
    if not rows:
        return {}
    now: datetime = rows[0].attributes["now"]
    oldest = min(one.attributes["arrivedAt"] for one in rows)
    tested = min(_hours_known(oldest, now) + 1, _MOST_TESTED_HOURS)
    counts = np.array([one.attributes["hours"] for one in rows], dtype=np.float64)
    known = [one.attributes["sourceKnownAt" if one.attributes["isError"] else "knownAt"] for one in rows]
    hours = np.array([max(_hours_known(at, now) - tested, 0) for at in known])
    wanted = SpikeRules(rules.spike_records, rules.spike_times, rules.spike_false_ratio, rules.history_hours)
    found = spikes(counts, tested, hours, wanted)
    spiking: dict[int, _Spike] = {}
    for row in np.flatnonzero(found.is_spike.any(axis=1)):
        column = int(np.where(found.is_spike[row], found.chance[row], 2.0).argmin())
        spiking[id(rows[row])] = _Spike(
            now - timedelta(hours=tested - 1 - column),
            int(counts[row, HOURS - tested + column]),
            round(float(found.expected[row, column]), 3),
            float(found.chance[row, column]),
        )
    return spiking


def _is_news(one: Observation, rules: LogThresholds) -> bool:
    """Whether it was never said before, by a source that has been heard for long enough to know what it says."""
    facts = one.attributes
    if not (one.value and facts["unseen"]) or Level.unknown < facts["level"] < Level.info or facts["heardAt"] is None:
        return False
    return bool((facts["now"] - facts["heardAt"]).total_seconds() >= rules.warm_up_s)


def _error(one: Observation, spike: _Spike | None) -> Finding:
    worst = Severity.high if one.attributes["level"] >= Level.critical else Severity.medium
    if spike is not None:
        return _finding(one, spike, worst, f"{_count(spike.count)} within an hour")
    first = "new: " if one.attributes["unseen"] else ""
    return _finding(one, None, worst, f"{first}{_count(int(one.value))}" if one.value else "known before")


def _count(count: int) -> str:
    return f"{count} {'record' if count == 1 else 'records'}"


def _usual_severity(one: Observation) -> Severity:
    return Severity.low if one.attributes["level"] >= Level.warning else Severity.info


def _finding(one: Observation, spike: _Spike | None, severity: Severity, how: str) -> Finding:
    facts = one.attributes
    if spike is not None:
        severity = Severity(min(severity + 1, Severity.critical))
        how = f"{how}, usually {spike.expected:.2g}"
    said = facts["title"] or " ".join((facts["text"] or next(iter(facts["samples"]), "")).split())
    title = f"{_named(facts)}: {said[:_TITLE_CHARACTERS]} ({how})"
    finding = template.finding(
        one.subject,
        title,
        severity=severity,
        collector=facts["kind"],
        signature=facts["key"],
        occurrences=int(one.value),
        evidence=_evidence(facts, one, spike) if one.value else {},
        resolves_by_absence=False,
    )
    return replace(finding, first_record_at=facts["firstAt"], last_record_at=facts["lastAt"])


def _evidence(facts: Mapping[str, Any], one: Observation, spike: _Spike | None) -> dict[str, Any]:
    counts = [*facts["hours"]][-_SPARK_HOURS:]
    return {
        "template": facts["text"],
        "templateId": facts["templateId"],
        "link": _link(facts),
        "level": Level(facts["level"]).name if facts["level"] in {*Level} else facts["level"],
        "newRecords": one.value,
        "firstAt": facts["firstAt"],
        "lastAt": facts["lastAt"],
        "samples": facts["samples"],
        "sparkline": {"from": facts["now"] - timedelta(hours=len(counts)), "bucketS": 3600, "counts": counts},
        "groupedBy": facts["by"],
        "grouping": facts["told"],
        **({"frames": facts["frames"]} if facts["frames"] else {}),
        **({"templates": facts["templates"]} if len(facts["templates"]) > 1 else {}),
        **({"spike": spike.said()} if spike is not None else {}),
    }


# --- how a source is


@check(
    id="logs.error-ratio",
    collector=COLLECTOR,
    collectors=SAID,
    type="error",
    severity=Severity.high,
    hint="See which of the source's errors are new or spiking; compare with what was deployed or changed before.",
    tags={"logs"},
)
def error_ratio(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """Of what a source said within the newest hour, far more are errors than usual."""
    rules = context.settings.logs
    seen = [one for one in snapshot.observations("logs.source") if _says_enough(one, rules)]
    if not seen:
        return
    errors, lines = (np.array([one.attributes[name] for one in seen], dtype=np.float64) for name in ("errors", "lines"))
    hours = np.array([_hours_known(one.attributes["firstAt"], one.observed_at) for one in seen])
    known = np.arange(HOURS) >= (HOURS - np.minimum(hours + 1, HOURS))[:, None]
    found = rises(errors, lines, known)
    for row, one in enumerate(seen):
        least = rules.error_clear_times if context.holds(error_ratio, one.subject) else rules.error_times
        if found.low[row] >= least:
            present = errors[row, -1] / lines[row, -1]
            yield error_ratio.finding(
                one.subject,
                f"{_named(one.attributes)}: {present:.1%} of the {_count(int(lines[row, -1]))} of the last hour are "
                f"errors, usually {found.usual[row]:.2%}",
                collector=one.attributes["kind"],
                evidence={
                    "errors": int(errors[row, -1]),
                    "records": int(lines[row, -1]),
                    "usualRatio": float(found.usual[row]),
                    "times": float(found.ratio[row]),
                    "timesAtLeast": float(found.low[row]),
                    "threshold": rules.error_times,
                    "link": f"?source={one.attributes['source']}&level=error",
                    "sparkline": _spark(one, "errors"),
                },
            )


def _says_enough(one: Observation, rules: LogThresholds) -> bool:
    facts = one.attributes
    if facts["errors"][-1] < rules.error_records or facts["lines"][-1] < rules.error_lines:
        return False
    known = _hours_known(facts["firstAt"], one.observed_at) >= rules.history_hours
    return known and sum(facts["lines"][:-1]) >= rules.error_lines


def _spark(one: Observation, name: str) -> dict[str, Any]:
    counts = [*one.attributes[name]][-_SPARK_HOURS:]
    return {"from": one.observed_at - timedelta(hours=len(counts)), "bucketS": 3600, "counts": counts}


@check(
    id="logs.silence",
    collector=COLLECTOR,
    collectors=SAID,
    type="availability",
    severity=Severity.medium,
    hint="See whether it still runs and can still send. Where it ended for good, mute this: after a week it is gone.",
    tags={"logs"},
)
def silence(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A source that used to speak has been silent for longer than its past explains."""
    settings = context.settings.logs
    rules = SilenceRules(
        settings.silence_s,
        settings.silence_times,
        settings.silence_spoke,
        settings.silence_history_s,
        settings.silence_forget_s,
    )
    for one in snapshot.observations("logs.silent"):
        facts = one.attributes
        if ended_by_itself(facts["kind"], facts["lastMessages"]):
            continue
        spoke, lasted = np.array(facts["spokeS"], dtype=np.float64), np.array(facts["lastedS"], dtype=np.float64)
        found = silence_of(spoke, lasted, one.observed_at.timestamp(), rules)
        if found.unusual:
            yield silence.finding(
                one.subject,
                f"{_named(facts)}: silent for {in_time(found.silent_s)}, its pauses are up to {in_time(found.usual_s)}",
                collector=facts["kind"],
                evidence={
                    "silentS": found.silent_s,
                    "limitS": found.limit_s,
                    "usualPauseS": found.usual_s,
                    "pauses": found.pauses,
                    "samples": facts["lastMessages"],
                    "link": f"?source={facts['source']}",
                },
            )


@check(
    id="logs.restarts",
    collector=COLLECTOR,
    collectors=SAID,
    type="availability",
    severity=Severity.high,
    hint="Read what it says between two starts; an error there is why it does not stay up.",
    tags={"logs"},
)
def restarts(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A source starts again and again: a crash loop where errors stand between, else a restart storm."""
    settings = context.settings.logs
    rules = RestartRules(settings.restarts, settings.restarts_within_s, settings.restarts_times)
    since = {one.subject: one.attributes["firstAt"] for one in snapshot.observations("logs.source")}
    worst: dict[str, tuple[Restarts, Observation]] = {}
    for one in snapshot.observations("logs.starts"):
        known = _hours_known(since.get(one.subject, one.observed_at), one.observed_at)
        found = _restarts(one, min(known, HOURS), settings.history_hours, rules)
        if found.unusual and (one.subject not in worst or found.count > worst[one.subject][0].count):
            worst[one.subject] = (found, one)
    for subject, (found, one) in worst.items():
        facts = one.attributes
        what = f"a crash loop: {found.count} starts" if found.loop else f"{found.count} restarts"
        yield restarts.finding(
            subject,
            f"{_named(facts)}: {what} within {in_time(rules.within_s)}, one every {in_time(found.interval_s)}",
            severity=Severity.high if found.loop else Severity.medium,
            collector=facts["kind"],
            evidence={
                "starts": found.count,
                "intervalS": found.interval_s,
                "errorsBetween": found.crashes,
                "template": facts["text"],
                "startedAt": [datetime.fromtimestamp(at_s, one.observed_at.tzinfo) for at_s in facts["startedS"][-10:]],
                "link": _link(facts),
            },
        )


def _restarts(one: Observation, known_hours: int, history_hours: int, rules: RestartRules) -> Restarts:
    facts = one.attributes
    past_s = known_hours * _HOUR_S - rules.within_s
    usual = facts["before"] * rules.within_s / past_s if known_hours >= history_hours and past_s > 0 else -1.0
    says = bool(facts["templateId"]) and says_start(facts["text"])
    return restarts_of(facts["startedS"], facts["crashedS"], usual, says, rules)


CHECKS = (error_ratio, restarts, silence, template)
