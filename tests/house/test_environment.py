"""Every list of dependencies says the same: pyproject, the lock file, the conda environment, the code's own imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEPENDENCIES = {Requirement(line).name: Requirement(line) for line in PROJECT["project"]["dependencies"]}
EXTRAS = {
    Requirement(line).name: Requirement(line)
    for lines in PROJECT["project"]["optional-dependencies"].values()
    for line in lines
}
DEVELOPMENT = [Requirement(line) for line in PROJECT["dependency-groups"]["dev"]]
NEEDED_BY_NAME_ONLY = {"ipykernel", "ipywidgets", "jupyterlab", "voila"}
"""Dependencies that no file has to import: the programs the workbench is a part of, and what notebooks lay out with."""
CONDA_NAMES = {"hyperscan": "python-hyperscan"}


def locked() -> dict[str, list[str]]:
    """Package → the versions that the lock file pins for one or another platform."""
    versions: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE):
        versions.setdefault(canonicalize_name(name), []).append(version)
    return versions


def imported() -> Iterator[str]:
    """The top-level names that the package imports, from whatever depth of its files."""
    for path in (ROOT / "vibeworkbench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (each.name.split(".")[0] for each in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.split(".")[0]


def test_conda_environment_follows_pyproject() -> None:
    """``environment.yml`` asks for the packages and versions of ``pyproject.toml``, and for nothing else."""
    lines = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    asked = {canonicalize_name(line.split()[0]): "".join(line.split()[1:]) for line in lines}
    wanted = {CONDA_NAMES.get(name, name): str(requirement.specifier) for name, requirement in DEPENDENCIES.items()}
    assert len(asked) == len(lines), "a package stands there twice"
    assert asked.pop("python") == PROJECT["project"]["requires-python"]
    assert asked.pop("pip") == ""
    assert {name: set(versions.split(",")) for name, versions in asked.items()} == {
        name: set(versions.split(",")) for name, versions in wanted.items()
    }


def test_binder_uses_the_same_environment() -> None:
    """``binder/environment.yml`` is the one environment file, not a copy of it."""
    assert (ROOT / "binder" / "environment.yml").resolve() == ROOT / "environment.yml"


@pytest.mark.parametrize("requirement", [*DEPENDENCIES.values(), *DEVELOPMENT], ids=lambda each: each.name)
def test_lock_file_follows_pyproject(requirement: Requirement) -> None:
    """The lock file pins every dependency to a version that ``pyproject.toml`` allows."""
    versions = locked().get(canonicalize_name(requirement.name), [])
    assert versions
    assert all(requirement.specifier.contains(version) for version in versions)


def test_lock_file_verifies_and_names_no_registry() -> None:
    """Each pinned package has a hash, and no address says where it must come from."""
    text = (ROOT / "requirements.lock").read_text()
    assert all("--hash=sha256:" in entry for entry in re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:])
    assert not re.search(r"^--|https?://|file:", text, re.MULTILINE)


def test_front_end_lock_file_names_no_registry() -> None:
    """``js/package-lock.json`` pins by hash and leaves open where a package comes from."""
    assert '"resolved"' not in (ROOT / "js" / "package-lock.json").read_text()


def test_every_import_is_a_declared_dependency() -> None:
    """The package imports the standard library, itself, and what is declared; nothing that is there by luck."""
    distributions = packages_distributions()
    foreign = set(imported()) - set(sys.stdlib_module_names) - {"vibeworkbench"}
    owners = {name: {canonicalize_name(each) for each in distributions.get(name, [name])} for name in foreign}
    assert {name for name, of in owners.items() if not of & {*DEPENDENCIES, *EXTRAS}} == set()


def test_extras_are_installed_for_the_tests() -> None:
    """What users may install besides is tested, in the same versions."""
    tested = {each.name: each.specifier for each in DEVELOPMENT}
    assert {name: tested.get(name) for name in EXTRAS} == {name: each.specifier for name, each in EXTRAS.items()}


def test_every_declared_dependency_is_imported() -> None:
    """Nothing is installed on users' machines that the package does not use."""
    distributions = packages_distributions()
    used = {canonicalize_name(each) for name in imported() for each in distributions.get(name, [])}
    assert set(DEPENDENCIES) - used - NEEDED_BY_NAME_ONLY == set()
