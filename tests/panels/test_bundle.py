"""A panel's widget carries its configuration and a loader, never the bundle."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from traitlets import TraitError

from vibeworkbench.errors import NotFound
from vibeworkbench.panels import OpsPanel, TerminalPanel, bundle


def test_a_panel_carries_a_loader_that_names_the_bundle_by_its_hash() -> None:
    """The browser fetches the bundle once; half a kilobyte goes with each widget."""
    panel = OpsPanel()
    assert re.search(r"static/vibeworkbench/ops\.js\?v=[0-9a-f]{12}", panel._esm)
    assert len(panel._esm) < 1_000


def test_the_loader_changes_with_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new release is never mixed with an old one from the browser's cache."""
    monkeypatch.setattr(bundle, "STATIC", tmp_path)
    (tmp_path / "ops.js").write_text("export default 1;")
    one = bundle.loader("ops")
    (tmp_path / "ops.js").write_text("export default 2;")
    assert bundle.loader("ops") != one


def test_a_panel_that_is_not_built_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of an empty output."""
    monkeypatch.setattr(bundle, "STATIC", tmp_path)
    with pytest.raises(NotFound, match="npm run build"):
        bundle.loader("ops")


def test_what_a_panel_is_told_reaches_the_page() -> None:
    """Configuration travels as traits; there is nothing else in the widget's state."""
    panel = OpsPanel(title="Night shift", height="640px", read_only=True)
    state = panel.get_state()
    assert (state["title"], state["height"], state["read_only"]) == ("Night shift", "640px", True)


def test_a_panel_says_which_rooms_it_joins() -> None:
    """So that publishing knows what its viewers must be let into; nobody can claim others."""
    panel = OpsPanel()
    assert panel.get_state()["rooms"] == ["ops-monitor-broadcast/main", "health-check-broadcast/main"]
    with pytest.raises(TraitError):
        panel.rooms = ["relay/anything"]


def test_a_terminal_panel_joins_the_room_of_its_terminal_and_the_list_none() -> None:
    """Publishing one terminal opens that one's room, and the list opens nothing."""
    assert TerminalPanel("4hq2m7c3xa").get_state()["rooms"] == ["terminal-server/4hq2m7c3xa"]
    assert TerminalPanel(title="All").get_state()["rooms"] == []
    with pytest.raises(TraitError):
        TerminalPanel().rooms = ["terminal-server/other"]
