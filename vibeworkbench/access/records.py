"""The tables of access: tokens by their hash, people, sessions that ended, the record of events; and their revision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from vibeworkbench.access.model import EndedSession, Known, Person, Token, scope_from, scope_words
from vibeworkbench.storage import dialects
from vibeworkbench.storage.records import Transaction, metadata
from vibeworkbench.web.roles import Role

revision = sa.Table(
    "access_revision",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
)

token = sa.Table(
    "token",
    metadata,
    sa.Column("token_id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("created_at_us", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(256), nullable=False),
    sa.Column("expires_at_us", sa.BigInteger),
    sa.Column("revoked_at_us", sa.BigInteger),
    sa.Column("last_used_at_us", sa.BigInteger),
)

person = sa.Table(
    "person",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("generation", sa.String(32), nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("changed_at_us", sa.BigInteger, nullable=False),
    sa.Column("changed_by", sa.String(256), nullable=False),
)

ended_session = sa.Table(
    "ended_session",
    metadata,
    sa.Column("session_id", sa.String(64), primary_key=True),
    sa.Column("identity", sa.String(256), nullable=False),
    sa.Column("expires_at_us", sa.BigInteger, nullable=False),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_CLOCKS_DIFFER = timedelta(days=1)
"""An ended session is remembered so much longer than it lasts, lest a clock that is set back revive it."""


def to_us(at: datetime) -> int:
    """Unix microseconds of an aware instant, exact."""
    return (at - _EPOCH) // _US


def from_us(at_us: int) -> datetime:
    """The aware UTC instant of Unix microseconds."""
    return _EPOCH + at_us * _US


def present_revision(connection: sa.Connection) -> int:
    """The revision of what stands in the tables: another one says that something changed."""
    found = connection.execute(sa.select(revision.c.revision)).scalar_one_or_none()
    return 0 if found is None else int(found)


def known(connection: sa.Connection) -> Known:
    """All that the tables vouch for."""
    tokens = connection.execute(sa.select(token).where(token.c.revoked_at_us.is_(None)))
    ended = connection.execute(sa.select(ended_session))
    return Known(
        present_revision(connection),
        {row.hash: _token(row) for row in tokens},
        {row.name: _person(row) for row in connection.execute(sa.select(person))},
        {row.session_id: EndedSession(row.session_id, row.identity, from_us(row.expires_at_us)) for row in ended},
    )


def changed(transaction: Transaction) -> Known:
    """All that the tables vouch for after the changes of this transaction, under a new revision."""
    connection = transaction.connection
    dialects.insert_or_ignore(connection, revision, {"id": 1, "revision": 0})
    connection.execute(sa.update(revision).values(revision=revision.c.revision + 1))
    return known(connection)


def add_token(transaction: Transaction, added: Token) -> None:
    """The token stands in the table."""
    transaction.connection.execute(
        sa.insert(token).values(
            token_id=added.token_id,
            name=added.name,
            role=added.role.name,
            hash=added.hash,
            scope=msgspec.json.encode(scope_words(added.scope)).decode(),
            created_at_us=to_us(added.created_at),
            created_by=added.created_by,
            expires_at_us=_maybe_us(added.expires_at),
        )
    )


def revoke_token(transaction: Transaction, token_id: str, now: datetime) -> Token | None:
    """The token is revoked, since ``now`` unless it was before; ``None`` when there is none."""
    here = token.c.token_id == token_id
    revoke = sa.update(token).where(here, token.c.revoked_at_us.is_(None)).values(revoked_at_us=to_us(now))
    transaction.connection.execute(revoke)
    row = transaction.connection.execute(sa.select(token).where(here)).one_or_none()
    return None if row is None else _token(row)


def tokens(connection: sa.Connection, after: tuple[int, str] | None, limit: int) -> list[Token]:
    """At most ``limit`` tokens, ended ones too, newest first, after the one made at that microsecond with that id."""
    chosen = sa.select(token).order_by(token.c.created_at_us.desc(), token.c.token_id).limit(limit)
    if after is not None:
        at_us, token_id = after
        older = token.c.created_at_us < at_us
        chosen = chosen.where(older | ((token.c.created_at_us == at_us) & (token.c.token_id > token_id)))
    return [_token(row) for row in connection.execute(chosen)]


def put_person(transaction: Transaction, wanted: Person) -> bool:
    """The person stands in the table as ``wanted``; true when there was none of that name."""
    row = {
        "name": wanted.name,
        "role": wanted.role.name,
        "generation": wanted.generation,
        "password_hash": wanted.password_hash,
        "changed_at_us": to_us(wanted.changed_at),
        "changed_by": wanted.changed_by,
    }
    if dialects.insert_or_ignore(transaction.connection, person, row):
        return True
    transaction.connection.execute(sa.update(person).where(person.c.name == wanted.name).values(**row))
    return False


def person_called(connection: sa.Connection, name: str) -> Person | None:
    """The person of that name."""
    row = connection.execute(sa.select(person).where(person.c.name == name)).one_or_none()
    return None if row is None else _person(row)


def remove_person(transaction: Transaction, name: str) -> None:
    """The person is gone."""
    transaction.connection.execute(sa.delete(person).where(person.c.name == name))


def end_sessions(transaction: Transaction, ended: Iterable[EndedSession]) -> None:
    """The sessions are known to have ended."""
    for each in ended:
        row = {
            "session_id": each.session_id,
            "identity": each.identity,
            "expires_at_us": to_us(each.expires_at),
        }
        dialects.insert_or_ignore(transaction.connection, ended_session, row)


def note_uses(transaction: Transaction, used: Iterable[tuple[str, datetime]]) -> None:
    """The tokens with these ids were last used then."""
    for token_id, at in used:
        transaction.connection.execute(
            sa.update(token).where(token.c.token_id == token_id).values(last_used_at_us=to_us(at))
        )


def forget_ended(transaction: Transaction, now: datetime, tokens_before: datetime) -> None:
    """Ended sessions that have expired by now, and tokens that ended before ``tokens_before``, are gone."""
    old_us = to_us(tokens_before)
    connection = transaction.connection
    expired = ended_session.c.expires_at_us < to_us(now - _CLOCKS_DIFFER)
    connection.execute(sa.delete(ended_session).where(expired))
    connection.execute(sa.delete(token).where((token.c.revoked_at_us < old_us) | (token.c.expires_at_us < old_us)))


def _token(row: sa.Row[Any]) -> Token:
    return Token(
        token_id=row.token_id,
        name=row.name,
        role=Role[row.role],
        hash=row.hash,
        scope=scope_from(msgspec.json.decode(row.scope, type=Sequence[str])),
        created_at=from_us(row.created_at_us),
        created_by=row.created_by,
        expires_at=_maybe(row.expires_at_us),
        revoked_at=_maybe(row.revoked_at_us),
        last_used_at=_maybe(row.last_used_at_us),
    )


def _person(row: sa.Row[Any]) -> Person:
    return Person(
        name=row.name,
        role=Role[row.role],
        generation=row.generation,
        password_hash=row.password_hash,
        changed_at=from_us(row.changed_at_us),
        changed_by=row.changed_by,
    )


def _maybe_us(at: datetime | None) -> int | None:
    return None if at is None else to_us(at)


def _maybe(at_us: int | None) -> datetime | None:
    return None if at_us is None else from_us(at_us)
