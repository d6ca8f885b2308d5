"""What vouches for a caller, and how names, scopes and tokens are written. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from vibeworkbench.errors import InvalidInput
from vibeworkbench.settings import AccessSettings
from vibeworkbench.web.roles import Caller, Role, Scope

SERVER = "server"
"""Identity of whoever holds the token that was given when the server was started."""
TOKEN_PREFIX = "vwb_"  # noqa: S105 - by which secret scanners find one that was left somewhere
NAME_LENGTH = 128
_DASHBOARD = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PARTY = re.compile(r"[a-z][a-z0-9-]{0,63}")
_ROOM = re.compile(r"[^\x00-\x20/\\\x7f-\x9f]{1,200}")
_SECRET = re.compile(rf"{TOKEN_PREFIX}[A-Za-z0-9_-]{{8,}}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_PATTERN = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~@+-]+)+(/\*\*)?")
_NO_NAME = re.compile(r"[/\\:,]")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})
"""Unicode categories that no name holds: control, format, surrogate, private, unassigned, separators."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The rights of one identity as they stand.

    Attributes:
        identity: Stable id: ``server`` (whoever started it), ``token:<id>``, ``user:<name>``.
        name: Name for records.
        role: Its role.
        generation: Changes whenever sessions opened before must end (another password, another secret).
        scope: What it is narrowed to; ``None`` means all that the role may.
        expires_at: When it ends by itself.
        is_lent: Whether a kernel or a render shows what it was lent: no login may come of it, which would outlast it.
    """

    identity: str
    name: str
    role: Role
    generation: str
    scope: Scope | None = None
    expires_at: datetime | None = None
    is_lent: bool = field(default=False, compare=False)

    def caller(self) -> Caller:
        """The caller that this identity is here."""
        return Caller(self.name, self.role, self.identity, self.scope)


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its text, which nobody keeps.

    Attributes:
        token_id: Its id, by which it is listed and revoked.
        name: What it is for, in the words of whoever made it.
        role: The most that its bearer may.
        hash: Hexadecimal SHA-256 of its text.
        scope: What it is narrowed to; ``None`` means all that the role may.
        created_at: When it was made.
        created_by: Name of who made it.
        expires_at: When it ends by itself; ``None`` means never.
        revoked_at: When somebody ended it.
        last_used_at: When it last opened something, to the minute.
    """

    token_id: str
    name: str
    role: Role
    hash: str = field(repr=False)
    scope: Scope | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def identity(self) -> str:
        """The identity of its bearer."""
        return f"token:{self.token_id}"

    def is_live(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Person:
    """A name with a role in the database.

    Attributes:
        name: As the identity provider, or the person at the login page, says it.
        role: The role.
        generation: Drawn anew whenever sessions opened before must end.
        password_hash: Argon2 hash; ``None`` where the person comes by single sign-on only.
        changed_at: When role or password were last set.
        changed_by: Name of who set them.
    """

    name: str
    role: Role
    generation: str
    password_hash: str | None = field(repr=False)
    changed_at: datetime
    changed_by: str

    @property
    def identity(self) -> str:
        """The identity of this person."""
        return user_identity(self.name)


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that was logged out of before it expired."""

    session_id: str
    identity: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """All that the database vouches for, as of one revision.

    Attributes:
        revision: Grows with each change.
        tokens: Hash → token, of those that are not revoked.
        people: Name → person.
        ended: Id → session that was logged out of.
    """

    revision: int = -1
    tokens: Mapping[str, Token] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)
    ended: Mapping[str, EndedSession] = field(default_factory=dict)

    def changed_since(self, before: Known) -> frozenset[str]:
        """The identities whose rights are other ones than before, or whose sessions ended."""
        tokens, earlier_tokens = _by_identity(self.tokens.values()), _by_identity(before.tokens.values())
        people, earlier_people = _by_identity(self.people.values()), _by_identity(before.people.values())
        gone = earlier_tokens.keys() - tokens.keys()
        others = {
            name for name in people.keys() | earlier_people.keys() if people.get(name) != earlier_people.get(name)
        }
        left = {each.identity for key, each in self.ended.items() if key not in before.ended}
        return frozenset(gone | others | left)


def _by_identity(each_of: Iterable[Token | Person]) -> dict[str, tuple[Role, str]]:
    return {each.identity: (each.role, each.generation if isinstance(each, Person) else each.hash) for each in each_of}


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that the record of who came in, and who was refused, is to hold. It never holds a secret.

    Attributes:
        kind: ``login``, ``login-failed``, ``logout``, ``refused``, ``token-created``, ``role-set``, ...
        identity: Who it was, as far as the server knows; empty means nobody it knows.
        name: The name that belongs to it, or that was claimed.
        address: From which network address.
        subject: What was asked for or done to: a path without its query, a token's id, a person's name.
    """

    kind: str
    identity: str = ""
    name: str = ""
    address: str = ""
    subject: str = ""


def user_identity(name: str) -> str:
    """The identity of the person called ``name``."""
    return f"user:{name}"


def digest(secret: str) -> str:
    """What is kept of a token: the hexadecimal SHA-256 of its text.

    A slow hash guards what people choose; a token's 256 random bits cannot be guessed, whatever each guess costs.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def generation_of(token_hash: str) -> str:
    """The generation of sessions that were opened with a token: another token, another generation."""
    return hashlib.sha256(b"generation " + token_hash.encode()).hexdigest()[:16]


def name_of(text: str) -> str | None:
    """``text`` as a person's name, in Unicode's composed form; ``None`` when no name can be so.

    Compatibility forms (full-width letters, ligatures) are refused and not folded: whom two providers tell apart, or
    whom a reader takes for somebody else, never becomes one person. Upper and lower case are told apart.

    Source: Unicode Standard Annex 15 (normalisation forms), Unicode Technical Standard 39 (confusables).
    """
    name = unicodedata.normalize("NFC", text)
    if not 0 < len(name) <= NAME_LENGTH or name in {".", ".."} or _NO_NAME.search(name):
        return None
    if unicodedata.normalize("NFKC", name) != name or any(unicodedata.category(each) in _UNSEEN for each in name):
        return None
    return name


def valid_name(text: str, field_name: str = "name") -> str:
    """``text`` as a person's name.

    Raises:
        InvalidInput: No name can be so.
    """
    name = name_of(text)
    if name is None:
        reason = f"1 to {NAME_LENGTH} visible characters in their usual form, without spaces and / \\ : ,"
        raise InvalidInput(f"{field_name}: {reason}.", field=field_name, reason=reason)
    return name


def refuse_meaningless(settings: AccessSettings) -> None:
    """The settings can be meant.

    Raises:
        InvalidInput: ``field`` says which cannot.
    """
    for name in settings.roles:
        if valid_name(name, "access.roles") != name:
            _refuse("access.roles", f"{name!r} is not in Unicode's composed form (NFC)")
    header = settings.header
    for each in (header.name, header.groups, header.secret_header):
        if each and not _HEADER.fullmatch(each):
            _refuse("access.header", f"{each!r} is no name of a request header")
    for network in header.trusted_proxies:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            _refuse("access.header.trusted_proxies", f"{network!r} is no network such as 10.0.0.0/8")
    if header.name and not header.trusted_proxies:
        _refuse("access.header.trusted_proxies", "needed to know whose header is believed")
    for path in settings.paths:
        if not _PATTERN.fullmatch(path.pattern):
            _refuse("access.paths", f"{path.pattern!r} is no path such as /api/metrics/v1 or /resources/**")


def _refuse(field_name: str, reason: str) -> NoReturn:
    raise InvalidInput(f"settings: {field_name}: {reason}", field=field_name, reason=reason)


def highest(roles: Collection[Role]) -> Role | None:
    """The highest of several roles, ``None`` of none."""
    return max(roles, default=None)


def scope_from(words: Collection[str]) -> Scope | None:
    """The scope that ``dashboard:NAME``, ``room:PARTY/ROOM`` and ``metrics`` mean together; no word narrows nothing.

    Raises:
        InvalidInput: A word means nothing.
    """
    dashboards, rooms = set(), set()
    for word in words:
        kind, _, rest = word.partition(":")
        party, _, room = rest.partition("/")
        if kind == "dashboard" and _DASHBOARD.fullmatch(rest):
            dashboards.add(rest)
        elif kind == "room" and _PARTY.fullmatch(party) and _ROOM.fullmatch(room) and room not in {".", ".."}:
            rooms.add((party, room))
        elif word != "metrics":
            raise InvalidInput(
                f"scope: {word!r} is none of dashboard:NAME, room:PARTY/ROOM, room:PARTY/* and metrics.",
                field="scope",
                reason="no such scope",
                allowed=["dashboard:NAME", "room:PARTY/ROOM", "room:PARTY/*", "metrics"],
            )
    return Scope(frozenset(dashboards), frozenset(rooms), "metrics" in words) if words else None


def scope_words(scope: Scope | None) -> list[str]:
    """The words that mean ``scope``, in a fixed order."""
    if scope is None:
        return []
    dashboards = [f"dashboard:{name}" for name in sorted(scope.dashboards)]
    rooms = [f"room:{party}/{room}" for party, room in sorted(scope.rooms)]
    return [*dashboards, *rooms, *(["metrics"] if scope.metrics else [])]


def recordable(text: str, length: int) -> str:
    """``text`` as a record may hold it: one line, no more than ``length`` characters, no query string, no token."""
    plain = _SECRET.sub(f"{TOKEN_PREFIX}...", text[: 4 * length].partition("?")[0])
    if not (plain.isascii() and plain.isprintable()):
        plain = "".join(
            "\N{REPLACEMENT CHARACTER}" if unicodedata.category(each) in _HIDDEN else each for each in plain
        )
    return plain[:length]


_HIDDEN = _UNSEEN - {"Zs", "Cn", "Co"}
