"""What a server's terminal says is in the file that the server gives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.patience import PATIENCE_S
from tests.servers import Server

SETTINGS = '[terminals]\nsurvive_s = 0\nmask_env = ["SECRET_OF_OURS"]\n'
SECRET = "correct horse battery"
SCRIPT = f"echo hello; echo it is {SECRET}; printf 'token=\\033[31mabcdefghij\\n'; exit 3"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    """A server whose terminals end with it."""
    return start_server(SETTINGS, environment={"SECRET_OF_OURS": SECRET})


def ended(http: Any, **order: Any) -> str:
    """The id of a new terminal whose shell has ended."""
    body = {"upstream": {"kind": "local", "command": ["sh", "-c", SCRIPT]}, "rows": 30, "cols": 100} | order
    terminal_id = http.post("api/terminals", json=body).raise_for_status().json()["terminalId"]
    deadline = time.monotonic() + PATIENCE_S
    while http.get(f"api/terminals/{terminal_id}").raise_for_status().json()["exit"] is None:
        assert time.monotonic() < deadline, "the shell did not end"
    return str(terminal_id)


def test_a_terminal_is_recorded(server: Server) -> None:
    """Its output without secrets, its size, and how it ended; for its owner's and the server's eyes only."""
    with server.http() as http:
        terminal_id = ended(http)
        answer = http.get(f"api/terminals/{terminal_id}/recording").raise_for_status()
        header, *events = [json.loads(line) for line in answer.text.splitlines()]
        assert header["term"] == {"cols": 100, "rows": 30, "type": "xterm-256color"}
        output = "".join(text for _, code, text in events if code == "o")
        assert output == "hello\r\nit is •••\r\ntoken=\x1b[31m•••\r\n"
        assert [text for _, code, text in events if code == "x"] == ["3"]
        assert "attachment" in answer.headers["Content-Disposition"]
        assert http.delete(f"api/terminals/{terminal_id}").is_success
        assert http.get(f"api/terminals/{terminal_id}/recording").status_code == 404
    assert not list(server.data.rglob("*.cast"))


def test_a_terminal_that_is_not_recorded_has_no_recording(server: Server) -> None:
    """Nothing of it is on disk."""
    with server.http() as http:
        terminal_id = ended(http, recorded=False)
        assert http.get(f"api/terminals/{terminal_id}/recording").status_code == 404
        http.delete(f"api/terminals/{terminal_id}")
    assert not list(server.data.rglob("*.cast"))
