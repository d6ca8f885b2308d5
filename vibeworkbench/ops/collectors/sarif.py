"""Reads SARIF, the common format of code analysers. Source: SARIF 2.1.0 (OASIS), clauses named below."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import msgspec

from vibeworkbench.ops.collectors.code_problems import LEVELS, CodeProblem


class _Text(msgspec.Struct):
    text: str = ""


class _Artifact(msgspec.Struct):
    uri: str = ""


class _Region(msgspec.Struct, rename="camel"):
    start_line: int = 0


class _Physical(msgspec.Struct, rename="camel"):
    artifact_location: _Artifact = msgspec.field(default_factory=_Artifact)
    region: _Region = msgspec.field(default_factory=_Region)


class _Location(msgspec.Struct, rename="camel"):
    physical_location: _Physical = msgspec.field(default_factory=_Physical)


class _Rule(msgspec.Struct):
    id: str = ""


class _Result(msgspec.Struct, rename="camel"):
    rule_id: str | None = None
    rule: _Rule = msgspec.field(default_factory=_Rule)
    level: str = "warning"
    kind: str = "fail"
    message: _Text = msgspec.field(default_factory=_Text)
    locations: list[_Location] = []
    suppressions: list[msgspec.Raw] | None = None


class _Run(msgspec.Struct):
    results: list[msgspec.Raw] | None = None


class _Log(msgspec.Struct):
    version: str
    runs: list[_Run]


def sarif_problems(document: bytes) -> Iterator[CodeProblem]:
    """The problems in a SARIF log; suppressed ones and results that are no failure are left out.

    A result that names no level is a warning (§3.27.10); one without location is about no file.

    Raises:
        ValueError: It is no SARIF 2.1 log.
    """
    log = msgspec.json.decode(document, type=_Log)
    if not log.version.startswith("2.1"):
        raise ValueError(f"SARIF version {log.version[:16]} is not 2.1")
    for run in log.runs:
        for raw in run.results or ():  # one at a time: a big log must not hold the interpreter
            result = msgspec.json.decode(raw, type=_Result)
            if result.kind == "fail" and result.level in LEVELS and not result.suppressions:
                yield _problem(result)


def _problem(result: _Result) -> CodeProblem:
    """A result as a problem at its first location (§3.27.12)."""
    where = result.locations[0].physical_location if result.locations else _Physical()
    uri = urlsplit(where.artifact_location.uri)
    return CodeProblem(
        file=unquote(uri.path),
        line=where.region.start_line,
        rule=result.rule_id or result.rule.id or "unnamed",
        message=result.message.text,
        level=result.level,
    )
