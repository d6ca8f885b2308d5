"""The doors of terminals: what cannot be meant, what is too much, and what is strange."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.servers import Server
from tests.terminals.serving import SETTINGS, joined, opened

LIMITS = f"{SETTINGS}terminals = 2\nmembers = 2\ninput_bytes = 262144\n"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    """One server for the whole file."""
    return start_server(LIMITS, "--no-lab")


@pytest.fixture(scope="module")
def terminal_id(server: Server) -> str:
    """One terminal for the whole file."""
    with server.http() as admin:
        return opened(admin)


MALFORMED = (
    "",
    "[]",
    "nonsense",
    '{"type":"made-up"}',
    '{"type":"ack"}',
    '{"type":"ack","offset":-1}',
    '{"type":"ack","offset":1e99}',
    '{"type":"ack","offset":999999999}',
    '{"type":"size","rows":0,"cols":80}',
    '{"type":"size","rows":24,"cols":80,"more":1}',
    '{"type":"drive","action":"steal"}',
    '{"type":"drive","take":true,"release":true}',
    '{"type":"hold","on":"yes"}',
    "[" * 10_000,
)


@pytest.mark.parametrize("text", MALFORMED)
async def test_what_cannot_be_meant_is_4400(server: Server, terminal_id: str, text: str) -> None:
    """Whoever says it is sent away; the others notice nothing."""
    async with joined(server, terminal_id) as other, joined(server, terminal_id) as member:
        await member.socket.send(text)
        assert await member.closed() == 4400
        await other.answered()


@pytest.mark.parametrize("text", ["nonsense", "{}", "[1]", '["stdin"]', '["stdin",1]', '["set_size","a",2]'])
async def test_what_terminado_would_not_understand_is_4400(server: Server, terminal_id: str, text: str) -> None:
    """Words that it does not know are passed over, as it does."""
    async with joined(server, terminal_id, legacy=True) as member:
        await member.socket.send('["made-up", 1]')
        await member.socket.send(text)
        assert await member.closed() == 4400


@pytest.mark.parametrize("message", ["x" * 65_537, b"x" * 600_000])
async def test_what_is_too_large_is_1009(server: Server, terminal_id: str, message: str | bytes) -> None:
    """And reaches nobody."""
    async with joined(server, terminal_id) as member:
        await member.socket.send(message)
        assert await member.closed() == 1009


async def test_a_terminal_takes_so_many_members_and_a_server_so_many_terminals(
    server: Server, terminal_id: str
) -> None:
    """As the settings say."""
    async with joined(server, terminal_id), joined(server, terminal_id), joined(server, terminal_id) as third:
        assert await third.closed() == 4429
    with server.http() as admin:
        second = opened(admin)
        assert admin.post("api/terminals", json={"upstream": {"kind": "local"}}).status_code == 429
        assert admin.delete(f"api/terminals/{second}").status_code == 204


async def test_who_comes_back_takes_the_place_of_the_connection_that_was_lost(server: Server, terminal_id: str) -> None:
    """By its own id; the id of somebody else is not to be had."""
    url = f"ws{server.url.removeprefix('http')}vibeworkbench/parties/terminal-server/{terminal_id}?_pk=tab1"
    async with joined(server, terminal_id, url=url) as lost, joined(server, terminal_id, url=url) as back:
        assert await lost.closed() == 4408
        assert back.hello["memberId"] == "tab1"
        await back.answered()


@pytest.mark.parametrize(
    ("upstream", "field"),
    [
        ({}, "upstream.kind"),
        ({"kind": "made-up"}, "upstream.kind"),
        ({"kind": "local", "cmd": ["sh"]}, "upstream.cmd"),
        ({"kind": "local", "command": "sh"}, "upstream.command"),
        ({"kind": "local", "env": {"A": 1}}, "upstream.env[...]"),
        ({"kind": "local", "command": ["made-up-program"]}, "upstream"),
        ({"kind": "local", "cwd": "/made/up"}, "upstream"),
    ],
)
def test_an_upstream_that_cannot_be_meant_is_refused(server: Server, upstream: dict[str, object], field: str) -> None:
    """With the field; nothing of it stays."""
    with server.http() as admin:
        before = admin.get("api/terminals").json()["items"]
        refused = admin.post("api/terminals", json={"upstream": upstream})
        assert refused.status_code == 400, refused.text
        assert refused.json()["error"]["details"]["field"] == field
        assert admin.get("api/terminals").json()["items"] == before


async def test_the_values_of_an_environment_are_not_shown(server: Server) -> None:
    """They may be secrets; the shell has them."""
    with server.http() as admin:
        terminal_id = opened(admin, upstream={"env": {"WORD": "open sesame"}})
        assert "sesame" not in admin.get(f"api/terminals/{terminal_id}").text
        async with joined(server, terminal_id) as member:
            await member.socket.send(b'echo "$WORD"\n')
            await member.until(b"open sesame")
        assert admin.delete(f"api/terminals/{terminal_id}").status_code == 204


async def test_a_task_that_waits_for_a_person_holds_the_program(server: Server, terminal_id: str) -> None:
    """All are told, who comes late too, and typing is refused until it goes on."""
    with server.http() as admin:
        said = {"taskId": "t1", "state": "review", "reason": "look at this"}
        async with joined(server, terminal_id) as member:
            assert admin.post(f"api/terminals/{terminal_id}/hil", json=said).status_code == 204
            told = await member.told("hil-state")
            assert (told["taskId"], told["state"], told["reason"]) == ("t1", "review", "look at this")
            await member.socket.send(b"x")
            assert (await member.told("error"))["code"] == "held"
        async with joined(server, terminal_id) as late:
            await late.told("hil-state", state="review")
            resumed = {"taskId": "t1", "state": "resumed"}
            assert admin.post(f"api/terminals/{terminal_id}/hil", json=resumed).status_code == 204
            await late.told("hil-state", state="resumed")
            await late.socket.send(b"echo go''es on\n")
            await late.until(b"goes on")


async def test_members_see_a_terminal_go(server: Server) -> None:
    """With 4404: coming back would change nothing."""
    with server.http() as admin:
        terminal_id = opened(admin)
        async with joined(server, terminal_id) as member:
            assert (await asyncio.to_thread(admin.delete, f"api/terminals/{terminal_id}")).status_code == 204
            assert await member.closed() == 4404


def test_prometheus_reads_of_them(server: Server, terminal_id: str) -> None:
    """How many there are, who is in them, and how much went through."""
    with server.http() as admin:
        text = admin.get("metrics").text
    assert 'vibeworkbench_terminals_open{state="connected"} 1.0' in text
    assert "vibeworkbench_terminals_output_bytes_total" in text
    assert terminal_id not in text
