"""The tables of terminals, and how their rows become values. Instants are Unix microseconds (``*_us``)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import sqlalchemy as sa

from vibeworkbench.storage.records import Transaction, metadata
from vibeworkbench.terminals.definition import Definition
from vibeworkbench.terminals.model import Exit, Right, Size

terminal = sa.Table(
    "terminal",
    metadata,
    sa.Column("terminal_id", sa.String(32), primary_key=True),
    sa.Column("home", sa.String(64), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("owner", sa.String(256), nullable=False),
    sa.Column("owner_name", sa.String(128), nullable=False),
    sa.Column("sandbox", sa.String(128), nullable=False),
    sa.Column("upstream", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("cols", sa.Integer, nullable=False),
    sa.Column("recorded", sa.Boolean, nullable=False),
    sa.Column("created_at_us", sa.BigInteger, nullable=False),
    sa.Column("ended_at_us", sa.BigInteger),
    sa.Column("exit_code", sa.Integer),
    sa.Column("exit_reason", sa.Text, nullable=False),
)
"""``home`` is the data directory of the server that runs it: of several servers on a database, one does."""

terminal_grant = sa.Table(
    "terminal_grant",
    metadata,
    sa.Column(
        "terminal_id", sa.String(32), sa.ForeignKey("terminal.terminal_id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("identity", sa.String(256), primary_key=True),
    sa.Column("right", sa.String(16), nullable=False),
    sa.Column("granted_by", sa.String(256), nullable=False),
    sa.Column("granted_at_us", sa.BigInteger, nullable=False),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Unix microseconds of an aware instant, exact."""
    return (at - _EPOCH) // _US


def from_us(at_us: int) -> datetime:
    """The aware UTC instant of Unix microseconds."""
    return _EPOCH + at_us * _US


def definitions(connection: sa.Connection, home: str) -> list[Definition]:
    """Every terminal of one server, oldest first, with its grants."""
    here = terminal.c.home == home
    found = connection.execute(sa.select(terminal).where(here).order_by(terminal.c.created_at_us)).mappings().all()
    given = sa.select(terminal_grant).join(terminal).where(here)
    grants: dict[str, dict[str, Right]] = {}
    for row in connection.execute(given):
        grants.setdefault(row.terminal_id, {})[row.identity] = Right[row.right]
    return [_definition_of(row, grants.get(row["terminal_id"], {})) for row in found]


def _definition_of(row: sa.RowMapping, grants: dict[str, Right]) -> Definition:
    ended_us = row["ended_at_us"]
    return Definition(
        terminal_id=row["terminal_id"],
        name=row["name"],
        owner=row["owner"],
        owner_name=row["owner_name"],
        sandbox=row["sandbox"],
        upstream=msgspec.json.decode(row["upstream"]),
        size=Size(row["rows"], row["cols"]),
        recorded=row["recorded"],
        created_at=from_us(row["created_at_us"]),
        exit=None if ended_us is None else Exit(row["exit_code"], row["exit_reason"]),
        ended_at=None if ended_us is None else from_us(ended_us),
        grants=grants,
    )


def add(transaction: Transaction, added: Definition, home: str) -> None:
    """The terminal is remembered; it has no grants yet."""
    transaction.connection.execute(
        sa.insert(terminal).values(
            terminal_id=added.terminal_id,
            home=home,
            name=added.name,
            owner=added.owner,
            owner_name=added.owner_name,
            sandbox=added.sandbox,
            upstream=msgspec.json.encode(added.upstream).decode(),
            rows=added.size.rows,
            cols=added.size.cols,
            recorded=added.recorded,
            created_at_us=to_us(added.created_at),
            exit_reason="",
        )
    )


def forget(transaction: Transaction, terminal_id: str) -> None:
    """Nothing is remembered of the terminal."""
    transaction.connection.execute(sa.delete(terminal).where(terminal.c.terminal_id == terminal_id))


def put_state(transaction: Transaction, known: Definition) -> None:
    """The size of the terminal is remembered, and how and when its shell ended, or that it runs."""
    ended, at = known.exit, known.ended_at
    values = {
        "rows": known.size.rows,
        "cols": known.size.cols,
        "ended_at_us": None if at is None else to_us(at),
        "exit_code": None if ended is None else ended.code,
        "exit_reason": "" if ended is None else ended.reason,
    }
    here = terminal.c.terminal_id == known.terminal_id
    transaction.connection.execute(sa.update(terminal).where(here).values(**values))


def grant(transaction: Transaction, terminal_id: str, identity: str, right: Right, *, by: str, at: datetime) -> None:
    """The identity has this right on the terminal, whatever it had before."""
    withdraw(transaction, terminal_id, identity)
    given = {"terminal_id": terminal_id, "identity": identity, "right": right.name}
    transaction.connection.execute(sa.insert(terminal_grant).values(**given, granted_by=by, granted_at_us=to_us(at)))


def withdraw(transaction: Transaction, terminal_id: str, identity: str) -> bool:
    """The identity was granted nothing on the terminal; true when it had been before."""
    those = (terminal_grant.c.terminal_id == terminal_id) & (terminal_grant.c.identity == identity)
    gone = sa.delete(terminal_grant).where(those).returning(terminal_grant.c.identity)
    return transaction.connection.execute(gone).first() is not None
