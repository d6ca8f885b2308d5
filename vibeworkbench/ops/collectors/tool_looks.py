"""One tool's look at one workspace: from the command to groups of problems in tracked files, or why there are none."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vibeworkbench.ops.collectors.code_problems import CodeProblem, ProblemGroup, grouped
from vibeworkbench.ops.collectors.marker_files import MarkedFiles, marked_files
from vibeworkbench.ops.collectors.markers import Marker
from vibeworkbench.ops.collectors.programs import Ran, plain_environment, ran
from vibeworkbench.ops.collectors.workspace_tools import TOOLS, Asked, Found, Tool, failure_text

OK, NOTHING_TO_DO, NOT_INSTALLED = "ok", "nothing to do", "not installed"
GONE = "no longer installed"
INCOMPLETE, FAILED, TIMED_OUT = "incomplete", "failed", "timed out"
CONCLUSIVE = frozenset({OK, NOTHING_TO_DO})
"""States in which the absence of a problem means that it is gone."""
TROUBLED = frozenset({INCOMPLETE, FAILED, TIMED_OUT})


@dataclass(frozen=True, slots=True)
class ToolLook:
    """What one tool brought: its state, the reason for a bad one, and what it found by relative path."""

    state: str
    reason: str = ""
    groups: tuple[ProblemGroup, ...] = ()
    marked: Mapping[str, tuple[Marker, ...]] | None = None
    took_ms: float = 0.0


async def tool_look(name: str, asked: Asked, limit_s: float) -> ToolLook:
    """The look of one tool of the settings, within ``limit_s``."""
    began = time.perf_counter()
    if limit_s <= 0:
        look = ToolLook(TIMED_OUT, "was not reached before the scan's time ran out")
    elif name == "markers":
        look = await _markers(asked, limit_s)
    else:
        look = await _problems(TOOLS[name], asked, limit_s)
    return replace(look, took_ms=round((time.perf_counter() - began) * 1e3, 3))


async def _markers(asked: Asked, limit_s: float) -> ToolLook:
    """The markers in the tracked files."""
    stop = threading.Event()
    limit = asyncio.get_running_loop().call_later(limit_s, stop.set)
    try:
        found: MarkedFiles = await asyncio.to_thread(marked_files, asked.folder, asked.files, stop)
        out_of_time = stop.is_set()
    finally:
        limit.cancel()
        stop.set()
    if found.complete:
        return ToolLook(OK, marked=found.marked)
    reason = f"did not finish within {limit_s:g} s" if out_of_time else "stopped: there are too many to be of use"
    return ToolLook(TIMED_OUT if out_of_time else INCOMPLETE, reason, marked=found.marked)


async def _problems(tool: Tool, asked: Asked, limit_s: float) -> ToolLook:
    """What a tool reports."""
    if not tool.applies(asked):
        return ToolLook(NOTHING_TO_DO)
    command = await asyncio.to_thread(tool.command, asked)
    if command is None:
        return ToolLook(NOT_INSTALLED)
    scratch = str(asked.scratch)
    environment = plain_environment(
        {"TMPDIR": scratch, "XDG_CACHE_HOME": scratch, "PYTHONDONTWRITEBYTECODE": "1", "CI": "1"}
    )
    done = await ran(command, folder=asked.folder, environment=environment, timeout_s=limit_s)
    if done.code is None:
        return ToolLook(TIMED_OUT, f"did not finish within {limit_s:.3g} s")
    return await asyncio.to_thread(_understood, tool, done, asked)


def _understood(tool: Tool, done: Ran, asked: Asked) -> ToolLook:
    """The tool's answer, read. Takes a while for a big one, so it runs in a thread."""
    found: Found | None
    try:
        found = tool.read(done)
    except ValueError:  # not the JSON it promises: msgspec's errors are ValueErrors
        found = None
    if found is None:
        return ToolLook(FAILED, failure_text(done, asked))
    problems = _own(found.problems, asked) if tool.tracked_only else found.problems
    return ToolLook(INCOMPLETE if found.incomplete else OK, found.incomplete, grouped(problems))


def _own(problems: tuple[CodeProblem, ...], asked: Asked) -> list[CodeProblem]:
    """The problems in tracked files, with their relative paths."""
    tracked = frozenset(asked.files)
    roots = [f"{root}{os.sep}" for root in {str(asked.folder), str(asked.folder.resolve())}]
    own = []
    for problem in problems:
        file = problem.file
        for root in roots:
            file = file.removeprefix(root)
        file = os.path.normpath(file)
        if file in tracked:
            own.append(replace(problem, file=file))
    return own


def shown_path(path: str | Path) -> str:
    """A path as text that can be sent: bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", errors="replace")
