"""Taking secrets out of text that people will see: log lines and command lines. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

MASK = "•••"

_NAME = (
    r"(?:[a-z0-9_.-]{0,40}(?:passw(?:or)?d|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|auth[_-]?key|credentials?|session[_-]?id|cookie|dsn|signature)[a-z0-9_]{0,40})"
)
_ASSIGNED = re.compile(rf"""(?ix) (?P<name> (?<![a-z0-9_.-]) {_NAME} ["']? \s* (?:=>|:=|[=:]) \s* )
    (?: (?P<quote>["']) (?:\\.|(?!(?P=quote)).)* (?P=quote)? | [^\s,;&"'{{}}()\[\]]+ )""")
_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_.-"
_LONGEST_PREFIX = 41
_HEADER = re.compile(
    r"(?i)\b(authorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token|digest|negotiate)\s+)?)[^\s\"',;]+"
)
_SCHEME = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}")
_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://)[^\s/@\"']{1,500}@")
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL)
_KNOWN = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|sk-[A-Za-z0-9_-]{16,}|xox[abeprs]-[\w-]{10,}"
    r"|A(?:KIA|SIA)[A-Z0-9]{16}|AIza[\w-]{30,}|hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
)
_COOKIE = re.compile(r"(?im)\b((?:set-)?cookie\s*:\s*).*$")
SUSPECT = (
    r"(?i)passw|passphrase|pwd|secret|token|(?:api|access|private|auth)[_-]?key|credential|session[_-]?id|cookie|dsn"
    r"|signature|authorization|bearer|basic|://[^/\s]*@|-----BEGIN|\b(?:gh[pousr]_|github_pat_|glpat-|sk-|xox|A(?:KIA|SIA)"
    r"|AIza|hf_|npm_|pypi-|eyJ)"
)
"""Found in every text that ``masked`` changes, and in few others; means the same to RE2, which finds it sooner."""
_SUSPECT = re.compile(SUSPECT)
_PLAIN_NAME = re.compile(r"[\w.:-]*")
_SECRET_NAME = re.compile(rf"(?i){_NAME}|authorization")
_OPTION = re.compile(rf"(?i)--?{_NAME}")
_OPTION_IN_TEXT = re.compile(rf"(?i)((?<!\S)--?{_NAME}\s+)(?!-)\S+")


def masked(text: str) -> str:
    """The text with passwords, tokens, keys and credentials of URLs replaced by ``•••``; all else stays as it is."""
    text = _KEY_BLOCK.sub(MASK, text)
    text = _URL.sub(rf"\g<1>{MASK}@", text)
    text = _HEADER.sub(rf"\g<1>{MASK}", text)
    text = _SCHEME.sub(rf"\g<1> {MASK}", text)
    text = _COOKIE.sub(rf"\g<1>{MASK}", text)
    text = _OPTION_IN_TEXT.sub(rf"\g<1>{MASK}", text)
    text = _ASSIGNED.sub(rf"\g<name>{MASK}", text)
    return _KNOWN.sub(MASK, text)


def masked_message(message: str) -> str:
    """A message with secrets masked; one that is a JSON object stays one."""
    if message.startswith("{"):
        try:
            return msgspec.json.encode(masked_value(msgspec.json.decode(message))).decode()
        except (msgspec.DecodeError, RecursionError):  # it only looks like JSON
            pass
    return masked(message)


def masked_name(name: str) -> str:
    """A name that a program was given, masked where it is a command line, an address or the like.

    One that has only the characters of names (``token:eu``, ``sk-learn-trainer-0001``) stays: masked, it would be the
    same as others that are something else.
    """
    return name if _PLAIN_NAME.fullmatch(name) else masked(name)


def masked_id(text: str) -> str:
    """An id; for one that holds a secret another, which is as much its own."""
    if not _SUSPECT.search(text) or masked(text) == text:
        return text
    return MASK + hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def masked_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it goes over the network, its texts that people write masked; ids stay what they are."""
    kept = dict(record)
    for name in ("message", "stack", "command", "name", "user"):
        text = kept.get(name)
        if isinstance(text, str) and _SUSPECT.search(text):
            kept[name] = masked_message(text)
    if "attributes" in kept:
        kept["attributes"] = masked_value(kept["attributes"])
    return kept


def may_hold_secrets(text: str) -> bool:
    """Whether ``SUSPECT`` may be found: sooner than by ``re`` in any text, and than by RE2 in a short one."""
    lowered = text.lower()
    return any(sign in lowered for sign in _SIGNS) or ("://" in lowered and "@" in lowered)


def secrets_in(text: str) -> list[tuple[int, int]]:
    """Where ``masked`` finds secrets: spans from and to, in order, none touching another."""
    lowered = text.lower()
    found = [_hidden(match, "name") for match in _assignments(text, lowered)]
    for signs, pattern, kept in _SPANS:
        if any(sign in lowered for sign in signs):
            found += [_hidden(match, kept) for match in pattern.finditer(text)]
    spans: list[tuple[int, int]] = []
    for begin, end in sorted(found):
        if spans and begin <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((begin, end))
    return spans


def well_known_at_the_beginning(text: str) -> int:
    """The length of the secret of a well-known shape that the text begins with; 0 where it begins with none."""
    found = _KNOWN.match(text)
    return found.end() if found else 0


_NAME_SIGNS = (
    *("passw", "passphrase", "pwd", "secret", "token", "credential", "cookie", "dsn", "signature"),
    *(f"{word}{joint}key" for word in ("api", "access", "private", "auth") for joint in ("", "_", "-")),
    *(f"session{joint}id" for joint in ("", "_", "-")),
)
_KNOWN_SIGNS = (
    *("ghp_", "gho_", "ghu_", "ghr_", "ghs_", "github_pat_", "glpat-", "sk-", "xox", "akia", "asia", "aiza", "hf_"),
    *("npm_", "pypi-", "eyj"),
)
_SIGNS = (*_NAME_SIGNS, *_KNOWN_SIGNS, "authorization", "bearer", "basic", "-----begin")
_SPANS: tuple[tuple[tuple[str, ...], re.Pattern[str], int | None], ...] = (
    (("-----begin",), _KEY_BLOCK, None),
    (_KNOWN_SIGNS, _KNOWN, None),
    (("://",), _URL, 1),
    (("authorization",), _HEADER, 1),
    (("bearer", "basic"), _SCHEME, 1),
    (("cookie",), _COOKIE, 1),
    (("-",), _OPTION_IN_TEXT, 1),
)
"""What must stand in a text before a pattern can be found in it: looking for that takes a fraction of the time."""


def _assignments(text: str, lowered: str) -> Iterator[re.Match[str]]:
    if len(lowered) != len(text):  # a few letters have no small one of the same length
        yield from _ASSIGNED.finditer(text)
        return
    begins = {_name_begin(lowered, at) for sign in _NAME_SIGNS for at in _places(sign, lowered)}
    yield from (match for begin in begins if (match := _ASSIGNED.match(text, begin)) is not None)


def _places(sign: str, lowered: str) -> Iterator[int]:
    at = lowered.find(sign)
    while at >= 0:
        yield at
        at = lowered.find(sign, at + 1)


def _name_begin(lowered: str, at: int) -> int:
    before = lowered[max(0, at - _LONGEST_PREFIX) : at]
    return at - len(before) + len(before.rstrip(_NAME_CHARACTERS))


def _hidden(match: re.Match[str], kept: str | int | None) -> tuple[int, int]:
    begin = match.start() if kept is None else match.end(kept)
    return begin + (match.re is _SCHEME), match.end() - (match.re is _URL)


def masked_value(value: Any) -> Any:
    """A JSON value with the secrets in its texts masked, and all that stands under a name that says it is one."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {name: MASK if _hides(name, each) else masked_value(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [masked_value(each) for each in value]
    return value


def _hides(name: str, value: Any) -> bool:
    is_empty = value is None or isinstance(value, bool) or value in ("", [], {})
    return not is_empty and _SECRET_NAME.fullmatch(name) is not None


def masked_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """A command line with secrets masked, also those that follow their option as an argument of their own."""
    shown: list[str] = []
    for number, argument in enumerate(arguments):
        follows = number > 0 and _OPTION.fullmatch(arguments[number - 1]) is not None and not argument.startswith("--")
        shown.append(MASK if follows else masked(argument))
    return tuple(shown)
