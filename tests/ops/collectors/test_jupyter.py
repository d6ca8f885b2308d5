"""The Jupyter collector asks the listers that the server's extension gives it, and measures real kernel processes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vibeworkbench.ops.collectors.jupyter import JupyterCollector
from vibeworkbench.ops.model import LookState
from vibeworkbench.settings import JupyterSettings, OpsSettings

HOLD = """
import os, sys
held = b'x' * (48 * 2**20)
if os.fork() == 0:
    also = b'y' * (48 * 2**20)
    print('ready', flush=True)
sys.stdin.read()
"""


def kernel(**changes):
    """A kernel as the server lists it."""
    given = {"id": "k1", "name": "python3", "executionState": "idle", "lastActivityAt": datetime.now(UTC)}
    return {**given, "connections": 1, **changes}


def serving(*kernels, terminals=()):
    """The facts of a server with these kernels and terminals, whose kernels are listed asynchronously."""

    async def listed():
        return list(kernels)

    return {"kernels": listed, "terminals": lambda: list(terminals), "startedAt": datetime.now(UTC)}


async def look(order_for, server, collector=None, **settings):
    """One look at a server."""
    ops = OpsSettings(jupyter=JupyterSettings(**settings))
    return await (collector or JupyterCollector()).look(order_for(server=server, settings=ops))


def kernels_of(seen):
    """The kernels that a look saw."""
    return [one for one in seen.observations if one.metric == "kernel"]


async def test_outside_of_a_server_there_is_nothing_to_look_at(order_for):
    """The look is skipped and says why, so that it resolves nothing."""
    seen = await look(order_for, {})
    assert (seen.state, seen.reason) == (LookState.skipped, "not running inside a Jupyter server")
    assert not seen.covers("kernel:k1")


async def test_kernels_and_terminals_are_listed(order_for):
    """Each is an observation of its own, and their numbers are two more."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    server = serving(
        kernel(lastActivityAt=yesterday),
        kernel(id="k2", executionState="busy", lastActivityAt=yesterday),
        terminals=[{"name": "1", "lastActivityAt": datetime.now(UTC).replace(tzinfo=None)}, {"name": "2"}],
    )
    seen = await look(order_for, server, idle_after_s=3600)
    assert (seen.state, seen.records) == (LookState.ok, 4)
    assert [(one.subject, one.value) for one in kernels_of(seen)] == [("kernel:k1", "idle"), ("kernel:k2", "busy")]
    assert kernels_of(seen)[0].attributes["idleS"] >= 86_000
    counts = {one.subject: (one.value, one.attributes["idle"]) for one in seen.observations if one.unit == "count"}
    assert counts == {"jupyter:kernels": (2, 1), "jupyter:terminals": (2, 0)}


async def test_memory_is_that_of_the_process_and_its_children(order_for, program):
    """What a kernel's children hold is held by the kernel."""
    holder = program(HOLD)
    seen = await look(order_for, serving(kernel(pid=holder.pid), kernel(id="gone", pid=2**22 + 1)))
    first, gone = kernels_of(seen)
    assert first.attributes["residentBytes"] > 96 * 2**20
    assert gone.attributes["residentBytes"] is None


async def test_restarts_are_counted_from_changing_pids(order_for):
    """A kernel with another pid than at the former look was restarted once."""
    collector = JupyterCollector()
    for pid in (11, 12, 12, 13):
        seen = await look(order_for, serving(kernel(pid=pid)), collector)
    assert kernels_of(seen)[0].attributes["restarts"] == 2


async def test_restarts_that_the_server_counts_are_taken_over(order_for):
    """Its count grows by what happened between two looks; what was before the first look is not known to be recent."""
    collector = JupyterCollector()
    for restarts in (5, 5, 9):
        seen = await look(order_for, serving(kernel(restarts=restarts)), collector)
    assert kernels_of(seen)[0].attributes["restarts"] == 4


async def test_old_restarts_are_forgotten(order_for):
    """Only restarts within the stated time count."""
    collector = JupyterCollector()
    for restarts in (0, 4):
        await look(order_for, serving(kernel(restarts=restarts)), collector)
    seen = await look(order_for, serving(kernel(restarts=4)), collector, restarts_within_s=1e-9)
    assert kernels_of(seen)[0].attributes["restarts"] == 0


async def test_a_server_without_terminals_has_none(order_for):
    """A lister that is missing lists nothing."""
    seen = await look(order_for, {"kernels": list})
    assert seen.records == 0
