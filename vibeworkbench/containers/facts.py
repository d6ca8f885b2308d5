"""What collectors are told of containers: they reach this as ``LookOrder.server["containers"]`` and import nothing."""

from __future__ import annotations

from typing import Any

from vibeworkbench.containers.asking import Container
from vibeworkbench.containers.service import Containers


class ContainerFacts:
    """The known containers, for whoever judges them.

    Args:
        containers: The service.
    """

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def engine(self) -> dict[str, str]:
        """``{state, reason}`` of this machine's engine: ``connected``, ``failing`` or ``absent``."""
        return self._containers.watcher.engine()

    async def containers(self) -> list[dict[str, Any]]:
        """What is known of each container that is not removed; one that fell silent goes when another has its name.

        Raises:
            Unavailable: The warehouse cannot be used.
        """
        known = [each for each in await self._containers.containers() if each.standing.state != "removed"]
        newest = {each.name: each for each in sorted(known, key=lambda each: each.known.last_us)}
        silent_s = self._containers.thresholds.silent_after_s
        return [_fact(each) for each in known if newest[each.name] is each or each.standing.silent_s <= silent_s]


def _fact(container: Container) -> dict[str, Any]:
    standing, known = container.standing, container.known
    return {
        "containerId": container.container_id,
        "name": container.name,
        "image": str(known.value("image", "")),
        "state": standing.state or "unknown",
        "health": standing.health or "none",
        "exitCode": standing.exit_code,
        "oomKilled": standing.oom_killed,
        "restartsLately": standing.restarts,
        "cpuRatio": standing.cpu_ratio,
        "memoryRatio": standing.memory_ratio,
        "memoryBytes": known.value("memoryBytes"),
        "memoryLimitBytes": known.value("memoryLimitBytes"),
        "silentS": standing.silent_s,
        "score": container.score,
        "seenAt": known.last_at,
    }
