"""What collectors are told of logs: they reach this as ``LookOrder.server["logs"]`` and import nothing of it.

Every method waits for the warehouse and raises ``Unavailable`` when it cannot be used. Instants are aware UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from vibeworkbench.logs.asking import aware, level_of, recent
from vibeworkbench.logs.follower import Follower
from vibeworkbench.logs.judging.model import Asked, Seen
from vibeworkbench.logs.observing import seen
from vibeworkbench.logs.service import Logs, body_of
from vibeworkbench.logs.sql import statement
from vibeworkbench.storage.warehouse import Connection

CATCH_UP_S = 5.0
"""How long is waited for files to be read before what was read is told."""


class LogFacts:
    """The kept logs, for whoever judges them.

    Args:
        logs: The service.
        follower: What reads files.
    """

    def __init__(self, logs: Logs, follower: Follower) -> None:
        self._logs = logs
        self._follower = follower

    async def drain(self) -> int:
        """All that was acknowledged, or stood in followed files, is in the warehouse.

        Returns:
            The ``seq`` of its last line, 0 without any.
        """
        await self._follower.caught_up(CATCH_UP_S)
        await self._logs.drained()
        return await self._logs.warehouse.read(_last_seq)

    async def seen(self, asked: Asked) -> Seen:
        """What the sources of a kind say, as of one instant."""
        return await self._logs.warehouse.read(seen(asked))

    async def files(self, name: str) -> dict[str, Any]:
        """How the files of a target are read, after all that stood in them was, as far as there was time.

        Returns:
            ``{looked, files, leftOut, refused, skipped, behindBytes, reason}``: whether there was a look, how many
            files match and how many of them are left out; names of files that may not be read, name → why of those that
            are not read; bytes that are not read yet; why nothing is read now, else empty.
        """
        await self._follower.caught_up(CATCH_UP_S)
        stands = self._follower.standing(name)
        found = stands.result
        return {
            "looked": stands.looked,
            "files": found.files,
            "leftOut": found.left_out,
            "refused": sorted(found.refused),
            "skipped": dict(sorted(found.skipped.items())),
            "behindBytes": found.behind_bytes,
            "reason": stands.reason,
        }

    async def sources(self) -> list[dict[str, Any]]:
        """``{kind, source, lines, firstAt, lastAt}`` of each source."""

        def asked(connection: Connection) -> list[dict[str, Any]]:
            rows = connection.execute(statement("facts_sources")).fetchall()
            return [
                {"kind": kind, "source": source, "lines": lines, "firstAt": aware(first), "lastAt": aware(last)}
                for kind, source, lines, first, last in rows
            ]

        return await self._logs.warehouse.read(asked)

    async def news(self, kind: str, source: str, since_seq: int, until_seq: int) -> list[dict[str, Any]]:
        """What the lines of a source say whose ``seq`` is above ``since_seq`` and not above ``until_seq``, by template.

        Returns:
            ``{templateId, text, level, lines, firstAt, lastAt, everFirstAt, everLastAt, everLines, samples}`` of each
            template, most lines first; ``level`` is a :class:`vibeworkbench.logs.model.Level`, the worst of the lines,
            ``ever…`` is about all of the retained history, these lines included.
        """
        given = {"kind": kind, "source": source, "since": since_seq, "until": until_seq}

        def asked(connection: Connection) -> list[dict[str, Any]]:
            rows = connection.execute(statement("facts_news"), given).fetchall()
            return [_news(*row) for row in rows]

        return await self._logs.warehouse.read(asked)

    async def counts(self, kind: str, source: str, begin: datetime, bucket_s: int = 3600) -> list[dict[str, Any]]:
        """Lines of a source since ``begin``: ``{templateId, level, beganAt, lines}`` by template, level and bucket."""
        naive = begin.astimezone(UTC).replace(tzinfo=None)
        given = {"kind": kind, "source": source, "begin": naive, "bucket": f"{bucket_s} seconds"}

        def asked(connection: Connection) -> list[dict[str, Any]]:
            rows = connection.execute(statement("facts_counts"), given).fetchall()
            return [
                {"templateId": template_id, "level": level_of(level), "beganAt": aware(began_at), "lines": lines}
                for template_id, level, began_at, lines in rows
            ]

        return await self._logs.warehouse.read(asked)

    async def lines(self, since_seq: int, until_seq: int, limit: int = 1000) -> list[dict[str, Any]]:
        """The last lines whose ``seq`` is above ``since_seq`` and not above ``until_seq``, as REST answers them."""
        found = await self._logs.warehouse.read(recent(since_seq + 1, until_seq + 1, limit))
        return [{name: getattr(body, name) for name in body.__struct_fields__} for body in map(body_of, found)]


def _news(  # noqa: PLR0913, PLR0917 - the columns
    template_id: str,
    text: str | None,
    level: int,
    lines: int,
    first_at: datetime,
    last_at: datetime,
    ever_first_at: datetime | None,
    ever_last_at: datetime | None,
    ever_lines: int | None,
    samples: list[str] | None,
) -> dict[str, Any]:
    return {
        "templateId": template_id,
        "text": text,
        "level": level_of(level),
        "lines": lines,
        "firstAt": aware(first_at),
        "lastAt": aware(last_at),
        "everFirstAt": aware(ever_first_at),
        "everLastAt": aware(ever_last_at),
        "everLines": ever_lines,
        "samples": samples or [],
    }


def _last_seq(connection: Connection) -> int:
    row = connection.execute("SELECT next_seq - 1 FROM log_seq").fetchone()
    return 0 if row is None else int(row[0])
