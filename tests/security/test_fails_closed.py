"""A server that could not be put together is no server: nothing answers where nobody judges."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.servers import Server

BREAKING = """
from vibeworkbench.extension import VibeworkbenchApp

def fail(self, *arguments):
    raise RuntimeError("made to fail")

VibeworkbenchApp.{step} = fail
"""


@pytest.mark.parametrize("step", ["_open", "_open_voila", "initialize_handlers", "_start_jupyter_server_extension"])
def test_a_server_whose_workbench_fails_in_some_way_ends(
    start_server: Callable[..., Server], tmp_path, step: str
) -> None:
    """Jupyter would log it and go on without roles, whatever else is installed."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "jupyter_server_config.py").write_text(BREAKING.format(step=step))
    with pytest.raises(RuntimeError, match="made to fail") as told:
        start_server("", "--no-lab", data=tmp_path)
    assert "vibeworkbench is ready" not in str(told.value)


def test_a_shared_token_is_refused(start_server: Callable[..., Server], tmp_path) -> None:
    """It would stand in every page."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "jupyter_server_config.py").write_text("c.IdentityProvider.token = 'shared'\n")
    with pytest.raises(RuntimeError, match="a shared token would be in every page"):
        start_server("", "--no-lab", data=tmp_path)
