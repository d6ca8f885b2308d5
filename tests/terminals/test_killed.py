"""A server that is killed: the shell goes on, and members go on where they were."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.servers import Server
from tests.terminals.serving import joined, opened

COUNT = "i=0; while test $i -lt 4000; do i=$((i+1)); echo line $i; done; sleep 1; echo do''ne"


async def test_a_killed_server_costs_no_byte_and_no_work(start_server: Callable[..., Server], tmp_path: Path) -> None:
    """What is under way ends; whoever comes back has every byte of it, once."""
    first = start_server("", "--no-lab", data=tmp_path)
    with first.http() as admin:
        terminal_id = opened(admin)
    async with joined(first, terminal_id) as member:
        await member.socket.send(f"{COUNT}\n".encode())
        await member.until(b"line 100\r\n")
        first.process.kill()
        await member.closed()
    first.process.wait()
    second = start_server("", "--no-lab", data=tmp_path)
    try:
        async with joined(second, terminal_id) as again:
            assert again.hello["epoch"] == member.hello["epoch"]
            await again.say("resume", epoch=member.hello["epoch"], offset=member.offset)
            sync = await again.told("sync")
            assert (sync["kind"], sync["offset"]) == ("resume", member.offset)
            again.output = member.output
            await again.until(b"\r\ndone\r\n")
        lines = again.output.decode().splitlines()
        assert [line for line in lines if line.startswith("line ")] == [f"line {n}" for n in range(1, 4001)]
        with second.http() as admin:
            assert admin.delete(f"api/terminals/{terminal_id}").status_code == 204
    finally:
        await asyncio.to_thread(second.stop)


async def test_an_orderly_restart_keeps_shells_and_tells_of_those_that_ended(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    """One whose shell ended shows its last screen, and begins anew when its owner says so."""
    first = start_server("", "--no-lab", data=tmp_path)
    with first.http() as admin:
        lives, ends = opened(admin, name="lives"), opened(admin, name="ends")
        async with joined(first, ends) as member:
            await member.socket.send(b"echo last wo''rds; exit 3\n")
            await member.told("exit", code=3)
        async with joined(first, lives) as member:
            await member.socket.send(b"echo still he''re\n")
            await member.until(b"still here")
            await asyncio.to_thread(first.stop)
            assert await member.closed() == 1001
    second = start_server("", "--no-lab", data=tmp_path)
    with second.http() as admin:
        found = {each["name"]: each for each in admin.get("api/terminals").json()["items"]}
        assert found["lives"]["state"]["state"] == "connected"
        assert found["lives"]["epoch"] == member.hello["epoch"]
        assert found["ends"]["state"]["state"] == "closed"
        assert found["ends"]["exit"]["code"] == 3
        async with joined(second, lives) as member:
            await member.until(b"still here")
        async with joined(second, ends) as member:
            await member.until(b"last words")
            assert {"type": "exit", "code": 3} in member.heard
        again = admin.post(f"api/terminals/{ends}/restart").json()
        assert (again["state"]["state"], again["exit"]) == ("connected", None)
        async with joined(second, ends) as member:
            await member.socket.send(b"echo once mo''re\n")
            await member.until(b"once more")
        for each in (lives, ends):
            assert admin.delete(f"api/terminals/{each}").status_code == 204
    await asyncio.to_thread(second.stop)


async def test_a_shell_that_was_killed_with_the_server_is_not_replaced_unasked(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    """It is said that it is no more; what it showed last is shown."""
    first = start_server("", "--no-lab", data=tmp_path)
    with first.http() as admin:
        terminal_id = opened(admin)
    async with joined(first, terminal_id) as member:
        await member.socket.send(b"echo shell $$ of $PPID; \n")
        await member.until(b" of ")
        while not (found := [word for word in member.output.split() if word.isdigit()])[1:]:
            await member.next()
    with first.http() as admin:
        assert " of " in admin.get(f"api/terminals/{terminal_id}/recording").text  # it is on disk
    first.process.kill()
    first.process.wait()
    for pid in found[:2]:
        await asyncio.to_thread(_kill, int(pid))
    second = start_server("", "--no-lab", data=tmp_path)
    with second.http() as admin:
        shown = admin.get(f"api/terminals/{terminal_id}").json()
        assert shown["state"]["state"] == "closed"
        assert "no more" in shown["state"]["reason"]
        async with joined(second, terminal_id) as again:
            await again.until(b" of ")
        assert admin.delete(f"api/terminals/{terminal_id}").status_code == 204
    await asyncio.to_thread(second.stop)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
