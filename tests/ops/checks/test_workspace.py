"""What is said about code, and how much of it."""

from __future__ import annotations

from datetime import UTC, datetime

from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.workspace import (
    MARKERS_FILED,
    PROBLEMS_FILED,
    left_out,
    marker,
    problem,
    tool_failed,
    tree,
)
from vibeworkbench.ops.model import Look, LookState, Observation, Scope, Severity, Snapshot
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def judged(check, *observations, active=frozenset()):
    """The findings of one check."""
    snapshot = Snapshot(Scope.full, NOW, (Look("workspace", LookState.ok, observations),))
    return list(check.judge(snapshot, CheckContext(OpsSettings(), frozenset(active))))


def marked(*words, workspace="web", file="a.py"):
    """A file with markers, one a line."""
    markers = [
        {"word": word, "text": f"text {line}", "who": "", "line": line, "cell": 0, "occurrence": 0}
        for line, word in enumerate(words, 1)
    ]
    facts = {"name": workspace, "tool": "markers", "file": file, "markers": markers}
    return Observation("workspace.markers", f"workspace:{workspace}:markers:{file}", len(words), "count", NOW, facts)


def complained(rule, level="warning", count=1, line=1, tool="ruff"):
    """A group of problems."""
    first = [{"line": line, "message": "odd"}]
    facts = {"name": "web", "tool": tool, "file": "a.py", "rule": rule, "level": level, "first": first}
    return Observation("workspace.problems", f"workspace:web:{tool}:a.py", count, "count", NOW, facts)


def test_markers_are_ranked_by_priority():
    findings = judged(marker, marked("TODO", "HACK", "BUG", "XXX", "FIXME"))
    assert [(one.title.split()[0], one.severity) for one in findings] == [
        ("BUG", Severity.medium),
        ("FIXME", Severity.medium),
        ("HACK", Severity.low),
        ("XXX", Severity.low),
        ("TODO", Severity.info),
    ]


def test_a_marker_in_a_notebook_is_placed_by_cell():
    seen = marked("TODO", file="a.ipynb")
    seen.attributes["markers"][0]["cell"] = 4
    seen.attributes["markers"][0]["who"] = "ada"
    (finding,) = judged(marker, seen)
    assert finding.title == "TODO in a.ipynb cell 4 line 1: text 1"
    assert finding.evidence["who"] == "ada"


def test_a_bad_workspace_files_the_worst_and_says_how_many_are_left_out():
    seen = marked(*["TODO"] * MARKERS_FILED, "FIXME", "FIXME"), marked("TODO", workspace="other")
    findings = judged(marker, *seen)
    assert len([one for one in findings if "web" in one.subject]) == MARKERS_FILED
    assert findings[-1].severity is findings[-2].severity is Severity.info
    assert [one.severity for one in findings if one.severity > Severity.info] == [Severity.medium] * 2
    (rest,) = judged(left_out, *seen)
    assert rest.title == "2 findings of markers in web are left out; the 200 worst are filed"
    assert rest.subject == "workspace:web:markers"


def test_what_is_an_issue_already_is_not_left_out_when_worse_comes():
    """Else its issue would resolve though the marker is still there."""
    before = judged(marker, marked(*["TODO"] * MARKERS_FILED))
    seen = marked(*["TODO"] * MARKERS_FILED, *["FIXME"] * 3)
    active = {one.fingerprint for one in before}
    findings = judged(marker, seen, active=active)
    assert active <= {one.fingerprint for one in findings}
    assert len(findings) == MARKERS_FILED + 3
    assert judged(left_out, seen, active=active) == []


def test_the_problems_of_one_rule_in_one_file_are_one_finding():
    (finding,) = judged(problem, complained("E501", count=3, line=7))
    assert finding.title == "ruff E501 in a.py:7: odd (and 2 more in this file)"
    (moved,) = judged(problem, complained("E501", count=1, line=9))
    assert moved.fingerprint == finding.fingerprint
    (whole,) = judged(problem, complained("conflict", line=0, tool="pip-check"))
    assert whole.title == "pip-check conflict in a.py: odd"


def test_problems_beyond_the_cap_are_left_out_by_tool():
    seen = [complained(f"R{number:03}") for number in range(PROBLEMS_FILED + 5)]
    seen += [complained("worst", "error"), complained("t", tool="mypy")]
    findings = judged(problem, *seen)
    assert len(findings) == PROBLEMS_FILED + 1
    assert "worst" in {one.signature for one in findings}
    (rest,) = judged(left_out, *seen)
    assert rest.evidence == {"workspace": "web", "tool": "ruff", "found": PROBLEMS_FILED + 6, "filed": PROBLEMS_FILED}


def test_tools_without_a_result_and_trees_that_cannot_be_read_are_said():
    def tool(state):
        facts = {"name": "web", "tool": "mypy", "reason": "did not finish within 60 s", "tookMs": 60000.0}
        return Observation("workspace.tool", "workspace:web:mypy", state, "state", NOW, facts)

    assert [judged(tool_failed, tool(state)) for state in ("ok", "nothing to do", "not installed")] == [[], [], []]
    for state in ("failed", "timed out", "incomplete"):
        (finding,) = judged(tool_failed, tool(state))
        assert finding.title == "mypy in web did not finish within 60 s"
    facts = {"name": "web", "reason": "is not a git work tree"}
    (finding,) = judged(tree, Observation("workspace.tree", "workspace:web", "unreadable", "state", NOW, facts))
    assert finding.title == "Workspace web is not a git work tree"
    assert judged(tree, Observation("workspace.tree", "workspace:web", "ok", "state", NOW, {"name": "web"})) == []
