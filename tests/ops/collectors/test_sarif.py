"""SARIF logs are read."""

from __future__ import annotations

import json

import pytest

from vibeworkbench.ops.collectors.code_problems import CodeProblem, grouped
from vibeworkbench.ops.collectors.sarif import sarif_problems


def log(*results, version="2.1.0"):
    """A log with one run."""
    return json.dumps({"version": version, "runs": [{"results": list(results)}, {"results": None}]}).encode()


def result(**facts):
    """A result at line 7 of a file with a space in its name."""
    place = {"artifactLocation": {"uri": "file:///w/a%20b.py"}, "region": {"startLine": 7}}
    return {"ruleId": "R1", "message": {"text": "wrong"}, "locations": [{"physicalLocation": place}], **facts}


def test_a_result_is_a_problem_at_its_first_location():
    assert list(sarif_problems(log(result(level="error")))) == [CodeProblem("/w/a b.py", 7, "R1", "wrong", "error")]


def test_what_a_result_leaves_out_has_its_default():
    (problem,) = sarif_problems(log({"message": {"text": "odd"}, "rule": {"id": "R2"}}))
    assert problem == CodeProblem("", 0, "R2", "odd", "warning")
    (nameless,) = sarif_problems(log({"message": {}}))
    assert nameless.rule == "unnamed"


def test_suppressed_and_passed_results_are_no_problems():
    quiet = [result(suppressions=[{"kind": "inSource"}]), result(kind="pass"), result(level="none")]
    assert list(sarif_problems(log(*quiet))) == []


@pytest.mark.parametrize("document", [b"", b"[]", b'{"version": "2.1.0"}', b'{"version": "1.0", "runs": []}'])
def test_what_is_no_sarif_is_refused(document):
    with pytest.raises(ValueError, match=r"."):
        list(sarif_problems(document))


def test_problems_are_grouped_by_file_and_rule_with_the_first_few_in_full():
    problems = [CodeProblem("b.py", line, "R1", "m", "note") for line in range(9, 0, -1)]
    groups = grouped([*problems, CodeProblem("b.py", 50, "R1", "m"), CodeProblem("a.py", 1, "R2", "m", "warning")])
    assert [(one.file, one.rule, one.count, one.level) for one in groups] == [
        ("a.py", "R2", 1, "warning"),
        ("b.py", "R1", 10, "error"),
    ]
    assert [one.line for one in groups[1].first] == [1, 2, 3, 4, 5]
