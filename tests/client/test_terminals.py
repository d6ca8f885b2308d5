"""The client's terminals against a real server and real shells."""

from __future__ import annotations

import itertools
import logging
import logging.config
from contextlib import closing

import pytest

from tests.client.proxy import proxy_to
from tests.client.test_terminal_session import QUICK
from tests.patience import PATIENCE_S
from vibeworkbench import connect
from vibeworkbench.client.api import Api
from vibeworkbench.client.discovery import Address
from vibeworkbench.client.errors import ClientError, InputRefused, NotAllowed, NotFound, RoomClosed, TerminalEnded
from vibeworkbench.client.targets import NotConfirmed
from vibeworkbench.client.terminal import TerminalSession
from vibeworkbench.client.terminal.cast import CastEvent, cast_of, without_queries
from vibeworkbench.client.terminal.values import Terminal, TerminalExit, TerminalGrants, TerminalItems
from vibeworkbench.client.terminals import upstream_of

SETTINGS = "[terminals]\nsurvive_s = 0\n"
NASTY = "<img src=x onerror=alert(1)>"
SHELL = {"kind": "local", "command": ["/bin/sh"], "env": {"PS1": "% "}}
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(start_server):
    return start_server(SETTINGS, "--no-lab")


@pytest.fixture(scope="module")
def wb(server):
    with connect(server.url, server.token) as found:
        yield found


@pytest.fixture
def shell(wb):
    """A new terminal with a shell at its prompt; ended with the test."""
    with wb.terminal(upstream=SHELL, name=f"shell {next(_numbers)}") as session:
        session.expect(r"% $", PATIENCE_S)
        yield session
    wb.terminals.end(session.terminal_id, confirm=True)


def other(server, role: str, *scopes: str):
    """The server as somebody of that role sees it."""
    return connect(server.url, server.grant(role, *scopes))


def test_what_a_command_says_is_expected_and_read(shell):
    shell.send_line("echo $((6 * 7))")
    assert shell.expect(r"^(\d+)$", PATIENCE_S).match[1] == "42"
    shell.expect("% $", PATIENCE_S)
    shell.send("printf 'one\\ntwo'; exit 3\n")
    assert "".join(shell).endswith("one\ntwo")
    assert shell.wait_ended(PATIENCE_S) == 3
    with pytest.raises(TerminalEnded, match="exit code 3"):
        shell.expect("more", PATIENCE_S)


def test_terminals_are_listed_found_and_shown(wb, shell):
    every = wb.terminals()
    mine = next(each for each in every if each.terminal_id == shell.terminal_id)
    assert (mine.kind, mine.place, mine.standing, mine.role) == ("local", "/bin/sh", "connected", "owner")
    assert wb.terminals.find(mine.name).terminal_id == shell.terminal_id
    assert wb.terminals.get(shell.terminal_id).size.cols == 80
    assert mine.name in every._repr_html_()
    assert mine.name in wb.terminals._repr_html_()
    assert mine.terminal_id in repr(wb.terminals)
    assert "terminal_id" in every.to_df().columns
    with pytest.raises(ClientError, match="no terminal has"):
        wb.terminals.find("nowhere")
    with pytest.raises(NotFound):
        wb.terminals.get("nowhere")


def test_ending_a_terminal_is_confirmed(wb):
    opened = wb.terminals.open("sleep 1000")
    with pytest.raises(NotConfirmed):
        wb.terminals.end(opened)
    with wb.terminal(opened.terminal_id).wait_joined(PATIENCE_S) as session:
        wb.terminals.end(opened, confirm=True)
        with pytest.raises((RoomClosed, TerminalEnded)):
            session.expect("anything", PATIENCE_S)
    with pytest.raises(NotFound):
        wb.terminals.get(opened.terminal_id)


