"""A terminal over broken connections: no byte lost, none twice, what is refused is raised."""

from __future__ import annotations

import re

import pytest

from tests.client.scripted_terminal import ScriptedTerminal, scripted_terminal
from tests.patience import PATIENCE_S
from vibeworkbench.client import displays
from vibeworkbench.client.api import Api
from vibeworkbench.client.discovery import Address
from vibeworkbench.client.errors import InputRefused, NotSeen, RoomClosed, TerminalEnded, Unreachable
from vibeworkbench.client.rooms import Timing
from vibeworkbench.client.terminal import Size, TerminalSession

QUICK = Timing(
    ping_s=PATIENCE_S,
    pong_s=PATIENCE_S,
    handshake_s=PATIENCE_S,
    backoff_base_s=0.02,
    backoff_cap_s=0.1,
    stable_s=0.0,
    offline_s=0.3,
)


@pytest.fixture
def served():
    with scripted_terminal() as terminal:
        yield terminal


@pytest.fixture
def api(served):
    made = Api(served[1])
    yield made
    made.close()


@pytest.fixture
def terminal(served) -> ScriptedTerminal:
    return served[0]


def joined(api: Api, **options) -> TerminalSession:
    return TerminalSession(api, "t1", timing=options.pop("timing", QUICK), **options)


def test_what_was_printed_before_is_read_only_when_it_is_asked_for(terminal, api):
    terminal.print(b"before\r\n")
    with joined(api, history=True) as session:
        assert session.expect("before", PATIENCE_S).before == ""
    with joined(api).wait_joined(PATIENCE_S) as session:
        terminal.print(b"after\r\n")
        assert session.expect("after", PATIENCE_S).before == ""


def test_expect_gives_the_match_and_the_text_before_it_and_goes_on_behind(terminal, api):
    """Without colours, however the output was cut into pieces; what comes behind the match is still there."""
    with joined(api).wait_joined(PATIENCE_S) as session:
        for piece in (b"\x1b[3", b"1mred\x1b[0", b"m\r", b"\nvalue: \xc3", b"\xa97\r\n$ "):
            terminal.print(piece)
        found = session.expect(r"^value: (\S)(\d)", PATIENCE_S)
        assert (found.before, found.match.groups()) == ("red\n", ("é", "7"))
        session.expect(r"\$ $", PATIENCE_S)
        assert session.read() == ""


def test_expect_can_look_at_what_a_terminal_obeys(terminal, api):
    with joined(api).wait_joined(PATIENCE_S) as session:
        terminal.print(b"a\x1b[31mb")
        assert session.expect(re.compile(r"\x1b\[(\d+)m"), PATIENCE_S, plain=False).match[1] == "31"


def test_what_does_not_come_in_time_is_an_error_and_stays_unread(terminal, api):
    with joined(api).wait_joined(PATIENCE_S) as session:
        terminal.print(b"other")
        session.expect("oth", PATIENCE_S)
        with pytest.raises(NotSeen, match="er") as missed:
            session.expect("nowhere", 0.01)
        assert missed.value.before == "er"
        assert session.read() == "er"


@pytest.mark.parametrize("code", [0, 1001, 1011, 4408])
def test_a_connection_that_ends_comes_back_and_goes_on_at_the_next_byte(terminal, api, code):
    with joined(api).wait_joined(PATIENCE_S) as session:
        terminal.print(b"one ")
        session.expect("one ", PATIENCE_S)
        terminal.part(code)
        terminal.wait(lambda: not terminal.sockets or len(terminal.handshakes) > 1)
        terminal.print(b"two ")
        terminal.wait(lambda: len(terminal.said("resume")) > 1)
        terminal.print(b"three.")
        assert session.expect(r"\.", PATIENCE_S).before == "two three"
        assert terminal.said("resume")[0] == {"type": "resume", "epoch": "", "offset": 0}
        assert terminal.said("resume")[1]["epoch"] == "e1"
        assert len(set(terminal.handshakes)) == 1


def test_another_shell_is_another_stream(terminal, api):
    with joined(api).wait_joined(PATIENCE_S) as session:
        terminal.print(b"old")
        session.expect("old", PATIENCE_S)

        def anew() -> None:
            terminal.epoch, terminal.stream = "e2", b"new"

        terminal.do(anew)
        terminal.part()
        session.expect("new", PATIENCE_S)
        assert (session.epoch, session.offset) == ("e2", 3)


