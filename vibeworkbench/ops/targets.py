"""Targets: those of the settings, and those that operators add over REST.

An operator may name any address or file as a target: probes and tails run with the server's rights, and operators have
terminals with the same. A target of the settings cannot be changed over REST, and hides one of REST with its kind and
name.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa

from vibeworkbench.errors import Conflict, InvalidInput, NotFound
from vibeworkbench.ops.issues.records import retire
from vibeworkbench.ops.model import kind_of, subject_of
from vibeworkbench.ops.records import target, to_us
from vibeworkbench.ops.scans.cursors import forget_target
from vibeworkbench.settings import HttpTarget, Target
from vibeworkbench.storage.dialects import insert_or_ignore
from vibeworkbench.storage.records import Transaction
from vibeworkbench.web.failures import camel

Origin = Literal["settings", "rest"]

_NAME = re.compile(r"[^\s/:*,][^/:*,\x00-\x1f\x7f]{0,99}")
_HOST = re.compile(r"[^\s/@\x00-\x1f\x7f]{1,253}")
_PATH = re.compile(r"[^\x00]{1,4096}")
_MEANT = {
    "url": (re.compile(r"[^\s\x00-\x1f\x7f]{1,2048}"), "1 to 2048 characters without spaces and control characters"),
    "host": (_HOST, "a host name or an IP address of 1 to 253 characters"),
    "server_name": (_HOST, "a host name of 1 to 253 characters, or empty"),
    "glob": (_PATH, "1 to 4096 characters"),
    "path": (_PATH, "1 to 4096 characters"),
}
"""Field of a target → what it must look like, and that in words."""


@dataclass(frozen=True, slots=True)
class KnownTarget:
    """A target with its name in addresses and where it comes from."""

    target_id: str
    origin: Origin
    target: Target


def from_settings(targets: Iterable[Target]) -> tuple[KnownTarget, ...]:
    """The targets of the settings file.

    Raises:
        InvalidInput: One cannot be meant, or two of a kind share a name.
    """
    known: dict[str, KnownTarget] = {}
    for each in targets:
        subject = subject_of(each)
        if subject in known:
            raise InvalidInput(f"ops.targets: there are two of {subject}", field="ops.targets", reason="not unique")
        refuse_meaningless(each, "ops.targets.")
        target_id = hashlib.blake2b(subject.encode(), digest_size=16).hexdigest()
        known[subject] = KnownTarget(target_id, "settings", each)
    return tuple(known.values())


def refuse_meaningless(wanted: Target, prefix: str = "") -> None:
    """The target can be meant, as far as its fields say.

    Raises:
        InvalidInput: ``field`` says which one cannot.
    """
    if not _NAME.fullmatch(wanted.name):
        reason = "1 to 100 characters, none of them / : * or a comma"
        raise InvalidInput(f"{prefix}name: {reason}", field=f"{prefix}name", reason=reason)
    for field, (meant, reason) in _MEANT.items():
        given = getattr(wanted, field, None)
        if given is not None and not meant.fullmatch(given) and (given or field != "server_name"):
            named = prefix + field if prefix else camel(field)
            raise InvalidInput(f"{named}: {reason}", field=named, reason=reason)
    if isinstance(wanted, HttpTarget):
        _refuse_meaningless_url(wanted.url, prefix)


def _refuse_meaningless_url(url: str, prefix: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise InvalidInput(f"{prefix}url: it cannot be read", field=f"{prefix}url", reason="malformed") from None
    if not usable:
        raise InvalidInput(f"{prefix}url: http:// or https:// and a host", field=f"{prefix}url", reason="no such URL")
    if parts.username is not None or parts.password is not None:
        reason = "it holds credentials, which everybody who sees the target would read"
        raise InvalidInput(f"{prefix}url: {reason}", field=f"{prefix}url", reason=reason)


def stored(connection: sa.Connection) -> list[KnownTarget]:
    """The targets of REST, oldest first."""
    rows = connection.execute(sa.select(target).order_by(target.c.created_at_us, target.c.target_id)).all()
    return [KnownTarget(row.target_id, "rest", _decoded(row.body)) for row in rows]


def _decoded(body: str) -> Target:
    decoded: Target = msgspec.json.decode(body, type=Target)
    return decoded


def active(known: Sequence[KnownTarget]) -> tuple[Target, ...]:
    """The targets that scans look at: of two with one kind and name, the settings'."""
    chosen = {subject_of(each.target): each.target for each in known if each.origin == "rest"}
    chosen |= {subject_of(each.target): each.target for each in known if each.origin == "settings"}
    return tuple(chosen.values())


