"""What a target expects of an answer, and the first thing that the answer does not meet."""

from __future__ import annotations

import codecs
from typing import Any

import msgspec

from vibeworkbench.ops.collectors.http_answer import AnswerReader
from vibeworkbench.ops.collectors.probing import Failure
from vibeworkbench.settings import HttpTarget

BODY_BYTES = 64 * 1024
"""Most of a body that is read and judged."""

_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw-unicode-escape", "unicode-escape"})
"""Codecs of Python that no web page is written in."""


def unmet(target: HttpTarget, answer: AnswerReader) -> Failure | None:
    """The first expectation of the target that the answer does not meet; None when it meets them all."""
    if answer.status not in target.expect_status:
        expected = " or ".join(str(status) for status in target.expect_status)
        moved = " (redirects are not followed)" if 300 <= answer.status < 400 else ""
        return Failure("answer", "status", f"answers {answer.status} instead of {expected}{moved}")
    if not (target.body_contains or target.json_equals):
        return None
    if target.method == "HEAD":
        return Failure("settings", "settings", "is asked with HEAD, which brings no body to look at")
    if answer.unreadable:
        return Failure("answer", "content", f"answers in the coding {answer.unreadable[:32]}, which probes cannot read")
    if target.body_contains and target.body_contains not in _text(answer):
        where = "the first 64 KiB of its answer" if answer.cut else "its answer"
        return Failure("answer", "content", f'lacks "{target.body_contains[:80]}" in {where}')
    return _unmet_json(target, answer) if target.json_equals else None


def _unmet_json(target: HttpTarget, answer: AnswerReader) -> Failure | None:
    """The first value that is not as expected in a JSON answer."""
    if answer.cut:
        return Failure("answer", "content", "answers more than 64 KiB, too much to be read as JSON")
    try:
        document = msgspec.json.decode(bytes(answer.body))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Failure("answer", "content", "answers with a body that is no JSON")
    for path, expected in target.json_equals.items():
        found, value = _at(document, path)
        if not found:
            return Failure("answer", "content", f'lacks "{path}" in its JSON')
        if value != expected or isinstance(value, bool) != isinstance(expected, bool):
            return Failure("answer", "content", f'has {_shown(value)} at "{path}" instead of {_shown(expected)}')
    return None


def _at(document: Any, path: str) -> tuple[bool, Any]:
    """Whether there is a value at a dotted path (``checks.0.status``), and which."""
    for step in path.split("."):
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return False, None
    return True, document


def _shown(value: Any) -> str:
    """A JSON value, short."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 80 else text[:79] + "…"


def _text(answer: AnswerReader) -> str:
    """The body as text, in the charset it names, or else UTF-8."""
    named = answer.headers.get("content-type", "").lower().partition("charset=")[2].partition(";")[0].strip(' "')
    try:
        charset = codecs.lookup(named or "utf-8").name
        return answer.body.decode("utf-8" if charset in _NO_CHARSETS else charset, errors="replace")
    except (LookupError, UnicodeError, ValueError):
        return answer.body.decode("utf-8", errors="replace")
