"""Judging followed log files: those that are not or not wholly read. What their lines say is judged elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.checks.units import in_bytes
from vibeworkbench.ops.model import Finding, Severity, Snapshot

COLLECTOR = "files"


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
    hint="Reading goes on. If it grows, lines come faster than they are kept. Raise max_files or narrow the glob.",
    tags={"logs"},
)
def behind(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """Not all that is new has been read yet, by the limits of files or time."""
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


CHECKS = (behind, none, unreadable)
