"""The level of a line in the common formats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.logs.headers.levels import UNKNOWN, known_level, level_of

LINES = {
    "python logging": (b"2026-11-22 10:00:00,123 - app.db - ERROR - no", "error"),
    "python logging, basicConfig": (b"WARNING:root:careful", "warning"),
    "uvicorn": (b'INFO:     127.0.0.1:1 - "GET / HTTP/1.1" 500', "info"),
    "tornado": (b"[E 2026-11-22 10:00:00.123 ServerApp] no", "error"),
    "tornado, short": (b"[C 10:00:00.123 NotebookApp] http://", "critical"),
    "log4j": (b"2026-11-22 10:00:00,123 [main] FATAL com.example.App - no", "fatal"),
    "log4j, level first": (b"ERROR 2026-11-22 10:00:00 com.example.App - no", "error"),
    "spring": (b"2026-11-22T10:00:00.123Z  WARN 1 --- [main] c.e.App : x", "warning"),
    "java.util.logging": (b"SEVERE: no", "error"),
    "logfmt": (b'ts=2026-11-22T10:00:00Z level=warn msg="an error"', "warning"),
    "klog": (b"E1122 10:00:00.123456       1 main.go:2] no", "error"),
    "glog": (b"W20261122 10:00:00.123456 1 main.cc:2] hm", "warning"),
    "syslog priority": (b"<11>Nov 22 10:00:00 host app: no", "error"),
    "syslog": (b"Nov 22 10:00:00 host app[12]: plain words", UNKNOWN),
    "syslog with a word": (b"Nov 22 10:00:00 host sshd[12]: error: no", "error"),
    "nginx": (b"2026/11/22 10:00:00 [crit] 12#0: *1 no", "critical"),
    "apache": (b"[Sun Nov 22 10:00:00.1 2026] [core:error] [pid 1] no", "error"),
    "access, failed": (b'1.2.3.4 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 502 12 "-"', "error"),
    "access, refused": (b'1.2.3.4 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 404 12 "-"', "info"),
    "rust": (b"2026-11-22T10:00:00.000Z ERROR tower::x: no", "error"),
    "env_logger": (b"[2026-11-22T10:00:00Z DEBUG app] x", "debug"),
    "zerolog console": (b"10:00AM ERR no", "error"),
    "coloured": (b"\x1b[31mERROR\x1b[0m no", "error"),
    "git": (b"fatal: not a git repository", "fatal"),
    "compiler": (b"warning: unused", "warning"),
    "bunyan": (b'{"name":"x","level":50,"msg":"no"}', "error"),
    "pino fatal": (b'{"level":60,"time":1}', "fatal"),
    "gelf": (b'{"version":"1.1","level":3,"short_message":"no"}', "error"),
    "structlog": (b'{"event":"x","level":"info"}', "info"),
    "google cloud": (b'{"severity":"ERROR","message":"no"}', "error"),
    "ecs": (b'{"log.level":"warn","message":"x"}', "warning"),
    "ecs, nested": (b'{"log":{"level":"error"},"message":"x"}', "error"),
    "opentelemetry": (b'{"SeverityText":"WARN","Body":"x"}', "warning"),
    "mongodb": (b'{"t":{"$date":"x"},"s":"E","c":"NETWORK"}', "error"),
    "docker": (b'{"log":"ERROR no\\n","stream":"stderr","time":"x"}', "error"),
    "docker, json in json": (b'{"log":"{\\"level\\":\\"error\\"}\\n","stream":"stdout"}', "error"),
    "nested decoy": (b'{"context":{"level":"error"},"level":"info"}', "info"),
    "numbers in text": (b'{"level":"30"}', "info"),
    "a number too long for a level": (b'{"level":"' + b"9" * 5000 + b'"}', UNKNOWN),
    "json that is cut off": (b'{"level":"error","msg":"very lo', "error"),
    "json without level": (b'{"a":1}', UNKNOWN),
    "json with a boolean": (b'{"level":true}', UNKNOWN),
    "json without end and level": (b'{"a":"b', UNKNOWN),
    "braces that are no json": (b"{not json}", UNKNOWN),
    "rust panic": (b"thread 'main' panicked at src/main.rs:2", "error"),
    "go panic": (b"panic: runtime error", "fatal"),
    "java crash": (b'Exception in thread "main" java.lang.NullPointerException', "error"),
    "node crash": (b"TypeError: x is not a function", "error"),
    "words about errors": (b"10:00:00 there was an error in the house", UNKNOWN),
    "words in capitals": (b"PLEASE do not shout", UNKNOWN),
    "the first level counts": (b"2026-11-22 10:00:00 INFO no ERROR here", "info"),
    "indented": (b'    raise ValueError("ERROR")', UNKNOWN),
    "nothing": (b"", UNKNOWN),
}


@pytest.mark.parametrize(("line", "level"), LINES.values(), ids=LINES.keys())
def test_the_level_of_a_format(line, level):
    """The header decides, in every common format."""
    assert level_of(line) == level


def test_spellings():
    """One level has many names."""
    assert [known_level(word) for word in ("Warn", "ERR", " crit ", "banana")] == [
        "warning",
        "error",
        "critical",
        UNKNOWN,
    ]


@given(st.binary(max_size=2000))
def test_any_bytes_have_a_level(line):
    """No line breaks it."""
    assert isinstance(level_of(line), str)
    assert isinstance(level_of(b"{" + line), str)
