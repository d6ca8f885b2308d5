"""Which server is meant, with which token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vibeworkbench.client import ClientError, connect
from vibeworkbench.client.discovery import found, root_of, runtime_files
from vibeworkbench.client.errors import NoAddress, NoServer


class Alive(BaseHTTPRequestHandler):
    """Answers, whatever is asked."""

    def do_GET(self):
        """An empty success."""
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Nothing is logged."""


@pytest.fixture
def answering():
    """The root URL of a server that answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Alive)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def other_pid():
    """The id of another process that lives."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate(b"\n")


def leave(directory, pid, url, token="left", at=1):
    path = directory / f"vibeworkbench-{pid}.json"
    path.write_text(json.dumps({"url": url, "token": token, "pid": pid, "startedAt": "2026-01-01T00:00:00Z", "new": 1}))
    os.utime(path, (at, at))
    return path


@pytest.mark.parametrize(
    ("given", "url", "token"),
    [
        ("http://host:8888", "http://host:8888/", ""),
        ("http://host:8888/lab?token=abc", "http://host:8888/", "abc"),
        ("https://host/user/ada/lab/tree/tour.ipynb", "https://host/user/ada/", ""),
        ("http://host/base/vibeworkbench/api/status", "http://host/base/", ""),
        ("http://host/labels/", "http://host/labels/", ""),
        ("http://ada:pw@host:1/", "http://host:1/", ""),
    ],
)
def test_a_pasted_url_means_its_root(given, url, token):
    address = root_of(given)
    assert (address.url, address.token) == (url, token)


@pytest.mark.parametrize("given", ["", "host:8888", "ftp://host/", "localhost", "http://[::1", "http://h:99999999/"])
def test_what_is_no_url_is_refused_with_an_example(given):
    with pytest.raises(NoAddress, match="http://127"):
        root_of(given)


def test_arguments_win_over_the_environment_and_the_environment_over_what_runs(tmp_path, answering):
    leave(tmp_path, os.getpid(), answering)
    environ = {"VIBEWORKBENCH_URL": "http://named:1/", "VIBEWORKBENCH_TOKEN": "env"}
    assert found("http://given:2", "mine", environ, tmp_path).url == "http://given:2/"
    named = found(None, None, environ, tmp_path)
    assert (named.url, named.token) == ("http://named:1/", "env")
    here = found(None, None, {}, tmp_path)
    assert (here.url, here.token) == (answering, "left")


def test_the_environments_token_goes_to_no_other_server(tmp_path):
    environ = {"VIBEWORKBENCH_URL": "http://named:1/", "VIBEWORKBENCH_TOKEN": "env"}
    assert found("http://other:2/", None, environ, tmp_path).token == ""
    assert found("http://named:1/lab", None, environ, tmp_path).token == "env"


def test_a_url_of_this_machine_finds_its_token(tmp_path, answering):
    leave(tmp_path, os.getpid(), answering, "found")
    assert found(answering, None, {}, tmp_path).token == "found"


def test_the_newest_server_that_answers_is_taken(tmp_path, answering, other_pid):
    leave(tmp_path, other_pid, "http://127.0.0.1:1/", at=9)
    leave(tmp_path, os.getpid(), answering, at=5)
    assert found(None, None, {}, tmp_path).url == answering


def test_a_kernel_prefers_the_server_that_owns_it(tmp_path, answering, other_pid):
    leave(tmp_path, other_pid, f"{answering}newer/", at=9)
    leave(tmp_path, os.getpid(), f"{answering}owner/", at=5)
    assert found(None, None, {}, tmp_path).url == f"{answering}newer/"
    assert found(None, None, {"JPY_PARENT_PID": str(os.getpid())}, tmp_path).url == f"{answering}owner/"
    assert found(None, None, {"JUPYTER_SERVER_URL": f"{answering}owner"}, tmp_path).url == f"{answering}owner/"


def test_files_of_dead_servers_and_half_written_ones_are_passed_over(tmp_path, other_pid):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    leave(tmp_path, process.pid, "http://127.0.0.1:1/")
    leave(tmp_path, other_pid, "http://127.0.0.1:1/").write_text('{"url": "http')
    assert runtime_files(tmp_path) == []
    with pytest.raises(NoServer, match="vibeworkbench start") as missing:
        found(None, None, {}, tmp_path)
    assert missing.value.exit_code == 4


def test_a_token_that_no_header_can_carry_is_a_sentence():
    with pytest.raises(ClientError, match="copied whole"):
        connect("http://127.0.0.1:1/", "t\u00f6ken")


def test_an_address_never_shows_its_token():
    assert "secret" not in repr(root_of("http://host/?token=secret"))
