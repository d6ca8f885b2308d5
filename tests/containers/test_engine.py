"""The Engine client against an engine on a real socket: answers, streams, and what goes wrong."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from contextlib import aclosing

import pytest

from tests.containers.engine_containers import stamp
from tests.containers.real_engine import ENGINE
from vibeworkbench.engine.address import Address, address_of
from vibeworkbench.engine.client import Engine
from vibeworkbench.engine.lines import nanoseconds_of
from vibeworkbench.engine.position import Position
from vibeworkbench.engine.stats import cpu_percent
from vibeworkbench.errors import NotFound, Unavailable, UpstreamFailed

NS = 1_795_000_100 * 10**9


@pytest.fixture
async def engine(engine_server):
    async with Engine(Address(socket=str(engine_server.path)), timeout_s=5) as client:
        yield client


async def collected(engine, facts, position, follow=False):
    """The new lines' texts, until the stream ends or breaks."""
    texts = []
    try:
        async with aclosing(engine.logs(facts, position.since, follow=follow)) as lines:
            async for line in lines:
                if position.takes(line):
                    texts.append(line.text)  # noqa: PERF401 - those that came before the stream broke count
    except Unavailable:
        texts.append("BROKEN")
    return texts


async def test_the_version_is_the_newest_that_both_know(engine_server, engine):
    """An older engine is asked in its own version, a newer one in ours; all is asked below it."""
    engine_server.version = "1.41"
    assert await engine.version() == "1.41"
    await engine.containers()
    assert engine_server.asked[-1].startswith("/v1.41/containers/json")
    engine_server.version = "1.99"
    async with Engine(Address(socket=str(engine_server.path))) as newer:
        assert await newer.version() == "1.47"


async def test_containers_are_listed_and_inspected(engine_server, engine):
    """Stopped ones too; environments are masked, labels kept, instants aware."""
    container = engine_server.add(
        "api", health="unhealthy", status="exited", exit_code=137, oom_killed=True, restarts=4
    )
    assert await engine.containers() == [container.container_id]
    facts = await engine.inspect(container.container_id)
    assert (facts.name, facts.image, facts.state, facts.exit_code) == ("api", "shop/api:1.4", "exited", 137)
    assert (facts.oom_killed, facts.restarts, facts.health, facts.health_output) == (True, 4, "unhealthy", "refused")
    assert facts.environment == {"PATH": "/usr/bin", "DB_PASSWORD": "•••"}
    assert facts.labels == {"com.docker.compose.project": "shop"}
    assert str(facts.started_at) == "2026-11-18 11:06:41+00:00"
    assert facts.finished_at is None
    assert not facts.is_running


@pytest.mark.parametrize("version", ["1.41", "1.47"])
async def test_use_is_computed_as_the_docker_command_does(engine_server, engine, version):
    """Processor time between two readings; memory without the cache; networks and devices added up."""
    engine_server.version = version  # the older one's machine has control groups of version 1, too
    container = engine_server.add("api")
    first = await engine.stats(container.container_id)
    container.cpu_ns += 10**9
    container.system_ns += 8 * 10**9
    second = await engine.stats(container.container_id)
    assert cpu_percent(first.cpu, second.cpu) == 50.0  # one busy second of eight, times four processors
    assert (second.memory_bytes, second.memory_limit_bytes) == (200 * 2**20, 2**30)
    assert (second.received_bytes, second.sent_bytes, second.read_bytes, second.written_bytes) == (
        5338,
        648,
        4096,
        12288,
    )
    assert second.processes == 7
    streamed = [cpu_percent(each.before, each.cpu) async for each in engine.stats_stream(container.container_id)]
    assert streamed == [100.0] * 3


async def test_both_streams_are_read_in_frames(engine_server, engine):
    """Each line with its instant and stream; one of 40 000 bytes, which comes in three frames, is one line."""
    container = engine_server.add("api")
    long = "x" * 40_000
    await engine_server.log(container, (NS, "stdout", "started"), (NS + 1, "stderr", "warn"), (NS + 2, "stdout", long))
    facts = await engine.inspect(container.container_id)
    lines = [line async for line in engine.logs(facts, follow=False)]
    assert [(line.at_ns - NS, line.stream, line.text) for line in lines] == [
        (0, "stdout", "started"),
        (1, "stderr", "warn"),
        (2, "stdout", long),
    ]


async def test_a_terminals_log_has_no_frames(engine_server, engine):
    """Its lines end with CR LF, and a long one has the instant in front of each piece."""
    container = engine_server.add("shell", terminal=True)
    await engine_server.log(container, (NS, "stdout", "$ ls\r"), (NS + 1, "stdout", "y" * 40_000))
    facts = await engine.inspect(container.container_id)
    texts = [line.text async for line in engine.logs(facts, follow=False)]
    assert texts == ["$ ls", "y" * 40_000]


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("drop_after", [0, 5, 40, 60, 61, 95, 130, 170])
async def test_a_connection_that_breaks_neither_loses_nor_repeats(engine_server, engine, terminal, drop_after):
    """Wherever the stream breaks, within a header or a line; three of the lines have the same instant."""
    container = engine_server.add("api", terminal=terminal)
    said = [(NS, "stdout", "one"), (NS, "stdout", "two"), (NS, "stdout", "two"), (NS + 1, "stdout", "three")]
    await engine_server.log(container, *said)
    facts = await engine.inspect(container.container_id)
    engine_server.drop_after = drop_after
    position = Position()
    texts = await collected(engine, facts, position)
    again = await collected(engine, facts, Position(position.mark()))
    assert [text for text in (*texts, *again) if text != "BROKEN"] == ["one", "two", "two", "three"]


