"""``vibeworkbench terminal`` as people and programs run it; ``attach`` on a real terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from vibeworkbench import connect
from vibeworkbench.cli.terminal_attach import notice_of, standing
from vibeworkbench.client.rooms import Connection
from vibeworkbench.client.terminal import Hold, Hop, Present, TerminalState

COMMAND = [sys.executable, "-m", "vibeworkbench", "terminal"]
SETTINGS = "[terminals]\nsurvive_s = 0\n"
SEQUENCE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[78]|\r")
CONNECTED = TerminalState(connection=Connection("good", "socket"), upstream=Hop("connected"))


@pytest.fixture(scope="module")
def server(start_server):
    return start_server(SETTINGS, "--no-lab")


@pytest.fixture(scope="module")
def wb(server):
    with connect(server.url, server.token) as found:
        yield found


@pytest.fixture
def closed_port():
    """A port of this machine on which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@pytest.fixture
def opened(wb):
    """A terminal with a shell; ended with the test."""
    made = wb.terminals.open({"kind": "local", "command": ["/bin/sh"], "env": {"PS1": "% "}})
    yield made
    if any(each.terminal_id == made.terminal_id for each in wb.terminals()):
        wb.terminals.end(made, confirm=True)


def environment(server, runtime: Path, **changed: str) -> dict[str, str]:
    named = {"VIBEWORKBENCH_URL": server.url, "VIBEWORKBENCH_TOKEN": server.token, "JUPYTER_RUNTIME_DIR": str(runtime)}
    unset = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    return {**unset, **named, "TERM": "xterm-256color", **changed}


@pytest.fixture
def run(server, tmp_path):
    """Runs ``vibeworkbench terminal …`` without a terminal."""

    def ran(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=environment(server, tmp_path, COLUMNS="140", **changed),
            timeout=PATIENCE_S,
        )

    return ran


