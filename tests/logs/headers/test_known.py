# ruff: noqa: E501
"""Forms that are known by name, from one line each."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vibeworkbench.logs.headers import layouts_of
from vibeworkbench.logs.model import Level

NOW = datetime(2026, 11, 28, tzinfo=UTC)
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
LINES = {
    "json": ('{"time":"2026-11-22T10:00:00Z","level":"error","msg":"no disk","n":1}', "no disk", Level.error, {"n": 1}),
    "json, bunyan": ('{"name":"x","level":50,"time":1795341600000,"msg":"no"}', "no", Level.error, {"name": "x"}),
    "json, ecs": (
        '{"@timestamp":"2026-11-22T10:00:00Z","log":{"level":"warn"},"message":"m"}',
        "m",
        Level.warning,
        {"log": {"level": "warn"}},
    ),
    "json, a message that is no text": ('{"ts":1795341600.0,"event":{"a":1}}', '{"a":1}', Level.unknown, {}),
    "docker": ('{"log":"hello\\n","stream":"stderr","time":"2026-11-22T10:00:00Z"}', "hello", Level.unknown, {"stream": "stderr"}),
    "logfmt": (
        'ts=2026-11-22T10:00:00Z level=warn msg="slow \\"disk\\"" n=1',
        'slow "disk"',
        Level.warning,
        {"n": "1"},
    ),
    "rfc 5424": (
        '<11>1 2026-11-22T10:00:00Z box app 12 ID1 [a@1 b="c"] failed',
        "failed",
        Level.error,
        {"host": "box", "component": "app", "pid": "12"},
    ),
    "rfc 3164": (
        "<28>Nov 22 10:00:00 box app[12]: failed",
        "failed",
        Level.warning,
        {"host": "box", "component": "app", "pid": "12"},
    ),
    "access": (
        '1.2.3.4 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 502 12 "-"',
        '"GET / HTTP/1.1" 502 12 "-"',
        Level.error,
        {"host": "1.2.3.4"},
    ),
    "nginx": ("2026/11/22 10:00:00 [crit] 12#0: *1 no", "no", Level.critical, {"pid": "12", "thread": "0"}),
    "apache": (
        "[Sun Nov 22 10:00:00.0 2026] [core:error] [pid 1:tid 2] [client 1.1.1.1:1] no",
        "[client 1.1.1.1:1] no",
        Level.error,
        {"component": "core", "pid": "1", "thread": "2"},
    ),
    "klog": ("E1122 10:00:00.000000       1 main.go:2] no", "no", Level.error, {"pid": "1", "component": "main.go:2"}),
    "jul": (
        "Nov 22, 2026 10:00:00 AM com.acme.App run\nSEVERE: no",
        "no",
        Level.error,
        {"component": "com.acme.App"},
    ),
    "cri around python": (
        "2026-11-22T10:00:01.123456789Z stderr F 2026-11-22 10:00:00,000 - a.b - ERROR - no",
        "no",
        Level.error,
        {"stream": "stderr", "component": "a.b"},
    ),
    "compose around klog": ("web-1  | W1122 10:00:00.000000 1 a.go:2] hm", "hm", Level.warning, {"pid": "1", "component": "a.go:2"}),
}  # fmt: skip


@pytest.mark.parametrize(("line", "message", "level", "attributes"), LINES.values(), ids=LINES)
def test_a_known_form(line, message, level, attributes):
    """One line is enough: its time, level, message and the rest."""
    parsed = layouts_of([line], NOW).parsed(line)
    assert (parsed.message, parsed.level, parsed.attributes) == (message, level, attributes)
    assert parsed.timestamp == TEN


def test_wrappers_may_stand_alone():
    """What a wrapper stands before need not have a header of its own."""
    parsed = layouts_of(["2026-11-22T10:00:00Z stdout F plain words"], NOW).parsed(
        "2026-11-22T10:00:00Z stdout F plain words"
    )
    assert (parsed.message, parsed.timestamp, parsed.attributes) == ("plain words", TEN, {"stream": "stdout"})
