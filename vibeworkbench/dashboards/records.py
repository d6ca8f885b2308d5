"""The tables of dashboards, and how their rows become values. Instants are Unix microseconds (``*_us``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from vibeworkbench.dashboards.model import Failure, PageFacts, Publication, Standing
from vibeworkbench.errors import NotAllowed
from vibeworkbench.storage.records import Transaction, metadata
from vibeworkbench.web.roles import Role

dashboard = sa.Table(
    "dashboard",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("stamp", sa.String(32), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("notebook", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("interactive", sa.Boolean, nullable=False),
    sa.Column("every", sa.String(256), nullable=False),
    sa.Column("frame_ancestors", sa.Text, nullable=False),
    sa.Column("publisher", sa.String(256), nullable=False),
    sa.Column("published_by", sa.String(256), nullable=False),
    sa.Column("published_at_us", sa.BigInteger, nullable=False),
    sa.Column("tried", sa.String(256), nullable=False),
    sa.Column("failure", sa.Text),
    sa.Column("slot_us", sa.BigInteger, nullable=False),
    sa.Column("renderer", sa.String(256)),
    sa.Column("renderer_until_us", sa.BigInteger, nullable=False),
)
"""``renderer`` is the claim of the server that renders it of its own accord, so that of several one does."""

dashboard_page = sa.Table(
    "dashboard_page",
    metadata,
    sa.Column("name", sa.String(64), sa.ForeignKey("dashboard.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("etag", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("page_bytes", sa.BigInteger, nullable=False),
    sa.Column("rooms", sa.Text, nullable=False),
    sa.Column("rendered_at_us", sa.BigInteger, nullable=False),
    sa.Column("render_ms", sa.Float, nullable=False),
)
"""``body`` is compressed with gzip, as in ``dashboard_asset``."""

dashboard_asset = sa.Table(
    "dashboard_asset",
    metadata,
    sa.Column("name", sa.String(64), sa.ForeignKey("dashboard.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("file", sa.String(128), primary_key=True),
    sa.Column("media_type", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("used_us", sa.BigInteger, nullable=False),
)
"""``used_us``: when the last page that loads it was made."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as it is stored and sent: compressed with gzip."""

    etag: str
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Made:
    """All that a render that went well has made.

    Attributes:
        page: What is known of the page.
        body: The page, compressed.
        assets: File name → the file.
        title: The notebook's title.
        tried: What was rendered, as a standing has it.
    """

    page: PageFacts
    body: bytes
    assets: Mapping[str, Stored]
    title: str
    tried: str


def to_us(at: datetime) -> int:
    """Unix microseconds of an aware instant, exact."""
    return (at - _EPOCH) // _US


def from_us(at_us: int) -> datetime:
    """The aware UTC instant of Unix microseconds."""
    return _EPOCH + at_us * _US


def stamps(connection: sa.Connection) -> dict[str, str]:
    """Name → stamp of every dashboard."""
    return {row.name: row.stamp for row in connection.execute(sa.select(dashboard.c.name, dashboard.c.stamp))}


def standings(connection: sa.Connection) -> dict[str, Standing]:
    """Name → how it stands, of every dashboard."""
    facts = [each for each in dashboard_page.c if each.name not in {"name", "body"}]
    said = [each for each in dashboard.c if each.name != "content"]
    is_stored = dashboard.c.content.is_not(None).label("is_stored")
    query = sa.select(*said, is_stored, *facts).outerjoin(dashboard_page)
    return {row["name"]: _standing_of(row) for row in connection.execute(query).mappings()}


