"""When a line says it was written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.logs.headers.instants import instant_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LOCAL = datetime(2026, 11, 21, 10).astimezone(UTC)


@pytest.mark.parametrize(
    ("line", "instant"),
    [
        (b"2026-11-22T10:00:00.5Z ERROR", datetime(2026, 11, 22, 10, 0, 0, 500_000, UTC)),
        (b"2026-11-22T10:00:00,123456789+02:00 x", datetime(2026, 11, 22, 8, 0, 0, 123_456, UTC)),
        (b"[2026-11-22 10:00:00 -0330] x", datetime(2026, 11, 22, 13, 30, tzinfo=UTC)),
        (b"2026-11-22 10:00:60 UTC leap", datetime(2026, 11, 22, 10, 0, 59, tzinfo=UTC)),
        (b"2026/11/21 10:00:00 [error] x", LOCAL),
        (b"2026-11-21 10:00:00 no zone", LOCAL),
        (b"Nov 21 10:00:00 host x", LOCAL),
        (b"<11>Nov 21 10:00:00 host x", LOCAL),
        (b"Dec 24 10:00:00 host x", datetime(2025, 12, 24, 10).astimezone(UTC)),
        (b'1.1.1.1 - - [22/Nov/2026:10:00:00 +0100] "GET', datetime(2026, 11, 22, 9, tzinfo=UTC)),
        (b'{"ts":1795389934.5}', datetime.fromtimestamp(1795389934.5, UTC)),
        (b'{"time":1795389934760}', datetime.fromtimestamp(1795389934.76, UTC)),
        (b"2026-02-31 10:00:00 no such day", None),
        (b"Xyz 21 10:00:00 host x", None),
        (b"[22/Xyz/2026:10:00:00 +0100]", None),
        (b"Feb 30 10:00:00 host x", None),
        (b"ValueError: x", None),
    ],
)
def test_the_instant_of_a_format(line, instant):
    """ISO with and without zone, syslog without year, access logs, and seconds or milliseconds since 1970."""
    assert instant_of(line, NOW) == instant


@given(st.binary(max_size=600))
def test_any_bytes_have_an_instant_or_none(line):
    """No line breaks it."""
    found = instant_of(line, NOW)
    assert found is None or found.tzinfo is UTC
