"""What is shipped is whole: the wheel holds the built panels, Jupyter's configuration, the plugins and the commands."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel, built as a release builds it, but with the tools of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        check=True,
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as opened:
        yield opened


def shared(wheel: zipfile.ZipFile, name: str) -> object:
    """A JSON file that installing puts below the environment's prefix."""
    return json.loads(wheel.read(next(each for each in wheel.namelist() if each.endswith(f".data/data/{name}"))))


def test_panels_are_built(wheel: zipfile.ZipFile) -> None:
    """Each bundle is in the wheel with its compressed form, and newer builds leave nothing that nobody asked for."""
    static = [name for name in wheel.namelist() if name.startswith("vibeworkbench/panels/static/")]
    assert "vibeworkbench/panels/static/ops.js" in static
    bundles = {name for name in static if name.endswith((".js", ".css"))}
    assert set(static) == bundles | {f"{name}.gz" for name in bundles}


def test_server_extension_is_on_after_installing(wheel: zipfile.ZipFile) -> None:
    """Jupyter Server finds the extension enabled without a command of the user."""
    enabled = shared(wheel, "etc/jupyter/jupyter_server_config.d/vibeworkbench.json")
    assert enabled == {"ServerApp": {"jpserver_extensions": {"vibeworkbench": True}}}


def test_lab_asks_nobody_for_news(wheel: zipfile.ZipFile) -> None:
    """JupyterLab neither fetches news nor looks for updates: a workbench may stand where there is no way out."""
    overrides = shared(wheel, "share/jupyter/lab/settings/overrides.d/vibeworkbench.json")
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    assert overrides == {"@jupyterlab/apputils-extension:notification": quiet}


def test_notebooks_are_shipped(wheel: zipfile.ZipFile) -> None:
    """Every notebook of the checkout comes along, for those who have no checkout."""
    here = {f"vibeworkbench/{path.relative_to(ROOT)}" for path in (ROOT / "notebooks").rglob("*.ipynb")}
    there = {name for name in wheel.namelist() if name.endswith(".ipynb")}
    assert there == {name for name in here if ".ipynb_checkpoints" not in name}


def test_every_entry_point_leads_somewhere(wheel: zipfile.ZipFile) -> None:
    """Each command and each built-in plugin that the wheel announces can be imported."""
    name = next(each for each in wheel.namelist() if each.endswith("entry_points.txt"))
    announced = configparser.ConfigParser(delimiters="=")
    announced.read_string(wheel.read(name).decode())
    for group in announced.sections():
        for target in announced[group].values():
            module, _, attribute = target.partition(":")
            assert hasattr(import_module(module), attribute), target


def test_nothing_of_the_workshop_is_shipped(wheel: zipfile.ZipFile) -> None:
    """Tests, tools and benchmarks stay at home."""
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.startswith("vibeworkbench")} == set()
