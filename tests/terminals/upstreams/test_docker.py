"""Shells inside containers. The engine is a stand-in whose programs are real ones on this machine.

The suite of all upstreams runs in a container of a real engine where ``TEST_ENGINE`` names one.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.containers.engine_server import EngineServer
from tests.containers.real_engine import ENGINE, RealEngine
from tests.patience import PATIENCE_S
from tests.terminals.upstreams.conformance import Conformance, Dialogue, Subject
from vibeworkbench.errors import InvalidInput, NotFound, Unavailable, UpstreamFailed
from vibeworkbench.settings import ContainerSettings, Settings
from vibeworkbench.terminals.model import Seen, Size
from vibeworkbench.terminals.upstreams import Place
from vibeworkbench.terminals.upstreams.docker import MARK, DockerSpec, DockerUpstream

SHELL = ("/bin/sh", "-i")


@pytest.fixture
async def engine() -> AsyncIterator[EngineServer]:
    """A running engine with one container; a unix socket's path is short, so it stands in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        server = EngineServer(Path(folder) / "engine.sock")
        await server.start()
        server.add("shop")
        yield server
        server.silent = False
        await server.programs.end()
        await server.stop()


@pytest.fixture
def make(engine: EngineServer, tmp_path: Path) -> Callable[..., DockerUpstream]:
    """An upstream of a new terminal."""

    def make(container: str = "shop", timeout_s: float = PATIENCE_S, **said: object) -> DockerUpstream:
        settings = Settings(containers=ContainerSettings(engine=str(engine.path), timeout_s=timeout_s))
        spec = DockerSpec(container=container, **{"command": SHELL} | said)
        return DockerUpstream(spec, Place("t1", tmp_path, tmp_path, settings))

    return make


@pytest.fixture
async def subject(make: Callable[..., DockerUpstream], tmp_path: Path) -> AsyncIterator[Subject]:
    """Shells inside a container."""
    if not ENGINE:
        yield Subject(make, tmp_path)
        return
    real = RealEngine()
    container_id = await real.container("shop", folder=tmp_path)
    settings = Settings(containers=ContainerSettings(engine=ENGINE, timeout_s=PATIENCE_S))
    spec = DockerSpec(container=container_id, command=SHELL)
    yield Subject(lambda: DockerUpstream(spec, Place("t1", tmp_path, tmp_path, settings)), tmp_path)
    await real.close()


class TestDocker(Conformance):
    """What every upstream does."""


async def test_what_was_asked_for_reaches_the_engine(engine, make):
    """Command, user and directory are the request's; the shell knows what kind of terminal it has."""
    connection = await make(user="1000:1000", cwd="/srv").connect(Size(30, 100), None)
    (program,) = engine.programs.all.values()
    assert (program.asked["Cmd"], program.asked["User"], program.asked["WorkingDir"]) == (
        list(SHELL),
        "1000:1000",
        "/srv",
    )
    assert program.asked["ConsoleSize"] == [30, 100]
    assert program.asked["Env"][0] == "TERM=xterm-256color"
    await connection.close(end=True)


async def test_an_older_engine_starts_programs_without_a_size(engine, make):
    """The size follows at once (the API knows it since 1.42)."""
    engine.version = "1.41"
    shell = Dialogue(make())
    await shell.connect(Size(33, 101))
    await shell.prepare()
    assert await shell.ask("stty size") == "33 101"
    await shell.end()


async def test_without_a_command_the_best_shell_of_the_container_runs(make):
    """Bash where there is one."""
    shell = Dialogue(make(command=()))
    await shell.connect()
    await shell.prepare()
    assert (await shell.ask("echo $BASH")).endswith("/bash")
    await shell.end()


async def test_a_container_that_is_gone_is_final(engine, make):
    """Also when it went while the terminal was connected."""
    with pytest.raises(NotFound, match="No such container: nobody"):
        await make("nobody").connect(Size(), None)
    upstream = make()
    shell = Dialogue(upstream)
    await shell.connect()
    engine.containers.clear()
    engine.programs.cut()
    await shell.rest()
    assert shell.connection.exit is None
    with pytest.raises(NotFound):
        await upstream.connect(Size(), shell.seen())
    await shell.connection.close(end=False)


async def test_a_container_that_does_not_run_is_waited_for(engine, make):
    """It may be started again."""
    next(iter(engine.containers.values())).status = "exited"
    with pytest.raises(Unavailable, match="does not run"):
        await make().connect(Size(), None)


async def test_an_engine_that_restarts_gives_a_new_shell(engine, make):
    """The connection broke, the program's end is not known; the next connection has another shell."""
    upstream = make()
    shell = Dialogue(upstream)
    await shell.connect()
    await shell.prepare()
    before = shell.seen()
    await engine.stop()
    await shell.rest()
    assert shell.connection.exit is None
    await shell.connection.close(end=False)
    with pytest.raises((Unavailable, UpstreamFailed)):
        await upstream.connect(Size(), before)
    await engine.start()
    await shell.connect(seen=before)
    assert shell.connection.shell != before.shell
    assert shell.connection.offset == 0
    await shell.end()


async def test_a_shell_of_a_workbench_that_ended_is_not_replaced_in_silence(make):
    """It is said that the shell is gone."""
    with pytest.raises(NotFound, match="keeps none"):
        await make().connect(Size(), Seen("docker:0011223344556677", 10))


async def test_an_engine_that_does_not_answer_is_asked_again(engine, make):
    """It may be starting."""
    engine.silent = True
    with pytest.raises(Unavailable, match="in time"):
        await make(timeout_s=0.2).connect(Size(), None)


async def test_no_engine_is_final(tmp_path):
    """The reason says so."""
    settings = Settings(containers=ContainerSettings(engine=str(tmp_path / "engine.sock")))
    with pytest.raises(UpstreamFailed, match="engine"):
        await DockerUpstream(DockerSpec(container="shop"), Place("t", tmp_path, tmp_path, settings)).connect(
            Size(), None
        )


async def test_closing_ends_nobody_elses_shell(make):
    """What is ended is what has this shell's mark in its environment."""
    first, second = Dialogue(make()), Dialogue(make())
    for each in (first, second):
        await each.connect()
        await each.prepare()
    assert await first.ask(f"echo ${MARK}") != await second.ask(f"echo ${MARK}")
    await first.end()
    assert await second.ask("echo alive") == "alive"
    await second.end()


async def test_a_zero_byte_is_refused(make):
    """It would cut the word."""
    with pytest.raises(InvalidInput) as refused:
        make(command=("sh", "a\0b"))
    assert refused.value.attributes["field"] == "command"


async def test_nothing_is_left_open(make):
    """Who connects and is interrupted leaves no connection."""
    connecting = asyncio.create_task(make().connect(Size(), None))
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
