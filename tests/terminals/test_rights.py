"""Who may do what with a terminal, over every door that it has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.servers import Server
from tests.terminals.serving import SETTINGS, Joined, counting, grant, joined, opened, token_of

HUGE = {"rows": 33, "cols": 111}


@dataclass(frozen=True)
class Stage:
    """A server with one terminal of the admin's, and tokens of everybody.

    Attributes:
        server: The server.
        terminal_id: The terminal.
        folder: Where ``typed`` is.
        tokens: Kind of caller → text of its token.
    """

    server: Server
    terminal_id: str
    folder: Path
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def stage(start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """One server for the whole file."""
    server = start_server(SETTINGS, "--no-lab")
    folder = tmp_path_factory.mktemp("counting")
    with server.http() as admin:
        terminal_id = counting(admin, folder, rows=24, cols=80)
    tokens = {"anonymous": "", "admin": server.token}
    for name, role, scope, right in (
        ("viewer who watches", "viewer", (), "watch"),
        ("viewer granted to drive", "viewer", (), "drive"),
        ("viewer of nothing", "viewer", (), None),
        ("viewer elsewhere", "viewer", ("room:terminal-server/elsewhere",), "watch"),
        ("viewer of this room", "viewer", (f"room:terminal-server/{terminal_id}",), "watch"),
        ("analyst who watches", "analyst", (), "watch"),
        ("analyst who drives", "analyst", (), "drive"),
        ("analyst of nothing", "analyst", (), None),
        ("operator", "operator", (), None),
        ("operator elsewhere", "operator", ("room:terminal-server/elsewhere",), None),
        ("ingest", "ingest", (), None),
    ):
        token_id, tokens[name] = token_of(server, role, *scope)
        if right is not None:
            grant(server, terminal_id, token_id, right)
    return Stage(server, terminal_id, folder, tokens)


ROLES = {
    "admin": "owner",
    "operator": "driver",
    "analyst who drives": "driver",
    "analyst who watches": "watcher",
    "viewer who watches": "watcher",
    "viewer granted to drive": "watcher",
    "viewer of this room": "watcher",
}
REFUSED = ("viewer of nothing", "viewer elsewhere", "analyst of nothing", "operator elsewhere", "ingest")
WATCHERS = [name for name, role in ROLES.items() if role == "watcher"]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("caller", [*ROLES, *REFUSED, "anonymous"])
async def test_the_socket_opens_to_whom_it_is_for(stage: Stage, caller: str, legacy: bool) -> None:
    """By role, by grant and by scope; whoever is refused learns from the close code why."""
    async with joined(stage.server, stage.terminal_id, stage.tokens[caller], legacy=legacy) as member:
        if caller in ROLES:
            assert legacy or member.hello["role"] == ROLES[caller]
            await member.until(b"ready")
        else:
            assert await member.closed() == (4401 if caller == "anonymous" else 4403)


@pytest.mark.parametrize("caller", [*ROLES, *REFUSED, "anonymous"])
def test_rest_shows_a_terminal_to_whom_it_is_for(stage: Stage, caller: str) -> None:
    """The list, the terminal and its recording; a narrowed token sees no other."""
    with stage.server.http(stage.tokens[caller]) as http:
        one = http.get(f"api/terminals/{stage.terminal_id}")
        recording = http.get(f"api/terminals/{stage.terminal_id}/recording")
        listed = http.get("api/terminals")
    if caller in ROLES:
        assert (one.status_code, recording.status_code) == (200, 200)
        assert one.json()["role"] == ROLES[caller]
        assert [each["terminalId"] for each in listed.json()["items"]] == [stage.terminal_id]
        return
    assert one.status_code == recording.status_code == (401 if caller == "anonymous" else 403)
    if listed.status_code == 200:
        assert listed.json()["items"] == []


@pytest.mark.parametrize("caller", [name for name in [*ROLES, *REFUSED, "anonymous"] if name != "admin"])
def test_only_the_owner_shares_restarts_and_ends_it(stage: Stage, caller: str) -> None:
    """And admins. A viewer opens none either."""
    with stage.server.http(stage.tokens[caller]) as http:
        one = f"api/terminals/{stage.terminal_id}"
        answers = [
            http.get(f"{one}/members"),
            http.put(f"{one}/members", json={"identity": "server", "right": "drive"}),
            http.delete(f"{one}/members/server"),
            http.post(f"{one}/restart"),
            http.delete(one),
        ]
        if caller != "operator":
            answers += [
                http.post("api/terminals", json={"upstream": {"kind": "local"}}),
                http.post(f"{one}/hil", json={"taskId": "t", "state": "paused"}),
            ]
    assert {answer.status_code for answer in answers} == {401 if caller == "anonymous" else 403}


async def every_way_to_type(member: Joined) -> None:
    """All that a member of ``room-terminal.v1`` can say to have something happen."""
    await member.socket.send(b"A")
    await member.socket.send(b"\x1b[?1;2c")
    await member.say("size", **HUGE)
    for wish in ({"action": "take"}, {"drive": "take"}, {"take": True}, {"action": "keep"}, {"release": True}):
        await member.say("drive", **wish)
        await member.socket.send(b"B")
    await member.say("hold", on=True, why="because")
    await member.say("hold", on=False)
    await member.say("retry")
    await member.socket.send(b"C" * 100_000)
    await member.answered()


@pytest.mark.parametrize("caller", WATCHERS)
async def test_nothing_of_a_watcher_reaches_the_shell(stage: Stage, caller: str) -> None:
    """Neither in our protocol nor in terminado's: each byte that the shell got is the driver's."""
    server, token = stage.server, stage.tokens[caller]
    before = len((stage.folder / "typed").read_bytes())
    async with joined(server, stage.terminal_id) as driver, joined(server, stage.terminal_id, token) as watcher:
        await every_way_to_type(watcher)
        codes = {said["code"] for said in watcher.heard if said["type"] == "error"}
        assert codes <= {"not-driver", "not-allowed"}
        assert codes
        async with joined(server, stage.terminal_id, token, legacy=True) as legacy:
            await legacy.socket.send(json.dumps(["stdin", "D"]))
            await legacy.socket.send(json.dumps(["set_size", 33, 111, 0, 0]))
            await legacy.socket.send(json.dumps(["stdin", "E" * 100_000]))
            await legacy.until(b"not")  # the refusal, in words
        own = f"the driver's own after {caller}".encode()
        await driver.socket.send(own)
        await driver.until(own)
    typed = (stage.folder / "typed").read_bytes()
    assert typed[before:] == own
    with server.http() as admin:
        shown = admin.get(f"api/terminals/{stage.terminal_id}").json()
    assert shown["size"] != HUGE
    assert shown["hold"] is None


async def test_what_was_refused_is_in_the_audit_record(stage: Stage) -> None:
    """Opening a terminal, and typing without the right."""
    async with joined(stage.server, stage.terminal_id, stage.tokens["viewer who watches"]) as watcher:
        await watcher.socket.send(b"A")
        await watcher.answered()
    with stage.server.http() as admin:
        for kind in ("input-refused", "terminal-opened", "terminal-granted"):
            # It is written in batches, and nobody is told when.
            while not (found := admin.get("api/audit", params={"kind": kind}).json()["items"]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            assert stage.terminal_id in found[-1]["subject"]


async def test_a_grant_that_is_taken_away_ends_the_connection(stage: Stage) -> None:
    """And one that is given lets type whoever is connected already."""
    with stage.server.http() as admin:
        terminal_id = opened(admin)
        token_id, token = token_of(stage.server, "analyst")
        members = f"api/terminals/{terminal_id}/members"
        async with joined(stage.server, terminal_id, token) as early:
            assert await early.closed() == 4403
        grant(stage.server, terminal_id, token_id, "watch")
        async with joined(stage.server, terminal_id, token) as member:
            await member.socket.send(b"x")
            await member.told("error")
            grant(stage.server, terminal_id, token_id, "drive")
            await member.socket.send(b"echo dri''ven\n")
            await member.until(b"driven")
            listed = admin.get(members).json()["items"]
            assert listed == [{"identity": f"token:{token_id}", "right": "drive"}]
            assert admin.delete(f"{members}/token:{token_id}").status_code == 204
            assert await member.closed() == 4403
        assert admin.delete(f"{members}/token:{token_id}").status_code == 404
        assert admin.delete(f"api/terminals/{terminal_id}").status_code == 204


async def test_a_token_that_is_revoked_ends_the_connection(stage: Stage) -> None:
    """With 4401: the login itself is over."""
    token_id, token = token_of(stage.server, "operator")
    async with joined(stage.server, stage.terminal_id, token) as member:
        await member.until(b"ready")
        with stage.server.http() as admin:
            assert admin.delete(f"api/tokens/{token_id}").status_code in (200, 204)
        assert await member.closed() == 4401


@pytest.mark.parametrize("legacy", [False, True])
async def test_a_page_of_another_origin_may_not_open_it(stage: Stage, legacy: bool) -> None:
    """Whatever token it has."""
    with pytest.raises(InvalidStatus) as refused:
        async with joined(
            stage.server, stage.terminal_id, legacy=legacy, headers={"Origin": "https://elsewhere.example"}
        ):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("caller", ["admin", "operator", "viewer who watches"])
async def test_a_terminal_that_is_not_there_is_4404(stage: Stage, caller: str) -> None:
    """Over REST 404."""
    async with joined(stage.server, "made0up", stage.tokens[caller]) as member:
        assert await member.closed() == 4404
    with stage.server.http(stage.tokens[caller]) as http:
        assert http.get("api/terminals/made0up").status_code == 404


async def test_an_operator_opens_one_for_itself_and_an_admin_for_others(stage: Stage) -> None:
    """The owner need not be there; an operator names nobody else."""
    token_id, token = token_of(stage.server, "operator")
    with stage.server.http(token) as operator, stage.server.http() as admin:
        own = opened(operator)
        assert operator.get(f"api/terminals/{own}").json()["role"] == "owner"
        refused = operator.post("api/terminals", json={"upstream": {"kind": "local"}, "owner": "server"})
        assert refused.status_code == 403
        given = opened(admin, owner=f"token:{token_id}")
        assert operator.get(f"api/terminals/{given}").json()["role"] == "owner"
        with stage.server.http(stage.tokens["operator"]) as other:
            assert other.delete(f"api/terminals/{own}").status_code == 403
        for each in (own, given):
            assert operator.delete(f"api/terminals/{each}").status_code == 204