def test_a_connection_that_is_cut_loses_and_repeats_nothing(server, shell):
    """Ten times, while a program counts."""
    with (
        proxy_to(server.url) as proxy,
        closing(Api(Address(proxy.url, server.token))) as far,
        TerminalSession(far, shell.terminal_id, timing=QUICK).wait_joined(PATIENCE_S) as watched,
    ):
        shell.send_line("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo n$i; done; echo all")
        seen = ""
        for number in range(1, 11):
            seen += (found := watched.expect(rf"^n{number * 1000}\n", PATIENCE_S)).before + found.match[0]
            proxy.cut()
        seen += watched.expect("^all$", PATIENCE_S).before
    assert [int(word[1:]) for word in seen.split("\n")[1:] if word.startswith("n")] == list(range(1, 20001))
    assert watched.skipped_bytes == 0


def test_one_drives_and_whoever_else_types_is_told(server, wb, shell):
    """Who asks gets the keyboard when it is given, and does not when it is kept; the owner takes it."""
    asked = []
    with other(server, "operator") as second, second.terminal(shell.terminal_id) as watcher:
        shell.send("true\n")
        with pytest.raises(InputRefused) as refused:
            watcher.send("x")
        assert refused.value.code == "not-driver"
        with pytest.raises(InputRefused):
            watcher.resize(40, 100)
        shell.release()
        watcher.take(PATIENCE_S)
        assert watcher.drives
        watcher.resize(40, 100)
        shell.take(PATIENCE_S)
        assert shell.drives
        assert not asked


def test_a_held_program_takes_no_input_until_it_is_resumed(shell):
    shell.hold("look at this", 60)
    assert shell.state.hold.why == "look at this"
    with pytest.raises(InputRefused) as refused:
        shell.send("x")
    assert refused.value.code == "held"
    shell.resume()
    shell.send_line("echo on")
    shell.expect("^on$", PATIENCE_S)


def test_a_grant_lets_somebody_in_and_its_end_sends_them_away(server, wb, shell):
    """An analyst, who may watch and then drive; a viewer only watches, whatever was granted."""
    token = wb.tokens.create("analyst", name="ana")
    identity = f"token:{token.id}"
    with connect(server.url, token.token) as ana:
        with pytest.raises((NotFound, NotAllowed)):
            ana.terminals.get(shell.terminal_id)
        assert wb.terminals.grant(shell.terminal_id, identity, "watch")[0].right == "watch"
        assert [each.identity for each in wb.terminals.grants(shell.terminal_id)] == [identity]
        with ana.terminal(shell.terminal_id).wait_joined(PATIENCE_S) as watcher:
            assert watcher.state.role == "watcher"
            with pytest.raises(InputRefused):
                watcher.send("x")
            wb.terminals.revoke(shell.terminal_id, identity)
            with pytest.raises(RoomClosed) as closed:
                watcher.expect("nothing of the kind", PATIENCE_S)
            assert closed.value.close_code == 4403
    wb.tokens.revoke(token)


def test_nobody_without_the_right_opens_a_terminal(server):
    for role in ("viewer", "analyst"):
        with other(server, role) as somebody, pytest.raises(NotAllowed):
            somebody.terminals.open()


def test_a_recording_is_asciicast_with_what_was_said(wb, shell, tmp_path):
    shell.send_line("echo recorded-$((40 + 2))")
    shell.expect("recorded-42", PATIENCE_S)
    path = tmp_path / "it.cast"
    shell.send_line("exit 5")
    shell.wait_ended(PATIENCE_S)
    cast = cast_of(wb.terminals.recording(shell.terminal_id, path))
    assert cast_of(path.read_text()).output() == cast.output()
    assert "recorded-42" in cast.output()
    assert (cast.cols, cast.rows) == (80, 24)


def test_a_restarted_terminal_has_another_shell(wb, shell):
    """Another epoch, seen by whoever is there."""
    epoch = shell.epoch
    shell.send_line("exit")
    shell.wait_ended(PATIENCE_S)
    shell.restart(PATIENCE_S)
    shell.expect(r"% $", PATIENCE_S)
    shell.send_line("echo again")
    shell.expect("^again$", PATIENCE_S)
    assert shell.epoch != epoch


