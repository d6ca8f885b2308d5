"""Shells of ttyd: of a stand-in that speaks its protocol in front of real shells, and of the program where it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.terminals.upstreams.conformance import Conformance, Dialogue, Subject
from tests.terminals.upstreams.ttyd_program import TTYD, TtydProgram
from tests.terminals.upstreams.ttyd_server import TtydServer
from vibeworkbench.errors import NotAllowed, NotFound, Unavailable
from vibeworkbench.settings import Settings
from vibeworkbench.terminals.model import Exit, Seen, Size
from vibeworkbench.terminals.upstreams import Place
from vibeworkbench.terminals.upstreams.websocket import WebsocketSpec, WebsocketUpstream

CREDENTIAL = "someone:pass word"


@pytest.fixture
def kind() -> type[TtydServer | TtydProgram]:
    """The stand-in, which can be looked into."""
    return TtydServer


BOTH = pytest.mark.parametrize("kind", [TtydServer, TtydProgram] if TTYD else [TtydServer])


@pytest.fixture
async def ttyd(monkeypatch: pytest.MonkeyPatch, kind: type) -> AsyncIterator[TtydServer | TtydProgram]:
    """A running one that asks for a password."""
    monkeypatch.setenv("TTYD_CREDENTIAL", CREDENTIAL)
    server = kind(CREDENTIAL)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def make(ttyd: TtydServer | TtydProgram, tmp_path: Path) -> Callable[..., WebsocketUpstream]:
    """An upstream of a new terminal."""

    def make(path: str = "ws", protocol: str = "auto", token_env: str = "TTYD_CREDENTIAL") -> WebsocketUpstream:
        spec = WebsocketSpec(url=ttyd.url + path, protocol=protocol, token_env=token_env)
        return WebsocketUpstream(spec, Place("t1", tmp_path, tmp_path, Settings()))

    return make


@pytest.fixture
def subject(make: Callable[..., WebsocketUpstream], tmp_path: Path, kind: type) -> Subject:
    """Shells of ttyd."""
    return Subject(make, tmp_path, tells_exit=False, ends_jobs=kind is TtydServer, gives_up=kind is TtydProgram)


@BOTH
class TestTtyd(Conformance):
    """What every upstream does."""


async def connected(upstream: WebsocketUpstream) -> Dialogue:
    """A dialogue with a new shell."""
    dialogue = Dialogue(upstream)
    await dialogue.connect()
    return dialogue


@BOTH
@pytest.mark.parametrize(("path", "protocol"), [("", "auto"), ("ws", "auto"), ("", "ttyd"), ("ws", "ttyd")])
async def test_root_and_socket_are_both_addresses(make, path, protocol):
    """Whichever way it is said, it is found out that a ttyd is there, and that nothing holds it back."""
    upstream = make(path, protocol)
    shell = await connected(upstream)
    assert await shell.ask("echo $((6 * 7))")
    assert (upstream.holds_back, upstream.lasting) == (False, False)
    await shell.end()


async def test_the_credential_stands_in_headers_and_in_the_first_message_only(ttyd, make):
    """Addresses are logged by whoever stands in between."""
    shell = await connected(make())
    assert all("?" not in each.path and each.path in {"/api/status", "/token", "/ws"} for each in ttyd.asked)
    assert all(each.headers["Authorization"] == f"Basic {ttyd.token}" for each in ttyd.asked)
    await shell.end()


@BOTH
async def test_without_the_credential_the_reason_says_what_to_do(make):
    """Asking again would be in vain."""
    with pytest.raises(NotAllowed, match="tokenEnv"):
        await make(token_env="").connect(Size(), None)


async def test_a_lost_connection_is_a_lost_shell(ttyd, make):
    """The next connection has another shell, from its first byte on, and it does not pretend to be the old one."""
    upstream = make()
    shell = await connected(upstream)
    await shell.prepare()
    before = shell.seen()
    await ttyd.cut()
    await shell.rest()
    assert shell.connection.exit is None
    await shell.connect(seen=before)
    assert shell.connection.shell != before.shell
    assert shell.connection.offset == 0
    await shell.end()


@BOTH
async def test_a_shell_of_a_workbench_that_ended_is_not_replaced_in_silence(make):
    """It is said that the shell is gone."""
    with pytest.raises(NotFound, match="keeps none"):
        await make().connect(Size(), Seen("ttyd:0011223344556677", 10))


async def test_a_good_end_has_the_code_0(make):
    """Ttyd tells whether a program failed, and not how."""
    shell = await connected(make())
    await shell.say("exit 0")
    await shell.rest()
    assert shell.connection.exit == Exit(0)
    await shell.end()


@BOTH
async def test_an_end_without_a_farewell_is_an_end(ttyd, make):
    """A program that ended is not run again, though ttyd only hangs up where newer libraries are below it."""
    ttyd.says_farewell = False
    shell = await connected(make())
    await shell.say("exit 3")
    await shell.rest()
    assert shell.connection.exit.code is None
    assert "hung up" in shell.connection.exit.reason
    await shell.end()


async def test_a_ttyd_that_is_gone_has_not_ended_the_program(ttyd, make):
    """It may come back; until then the connection is a broken one."""
    upstream = make()
    shell = await connected(upstream)
    await shell.prepare()
    await ttyd.vanish()
    await shell.rest()
    assert shell.connection.exit is None
    with pytest.raises(Unavailable):
        await upstream.connect(Size(), shell.seen())
    await shell.end()
