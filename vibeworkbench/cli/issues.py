"""``vibeworkbench issues``: read them, and do something about one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click
import msgspec
from rich.text import Text

from vibeworkbench.cli.arguments import Instant, WithDefault, json_option, workbench
from vibeworkbench.cli.output import Cell, ago, cell, emit, emit_items, faint, safe, show, table, word
from vibeworkbench.client.displays import SHORT_ID_DIGITS
from vibeworkbench.client.issues import Issue
from vibeworkbench.client.values import ISSUE_STATES, SEVERITIES
from vibeworkbench.client.workbench import UNRESOLVED

note_option = click.option("--note", default="", metavar="TEXT", help="What else there is to say.")


@click.group(cls=WithDefault)
def issues() -> None:
    """Issues: troubles that scans have found, over time.

    An ID may be shortened to its first digits, as the list shows it.

    \b
    vibeworkbench issues                          # unresolved ones, worst first
    vibeworkbench issues --state resolved --json
    vibeworkbench issues show 3f2a91c0
    vibeworkbench issues claim 3f2a91c0 --note "looking at the disk"
    vibeworkbench issues resolve 3f2a91c0 "rotated the logs"
    vibeworkbench issues mute 3f2a91c0 --until 2d
    """


@issues.command(name="list")
@click.option("--state", multiple=True, type=click.Choice([*ISSUE_STATES, "all"]), help="Default: all but resolved.")
@click.option("--severity", multiple=True, type=click.Choice(SEVERITIES))
@click.option("--type", "kind", multiple=True, metavar="TYPE")
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True)
@json_option
@click.pass_context
def list_issues(ctx: click.Context, /, *, as_json: bool, limit: int, **given: Any) -> None:
    """List issues, worst first.

    \b
    vibeworkbench issues list --state all --severity critical
    """
    states = None if "all" in given["state"] else given["state"] or UNRESOLVED
    with workbench(ctx) as found:
        listed = found.issues(states, severity=given["severity"], type=given["kind"], limit=limit)
    if as_json:
        emit_items(listed, listed.next_cursor)
    elif listed:
        columns = ("severity", "state", "issue", "seen", "last seen", "id")
        show(table(columns, map(_row, listed), wrap=("issue",)))
    else:
        show("No such issues.", faint("`vibeworkbench scan` looks whether something is wrong."))


@issues.command(name="show")
@click.argument("issue_id", metavar="ID")
@json_option
@click.pass_context
def show_issue(ctx: click.Context, *, issue_id: str, as_json: bool) -> None:
    """Show one issue with its evidence and its history."""
    with workbench(ctx) as found:
        issue = found.issue(issue_id)
    if as_json:
        emit(issue)
    else:
        _show(issue)


def _action(verb: str, said: str, *extra: Callable[[Any], Any]) -> None:
    def act(ctx: click.Context, *, issue_id: str, as_json: bool, note: str, **given: Any) -> None:
        with workbench(ctx) as found:
            issue: Issue = getattr(found.issue(issue_id), verb)(note=note, **given)
        if as_json:
            emit(issue)
        else:
            show(Text.assemble(word(issue.state), f" {safe(issue.title)} ({issue.issue_id[:SHORT_ID_DIGITS]})"))

    act.__doc__ = said
    command: Any = click.pass_context(act)
    for add in (json_option, note_option, *extra, click.argument("issue_id", metavar="ID")):
        command = add(command)
    issues.command(name=verb)(command)


_action("acknowledge", "Say that you have seen it.")
_action("claim", "Say that you work on it.")
_action("resolve", "Say that it is well again, and how. It reopens when a scan sees it.", click.argument("resolution"))
_action(
    "mute",
    "Hear nothing of it for a while.",
    click.option("--until", type=Instant(ahead=True), required=True, help="An instant, or a time such as 2d."),
)
_action("reopen", "Say that it is not well after all.")


def _row(issue: Issue) -> tuple[Cell, ...]:
    title = Text(safe(issue.title))
    if issue.flapping:
        title.append(" flapping", style="yellow")
    title.append(f"\n{safe(issue.subject)}", style="dim")
    state = word(issue.state)
    if issue.claimed_by:
        state.append(f" {safe(issue.claimed_by)}")
    seen, last = f"{issue.count}\N{MULTIPLICATION SIGN}", ago(issue.last_seen_at)
    return (word(issue.severity), state, title, seen, last, issue.issue_id[:SHORT_ID_DIGITS])


def _show(issue: Issue) -> None:
    show(Text.assemble(word(issue.severity), " ", word(issue.state), f"  {safe(issue.title)}"))
    facts: dict[str, str | datetime | None] = {
        "id": issue.issue_id,
        "subject": issue.subject,
        "check": f"{issue.check} (collector {issue.collector})",
        "seen": f"{issue.count}\N{MULTIPLICATION SIGN}",
        "first": issue.first_seen_at,
        "last": issue.last_seen_at,
        "claimed by": issue.claimed_by,
        "muted until": issue.muted_until,
        "resolution": issue.resolution,
        "note": issue.note,
        "hint": issue.hint,
    }
    for name, value in facts.items():
        if value:
            show(Text.assemble((f"  {name}: ", "dim"), cell(value)))
    if issue.evidence:
        show("", faint("evidence"), _evidence(issue))
    if issue.history:
        rows = [(each.at, each.from_, each.to, each.actor, each.note) for each in issue.history]
        show("", table(("at", "from", "to", "who", "note"), rows, wrap=("note",)))


def _evidence(issue: Issue) -> Text:
    lines = msgspec.json.format(msgspec.json.encode(issue.evidence), indent=2).decode().splitlines()
    return Text("\n".join(f"  {safe(line)}" for line in lines))
