"""The stand-in answers as the engine does: what an engine 20.10 said is kept in ``recorded``, field by field."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.containers.engine_server import EngineServer
from tests.patience import PATIENCE_S

RECORDED = json.loads(Path(__file__).with_name("recorded").joinpath("engine-20.10.json").read_bytes())
FREE = frozenset({"Labels", "Attributes", "Networks"})
"""Their names are whatever their users chose."""
UNRECORDED = frozenset({".networks"})
"""The recorded container has none."""
PS = "-eo pid,ppid,user,pcpu,rss,stat,nlwp,etimes,args"


def unlike(ours: Any, theirs: Any, at: str = "") -> list[str]:
    """Where the stand-in says what the engine does not: a field that it has not, or a value of another type."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if at.rpartition(".")[2] in FREE:
            return []
        more = {f"{at}.{name}" for name in ours.keys() - theirs.keys()} - UNRECORDED
        strange = [f"{each} is none of the engine's" for each in more]
        both = [unlike(ours[name], theirs[name], f"{at}.{name}") for name in ours.keys() & theirs.keys()]
        return strange + [each for found in both for each in found]
    if isinstance(ours, list) and isinstance(theirs, list):
        return unlike(ours[0], theirs[0], f"{at}[]") if ours and theirs else []
    is_like = None in (ours, theirs) or isinstance(ours, type(theirs)) or {type(ours), type(theirs)} <= {int, float}
    return [] if is_like else [f"{at}: {type(ours).__name__}, the engine says {type(theirs).__name__}"]


@pytest.fixture
async def http(engine_server: EngineServer) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a stand-in of that version, with one container."""
    engine_server.version = "1.41"
    engine_server.add("api", health="unhealthy")
    transport = httpx.AsyncHTTPTransport(uds=str(engine_server.path))
    async with httpx.AsyncClient(transport=transport, base_url="http://engine/v1.41", timeout=PATIENCE_S) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "recorded"),
    [
        ("/containers/json?all=1", "list"),
        ("/containers/api/json", "inspect"),
        ("/containers/api/stats?stream=0", "stats"),
        (f"/containers/api/top?ps_args={PS}", "top"),
        ("/containers/nobody/json", "missing"),
        ("/exec/ffff/json", "missing-exec"),
    ],
)
async def test_the_stand_in_answers_as_the_engine_does(http, path, recorded):
    """Each field that it has, the engine has, too, with a value of that type."""
    said = (await http.get(path)).json()
    assert unlike(said[0] if isinstance(said, list) else said, RECORDED[recorded]) == []
    if recorded.startswith("missing"):
        assert said == RECORDED[recorded]
    if recorded == "top":
        assert said["Titles"] == RECORDED["top"]["Titles"]


async def test_what_happens_is_told_as_the_engine_does(engine_server, http):
    """One JSON object a line."""
    (container,) = engine_server.containers.values()
    await engine_server.happen(container, "start", RECORDED["event"]["timeNano"])
    async with http.stream("GET", "/events", params={"since": "0"}) as answer:
        async for line in answer.aiter_lines():
            assert unlike(json.loads(line), RECORDED["event"]) == []
            break


async def test_programs_are_told_as_the_engine_does(engine_server, http):
    """Made, inspected before their start, and refused where the container does not run."""
    order = {"Cmd": ["sleep", "9"], "Tty": True, "Env": []}
    made = (await http.post("/containers/api/exec", json=order)).json()
    assert unlike(made, RECORDED["exec-made"]) == []
    assert unlike((await http.get(f"/exec/{made['Id']}/json")).json(), RECORDED["exec"]) == []
    (container,) = engine_server.containers.values()
    container.status = "exited"
    refused = (await http.get("/containers/api/top")).json()
    there = RECORDED["top-ended"]["message"].replace(RECORDED["inspect"]["Id"], container.container_id)
    assert refused == {"message": there} == (await http.post("/containers/api/exec", json=order)).json()


def test_a_difference_is_found():
    """A field too many, and a value of another type."""
    found = unlike({"A": 1, "B": [{"C": "x"}]}, {"A": "1", "B": [{"D": "x"}]})
    assert sorted(found) == [".A: int, the engine says str", ".B[].C is none of the engine's"]
