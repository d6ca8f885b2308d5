"""Lines that real programs wrote a moment ago."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vibeworkbench.logs.headers import Layout, layouts_of
from vibeworkbench.logs.model import Level

SAID = [
    ("warning", "disk almost full", Level.warning),
    ("error", "cannot reach db-1: refused", Level.error),
    ("info", "12 of 13 done", Level.info),
]
FORMATS = (
    "%(asctime)s %(levelname)s %(message)s",
    "%(asctime)s - %(name)s - %(levelname)s - %(message)s",
    "%(asctime)s [%(levelname)s] %(name)s: %(message)s",
    "%(asctime)s %(levelname)-8s [%(filename)s:%(lineno)d] %(message)s",
    "[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s",
    "%(levelname)s:%(name)s:%(message)s",
    "%(levelname)s %(asctime)s %(name)s %(process)d %(thread)d %(message)s",
)


def read(lines: list[str]) -> Layout:
    """The layout of lines that were just written."""
    return layouts_of(lines, datetime.now(UTC))


@pytest.mark.parametrize("form", FORMATS)
def test_python_logging(form):
    """What Python's logging writes in common formats, told by few lines."""
    says = "\n".join(f"logging.getLogger('acme.db').{level}({message!r})" for level, message, _ in SAID)
    program = f"import logging\nlogging.basicConfig(format={form!r}, level=0)\n{says * 1}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines() * 3
    layout, now = read(lines), datetime.now(UTC)
    parsed = [layout.parsed(line) for line in lines[:3]]
    assert [(each.message, each.level) for each in parsed] == [(message, level) for _, message, level in SAID]
    if "asctime" in form:
        assert all(each.timestamp is not None and now - each.timestamp < timedelta(minutes=1) for each in parsed)


def test_http_server(tmp_path):
    """The access log of Python's http.server: the request is the message, a missing file is no failure."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().split("port ")[1].split()[0]
        urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
        server.terminate()
        _, written = server.communicate()
    (line,) = [line for line in written.splitlines() if "GET" in line]
    parsed = read([line]).parsed(line)
    assert (parsed.message, parsed.level) == ('"GET / HTTP/1.1" 200 -', Level.info)
    assert parsed.timestamp is not None
    assert datetime.now(UTC) - parsed.timestamp < timedelta(minutes=1)


def test_npm(tmp_path):
    """A failing npm tells the level in each line."""
    npm = Path(sys.executable).with_name("npm")
    if not npm.exists():
        pytest.skip("there is no npm beside this Python")
    command = [npm, "install", "--offline", "no-such-package-zx81", "--cache", tmp_path / "cache"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    lines = [line for line in done.stderr.splitlines() if line.startswith("npm e")]
    layout = read(lines)
    assert lines
    assert {layout.parsed(line).level for line in lines} == {Level.error}
    assert layout.parsed(lines[0]).message == "code ENOTCACHED"
