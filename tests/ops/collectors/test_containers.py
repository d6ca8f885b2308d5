"""The containers collector asks what the workbench knows."""

from __future__ import annotations

from datetime import UTC, datetime

from vibeworkbench.errors import Unavailable
from vibeworkbench.ops.collectors.containers import ContainersCollector
from vibeworkbench.ops.model import LookState


class Facts:
    """What a workbench knows of containers."""

    def __init__(self, state, *containers, failure=None):
        self.state, self.known, self.failure = state, containers, failure

    def engine(self):
        return {"state": self.state, "reason": "because"}

    async def containers(self):
        if self.failure:
            raise self.failure
        return [*self.known]


async def looked(order_for, facts):
    return await ContainersCollector().look(order_for(server={} if facts is None else {"containers": facts}))


async def test_each_container_and_the_engine_are_seen(order_for):
    """As they stand; instants stay out of what is compared."""
    api = {"name": "api", "state": "running", "exitCode": 0, "seenAt": datetime.now(UTC)}
    look = await looked(order_for, Facts("connected", api))
    assert (look.state, look.records) == (LookState.ok, 1)
    container, engine = look.observations
    assert (container.subject, container.value, dict(container.attributes)) == (
        "container:api",
        "running",
        {"name": "api", "state": "running", "exitCode": 0},
    )
    assert (engine.subject, engine.value) == ("engine:containers", "connected")


async def test_agents_alone_need_no_engine(order_for):
    """An engine that is absent is no observation."""
    look = await looked(order_for, Facts("absent", {"name": "api", "state": "exited"}))
    assert [each.metric for each in look.observations] == ["container"]


async def test_where_there_is_nothing_to_see(order_for):
    """It says why, and resolves nothing."""
    assert (await looked(order_for, None)).state is LookState.skipped
    absent = await looked(order_for, Facts("absent"))
    assert (absent.state, absent.reason) == (LookState.skipped, "no containers: because")
    failed = await looked(order_for, Facts("connected", failure=Unavailable("The warehouse is away.")))
    assert (failed.state, failed.reason) == (LookState.failed, "The warehouse is away.")