def _standing_of(row: sa.RowMapping) -> Standing:
    publication = Publication(
        name=row["name"],
        title=row["title"],
        notebook=row["notebook"],
        stored=bool(row["is_stored"]),
        role=Role[row["role"]],
        interactive=row["interactive"],
        every=row["every"],
        frame_ancestors=msgspec.json.decode(row["frame_ancestors"], type=tuple[str, ...]),
        publisher=row["publisher"],
        published_by=row["published_by"],
        published_at=from_us(row["published_at_us"]),
    )
    return Standing(
        publication=publication,
        stamp=row["stamp"],
        place=row["place"],
        page=_facts_of(row),
        failure=None if row["failure"] is None else msgspec.json.decode(row["failure"], type=Failure),
        tried=row["tried"],
        slot_at=from_us(row["slot_us"]),
    )


def _facts_of(row: sa.RowMapping) -> PageFacts | None:
    if row["etag"] is None:
        return None
    return PageFacts(
        etag=row["etag"],
        page_bytes=row["page_bytes"],
        rooms=msgspec.json.decode(row["rooms"], type=tuple[tuple[str, str], ...]),
        rendered_at=from_us(row["rendered_at_us"]),
        render_ms=row["render_ms"],
    )


def content_of(connection: sa.Connection, name: str) -> bytes | None:
    """The notebook that was sent with the publication, if one was."""
    return connection.execute(sa.select(dashboard.c.content).where(dashboard.c.name == name)).scalar_one_or_none()