@dataclass(frozen=True, slots=True)
class TargetRegister:
    """Adds, changes and removes the targets of REST, beside those ``fixed`` by the settings."""

    fixed: tuple[KnownTarget, ...]

    def all(self, connection: sa.Connection) -> list[KnownTarget]:
        """Every target, the settings' first."""
        return [*self.fixed, *stored(connection)]

    def add(self, transaction: Transaction, wanted: Target, now: datetime) -> KnownTarget:
        """The target is looked at by the next scan.

        Raises:
            InvalidInput: It cannot be meant.
            Conflict: There is one of that kind and name.
        """
        refuse_meaningless(wanted)
        added = KnownTarget(uuid.uuid4().hex, "rest", wanted)
        row = _row(added) | {"created_at_us": to_us(now)}
        if self._is_fixed(wanted) or not insert_or_ignore(transaction.connection, target, row):
            raise _taken(wanted)
        return added

    def replace(
        self, transaction: Transaction, target_id: str, wanted: Target, actor: str, now: datetime
    ) -> KnownTarget:
        """The target is ``wanted`` from now on; under another kind or name, the issues of the old one are resolved.

        Raises:
            InvalidInput: It cannot be meant.
            NotFound: There is no such target.
            Conflict: It stands in the settings, or there is another of that kind and name.
        """
        refuse_meaningless(wanted)
        before = self._changeable(transaction.connection, target_id)
        changed = KnownTarget(target_id, "rest", wanted)
        if subject_of(before.target) != subject_of(wanted):
            if self._is_fixed(wanted) or self._stands(transaction.connection, wanted):
                raise _taken(wanted)
            self._retire(transaction, before, actor, "its target became another one", now)
        here = target.c.target_id == target_id
        transaction.connection.execute(sa.update(target).where(here).values(**_row(changed)))
        return changed

    def remove(self, transaction: Transaction, target_id: str, actor: str, now: datetime) -> None:
        """The target is gone, its issues are resolved, and how far it was read is forgotten.

        Raises:
            NotFound: There is no such target.
            Conflict: It stands in the settings.
        """
        before = self._changeable(transaction.connection, target_id)
        self._retire(transaction, before, actor, "its target was deleted", now)
        transaction.connection.execute(sa.delete(target).where(target.c.target_id == target_id))

    def _retire(self, transaction: Transaction, before: KnownTarget, actor: str, reason: str, now: datetime) -> None:
        if not self._is_fixed(before.target):
            retire(transaction, subject_of(before.target), actor, reason, now)
            forget_target(transaction.connection, subject_of(before.target))

    def _is_fixed(self, wanted: Target) -> bool:
        return subject_of(wanted) in {subject_of(each.target) for each in self.fixed}

    @staticmethod
    def _stands(connection: sa.Connection, wanted: Target) -> bool:
        same = (target.c.kind == kind_of(wanted)) & (target.c.name == wanted.name)
        return connection.execute(sa.select(target.c.target_id).where(same)).first() is not None

    def _changeable(self, connection: sa.Connection, target_id: str) -> KnownTarget:
        if any(each.target_id == target_id for each in self.fixed):
            raise Conflict("this target stands in the settings file; change it there", targetId=target_id)
        found = next((each for each in stored(connection) if each.target_id == target_id), None)
        if found is None:
            raise NotFound("there is no such target", targetId=target_id)
        return found


def _row(known: KnownTarget) -> dict[str, Any]:
    return {
        "target_id": known.target_id,
        "kind": kind_of(known.target),
        "name": known.target.name,
        "body": msgspec.json.encode(known.target).decode(),
    }


def _taken(wanted: Target) -> Conflict:
    return Conflict(f"there is a target {subject_of(wanted)} already", kind=kind_of(wanted), name=wanted.name)
