"""What plugins bring home, made fit for storage and rooms, or refused, before it can fail everybody's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date
from enum import Enum
from typing import Any

import msgspec

from vibeworkbench.ops.checks import Check
from vibeworkbench.ops.model import Finding, Look, LookState, Observation, Severity

TITLE_CHARACTERS = 500
HINT_CHARACTERS = 2_000
SUBJECT_CHARACTERS = 8_000
TYPE_CHARACTERS = 64
EVIDENCE_BYTES = 65_536
SOURCE_CHARACTERS = 512

_COUNTS = range(2**53)
_JSON_INTEGERS = range(-(2**63), 2**64)


def unfit(look: Any, collector: str) -> str | None:
    """Why nothing can be done with what a collector brought home; ``None`` when it is a look of its own."""
    if not isinstance(look, Look) or look.collector != collector:
        return "it brought home no look of its own"
    return _unfit_fields(look) or _unfit_cursors(look)


def _unfit_fields(look: Any) -> str | None:
    seen, covered = look.observations, look.covered
    if not (isinstance(seen, Sequence) and all(isinstance(one, Observation) for one in seen)):
        return "its observations are none"
    if not (isinstance(look.state, LookState) and isinstance(look.records, int) and look.records in _COUNTS):
        return "its state or its number of records is none"
    if not (covered is None or (isinstance(covered, AbstractSet) and _are_texts(covered))):
        return "what it covers are no subjects"
    if not (isinstance(look.retired, Mapping) and _are_texts((look.reason, *look.retired, *look.retired.values()))):
        return "its reasons are no text"
    return None


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _unfit_cursors(look: Look) -> str | None:
    try:
        msgspec.json.encode((look.cursors, look.reason, look.retired))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return "its cursors or reasons are no JSON"
    fits = all(len(source) <= SOURCE_CHARACTERS and isinstance(at, Mapping) for source, at in look.cursors.items())
    return None if fits else f"its cursors are none, or of sources with more than {SOURCE_CHARACTERS} characters"


def storable(finding: Any, check: Check) -> Finding:
    """The finding of ``check`` with nothing in it that JSON or a database refuses; that is what its fingerprint says.

    Raises:
        TypeError: It is no finding, or has fields of other types than a finding's.
        ValueError: It is another check's, so that nothing would ever resolve it, or larger than anything measured.
    """
    if not isinstance(finding, Finding) or not isinstance(finding.severity, Severity):
        raise TypeError(f"a check yields findings, not {type(finding).__name__}")
    if finding.check != check.id or finding.collector not in check.judged:
        raise ValueError(f"check {check.id} yields a finding of {finding.check}")
    if any(at is not None and at.utcoffset() is None for at in (finding.first_record_at, finding.last_record_at)):
        raise TypeError("a record's instant lacks its time zone")
    fit = replace(
        finding,
        subject=_text(finding.subject),
        title=_short(_text(finding.title), TITLE_CHARACTERS),
        hint=_short(_text(finding.hint), HINT_CHARACTERS),
        type=_text(finding.type),
        signature=_text(finding.signature),
        occurrences=int(finding.occurrences),
        evidence=_plain(finding.evidence),
    )
    _refuse_huge(fit)
    return fit


def _refuse_huge(finding: Finding) -> None:
    if finding.occurrences not in _COUNTS:
        raise ValueError(f"a finding stands for {finding.occurrences} records")
    if len(finding.type) > TYPE_CHARACTERS or len(finding.subject) > SUBJECT_CHARACTERS:
        raise ValueError("the type or the subject of a finding is too long")
    if len(msgspec.json.encode(finding.evidence)) > EVIDENCE_BYTES:
        raise ValueError(f"the evidence of a finding has more than {EVIDENCE_BYTES} bytes")


def _short(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


def _text(text: str) -> str:
    """``text`` with lone surrogates (undecodable file names) and NULs written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | float():
            return value
        case Enum():
            return _plain(value.value)
        case str():
            return _text(value)
        case int():
            return value if value in _JSON_INTEGERS else str(value)
        case Mapping():
            return {_text(str(key)): _plain(inner) for key, inner in value.items()}
        case date():
            return value.isoformat()
        case Sequence() | set() | frozenset():
            return [_plain(inner) for inner in value]
        case _:
            return _text(str(value))
