"""What our processes are spared."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.patience import PATIENCE_S


@pytest.mark.parametrize("module", ["vibeworkbench.serve", "vibeworkbench.dashboards.renderer"])
def test_servers_and_renders_compile_no_grammar_of_addresses(module):
    """It takes longer than all that they do compile, and jsonschema does without."""
    looked = f"import {module}, jsonschema, sys; print('lark' in sys.modules, 'jsonschema' in sys.modules)"
    seen = subprocess.run(
        [sys.executable, "-c", looked], check=True, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert seen.stdout.split() == ["False", "True"]
