"""Judging tailed log files: new error lines, and files that are not or not wholly read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.checks.units import in_bytes
from vibeworkbench.ops.model import Finding, Severity, Snapshot

COLLECTOR = "files"
_WORST = frozenset({"critical", "fatal"})


@check(
    id="files.errors",
    collector=COLLECTOR,
    type="error",
    severity=Severity.medium,
    hint="Read the samples; the files named under errorsByFile have the rest. Quiet files resolve this by themselves.",
    tags={"logs"},
)
def errors(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A target's files have new lines of an error level; each line is one occurrence, once."""
    counts: dict[str, dict[str, int]] = {}
    for seen in snapshot.observations("files.lines"):
        if seen.attributes["error"] and seen.attributes["new"]:
            counts.setdefault(seen.subject, {})[seen.attributes["level"]] = seen.attributes["new"]
    for seen in snapshot.observations("files.matched"):
        levels = counts.get(seen.subject, {})
        if total := sum(levels.values()):
            by_file = seen.attributes["errorsByFile"]
            named = ", ".join(f"{count} {level}" for level, count in sorted(levels.items()))
            where = next(iter(by_file)) if len(by_file) == 1 else f"{len(by_file)} files"
            finding = errors.finding(
                seen.subject,
                f"Log files {seen.attributes['target']}: {total} new error {'line' if total == 1 else 'lines'} "
                f"({named}) in {where}",
                severity=Severity.high if _WORST & levels.keys() else None,
                occurrences=total,
                evidence={"levels": levels, "errorsByFile": by_file, "samples": seen.attributes["samples"]},
                resolves_by_absence=False,
            )
            first_at, last_at = (_instant(seen.attributes[name]) for name in ("firstAt", "lastAt"))
            yield replace(finding, first_record_at=first_at, last_record_at=last_at)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@check(
    id="files.unreadable",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.medium,
    hint="Let this server's user read them (group adm, or an ACL: `setfacl -m u:USER:r FILE`), or narrow the glob.",
    tags={"logs"},
)
def unreadable(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """Files of a target may not be read, so their errors go unseen."""
    for seen in snapshot.observations("files.matched"):
        if count := seen.attributes["refusedCount"]:
            shown = ", ".join(seen.attributes["refused"][:3])
            yield unreadable.finding(
                seen.subject,
                f"Log files {seen.attributes['target']}: {count} of {seen.value} files may not be read ({shown})",
                evidence={"refused": seen.attributes["refused"], "count": count},
            )


@check(
    id="files.none",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.low,
    hint="Correct the target's glob, or remove the target; until then nothing of it is watched.",
    tags={"logs"},
)
def none(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A target's glob matches no file."""
    for seen in snapshot.observations("files.matched"):
        if not seen.value:
            yield none.finding(seen.subject, f"Log files {seen.attributes['target']}: the glob matches 0 files")


@check(
    id="files.behind",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.low,
    hint="The next scans go on from there. If it grows: scan more often, raise max_bytes or max_files.",
    tags={"logs"},
)
def behind(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A scan could not read all that is new, by its limits of bytes, files or time."""
    for seen in snapshot.observations("files.matched"):
        left_bytes, left_out = seen.attributes["behindBytes"], seen.attributes["leftOut"]
        if left_bytes or left_out:
            parts = [f"{in_bytes(left_bytes)} are not read yet"] if left_bytes else []
            parts += [f"{left_out} of {seen.value} files are left out"] if left_out else []
            yield behind.finding(
                seen.subject,
                f"Log files {seen.attributes['target']}: {' and '.join(parts)}",
                evidence={"behindBytes": left_bytes, "leftOut": left_out},
            )


CHECKS = (behind, errors, none, unreadable)
