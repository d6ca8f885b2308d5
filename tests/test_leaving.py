"""How a process that has used the workbench ends."""

from __future__ import annotations

import subprocess
import sys

from tests.patience import PATIENCE_S

LEAVING = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 0))  # runs after all that is registered later
import vibeworkbench.workbench
"""


def test_the_last_collection_leaves_the_types_alone() -> None:
    """Whatever a process has imported of us is frozen before the interpreter takes itself apart."""
    run = subprocess.run(
        [sys.executable, "-c", LEAVING], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (run.returncode, run.stdout) == (0, "True\n"), run.stderr
