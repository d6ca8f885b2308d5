"""Tests wait for others as long as ``tests/patience.py`` says, and never by a library's or an author's own limit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
LONGEST_PROOF_S = 3
"""A shorter wait may stand where it proves that nothing comes."""
REQUESTS = ("get", "post", "put", "patch", "delete", "head", "options", "request", "stream", "Client", "AsyncClient")
LIMITED = {f"httpx.{name}": "timeout" for name in REQUESTS}
BY_POSITION = {
    "asyncio.wait_for": 1,
    "asyncio.timeout": 0,
    "wait": 0,
    "wait_procs": 1,
    "result": 0,
    "settimeout": 0,
    "join": 0,
    "next": 0,
}


def limits(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each call that waits by a limit of its own, or by its library's short one."""
    tree = ast.parse(source)
    sockets = set(_sockets(tree))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        called, given = ast.unparse(call.func), {each.arg: each.value for each in call.keywords}
        wanted = "open_timeout" if called in sockets else LIMITED.get(called)
        if wanted and wanted not in given and None not in given:
            yield call.lineno, f"{called} without {wanted}"
        position = BY_POSITION.get(called, BY_POSITION.get(called.rpartition(".")[2]))
        by_position = [] if position is None else call.args[position : position + 1]
        by_name = [given[name] for name in ("timeout", "open_timeout") if name in given]
        if any(map(_is_own, by_position + by_name)):
            yield call.lineno, f"{called} by a number"


def _sockets(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("websockets"):
            for name in node.names:
                yield name.asname or name.name if name.name == "connect" else f"{name.asname or name.name}.connect"


def _is_own(limit: ast.expr) -> bool:
    return isinstance(limit, ast.Constant) and isinstance(limit.value, int | float) and limit.value > LONGEST_PROOF_S


def test_all_wait_as_long() -> None:
    """What is slow on a slow machine is slow there, and not red."""
    found = [
        f"{path.relative_to(TESTS.parent)}:{line}: {text}"
        for path in sorted(TESTS.rglob("*.py"))
        for line, text in limits(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("httpx.get(url)", 1),
        ("httpx.get(url, timeout=30)", 1),
        ("httpx.Client(**options)", 0),
        ("httpx.AsyncClient(timeout=PATIENCE_S)", 0),
        ("from websockets.sync.client import connect\nconnect(url)", 1),
        ("from websockets.asyncio import client\nclient.connect(url, open_timeout=PATIENCE_S)", 0),
        ("from vibeworkbench import connect\nconnect(url)", 0),
        ("socket.recv(timeout=30)", 1),
        ("socket.recv(timeout=0.5)", 0),
        ("await asyncio.wait_for(it, 30)", 1),
        ("process.wait(30)", 1),
        ("page.locator('a').wait_for(timeout=60_000)", 1),
    ],
)
def test_a_limit_of_its_own_is_found(source: str, count: int) -> None:
    """Missing, or a number."""
    assert len(list(limits(source))) == count
