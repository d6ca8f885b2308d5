"""Terminals of a Jupyter server as it comes, in a process of its own."""

from __future__ import annotations

import asyncio
import logging.config
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client.proxy import Proxy, proxy_to
from tests.patience import PATIENCE_S
from tests.terminals.upstreams.conformance import Conformance, Dialogue, Subject, gone
from tests.terminals.upstreams.stock_jupyter import StockJupyter
from vibeworkbench.errors import NotAllowed, Unavailable, UpstreamFailed
from vibeworkbench.settings import Settings
from vibeworkbench.terminals.model import Exit, Size
from vibeworkbench.terminals.upstreams import Place
from vibeworkbench.terminals.upstreams.peer import Limits
from vibeworkbench.terminals.upstreams.websocket import WebsocketSpec, WebsocketUpstream

NAMES = iter(range(1, 1_000))


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StockJupyter]:
    """A running one."""
    server = StockJupyter(tmp_path_factory.mktemp("jupyter"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def make(jupyter: StockJupyter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., WebsocketUpstream]:
    """An upstream of a new terminal."""
    monkeypatch.setenv("JUPYTER_UPSTREAM_TOKEN", jupyter.token)

    def make(url: str = "", token_env: str = "JUPYTER_UPSTREAM_TOKEN", terminal_id: str = "") -> WebsocketUpstream:
        spec = WebsocketSpec(url=url or jupyter.url, token_env=token_env)
        place = Place(terminal_id or f"t{next(NAMES)}", tmp_path, tmp_path, Settings())
        upstream = WebsocketUpstream(spec, place)
        upstream.limits = Limits(answer_s=PATIENCE_S, silent_s=PATIENCE_S)
        return upstream

    return make


@pytest.fixture
def subject(make: Callable[..., WebsocketUpstream], tmp_path: Path) -> Subject:
    """Terminals of a Jupyter server."""
    return Subject(make, tmp_path, tells_exit=False)


class TestJupyter(Conformance):
    """What every upstream does, but for what terminado cannot."""

    async def test_closing_ends_the_shell(self, subject: Subject) -> None:
        """The shell is gone; what it had put in the background is its own business, and that of its shell's kind."""
        async with subject.shell() as shell:
            pid = int(await shell.ask("echo $$"))
            await shell.connection.close(end=True)
            assert await shell.connection.read() == b""
            with pytest.raises(Unavailable):
                await shell.connection.write(b"x")
            await gone(pid)

    async def test_a_program_that_does_not_read_stops_nobody_else(self, subject: Subject) -> None:
        """Not promised here: in such a server one thread writes for all, and waits for whoever does not read."""

    async def test_a_new_connection_goes_on(self, subject: Subject) -> None:
        """What was printed meanwhile comes, once and in order, as long as the server has kept it."""
        async with subject.shell() as shell:
            for number in range(3):
                await shell.say(f"sleep 0.2; seq {number * 1000} {number * 1000 + 999}; echo counted {number}")
                await shell.reconnect()
                printed = await shell.until(b"counted %d\n" % number)
                wanted = b"".join(b"%d\n" % each for each in range(number * 1000, number * 1000 + 1000))
                assert printed == wanted + b"counted %d\n" % number

    async def test_a_new_connection_goes_on_inside_a_character(self, subject: Subject) -> None:
        """Of no meaning here: such a server knows characters, and no offsets."""


@pytest.fixture
def cut(jupyter: StockJupyter) -> Iterator[Proxy]:
    """A way to the server that can be cut."""
    with proxy_to(jupyter.url) as proxy:
        yield proxy


async def connected(upstream: WebsocketUpstream) -> Dialogue:
    """A dialogue with a silent shell."""
    dialogue = Dialogue(upstream)
    await dialogue.connect()
    await dialogue.prepare()
    return dialogue


async def lost(shell: Dialogue) -> None:
    """The connection is no more, and the shell's end is not claimed."""
    async with asyncio.timeout(PATIENCE_S):
        while await shell.read():
            pass
    assert shell.connection.exit is None


async def test_a_cut_connection_loses_and_repeats_nothing(cut, make):
    """What was printed while the network was away follows what was read before it."""
    shell = await connected(make(cut.url))
    await shell.say("seq 1 500; sleep 0.3; seq 501 1000; echo counted")
    await shell.until(b"400\n")
    cut.cut()
    await lost(shell)
    before = shell.seen()
    await shell.connection.close(end=False)
    await shell.connect(seen=before)
    assert (shell.connection.shell, shell.connection.offset) == (before.shell, before.head)
    assert await shell.until(b"counted\n") == b"".join(b"%d\n" % each for each in range(401, 1001)) + b"counted\n"
    await shell.end()


async def test_what_the_server_keeps_no_more_is_told_as_a_gap(cut, make, tmp_path):
    """More than a thousand reads later the replay says nothing of what was known: the offset leaves a hole."""
    shell = await connected(make(cut.url))
    printed = tmp_path / "printed"
    await shell.say(f"echo going; sleep 0.3; seq 1 1000000; echo counted; touch {printed}")
    await shell.until(b"going\n")
    cut.cut()
    await lost(shell)
    before = shell.seen()
    await shell.connection.close(end=False)
    other = await connected(make())
    await other.ask(f"while [ ! -e {printed} ]; do sleep 0.05; done; echo")
    await shell.connect(seen=before)
    assert shell.connection.shell == before.shell
    assert shell.connection.offset > before.head
    await shell.until(b"1000000\ncounted\n")
    await shell.end()
    await other.end()


async def test_a_replay_asks_nothing(jupyter, make):
    """What programs asked a terminal before somebody watched is answered by nobody."""
    first = await connected(make(terminal_id="asks"))
    await first.say(r"printf 'before\033[c\033[6nafter\n'; printf '<%s>' printed")
    assert b"\x1b[c" in await first.until(b"<printed>")
    again = Dialogue(make(terminal_id="asks"))
    await again.connect()
    assert b"beforeafter\n" in await again.until(b"<printed>")
    await again.connection.close(end=False)
    await first.end()


async def test_a_cut_after_a_replay_is_spliced_too(cut, make):
    """What is known came without its questions, what comes again has them: still nothing is doubled."""
    first = await connected(make(cut.url, terminal_id="again"))
    await first.say(r"printf 'before\033[c\033[6nafter\n'; printf '<%s>' printed")
    await first.until(b"<printed>")
    again = Dialogue(make(cut.url, terminal_id="again"))
    await again.connect()
    await again.until(b"<printed>")
    await again.reconnect()
    assert await again.ask("echo on") == "on"
    await again.connection.close(end=False)
    await first.end()


async def test_a_server_that_was_killed_comes_back_with_a_new_shell(tmp_path, monkeypatch):
    """Until then it is Unavailable; then the terminal is made anew under its name, and begins at 0."""
    server = StockJupyter(tmp_path)
    server.start()
    monkeypatch.setenv("JUPYTER_UPSTREAM_TOKEN", server.token)
    spec = WebsocketSpec(url=server.url, token_env="JUPYTER_UPSTREAM_TOKEN")
    upstream = WebsocketUpstream(spec, Place("t1", tmp_path, tmp_path, Settings()))
    shell = await connected(upstream)
    before = shell.seen()
    await asyncio.to_thread(server.kill)
    await lost(shell)
    await shell.connection.close(end=False)
    with pytest.raises(Unavailable):
        await upstream.connect(Size(), before)
    await asyncio.to_thread(server.start)
    await shell.connect(seen=before)
    assert shell.connection.shell != before.shell
    assert shell.connection.offset == 0
    await shell.prepare()
    await shell.end()
    assert server.terminals() == []
    server.stop()


async def test_another_ones_terminal_is_used_and_not_ended(jupyter, make):
    """Whose address names it, shares it."""
    with jupyter.http() as client:
        name = client.post("api/terminals").raise_for_status().json()["name"]
    shell = await connected(make(f"{jupyter.url}terminals/websocket/{name}"))
    await shell.end()
    assert name in jupyter.terminals()
    with jupyter.http() as client:
        client.delete(f"api/terminals/{name}").raise_for_status()


async def test_a_terminal_that_is_ended_there_is_told(jupyter, make):
    """The shell's end is known, its exit code is not."""
    shell = await connected(make(terminal_id="ended"))
    with jupyter.http() as client:
        await asyncio.to_thread(client.delete, "api/terminals/vwended")
    await shell.rest()
    assert isinstance(shell.connection.exit, Exit)
    assert "ended" in shell.connection.exit.reason
    await shell.connection.close(end=False)


async def test_without_a_token_the_reason_says_what_to_do(make):
    """Asking again would be in vain."""
    with pytest.raises(NotAllowed, match="tokenEnv"):
        await make(token_env="").connect(Size(), None)


async def test_a_wrong_token_is_said(make, monkeypatch):
    """It is not the lack of one."""
    monkeypatch.setenv("JUPYTER_UPSTREAM_TOKEN", "wrong")
    with pytest.raises(NotAllowed, match="does not accept the token"):
        await make().connect(Size(), None)


async def test_a_token_that_is_not_set_is_said(make, monkeypatch):
    """By the variable's name."""
    monkeypatch.delenv("JUPYTER_UPSTREAM_TOKEN")
    with pytest.raises(UpstreamFailed, match="JUPYTER_UPSTREAM_TOKEN is not set"):
        await make().connect(Size(), None)


async def test_the_token_stands_in_no_log(jupyter, make, caplog):
    """Neither ours nor a library's, at any level, however logging is configured."""
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})  # as Jupyter's applications do
    with caplog.at_level(0):
        shell = await connected(make())
        await shell.end()
    assert jupyter.token not in caplog.text
