"""Shells on this machine, each held by a process of its own that outlives the workbench."""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
import secrets
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from vibeworkbench.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    Unavailable,
    UpstreamFailed,
    WorkbenchError,
)
from vibeworkbench.terminals.holder import start
from vibeworkbench.terminals.holder.main import STARTED
from vibeworkbench.terminals.model import Seen, Size
from vibeworkbench.terminals.upstreams import Place
from vibeworkbench.terminals.upstreams.environment import secret_names, shell_environment
from vibeworkbench.terminals.upstreams.held import HeldConnection
from vibeworkbench.terminals.upstreams.places import free_path, is_ours, socket_paths

START_S = 30.0
"""How long a holder has to start its shell, on a machine that has much else to do."""
NO_SHELLS = frozenset({"nologin", "false"})
Text = Annotated[str, msgspec.Meta(max_length=32_768)]
Words = Annotated[tuple[Text, ...], msgspec.Meta(max_length=1_000)]


class LocalSpec(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel", tag_field="kind", tag="local"
):
    """A program on the server's machine.

    Attributes:
        command: The program and its arguments; empty means the settings' shell, or the user's login shell.
        cwd: Where it starts, ``~`` being the home of the server's user; empty means the server's root directory.
        env: Environment variables besides the server's.
    """

    command: Words = ()
    cwd: Text = ""
    env: dict[str, Text] = {}


class LocalUpstream:
    """A program on the server's machine, in a holder that is found again as long as it lives.

    Args:
        spec: What was asked for.
        place: Where its socket may be, and the settings.

    Raises:
        InvalidInput: A word holds a zero byte, or a variable's name an equals sign.
    """

    kind: ClassVar[str] = "local"
    spec: ClassVar[type[msgspec.Struct]] = LocalSpec
    holds_back = True
    lasting = True

    def __init__(self, spec: LocalSpec, place: Place) -> None:
        _check(spec)
        self._spec = spec
        self._place = place
        self._current: HeldConnection | None = None

    async def connect(self, size: Size, seen: Seen | None) -> HeldConnection:
        """A connection with the shell that is there, or with a new one where none was seen.

        Raises:
            Unavailable: The machine has no room for another process now, or the holder does not answer.
            NotFound: The shell that was seen is no more; or the command, or the directory, is not there.
            NotAllowed: The command or the directory may not be used.
            Conflict: Another workbench has taken the shell over.
        """
        if self._current is not None and self._current.was_replaced:
            self._current = None  # whoever asks once more means it
            raise Conflict("Another workbench has taken this terminal over.")
        connection = await self._found()
        if connection is not None and seen is None and connection.hello.has_ended:
            await connection.close(end=True)  # what is wanted is a shell that runs
            connection = None
        if connection is None:
            if seen is not None:
                raise NotFound("Its shell is no more: it ended, or was ended, while no workbench was there.")
            connection = await self._started(size)
        try:
            is_known = seen is not None and seen.shell == connection.shell
            await connection.attach(seen.head if seen and is_known else 0, size)
        except BaseException:
            await connection.close(end=False)
            raise
        self._current = connection
        return connection

    async def _found(self) -> HeldConnection | None:
        """A connection with the holder that is there already."""
        for path in socket_paths(self._place.directory, os.environ):
            if is_ours(path.parent):
                with suppress(OSError):
                    return await HeldConnection.to(path)
        return None

    async def _started(self, size: Size) -> HeldConnection:
        command = self._spec.command or self._place.settings.terminals.shell or (login_shell(),)
        cwd = self._cwd()
        environment = shell_environment(
            os.environ,
            self._spec.env,
            secrets=secret_names(self._place.settings),
            terminal_id=self._place.terminal_id,
            cwd=cwd,
        )
        path = free_path(self._place.directory, os.environ)
        limits = self._place.settings.terminals
        shell_id = secrets.token_hex(8)
        fields = (shell_id, str(path), cwd, size.rows, size.cols, limits.survive_s, limits.ring_bytes, len(command))
        variables = (f"{name}={value}" for name, value in environment.items())
        outcome = await _run_holder((*map(str, fields), *command, *variables), self._place.terminal_id)
        if outcome != STARTED:
            raise self._failure(outcome.decode(), command[0])
        try:
            return await HeldConnection.to(path)
        except OSError as error:
            raise Unavailable("The terminal's shell ended before it could be asked for anything.") from error

    def _cwd(self) -> str:
        asked = self._spec.cwd
        if not asked:
            return str(self._place.root)
        cwd = os.path.expanduser(asked)  # noqa: PTH111 - Path.expanduser raises where there is no home
        if not os.path.isabs(cwd):  # noqa: PTH117 - as above
            cwd = str(self._place.root / cwd)
        return cwd

    def _failure(self, outcome: str, program: str) -> WorkbenchError:
        """Why there is no shell, in words that show nothing of the server that the caller did not say."""
        step, _, number = outcome.partition(" ")
        reason = os.strerror(int(number)) if number else "it ended at once"
        named = repr(program) if self._spec.command else "of the server's settings"
        thing = {"exec": f"the command {named}", "cwd": f"the directory {self._spec.cwd!r}"}.get(step, "a terminal")
        if step == "cwd" and not self._spec.cwd:
            thing = "the server's root directory"
        missing = {str(errno.ENOENT), str(errno.ENOTDIR)}
        if step in {"exec", "cwd"} and number in missing:
            return NotFound(f"There is no such thing as {thing} on the server.")
        if step in {"exec", "cwd"} and number in {str(errno.EACCES), str(errno.EPERM)}:
            return NotAllowed(f"The server's user may not use {thing}.")
        if number in {str(errno.EAGAIN), str(errno.ENOMEM), str(errno.ENOSPC), str(errno.EMFILE), str(errno.ENFILE)}:
            return Unavailable(f"The server cannot start {thing} now: {reason}.")
        return UpstreamFailed(f"The server could not start {thing}: {reason}.")


async def _run_holder(fields: Iterable[str], label: str) -> bytes:
    """A holder was asked to start; returns what it says of that. It has neither our files nor our environment."""
    request = b"".join(os.fsencode(each) + b"\0" for each in fields)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", start.__file__, label),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(START_S):
            outcome, _ = await process.communicate(request)
    except TimeoutError:
        raise Unavailable("The server is too busy to start a shell now.") from None
    return outcome


def login_shell() -> str:
    """The login shell of this process's user, or what comes next where that lets nobody in."""
    try:
        named = pwd.getpwuid(os.geteuid()).pw_shell
    except KeyError:
        named = ""
    candidates = (named, os.environ.get("SHELL", ""), "/bin/bash")
    usable = (each for each in candidates if Path(each).name not in NO_SHELLS and os.access(each, os.X_OK))
    return next(usable, "/bin/sh")


def _check(spec: LocalSpec) -> None:
    for field, words in (("command", spec.command), ("cwd", (spec.cwd,)), ("env", (*spec.env, *spec.env.values()))):
        if any("\0" in word for word in words):
            raise InvalidInput(f"{field}: it holds a zero byte.", field=field)
    if spec.command and not spec.command[0]:
        raise InvalidInput("command: it begins with no program.", field="command")
    if any(not name or "=" in name for name in spec.env):
        raise InvalidInput("env: a variable's name is empty or holds an equals sign.", field="env")
