"""Where the Engine is: what was asked for, else what the environment says, else where it usually listens."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_USUAL = ("/var/run/docker.sock", "/run/podman/podman.sock")


@dataclass(frozen=True, slots=True)
class Address:
    """One Engine.

    Attributes:
        socket: Path of its unix socket; empty when it is reached by TCP.
        url: Root of its API, as HTTP clients want it.
        absent: Why there is none to be asked; empty when there is one.
    """

    socket: str = ""
    url: str = "http://engine"
    absent: str = ""


def address_of(asked: str, environment: Mapping[str, str]) -> Address:
    """The Engine's address.

    Args:
        asked: A path, ``unix://…`` or ``tcp://host:port``; empty looks for it.
        environment: Where ``DOCKER_HOST`` and ``XDG_RUNTIME_DIR`` stand.
    """
    said = asked or environment.get("DOCKER_HOST", "")
    if said.startswith(("tcp://", "http://", "https://")):
        secure = said.startswith("https://") or environment.get("DOCKER_TLS_VERIFY", "") not in {"", "0"}
        return Address(url=f"{'https' if secure else 'http'}://{said.partition('://')[2].rstrip('/')}")
    if "://" in said and not said.startswith("unix://"):
        return Address(absent=f"an engine is not reached by {said.partition('://')[0]}://")
    if said:
        return _at(said.removeprefix("unix://"))
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    usual = (*_USUAL, *([f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock"] if runtime else []))
    found = next((path for path in usual if _is_socket(path)), "")
    return Address(socket=found) if found else Address(absent="no container engine's socket on this machine")


def _at(path: str) -> Address:
    return Address(socket=path) if _is_socket(path) else Address(absent="there is no socket at the engine's address")


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False
