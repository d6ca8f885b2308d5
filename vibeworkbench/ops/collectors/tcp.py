"""TCP targets: does the port accept a connection, and how long does that take."""

from __future__ import annotations

from typing import ClassVar

from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.collectors.connecting import Resolver, opened
from vibeworkbench.ops.collectors.probing import Attempt, Phases, tried
from vibeworkbench.ops.collectors.sweeping import Probed, probed, sweep
from vibeworkbench.ops.model import Look
from vibeworkbench.settings import TcpTarget


class TcpCollector:
    """Connects to every TCP target and measures name lookup and connect."""

    name: ClassVar[str] = "tcp"
    kinds: ClassVar[frozenset[str]] = frozenset({"tcp"})
    type: ClassVar[str] = "availability"

    async def look(self, order: LookOrder) -> Look:
        """One probe of each target, all that fit into the deadline."""
        resolver = Resolver()

        async def probe(target: TcpTarget) -> Probed:
            async def attempt(phases: Phases) -> Attempt:
                (await opened(resolver, target.host, target.port, phases)).close()
                return Attempt(None)

            outcome = await tried(attempt, target.timeout_s)
            # there is one thing to know of a port: a failure hides nothing else
            return probed("tcp", target.name, outcome, {"host": target.host, "port": target.port}, hides=False)

        return await sweep(order, self.name, [one for one in order.targets if isinstance(one, TcpTarget)], probe)
