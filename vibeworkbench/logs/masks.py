"""What varies in a log message becomes a named wildcard: ``<ip>``, ``<path>``, ``<number>`` … Pure.

The masks are passes of RE2 patterns, applied in order, and mean the same in Python (:func:`masked`), in Arrow
(:func:`masked_all`) and in DuckDB (:func:`mask_sql`); a test compares them. Therefore no look-around, no
back-reference, only ASCII classes, and every repetition before a fixed character is bounded, so that Python's
backtracking stays linear too. No pattern asks which digit stands somewhere, and no digit is left behind: texts that
differ in digits only are masked alike, so that it is enough to mask one for each :func:`zeroed` text.

Source: RE2 syntax, https://github.com/google/re2/wiki/Syntax; DuckDB, Regular Expressions (``regexp_replace``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 4_000
"""Characters of a message that count; what follows them is never looked at."""

_HEX = "[0-9a-fA-F]"
_PORT = r"(?:/[0-9]{1,2}\b|:[0-9]{1,5}\b|\b)"
_IP4 = rf"(?:\b[A-Za-z][A-Za-z0-9.-]{{0,63}}/|/)?\b[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}{_PORT}"
_IP6 = rf"\b(?:{_HEX}{{1,4}}:){{7}}{_HEX}{{1,4}}\b|\b(?:{_HEX}{{1,4}}:){{1,6}}(?::{_HEX}{{1,4}}){{1,6}}\b"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_DAY = "(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )?"
_FRACTION = "(?:[.,:][0-9]{1,9})?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[A-Z]{2,3}T|[+-][0-9]{2}:?[0-9]{2}))?"
_CLOCK = rf"\b[0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}})?{_FRACTION}\b"
_DATE = (
    r"\b[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
    rf"(?:[T :.-]{{1,2}}[0-9]{{1,2}}[:.][0-9]{{2}}[:.][0-9]{{2}}{_FRACTION}{_ZONE})?\b"
)
_NAMED_DATE = (
    rf"\b{_DAY}{_MONTH} {{1,2}}[0-9]{{1,2}}\b,?(?: [0-9]{{4}})?(?:,? {_CLOCK}{_ZONE})?(?: [0-9]{{4}})?\b"
    rf"|\b{_DAY}[0-9]{{1,2}}[-/ ]{_MONTH}[-/ ][0-9]{{2,4}}(?:[ :]{_CLOCK}{_ZONE})?\b"
)
_FILE = r"[^ \t\n\"'<>|,;:()\[\]{}=]"
_ROOTED = rf"(^|[ \t\"'=(\[{{,;:<>|])(?:~|\.{{1,2}})?/{_FILE}+"
_RELATIVE = rf"\b[A-Za-z0-9_.-]{{1,64}}/[A-Za-z0-9_.-]{{1,64}}/{_FILE}+"
_WINDOWS = rf"(?:\b[A-Za-z]:)?\\{{1,2}}[A-Za-z0-9_.$?]{_FILE}+"
_COUNT = r"\b[0-9]+(?:\.[0-9]+)? ?"
_UNIT = "ns|us|ms|msecs?|milliseconds?|microseconds?|s|secs?|seconds?|mins?|minutes?|hours?|hrs?|days?"


@dataclass(frozen=True, slots=True)
class Mask:
    r"""One pass.

    Attributes:
        name: What the wildcard is called, and the pass in explanations.
        needles: The pattern can only be found in a text that holds one of these; empty when that says nothing.
        pattern: RE2 syntax.
        replacement: What stands there afterwards; ``\1`` is what the pattern's first group found.
    """

    name: str
    needles: tuple[str, ...]
    pattern: str
    replacement: str


MASKS = (
    Mask("trace", ("\n",), r"\n[ \t][^\n]*", ""),
    Mask("url", ("://",), r"\b[A-Za-z][A-Za-z0-9+.-]{0,20}://[^ \t\n\"'<>,;()\[\]{}|]*", "<url>"),
    Mask("email", ("@",), r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}", "<email>"),
    Mask("uuid", ("-",), rf"\b{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}\b", "<uuid>"),
    Mask("mac", (":", "-"), rf"\b{_HEX}{{2}}(?:[:-]{_HEX}{{2}}){{5}}\b", "<mac>"),
    Mask("ip", (".", ":"), f"{_IP4}|{_IP6}", "<ip>"),
    Mask("time", ("-", "/", ".", " ", ":"), f"{_DATE}|{_NAMED_DATE}|{_CLOCK}", "<time>"),
    Mask("host", (":",), r"\b[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}:[0-9]{1,5}\b", "<host>"),
    Mask("path", ("/", "\\"), f"{_ROOTED}|{_RELATIVE}|{_WINDOWS}", r"\1<path>"),
    Mask("hex", (), rf"\b(?:[0-9][xX]{_HEX}+|(?:[0-9]{{1,32}}[a-fA-F]|[a-fA-F]{{1,12}}[0-9]){_HEX}{{4,}})\b", "<hex>"),
    Mask("size", (), rf"{_COUNT}(?:[KMGTPkmgtp]?i?B|[KMGTPkmgtp]b|[Bb]ytes?)\b", "<size>"),
    Mask("duration", (), rf"[<>~]?{_COUNT}(?:{_UNIT})\b", "<duration>"),
    Mask("number", (), r"(^|[^A-Za-z0-9])-?[0-9]+(?:\.[0-9]+)*(?:%\B)?|([A-Za-z])[0-9]+", r"\1\2<number>"),
)

NAMES = tuple(dict.fromkeys(mask.name for mask in MASKS[1:]))
"""What wildcards are called, without the angle brackets."""

_COMPILED = tuple((mask.needles, re.compile(mask.pattern, re.ASCII), mask.replacement) for mask in MASKS)


_ZEROS = str.maketrans("123456789", "000000000")


def zeroed(text: str) -> str:
    """The text with every digit as 0: whatever is equal then is equal behind the masks, and this is much quicker."""
    return text.translate(_ZEROS)


def zero_sql(column: str) -> str:
    """:func:`zeroed` as a DuckDB expression."""
    return f"translate({column}, '123456789', '000000000')"


def mask_sql(column: str) -> str:
    """:func:`masked` as a DuckDB expression.

    Args:
        column: An expression of type VARCHAR.
    """
    expression = f"left({column}, {LONGEST})"
    for mask in MASKS:
        expression = f"regexp_replace({expression}, {_quoted(mask.pattern)}, {_quoted(mask.replacement)}, 'g')"
    return expression


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def fired(text: str) -> list[tuple[str, str]]:
    """The names of the masks that found something, in order, each with the text behind it."""
    steps = []
    text = text[:LONGEST]
    for mask, (_, pattern, replacement) in zip(MASKS, _COMPILED, strict=True):
        after = pattern.sub(replacement, text)
        if after != text:
            steps.append((mask.name, after))
        text = after
    return steps


def masked(text: str) -> str:
    """The message with everything that varies by its form replaced by a named wildcard."""
    text = text[:LONGEST]
    for needles, pattern, replacement in _COMPILED:
        if not needles or any(needle in text for needle in needles):
            text = pattern.sub(replacement, text)
    return text
