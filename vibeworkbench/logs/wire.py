"""Log records and answers as they cross the network."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

_PLAIN = r"^[^\x00-\x1f\x7f]*$"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=_PLAIN)]
Word = Annotated[str, msgspec.Meta(max_length=256, pattern=_PLAIN)]


class RecordBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """One log record.

    ``timestamp`` is RFC 3339 (without an offset UTC) or Unix time; ``level`` is a name in whatever spelling or an
    OpenTelemetry severity number; each is ``null`` where only the message tells.
    """

    source: Name
    timestamp: datetime | float | None
    level: Annotated[str, msgspec.Meta(max_length=32)] | Annotated[int, msgspec.Meta(ge=0, le=24)] | None
    message: str
    instance: Word = ""
    stream: Annotated[str, msgspec.Meta(max_length=64, pattern=_PLAIN)] = ""
    attributes: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})] = msgspec.Raw()
    id: Annotated[str, msgspec.Meta(max_length=512)] = ""


class RecordsBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Several log records."""

    records: list[RecordBody]


class RefusedBody(msgspec.Struct, frozen=True, rename="camel"):
    """A record that was not taken: its place in the body, counted from 0, and what is wrong with which field."""

    index: int
    field: str
    reason: str


class ReceiptBody(msgspec.Struct, frozen=True, rename="camel"):
    """What became of the records; ``rejectedOmitted`` says how many rejected ones beyond 1,000 are not listed."""

    accepted: int
    duplicates: int
    rejected: list[RefusedBody]
    rejected_omitted: int | msgspec.UnsetType = msgspec.UNSET


class LineBody(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One log line as it is kept."""

    line_id: str
    received_at: datetime
    timestamp: datetime
    kind: str
    source: str
    instance: str
    stream: str
    level: str
    message: str
    template_id: str
    attributes: msgspec.Raw | None
