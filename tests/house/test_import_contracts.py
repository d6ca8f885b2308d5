"""The import contracts of ``pyproject.toml`` hold, and each of them bites."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = {
    contract["id"]: contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}

FORBIDDEN = {
    "between-subsystems": ("storage/records.py", "import vibeworkbench.ops.model"),
    "web-asks-access": ("access/service.py", "import vibeworkbench.web.identity"),
    "inside-a-subsystem": ("ops/model.py", "import vibeworkbench.ops.service"),
    "inside-ops": ("ops/issues/books.py", "import vibeworkbench.ops.scans.claims"),
    "models-are-pure": ("ops/issues/reconcile.py", "import time"),
    "frameworks-at-the-edges": ("ops/service.py", "import tornado.ioloop"),
    "one-door-to-the-database": ("ops/checks/host.py", "import sqlalchemy"),
    "clients-meet-the-server-over-the-network": ("client/api.py", "import vibeworkbench.ops.wire.issues"),
    "the-engine-knows-neither-side": ("engine/client.py", "import vibeworkbench.settings"),
    "the-server-knows-no-client": ("ops/service.py", "import vibeworkbench.client.api"),
    "the-shell-is-a-client": ("cli.py", "import vibeworkbench.ops.service"),
    "plugins-do-not-know-each-other": ("ops/collectors/host.py", "import vibeworkbench.ops.collectors.processes"),
}
"""For each contract a file and the line that it must not hold."""


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What import-linter says about the package in ``folder``."""
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", "--no-logo", *arguments], cwd=folder, check=False, capture_output=True, text=True
    )


def test_every_contract_is_proved() -> None:
    """No contract stands in ``pyproject.toml`` that the next test does not break once."""
    assert set(FORBIDDEN) == set(CONTRACTS)


@pytest.mark.parametrize("contract", FORBIDDEN)
def test_contract_bites(contract: str, tmp_path: Path) -> None:
    """One forbidden import breaks the contract that forbids it."""
    file, line = FORBIDDEN[contract]
    package = tmp_path / "vibeworkbench"
    shutil.copytree(ROOT / "vibeworkbench", package, ignore=shutil.ignore_patterns("static", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    before = lint(tmp_path, "--contract", contract)
    with (package / file).open("a") as source:
        source.write(f"\n{line}\n")
    after = lint(tmp_path, "--contract", contract)
    assert before.returncode == 0, before.stdout + before.stderr
    assert after.returncode == 1
    assert "1 broken" in after.stdout
    assert line.removeprefix("import ").split(".")[0] in after.stdout.split("Broken contracts")[1]