def page_of(connection: sa.Connection, name: str) -> Stored | None:
    """The dashboard's page, if there is one."""
    query = sa.select(dashboard_page.c.etag, dashboard_page.c.body).where(dashboard_page.c.name == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else Stored(row.etag, "text/html; charset=utf-8", row.body)


def asset_of(connection: sa.Connection, name: str, file: str) -> Stored | None:
    """A file of the dashboard's page, or of one that was replaced lately."""
    named = (dashboard_asset.c.name == name) & (dashboard_asset.c.file == file)
    row = connection.execute(sa.select(dashboard_asset).where(named)).one_or_none()
    return None if row is None else Stored(file, row.media_type, row.body)


def hold(transaction: Transaction, name: str, most: Role) -> Role | None:
    """For whom the dashboard is, which nobody else changes until the transaction ends; ``None`` when there is none.

    Raises:
        NotAllowed: It is for a role above ``most``.
    """
    held = sa.select(dashboard.c.role).where(dashboard.c.name == name).with_for_update()
    said = transaction.connection.execute(held).scalar_one_or_none()
    role = None if said is None else Role[said]
    if role is not None and role > most:
        raise NotAllowed(f"This dashboard is for {role.name}, who alone may change it.", required=role.name)
    return role


def put(
    transaction: Transaction, standing: Standing, content: bytes | None, claim: tuple[str, datetime], most: Role
) -> None:
    """The publication is stored, in place of a former one of its name.

    The former one's page stays until there is a newer one, unless it was made for a role above the new one's.

    Args:
        transaction: Where it is stored.
        standing: It.
        content: The notebook, if it was sent.
        claim: Who renders it now, and until when nobody else does.
        most: The role of who publishes it.

    Raises:
        NotAllowed: The former one is for a role above ``most``.
    """
    publication = standing.publication
    values = {
        "stamp": standing.stamp,
        "title": publication.title,
        "notebook": publication.notebook,
        "place": standing.place,
        "content": content,
        "role": publication.role.name,
        "interactive": publication.interactive,
        "every": publication.every,
        "frame_ancestors": _json(publication.frame_ancestors),
        "publisher": publication.publisher,
        "published_by": publication.published_by,
        "published_at_us": to_us(publication.published_at),
        "tried": "",
        "failure": None,
        "slot_us": to_us(standing.slot_at),
        "renderer": claim[0],
        "renderer_until_us": to_us(claim[1]),
    }
    was_for = hold(transaction, publication.name, most)
    if was_for is None:
        transaction.connection.execute(sa.insert(dashboard).values(name=publication.name, **values))
        return
    transaction.connection.execute(sa.update(dashboard).where(dashboard.c.name == publication.name).values(values))
    if was_for > publication.role:
        for table in (dashboard_page, dashboard_asset):
            transaction.connection.execute(sa.delete(table).where(table.c.name == publication.name))


def remove(transaction: Transaction, name: str, most: Role) -> bool:
    """Nothing is left of the dashboard; true when it was there.

    Raises:
        NotAllowed: It is for a role above ``most``.
    """
    hold(transaction, name, most)
    return _changed(transaction, sa.delete(dashboard).where(dashboard.c.name == name))


def renderer_of(connection: sa.Connection, name: str) -> tuple[str | None, int]:
    """Who has claimed the next render, and until when."""
    row = connection.execute(
        sa.select(dashboard.c.renderer, dashboard.c.renderer_until_us).where(dashboard.c.name == name)
    ).one_or_none()
    return (None, 0) if row is None else (row.renderer, row.renderer_until_us)


def claim(transaction: Transaction, standing: Standing, renderer: str, until: datetime) -> bool:
    """The next render is ``renderer``'s; false when the dashboard is not as it stood."""
    same = (dashboard.c.name == standing.publication.name) & (dashboard.c.stamp == standing.stamp)
    claimed = {"renderer": renderer, "renderer_until_us": to_us(until)}
    return _changed(transaction, sa.update(dashboard).where(same).values(claimed))


def release(transaction: Transaction, renderer: str) -> None:
    """Nothing is claimed by ``renderer``."""
    transaction.connection.execute(sa.update(dashboard).where(dashboard.c.renderer == renderer).values(renderer=None))


def record_page(transaction: Transaction, standing: Standing, made: Made, keep_since: datetime) -> bool:
    """The page is the one that is served, all of it; false when the dashboard was published anew meanwhile, or ended.

    Args:
        transaction: Where all of it is stored, or none.
        standing: The publication for which it was made, with the stamp and the slot that it has from now on.
        made: What was made.
        keep_since: Files that only pages made before used are forgotten.
    """
    if not _ended(transaction, standing, {"title": made.title, "tried": made.tried, "failure": None}):
        return False
    name, used_us = standing.publication.name, to_us(made.page.rendered_at)
    transaction.connection.execute(sa.delete(dashboard_page).where(dashboard_page.c.name == name))
    transaction.connection.execute(sa.insert(dashboard_page).values(name=name, **_page_row(made)))
    gone = dashboard_asset.c.file.in_(made.assets) | (dashboard_asset.c.used_us < to_us(keep_since))
    transaction.connection.execute(sa.delete(dashboard_asset).where((dashboard_asset.c.name == name) & gone))
    for file, each in made.assets.items():
        row = {"name": name, "file": file, "media_type": each.media_type, "body": each.body, "used_us": used_us}
        transaction.connection.execute(sa.insert(dashboard_asset).values(row))
    return True


def record_failure(transaction: Transaction, standing: Standing, failure: Failure, tried: str) -> bool:
    """The last render failed so; false when the dashboard was published anew meanwhile, or ended."""
    return _ended(transaction, standing, {"failure": _json(failure), "tried": tried})


def _ended(transaction: Transaction, standing: Standing, values: Mapping[str, Any]) -> bool:
    publication = standing.publication
    same = (dashboard.c.name == publication.name) & (dashboard.c.published_at_us == to_us(publication.published_at))
    ended = {"stamp": standing.stamp, "slot_us": to_us(standing.slot_at), "renderer": None, **values}
    return _changed(transaction, sa.update(dashboard).where(same).values(ended))


def _page_row(made: Made) -> dict[str, Any]:
    page = made.page
    return {
        "etag": page.etag,
        "body": made.body,
        "page_bytes": page.page_bytes,
        "rooms": _json(page.rooms),
        "rendered_at_us": to_us(page.rendered_at),
        "render_ms": page.render_ms,
    }


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _changed(transaction: Transaction, statement: sa.Update | sa.Delete) -> bool:
    returning = statement.returning(sa.literal(1))  # a row count is not told of every table by every driver
    return transaction.connection.execute(returning).first() is not None
