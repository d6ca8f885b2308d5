"""Judges the code health of workspaces: markers in comments, and what the workspace's own tools complain about.

A bad repository must not bury everything else: of each tool only the worst findings are filed, and one finding says how
many were left out. What is an issue already stays one until it is really gone, whatever else comes before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any

from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.model import Finding, Observation, Severity, Snapshot

MARKERS_FILED = 200
"""Most markers of one workspace that are filed anew."""
PROBLEMS_FILED = 100
"""Most groups of problems of one tool in one workspace that are filed anew."""

_MARKER_SEVERITIES = {
    "FIXME": Severity.medium,
    "BUG": Severity.medium,
    "XXX": Severity.low,
    "HACK": Severity.low,
    "TODO": Severity.info,
}
_LEVEL_SEVERITIES = {"error": Severity.medium, "warning": Severity.low, "note": Severity.info}


def _kept(findings: list[Finding], most: int, context: CheckContext) -> list[Finding]:
    """The worst findings, and those that are issues already."""
    ranked = sorted(findings, key=lambda finding: -finding.severity)  # stable: then by file and line
    return ranked[:most] + [finding for finding in ranked[most:] if finding.fingerprint in context.active]


def _by_tool(snapshot: Snapshot, metric: str) -> Iterator[tuple[tuple[str, str], list[Observation]]]:
    """The observations of one metric by workspace and tool."""

    def owner(seen: Observation) -> tuple[str, str]:
        return seen.attributes["name"], seen.attributes["tool"]

    for key, members in groupby(sorted(snapshot.observations(metric), key=owner), key=owner):
        yield key, list(members)


@check(
    id="workspace.marker",
    collector="workspace",
    type="code",
    severity=Severity.info,
    hint="Do what it says and remove the marker; the issue resolves at the next look.",
    tags={"workspace", "markers"},
)
def marker(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """Somebody left a note in the code that something is to be done."""
    for _, seen in _by_tool(snapshot, "workspace.markers"):
        yield from _kept(_marker_findings(seen), MARKERS_FILED, context)


def _marker_findings(seen: list[Observation]) -> list[Finding]:
    """A finding for each marker; which one it is does not depend on its line."""
    return [
        marker.finding(
            one.subject,
            f"{found['word']} in {_place(one.attributes['file'], found)}"
            + (f": {found['text']}" if found["text"] else ""),
            severity=_MARKER_SEVERITIES[found["word"]],
            evidence={
                "workspace": one.attributes["name"],
                "file": one.attributes["file"],
                **{name: found[name] for name in ("line", "word", "text") if found[name]},
                **{name: found[name] for name in ("cell", "who") if found[name]},
            },
            signature=f"{found['word']}\x1f{found['text']}\x1f{found['occurrence']}",
        )
        for one in seen
        for found in one.attributes["markers"]
    ]


def _place(file: str, found: Mapping[str, Any]) -> str:
    """File and line, in a notebook cell and line."""
    cell = f" cell {found['cell']} line " if found.get("cell") else ":"
    return f"{file}{cell}{found['line']}"


@check(
    id="workspace.problem",
    collector="workspace",
    type="code",
    severity=Severity.low,
    hint="Mend the code, or switch the rule off in the tool's own settings with the reason.",
    tags={"workspace", "tools"},
)
def problem(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A tool of the workspace complains about a file: one finding for each rule."""
    for _, seen in _by_tool(snapshot, "workspace.problems"):
        yield from _kept([_problem_finding(one) for one in seen], PROBLEMS_FILED, context)


def _problem_finding(seen: Observation) -> Finding:
    """The finding about one rule in one file."""
    facts, count = seen.attributes, int(seen.value)
    first = facts["first"][0]
    place = f"{facts['file']}:{first['line']}" if first["line"] else facts["file"]
    more = f" (and {count - 1} more in this file)" if count > 1 else ""
    return problem.finding(
        seen.subject,
        f"{facts['tool']} {facts['rule']} in {place}: {first['message']}{more}",
        severity=_LEVEL_SEVERITIES[facts["level"]],
        evidence={
            "workspace": facts["name"],
            "tool": facts["tool"],
            "rule": facts["rule"],
            "file": facts["file"],
            "line": first["line"],
            "count": count,
            "first": facts["first"],
        },
        signature=facts["rule"],
    )


@check(
    id="workspace.left-out",
    collector="workspace",
    type="code",
    severity=Severity.info,
    hint="Run the tool in the workspace to see them all. As the worst are mended, the next ones are filed.",
    tags={"workspace"},
)
def left_out(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A tool found more than is filed."""
    cases: tuple[tuple[str, Callable[[list[Observation]], list[Finding]], int], ...] = (
        ("workspace.markers", _marker_findings, MARKERS_FILED),
        ("workspace.problems", lambda seen: [_problem_finding(one) for one in seen], PROBLEMS_FILED),
    )
    for metric, findings_of, most in cases:
        for (workspace, tool), seen in _by_tool(snapshot, metric):
            found = findings_of(seen)
            filed = len(_kept(found, most, context))
            if filed < len(found):
                yield left_out.finding(
                    f"workspace:{workspace}:{tool}",
                    f"{len(found) - filed} findings of {tool} in {workspace} are left out; the {filed} worst are filed",
                    evidence={"workspace": workspace, "tool": tool, "found": len(found), "filed": filed},
                )


@check(
    id="workspace.tool-failed",
    collector="workspace",
    type="code",
    severity=Severity.medium,
    hint="Run the tool in the workspace and mend its settings, or raise its timeout_s and ops.scan_limit_s.",
    tags={"workspace", "tools"},
)
def tool_failed(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A tool is installed and brought no whole result, so none of its issues can resolve."""
    for seen in snapshot.observations("workspace.tool"):
        if seen.value in ("failed", "timed out", "incomplete"):
            facts = seen.attributes
            yield tool_failed.finding(
                seen.subject,
                f"{facts['tool']} in {facts['name']} {facts['reason']}",
                evidence={
                    "workspace": facts["name"],
                    "tool": facts["tool"],
                    "state": seen.value,
                    "tookMs": facts["tookMs"],
                },
            )


@check(
    id="workspace.tool-gone",
    collector="workspace",
    type="code",
    severity=Severity.info,
    hint="Install it again, or take it off the workspace's tools. Its problems are resolved until it is back.",
    tags={"workspace", "tools"},
)
def tool_gone(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A tool brought results before and is no longer installed, so nobody looks for its problems any more."""
    for seen in snapshot.observations("workspace.tool"):
        if seen.value == "no longer installed":
            facts = seen.attributes
            yield tool_gone.finding(
                seen.subject,
                f"{facts['tool']} is no longer installed in {facts['name']}; its problems are not looked for",
                evidence={"workspace": facts["name"], "tool": facts["tool"]},
            )


@check(
    id="workspace.tree",
    collector="workspace",
    type="code",
    severity=Severity.medium,
    hint="Correct the workspace's path in the settings, or make it a git work tree that this server may read.",
    tags={"workspace"},
)
def tree(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A workspace of the settings cannot be looked at."""
    for seen in snapshot.observations("workspace.tree"):
        if seen.value != "ok":
            yield tree.finding(
                seen.subject,
                f"Workspace {seen.attributes['name']} {seen.attributes['reason']}",
                evidence={"workspace": seen.attributes["name"]},
            )


CHECKS = (marker, problem, left_out, tool_failed, tool_gone, tree)