async def test_a_followed_log_ends_with_its_container(engine_server, engine):
    """What is written while it is followed comes at once; when the container ends, so does the stream."""
    container = engine_server.add("api")
    await engine_server.log(container, (NS, "stdout", "one"))
    facts = await engine.inspect(container.container_id)
    texts = []
    async with aclosing(engine.logs(facts)) as lines:
        async for line in lines:
            texts.append(line.text)
            if line.text == "one":
                await engine_server.log(container, (NS + 5, "stderr", "two"))
            if line.text == "two":
                container.status = "exited"
                await engine_server.notify()
    assert texts == ["one", "two"]


async def test_events_are_told_from_an_instant_on(engine_server, engine):
    """Old ones since then, then new ones as they happen."""
    container = engine_server.add("api")
    await engine_server.happen(container, "start", NS)
    await engine_server.happen(container, "die", NS + 7, exitCode="137")
    seen = []
    async with aclosing(engine.events(NS + 1)) as events:
        async for event in events:
            seen.append((event.at_ns - NS, event.action))
            if event.action == "die":
                assert event.attributes["exitCode"] == "137"
                assert event.container_id == container.container_id
                await engine_server.happen(container, "start", NS + 9)
            else:
                break
    assert seen == [(7, "die"), (9, "start")]


async def test_failures_have_names(engine_server, engine):
    """Gone, unwell, silent, and not there at all."""
    with pytest.raises(NotFound, match="No such container"):
        await engine.inspect("ffff")
    engine_server.fail = True
    with pytest.raises(Unavailable, match="500: the engine is unwell"):
        await engine.containers()
    engine_server.silent = True
    async with Engine(Address(socket=str(engine_server.path)), timeout_s=0.05) as hasty:
        with pytest.raises(Unavailable, match="does not answer in time"):
            await hasty.version()
    async with Engine(Address(socket=str(engine_server.path.with_name("none.sock")))) as nobody:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await nobody.version()


async def test_a_stranger_at_the_address_is_recognised(engine_server):
    """Whoever answers without a version is no engine."""
    engine_server.version = "latest"
    async with Engine(Address(socket=str(engine_server.path))) as engine:
        with pytest.raises(UpstreamFailed, match="does not say its version"):
            await engine.version()


async def test_an_engine_that_was_restarted_is_asked_again(engine_server, engine):
    """The client needs no new connection of its own."""
    engine_server.add("api")
    assert len(await engine.containers()) == 1
    await engine_server.stop()
    with pytest.raises(Unavailable):
        await engine.containers()
    await engine_server.start()
    assert len(await engine.containers()) == 1


def test_the_address(tmp_path):
    """What is asked for comes first, then the environment; what cannot be is said."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
    assert address_of(str(path), {}).socket == str(path)
    assert address_of("", {"DOCKER_HOST": f"unix://{path}"}).socket == str(path)
    assert address_of("tcp://10.0.0.1:2375", {}).url == "http://10.0.0.1:2375"
    assert address_of("", {"DOCKER_HOST": "tcp://d:2376", "DOCKER_TLS_VERIFY": "1"}).url == "https://d:2376"
    assert "ssh" in address_of("ssh://host", {}).absent
    assert "no socket" in address_of(str(tmp_path / "none"), {}).absent
    (tmp_path / "docker.sock").touch()
    found = address_of("", {"XDG_RUNTIME_DIR": str(tmp_path)}).socket  # this machine may have an engine of its own
    assert found != str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        (tmp_path / "podman").mkdir()
        listening.bind(str(tmp_path / "podman" / "podman.sock"))
    assert address_of("", {"XDG_RUNTIME_DIR": str(tmp_path)}).socket


def test_instants_that_are_none():
    """The Engine's "never", and nonsense, are 0."""
    assert [nanoseconds_of(text) for text in ("0001-01-01T00:00:00Z", "never", "2026-13-01T00:00:00Z")] == [0, 0, 0]
    assert nanoseconds_of("1970-01-01T01:00:01.5+01:00") == 1_500_000_000


@pytest.mark.skipif(
    not ENGINE and shutil.which("docker") is None,
    reason="the docker command is not installed: test_the_stand_in_answers_as_the_engine_does compares all the same",
)
async def test_the_docker_command_reads_the_same(engine_server):
    """A stranger's client finds in the stand-in what ours finds: the shapes are the Engine's."""
    container = engine_server.add("api")
    await engine_server.log(container, (NS, "stdout", "one"), (NS + 1, "stderr", "two"))

    async def said(*arguments: str) -> str:
        command = ("docker", "-H", f"unix://{engine_server.path}", *arguments)
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return (await process.communicate())[0].decode().strip()

    assert await said("ps", "--format", "{{.Names}} {{.Image}} {{.State}}") == "api shop/api:1.4 running"
    assert (await said("logs", "-t", "api")).splitlines() == [f"{stamp(NS)} one", f"{stamp(NS + 1)} two"]
    use = await said("stats", "--no-stream", "--format", "{{.CPUPerc}} {{.MemUsage}} {{.PIDs}}", "api")
    assert use == "50.00% 200MiB / 1GiB 7"