@pytest.mark.parametrize(("code", "exit_code"), [(4400, 1), (4401, 3), (4403, 3), (4404, 1)])
def test_a_final_close_code_ends_it_with_its_reason(terminal, api, code, exit_code):
    with joined(api).wait_joined(PATIENCE_S) as session:
        terminal.part(code, "because")
        with pytest.raises(RoomClosed, match="because") as refused:
            session.expect("anything", PATIENCE_S)
        assert (refused.value.close_code, refused.value.exit_code) == (code, exit_code)
        with pytest.raises(RoomClosed):
            session.read()
        with pytest.raises(RoomClosed):
            session.send("x")
        assert session.connection.quality == "closed"
        assert len(terminal.handshakes) == 1


def test_a_server_that_speaks_another_protocol_is_refused(terminal, api):
    terminal.protocol = None
    with joined(api) as session, pytest.raises(RoomClosed, match="room-terminal"):
        session.wait_joined(PATIENCE_S)


def test_sending_has_reached_the_terminal_when_it_returns(terminal, api):
    with joined(api) as session:
        session.send("ls\r", PATIENCE_S)
        session.send_line("pwd", PATIENCE_S)
        session.send(b"x" * 200_000, PATIENCE_S)
        assert terminal.typed == b"ls\rpwd\r" + b"x" * 200_000


@pytest.mark.parametrize(
    ("code", "exit_code"), [("not-driver", 3), ("held", 3), ("upstream-away", 4), ("too-much-input", 4)]
)
def test_refused_input_is_an_error_of_the_call(terminal, api, code, exit_code):
    terminal.refusal = code
    with joined(api) as session:
        with pytest.raises(InputRefused) as refused:
            session.send("ls\r", PATIENCE_S)
        assert (refused.value.code, refused.value.exit_code) == (code, exit_code)
        terminal.refusal = ""
        session.send("ls\r", PATIENCE_S)
        assert terminal.typed == b"ls\r"


def test_a_connection_that_is_lost_while_it_is_answered_says_so(terminal, api):
    terminal.mute = True
    with joined(api).wait_joined(PATIENCE_S) as session, pytest.raises(Unreachable, match="not known"):
        session.send("x", 0.05)
    with joined(api).wait_joined(PATIENCE_S) as session:
        terminal.part(4404)
        with pytest.raises(RoomClosed):
            session.wait_ended(PATIENCE_S)


def test_the_keyboard_is_taken_given_back_and_kept(terminal, api):
    with joined(api) as session:
        session.take(PATIENCE_S)
        assert session.drives
        assert [each.name for each in session.members] == ["bo"]
        session.keep()
        session.release()
        assert not session.drives
        terminal.refusal = "not-driver"
        with pytest.raises(InputRefused, match="ana keeps it"):
            session.take(PATIENCE_S)
    assert [each["action"] for each in terminal.said("drive")][:4] == ["take", "keep", "release", "take"]


def test_a_hold_says_who_and_why_until_it_is_ended(terminal, api):
    with joined(api) as session:
        session.hold("look at this", 60)
        assert (session.state.hold.by, session.state.hold.why) == ("bo", "look at this")
        assert terminal.said("hold")[0] == {"type": "hold", "on": True, "why": "look at this", "forS": 60}
        session.resume()
        assert session.state.hold is None
        session.resize(40, 120)
        session.retry()
        assert terminal.said("size") == [{"type": "size", "rows": 40, "cols": 120}]


