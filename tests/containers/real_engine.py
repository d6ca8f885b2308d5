"""A container engine that is no stand-in, where the environment names one: its containers, by its own API.

``TEST_ENGINE=unix:///var/run/docker.sock TEST_ENGINE_IMAGE=busy:1``: the image holds a ``sh``, and where that is
busybox's, its other programs are put in place in each container. No container has a network; all that were made are
removed.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.patience import PATIENCE_S
from vibeworkbench.engine.address import address_of
from vibeworkbench.engine.client import Engine

ENGINE = os.environ.get("TEST_ENGINE", "")
"""The engine's address, as ``[containers] engine`` has it; empty means the stand-in."""
IMAGE = os.environ.get("TEST_ENGINE_IMAGE", "busybox:latest")
LABEL = "vibeworkbench.test"
_PREPARED = "busybox --install -s /bin 2>/dev/null; "


def printing(lines: Sequence[tuple[str, str]], then: str) -> str:
    """A shell's command that prints ``(stream, text)`` lines, one after the other, and then does something else."""
    said = [f"printf '%s\\n' {shlex.quote(text)}{' >&2' * (stream == 'stderr')}" for stream, text in lines]
    return "; ".join([*said, then])


class RealEngine:
    """The engine that the environment names."""

    def __init__(self) -> None:
        self.address = ENGINE
        found = address_of(ENGINE, {})
        assert not found.absent, f"TEST_ENGINE: {found.absent}"
        self._client = Engine(found)
        self._http = httpx.AsyncClient(
            base_url=found.url, transport=httpx.AsyncHTTPTransport(uds=found.socket or None), timeout=PATIENCE_S
        )
        self._made: list[str] = []

    async def container(
        self,
        name: str,
        command: str = "sleep 1000",
        *,
        terminal: bool = False,
        environment: Sequence[str] = (),
        folder: Path | None = None,
    ) -> str:
        """The id of a new container that runs ``command``; it sees ``folder`` and this machine's processes."""
        host: dict[str, Any] = {"NetworkMode": "none", "PidMode": "host" if folder else ""}
        if folder:
            host["Binds"] = [f"{folder}:{folder}"]
        body = {
            "Image": IMAGE,
            "Cmd": ["sh", "-c", _PREPARED + command],
            "Tty": terminal,
            "Env": list(environment),
            "Labels": {LABEL: "1"},
            "HostConfig": host,
        }
        unique = f"{name}-{uuid.uuid4().hex[:8]}"
        made = await self._client.order("/containers/create", {"name": unique}, body)
        self._made.append(made["Id"])
        await self._client.order(f"/containers/{made['Id']}/start", {})
        return str(made["Id"])

    async def stop(self, container_id: str) -> None:
        """The container runs no more."""
        await self._client.order(f"/containers/{container_id}/stop", {"t": "0"})

    async def remove(self, container_id: str) -> None:
        """The container is no more."""
        version = await self._client.version()
        await self._http.delete(f"/v{version}/containers/{container_id}", params={"force": "1"})

    async def close(self) -> None:
        """No container of this test is left."""
        await asyncio.gather(*(self.remove(each) for each in self._made))
        await self._http.aclose()
        await self._client.__aexit__(None, None, None)
