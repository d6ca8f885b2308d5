"""What a scan saw, as a table worth reading: how each collector fared, what is wrong, worst first, and what changed."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from vibeworkbench.cli.output import Cell, ago, faint, safe, show, table, when, word
from vibeworkbench.client import Workbench
from vibeworkbench.client.displays import SHORT_ID_DIGITS
from vibeworkbench.client.issues import Issue
from vibeworkbench.client.results import counted
from vibeworkbench.client.scans import Scan
from vibeworkbench.client.values import SEVERITIES, CollectorRun

MOST_ISSUES = 30


def report(found: Workbench, scan: Scan) -> None:
    """The scan stands on stdout, with the issues that it saw, filed and resolved; its filters limit what is listed."""
    issues = found.issues()
    show(_headline(scan, all_is_well=not issues))
    if scan.reason:
        show(Text(f"why: {safe(scan.reason)}"))
    ran = [run for run in scan.collectors if run.state != "skipped"]
    show("", table(("collector", "state", "time", "records", ""), map(_collector, ran), wrap=("",)))
    if skipped := [run.name for run in scan.collectors if run.state == "skipped"]:
        show(faint(f"not asked: {', '.join(skipped)} (no targets, or not named by --source)"))
    seen = [each for each in issues if _seen(each, scan) and _asked_for(each, scan)]
    if seen:
        show("", *_findings(scan, seen))
    resolved = [each for each in found.issues("resolved", limit=200) if _changed(each, scan)]
    _changes(scan, seen, resolved)
    others = len(issues) - len(seen)
    if others:
        show(faint(f"{counted(others, 'more unresolved issues')}: vibeworkbench issues"))


def _headline(scan: Scan, *, all_is_well: bool) -> Text:
    took = f" in {scan.duration_s:.1f} s" if scan.duration_s is not None else ""
    line = Text.assemble(f"{scan.scope.capitalize()} scan ", word(scan.status), f"{took}, {when(scan.started_at)}. ")
    counts = [(name, scan.findings.by_severity.get(name, 0)) for name in SEVERITIES]
    said = [word(name, f"{count} {name}") for name, count in counts if count]
    if not said:
        return line.append(("Nothing is wrong." if all_is_well else "Nothing was found.") if scan.ok else "")
    return line.append(f"{counted(scan.findings.total, 'findings')}: ").append_text(Text(", ").join(said))


def _collector(run: CollectorRun) -> tuple[Cell, ...]:
    return (run.name, word(run.state), f"{run.duration_ms:,.0f} ms", run.records, Text(safe(run.reason)))


def _findings(scan: Scan, seen: list[Issue]) -> list[Table | Text]:
    rows = [_finding(each, scan) for each in seen[:MOST_ISSUES]]
    made: list[Table | Text] = [table(("severity", "issue", "since", "id"), rows, wrap=("issue",))]
    if len(seen) > MOST_ISSUES:
        made.append(faint(f"{len(seen) - MOST_ISSUES} more: vibeworkbench issues"))
    return made


def _finding(issue: Issue, scan: Scan) -> tuple[Cell, ...]:
    beneath = " - ".join(safe(text) for text in (issue.subject, issue.hint) if text)
    title = Text.assemble(safe(issue.title), (f"\n{beneath}", "dim"))
    since = word("new") if _changed(issue, scan) and issue.state == "open" else ago(issue.first_seen_at)
    return (word(issue.severity), title, since, issue.issue_id[:SHORT_ID_DIGITS])


def _seen(issue: Issue, scan: Scan) -> bool:
    # A log's issue was last seen when its last record was written, which may be long before it was read.
    return issue.last_seen_at >= scan.started_at or _changed(issue, scan)


def _asked_for(issue: Issue, scan: Scan) -> bool:
    wanted = {name: scan.filters.get(name) for name in ("severity", "type")}
    return all(values is None or getattr(issue, name) in values for name, values in wanted.items())


def _changed(issue: Issue, scan: Scan) -> bool:
    return issue.state_changed_at is not None and issue.state_changed_at >= scan.started_at


def _changes(scan: Scan, seen: list[Issue], resolved: list[Issue]) -> None:
    show("")
    new = sum(_changed(each, scan) and each.state == "open" for each in seen)
    show(
        Text.assemble("Changed: ", word("new", f"{new} new") if new else "nothing new", f", {len(resolved)} resolved.")
    )
    for each in resolved:
        show(Text.assemble("  ", word("resolved"), f" {safe(each.title)} ({safe(each.subject)})"))
