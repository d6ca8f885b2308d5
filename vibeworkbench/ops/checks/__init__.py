"""The port of checks, and how they are loaded. A check judges a snapshot; it is a pure function with a stable id.

@check(id="host.space", collector="host", type="capacity", tags={"disk"}, severity=Severity.high, hint="Free space.")
def space(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    for seen in snapshot.observations("mount.space"):
        limit = 0.85 if context.holds(space, seen.subject) else 0.90
        if seen.value >= limit:
            yield space.finding(seen.subject, f"Mount {seen.subject} is {seen.value:.1%} full")

CHECKS = (space,)      # what the entry point of the group ``vibeworkbench.checks`` names
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from vibeworkbench.ops.model import Finding, Severity, Snapshot
from vibeworkbench.plugins import PluginFailure, loaded
from vibeworkbench.settings import OpsSettings

GROUP = "vibeworkbench.checks"
ID_CHARACTERS = 128


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What a check may know beside the snapshot.

    Attributes:
        settings: The ops settings, with every threshold.
        active: Fingerprints of the presently unresolved issues: one of these clears only below its clear threshold.
    """

    settings: OpsSettings
    active: frozenset[str] = frozenset()

    def holds(self, check: Check, subject: str, signature: str = "") -> bool:
        """Whether the trouble is an unresolved issue already, so that the clear threshold counts (hysteresis)."""
        return check.finding(subject, "", signature=signature).fingerprint in self.active


Judge = Callable[[Snapshot, CheckContext], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """A judgement with a stable id.

    Attributes:
        id: ``collector.trouble``; part of every fingerprint, so it never changes.
        collector: Whose observations it judges, unless ``collectors`` names more.
        type: Kind of trouble, for filters: ``capacity``, ``availability``, ``error``, ``code``, ``scan``.
        severity: What its findings have unless they say otherwise.
        hint: What to do next, unless a finding knows better.
        tags: For choosing checks.
        judge: The pure function.
        collectors: All whose observations it judges; each finding says on whose look it rests.
    """

    id: str
    collector: str
    type: str
    severity: Severity
    hint: str
    tags: frozenset[str]
    judge: Judge
    collectors: frozenset[str] = frozenset()

    @property
    def judged(self) -> frozenset[str]:
        """The collectors whose observations it judges."""
        return self.collectors or frozenset({self.collector})

    def finding(  # noqa: PLR0913 - the facts of a finding, all but two by keyword and with a default
        self,
        subject: str,
        title: str,
        *,
        severity: Severity | None = None,
        hint: str = "",
        evidence: Mapping[str, Any] | None = None,
        signature: str = "",
        occurrences: int = 1,
        resolves_by_absence: bool = True,
        collector: str = "",
    ) -> Finding:
        """A finding of this check; what is not given comes from the check. See :class:`Finding` for the meanings."""
        return Finding(
            check=self.id,
            collector=collector or self.collector,
            subject=subject,
            severity=self.severity if severity is None else severity,
            type=self.type,
            title=title,
            hint=hint or self.hint,
            occurrences=occurrences,
            evidence=evidence or {},
            signature=signature,
            resolves_by_absence=resolves_by_absence,
        )


def check(
    *,
    id: str,
    collector: str,
    type: str,
    severity: Severity,
    hint: str,
    tags: Collection[str] = (),
    collectors: Collection[str] = (),
) -> Callable[[Judge], Check]:
    """A decorator that turns a pure judging function into a :class:`Check` of these facts."""

    def made(judge: Judge) -> Check:
        return Check(id, collector, type, severity, hint, frozenset(tags), judge, frozenset(collectors))

    return made


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks that judge scans, in the order of their ids, and the plugins that could not be loaded."""

    checks: tuple[Check, ...]
    failures: tuple[PluginFailure, ...] = ()


def load_checks(disabled: Collection[str] = (), entries: Iterable[EntryPoint] | None = None) -> Checks:
    """Every installed check that is not disabled.

    Args:
        disabled: Ids of checks to leave out.
        entries: The entry points to load; ``None`` takes those of the installed packages.
    """
    found = loaded(GROUP, entries)
    checks: dict[str, Check] = {}
    failures = list(found.failures)
    for name, listed in found.plugins:
        if not isinstance(listed, (list, tuple)) or not all(isinstance(one, Check) for one in listed):
            failures.append(PluginFailure(GROUP, name, "no list of checks"))
            continue
        for one in listed:
            if one.id in checks:
                failures.append(PluginFailure(GROUP, name, f"second check of the id {one.id}"))
            elif len(one.id) > ID_CHARACTERS:
                failures.append(PluginFailure(GROUP, name, f"an id of more than {ID_CHARACTERS} characters"))
            elif one.id not in disabled:
                checks[one.id] = one
    return Checks(tuple(checks[id_] for id_ in sorted(checks)), tuple(failures))
