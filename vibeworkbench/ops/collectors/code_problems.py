"""Problems that tools find in code: one shape for all of them, grouped so that a bad repository stays readable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LEVELS = ("note", "warning", "error")
"""How bad a tool finds a problem, mildest first. Source: SARIF 2.1.0 §3.27.10."""

FIRST = 5
"""How many problems of a group are kept with line and message."""


@dataclass(frozen=True, slots=True)
class CodeProblem:
    """One problem as a tool reported it; ``file`` as the tool wrote it, ``line`` from 1 or 0 for the whole file."""

    file: str
    line: int
    rule: str
    message: str
    level: str = "error"


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    """The problems of one rule in one file: ``count`` of them, the first few in full, ``level`` the worst."""

    file: str
    rule: str
    count: int
    level: str
    first: tuple[CodeProblem, ...]


def grouped(problems: Iterable[CodeProblem]) -> tuple[ProblemGroup, ...]:
    """The problems by file and rule, in the order of files."""
    groups: dict[tuple[str, str], list[CodeProblem]] = {}
    for problem in problems:
        groups.setdefault((problem.file, problem.rule), []).append(problem)
    made = []
    for (file, rule), members in sorted(groups.items()):
        members.sort(key=lambda problem: (problem.line, problem.message))
        level = max((problem.level for problem in members), key=LEVELS.index)
        made.append(ProblemGroup(file, rule, len(members), level, tuple(members[:FIRST])))
    return tuple(made)