def test_a_name_and_an_upstream_exclude_each_other(wb):
    with pytest.raises(ClientError, match="not both"):
        wb.terminal("x", upstream="local")


@pytest.mark.parametrize(
    ("upstream", "body"),
    [
        ("local", {"kind": "local"}),
        ("bash -c 'a b'", {"kind": "local", "command": ["bash", "-c", "a b"]}),
        ("wss://x/terminals/websocket/1", {"kind": "websocket", "url": "wss://x/terminals/websocket/1"}),
        ({"kind": "docker", "container": "shop"}, {"kind": "docker", "container": "shop"}),
    ],
)
def test_an_upstream_can_be_a_word_a_command_an_address_or_a_body(upstream, body):
    assert upstream_of(upstream) == body


@pytest.mark.parametrize("command", ["'", "  "])
def test_what_is_no_command_is_refused(command):
    with pytest.raises(ClientError):
        upstream_of(command)


def test_what_strangers_wrote_is_text_in_displays():
    terminal = Terminal(
        terminal_id="t1",
        name=NASTY,
        owner=NASTY,
        upstream={"kind": "docker", "container": NASTY, "command": "sh"},
        hold={"by": NASTY, "why": NASTY},
        driver=NASTY,
    )
    ended = Terminal(terminal_id="t2", exit=TerminalExit(code=3, reason=NASTY))
    for shown in (terminal, ended, TerminalItems([terminal, ended])):
        assert "<img" not in shown._repr_html_()
    assert (terminal.standing, ended.standing) == ("held", "ended")
    assert ended.reason.startswith("exit code 3")
    assert "No terminals" in TerminalItems([])._repr_html_()
    assert "Nobody was granted" in TerminalGrants([])._repr_html_()


def test_recordings_of_both_versions_are_read():
    """The times of version 3 are pauses; a line that was not written to its end is left out."""
    third = '{"version":3,"term":{"cols":90,"rows":30}}\n# a note\n[0.5,"o","a"]\n[0.25,"m","x"]\n[1,"o","b"]\n[2,"o'
    second = '{"version":2,"width":90,"height":30,"idle_time_limit":2}\n[0.5,"o","a"]\n[0.75,"m","x"]\n[1.75,"o","b"]\n'
    for text, limit_s in ((third, None), (second, 2.0)):
        cast = cast_of(text)
        assert (cast.cols, cast.rows, cast.idle_limit_s, cast.duration_s) == (90, 30, limit_s, 1.75)
        assert cast.events == (CastEvent(0.5, "o", "a"), CastEvent(0.75, "m", "x"), CastEvent(1.75, "o", "b"))
        assert cast.output() == "ab"
    assert cast_of('{"version":3,"term":{"cols":90,"rows":30}}').duration_s == 0.0


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"version":1}', '{"version":3}', '{"version":2,"width":"x"}'])
def test_what_is_no_recording_is_refused(text):
    with pytest.raises(ClientError, match="asciicast"):
        cast_of(text)


def test_a_recording_asks_nothing_of_whoever_shows_it():
    """Colours, titles and modes stay."""
    asked = "\x1b[c\x1b[>0c\x1b[6n\x1b[?6n\x1b]11;?\x07\x1b]10;?\x1b\\\x1b[>q\x1b[?2026$p\x1b[18t\x1bP+q544e\x1b\\\x05"
    kept = "\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b[?25l\x1b]11;#fff\x07"
    assert without_queries(kept + asked + kept) == kept + kept


def test_the_token_stands_in_no_log(server, wb, caplog):
    """Neither of a terminal nor of a room, at any level, however logging is configured."""
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})  # as Jupyter's applications do
    with caplog.at_level(0), wb.terminal(upstream=SHELL, name="unlogged") as session, wb.room() as room:
        session.expect(r"% $", PATIENCE_S)
        room.wait_joined(PATIENCE_S)
    wb.terminals.end(session.terminal_id, confirm=True)
    assert caplog.text
    assert server.token not in caplog.text