def test_the_state_is_what_the_server_said_last(terminal, api):
    states = []
    with joined(api, on_state=states.append).wait_joined(PATIENCE_S) as session:
        assert (session.size, session.state.role) == (Size(30, 100), "driver")
        terminal.tell({"type": "size", "rows": 50, "cols": 90, "owner": "x"})
        terminal.tell({"type": "upstream", "state": "reconnecting", "attempt": 2, "retryInS": 1.5, "reason": "gone"})
        terminal.tell({"type": "rtt", "viewerMs": 1.0, "upstreamMs": 2.0, "lagBytes": 3})
        terminal.tell({"type": "hil-state", "taskId": "t", "state": "paused", "reason": "why"})
        terminal.tell({"type": "of a newer version"})
        terminal.tell({"type": "exit", "code": 7})
        assert session.wait_ended(PATIENCE_S) == 7
        state = session.state
        assert (state.size, state.upstream.attempt, state.upstream.reason) == (Size(50, 90), 2, "gone")
        assert (state.viewer_ms, state.upstream_ms, state.lag_bytes) == (1.0, 2.0, 3)
        assert state.task["taskId"] == "t"
        assert "exit code 7" in session._repr_html_()
        assert "ended" in repr(session)
        with pytest.raises(TerminalEnded, match="7"):
            session.send("x")
        with pytest.raises(TerminalEnded) as ended:
            session.expect("x", PATIENCE_S)
        assert ended.value.shell_exit_code == 7
    assert states[-1].connection.quality == "closed"


def test_what_strangers_say_is_text_in_a_display(terminal, api):
    with joined(api).wait_joined(PATIENCE_S) as session:
        terminal.tell({"type": "hold", "on": True, "by": "<script>", "why": "<img>"})
        terminal.tell({"type": "exit", "code": None})
        session.wait_ended(PATIENCE_S)
        shown = displays.terminal_card("t1", session.state, 0)
        assert "<script>" not in shown
        assert "<img>" not in shown


def test_output_is_acknowledged_as_it_is_buffered(terminal, api):
    """Cumulatively, up to what was received; the last bytes after a moment."""
    with joined(api).wait_joined(PATIENCE_S):
        terminal.print(b"x" * 300_000)
        terminal.wait(lambda: terminal.said("ack") and terminal.said("ack")[-1]["offset"] == 300_000)
        terminal.print(b"y")
        terminal.wait(lambda: terminal.said("ack")[-1]["offset"] == 300_001)


def test_what_nobody_reads_is_acknowledged_no_further_than_the_buffer(terminal, api):
    with joined(api, buffer_bytes=100_000).wait_joined(PATIENCE_S) as session:
        for _ in range(10):
            terminal.print(b"x" * 100_000)
        terminal.wait(lambda: terminal.said("ack"))
        session.send("seen", PATIENCE_S)
        assert max(each["offset"] for each in terminal.said("ack")) <= 100_000
        while terminal.said("ack")[-1]["offset"] < 1_000_000:
            session.read(0.01)


def test_what_was_skipped_is_counted_and_the_screen_comes_instead(terminal, api):
    with joined(api).wait_joined(PATIENCE_S) as session:
        terminal.print(b"begun ")
        terminal.skip()
        assert session.expect("the screen", PATIENCE_S).before == "begun "
        assert session.skipped_bytes == 1000
        terminal.part()
        terminal.print(b" goes on")
        assert session.expect("goes on", PATIENCE_S).before == " "


def test_iterating_gives_the_text_until_the_shell_ends(terminal, api):
    with joined(api).wait_joined(PATIENCE_S) as session:
        terminal.print(b"one\r\ntwo\r\n")
        terminal.tell({"type": "exit", "code": 0})
        assert "".join(session) == "one\ntwo\n"


def test_bytes_are_read_as_the_program_wrote_them(terminal, api):
    with joined(api, buffer_bytes=0).wait_joined(PATIENCE_S) as session:
        terminal.print(b"\x1b[31m\xff")
        assert session.read_bytes(PATIENCE_S) == b"\x1b[31m\xff"
        assert session.read_bytes(0.01) == b""


def test_nobody_there_is_unreachable(closed_port):
    api = Api(Address(f"http://127.0.0.1:{closed_port}/"))
    with joined(api) as session:
        with pytest.raises(Unreachable, match="does not answer"):
            session.wait_joined(0.3)
        with pytest.raises(Unreachable, match="nothing was sent"):
            session.post(b"x")
    api.close()


def test_a_callback_that_fails_ends_nothing(terminal, api, caplog):
    def fails(_: object) -> None:
        raise ValueError

    with joined(api, on_message=fails).wait_joined(PATIENCE_S) as session:
        terminal.print(b"still here")
        session.expect("still here", PATIENCE_S)
    assert "a callback of terminal t1 failed" in caplog.text