class Person:
    """Somebody at a terminal of 30 rows and 100 columns who has typed a command."""

    def __init__(self, arguments: list[str], env: dict[str, str], *, stderr: int | None = None) -> None:
        self.master, slave = pty.openpty()
        self.resize(30, 100)
        err = slave if stderr is None else stderr
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], stdin=slave, stdout=slave, stderr=err, env=env, start_new_session=True
        )
        os.close(slave)
        self.seen = b""

    def resize(self, rows: int, cols: int) -> None:
        """The window has another size."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, keys: bytes) -> None:
        """Keys are pressed."""
        os.write(self.master, keys)

    def sees(self, pattern: bytes) -> re.Match[bytes]:
        """What is on the screen by and by; sequences are left out, and what was before is not looked at again."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            text = SEQUENCE.sub(b"", self.seen)
            found = re.search(pattern, text)
            if found:
                self.seen = text[found.end() :]
                return found
            assert time.monotonic() < deadline, text[-2000:]
            if select.select([self.master], [], [], 1)[0]:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:  # nobody writes any more
                    assert re.search(pattern, SEQUENCE.sub(b"", self.seen)), self.seen[-2000:]

    def ended(self) -> int:
        """The exit code."""
        while self.process.poll() is None:
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:
                    return self.process.wait(PATIENCE_S)
        return self.process.returncode

    def modes(self) -> list[object]:
        """How the terminal is set."""
        return termios.tcgetattr(self.master)

    def close(self) -> None:
        """The terminal is gone, and the command with it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        os.close(self.master)


@pytest.fixture
def person(server, tmp_path):
    """Puts people at terminals; they go with the test."""
    people: list[Person] = []

    def seated(*arguments: str, **options) -> Person:
        people.append(Person(list(arguments), environment(server, tmp_path), **options))
        return people[-1]

    yield seated
    for each in people:
        each.close()


def test_a_terminal_is_opened_listed_and_closed(run):
    opened = json.loads(run("open", "--command", "/bin/sh -i", "--name", "mine", "--rows", "30", "--json").stdout)
    assert (opened["name"], opened["size"]["rows"]) == ("mine", 30)
    assert "mine" in run().stdout
    assert opened["terminalId"] in {each["terminalId"] for each in json.loads(run("list", "--json").stdout)["items"]}
    refused = run("close", "mine")
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert run("close", "mine", "--yes").returncode == 0
    assert run("close", "mine", "--yes").returncode == 1
    assert "is open" in run("open", "--command", "true").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["open", "--attach", "--json"],
        ["open", "--websocket", "ws://x", "--docker", "y"],
        ["open", "--websocket", "ws://x", "--command", "y"],
        ["open", "--user", "root"],
        ["open", "--websocket", "ws://x", "--cwd", "/"],
        ["play", "x", "--speed", "0"],
        ["grant", "x", "ana", "own"],
    ],
)
def test_what_cannot_be_meant_ends_with_2(run, arguments):
    assert run(*arguments).returncode == 2


def test_refusals_and_absence_have_their_exit_codes(run, server, closed_port):
    assert run("attach", "nowhere").returncode == 1
    assert run("open", VIBEWORKBENCH_TOKEN=server.grant("viewer")).returncode == 3
    assert run("list", VIBEWORKBENCH_URL=f"http://127.0.0.1:{closed_port}/").returncode == 4


def test_grants_are_given_listed_and_taken_back(run, opened):
    assert "may watch" in run("grant", opened.terminal_id, "ana", "watch").stdout
    assert "ana" in run("grants", opened.terminal_id).stdout
    assert json.loads(run("grants", opened.terminal_id, "--json").stdout)["items"][0]["right"] == "watch"
    assert run("revoke", opened.terminal_id, "ana").returncode == 0
    assert "Nobody" in run("grants", opened.terminal_id).stdout


def test_attaching_types_shows_fits_and_gives_the_shells_exit_code(person, opened):
    """With one row less than the window has, which holds the notices; and again when the window changes."""
    at = person("attach", opened.terminal_id)
    before = at.modes()
    at.sees(rb"Ctrl-\] leaves, and it runs on")
    at.sees(rb"you drive")
    at.type(b"stty size\r")
    at.sees(rb"29 100")
    at.resize(40, 120)
    os.kill(at.process.pid, signal.SIGWINCH)
    at.sees(rb"you drive")
    at.type(b"sleep 0.2; stty size\r")
    at.sees(rb"39 120")
    at.type(b"exit 7\r")
    at.sees(rb"has ended with exit code 7")
    assert at.ended() == 7
    assert before


def test_leaving_lets_the_shell_run_on_and_this_terminal_as_it_was(person, opened):
    at = person("attach", opened.terminal_id)
    before = at.modes()
    at.sees(rb"you drive")
    at.type(b"x=kept\r\x1d")
    at.sees(rb"it runs on")
    assert at.ended() == 0
    assert at.modes()[3] == before[3]
    again = person("attach", opened.terminal_id)
    again.sees(rb"you drive")
    again.type(b"echo $x-$((1+1))\r")
    again.sees(rb"kept-2")
    again.process.send_signal(signal.SIGTERM)
    assert again.ended() == 128 + signal.SIGTERM


def test_whoever_may_only_watch_sees_and_types_nothing(person, opened, server, wb, tmp_path):
    token = wb.tokens.create("analyst", name="watcher")
    wb.terminals.grant(opened.terminal_id, f"token:{token.id}", "watch")
    at = Person(["attach", opened.terminal_id], environment(server, tmp_path, VIBEWORKBENCH_TOKEN=token.token))
    try:
        at.sees(rb"you watch")
        with wb.terminal(opened.terminal_id) as driver:
            driver.send_line("echo to-$((1+1))-all")
            at.sees(rb"to-2-all")
            at.type(b"echo never\r")
            driver.send_line("echo after")
            driver.expect("^after$", PATIENCE_S)
            assert "never" not in driver.read()
        at.type(b"\x1d")
        assert at.ended() == 0
    finally:
        at.close()
        wb.tokens.revoke(token)


def test_a_watcher_without_keys_reads_it_in_a_pipe_until_it_ends(server, opened, tmp_path, wb):
    watching = subprocess.Popen(
        [*COMMAND, "attach", opened.terminal_id], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(server, tmp_path),
    )  # fmt: skip
    assert watching.stderr
    assert b"watched only" in watching.stderr.readline()
    with wb.terminal(opened.terminal_id) as driver:
        driver.send_line("echo piped-$((1+1)); exit 4")
        driver.wait_ended(PATIENCE_S)
    out, said = watching.communicate(timeout=PATIENCE_S)
    assert watching.returncode == 4
    assert b"piped-2" in out
    assert b"exit code 4" in said


def test_opening_can_show_it_at_once(person):
    at = person("open", "--command", "/bin/sh", "--attach")
    at.sees(rb"you drive")
    at.type(b"exit 0\r")
    assert at.ended() == 0


def test_a_recording_is_kept_in_a_file_and_played(run, opened, wb, tmp_path, person):
    with wb.terminal(opened.terminal_id) as driver:
        driver.send_line("echo on-record-$((1+1)); exit")
        driver.wait_ended(PATIENCE_S)
    file = tmp_path / "it.cast"
    assert "bytes in" in run("record", opened.terminal_id, "-o", str(file)).stderr
    assert json.loads(file.read_text().splitlines()[0])["version"] == 3
    assert run("record", opened.terminal_id).stdout == file.read_text()
    for what in (str(file), opened.terminal_id):
        assert "on-record-2" in run("play", what, "--speed", "1000", "--idle-limit", "0.1").stdout
    at = person("play", str(file), "--speed", "1000")
    at.sees(rb"on-record-2")
    assert at.ended() == 0


def test_playing_takes_its_time_and_no_more_than_is_allowed(run, tmp_path):
    """A pause of an hour is as long as the limit."""
    file = tmp_path / "long.cast"
    file.write_text('{"version":3,"term":{"cols":80,"rows":24}}\n[0,"o","a"]\n[3600,"o","\\u001b[cb"]\n[0,"x","0"]\n')
    assert run("play", str(file), "--idle-limit", "0").stdout == "ab"
    assert run("play", str(file), "--speed", "1000000").stdout == "ab"
    file.write_text("nothing of the kind")
    assert run("play", str(file)).returncode == 1


@pytest.mark.parametrize(
    ("state", "drives", "said"),
    [
        (CONNECTED, True, "you drive"),
        (CONNECTED, False, "nobody drives"),
        (TerminalState(connection=Connection("good"), upstream=Hop("connected"), role="watcher"), False, "you watch"),
        (
            TerminalState(
                connection=Connection("good"),
                upstream=Hop("connected"),
                driver="m",
                members=(Present("m", "ana"),),
            ),
            False,
            "ana drives",
        ),
        (TerminalState(), False, "connecting"),
        (TerminalState(connection=Connection("offline", reason="gone")), False, "connection lost (gone)"),
        (
            TerminalState(connection=Connection("good"), upstream=Hop("reconnecting", 3, 2.0, "no answer")),
            False,
            "reconnecting, attempt 3 (no answer)",
        ),
        (
            TerminalState(connection=Connection("good"), upstream=Hop("connected"), hold=Hold("bo", "look")),
            True,
            "held by bo: look",
        ),
    ],
)
def test_how_it_stands_is_one_line(state, drives, said):
    assert said in standing(state, drives=drives)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"type": "error", "code": "held", "message": "The program is held."}, "The program is held."),
        ({"type": "drive", "asked": {"by": "ana", "memberId": "m"}, "untilS": 10}, "ana asks for the keyboard"),
        ({"type": "skip", "from": 1, "to": 2}, "left out"),
        ({"type": "hil-state", "taskId": "t9", "state": "paused", "reason": "look"}, "task t9 is paused: look"),
        ({"type": "rtt"}, ""),
        ({"type": "drive"}, ""),
    ],
)
def test_notices_are_for_people(message, said):
    found = notice_of(message, CONNECTED)
    assert said in found
    assert bool(found) == bool(said)
