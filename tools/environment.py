"""``.venv``, made and filled: all that the lock file names, and this package itself, editable.

Run by the Makefile with any Python from 3.11 on that the machine has; uses the standard library only. What is done is
stamped, so that a second run costs one look at the stamps.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OWN_PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
PACKAGE = (ROOT / "pyproject.toml", *sorted((ROOT / "jupyter-config").rglob("*.json")))


def main() -> None:
    """The environment is as the lock file and ``pyproject.toml`` want it."""
    if sys.version_info < (3, 11):
        sys.exit(
            f"Python 3.11 or newer is needed and this is {sys.version.split()[0]}: make PYTHON=/path/to/python3.12"
        )
    if not works():
        create()
    once("locked", [LOCK], install_locked)
    once("package", [LOCK, *PACKAGE], install_package)


def works() -> bool:
    """Whether ``.venv`` holds a Python that runs (its base may have been removed since)."""
    return OWN_PYTHON.exists() and subprocess.run([OWN_PYTHON, "-c", ""], check=False).returncode == 0


def create() -> None:
    """A fresh ``.venv``, with pip where the machine's Python brings it."""
    print("creating .venv", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", VENV], check=False, capture_output=True)
    if made.returncode:  # Debian and Ubuntu keep ensurepip in a package of its own; the machine's pip does as well
        shutil.rmtree(VENV, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=False, capture_output=True)
        pip_here = subprocess.run([sys.executable, "-m", "pip", "--version"], check=False, capture_output=True)
        if made.returncode or pip_here.returncode:
            shutil.rmtree(VENV, ignore_errors=True)
            sys.exit("this Python has neither ensurepip nor pip: install your system's python3-venv package")


def once(name: str, sources: list[Path], work: Callable[[], None]) -> None:
    """``work`` was done for the present content of ``sources``."""
    said = hashlib.blake2b(b"\0".join(path.read_bytes() for path in sources), digest_size=16).hexdigest()
    stamp = VENV / f".{name}"
    if not stamp.exists() or stamp.read_text() != said:
        work()
        stamp.write_text(said)


def install_locked() -> None:
    """Every package of the lock file is installed in its version, its hash verified."""
    print("installing what requirements.lock names", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        only_uv = Path(folder) / "uv.lock"
        only_uv.write_text(entry("uv"))
        pip("install", "--require-hashes", "--no-deps", "-r", str(only_uv))
    uv_or_pip("--require-hashes", "-r", str(LOCK))


def install_package() -> None:
    """The package is installed editable, with its commands, its plugins and its Jupyter configuration."""
    print("installing vibeworkbench itself", flush=True)
    uv_or_pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def entry(name: str) -> str:
    """The lines of the lock file that pin one package, with its hashes.

    Raises:
        SystemExit: The lock file does not name it.
    """
    found = re.search(rf"^{name}==.*(?:\n\s+--hash=.*)+", LOCK.read_text(), re.MULTILINE)
    if found is None:
        sys.exit(f"requirements.lock does not name {name}: run make lock")
    return found.group()


def uv_or_pip(*arguments: str) -> None:
    """Installed by uv, which is fast; by pip where uv cannot (pip knows mirrors from its own configuration).

    Compiled too, as pip does: where Python may write no bytecode of its own (``PYTHONDONTWRITEBYTECODE``, a read-only
    image), each start of a server would compile 2,000 files again, which is half of its time.
    """
    options = ("--quiet", "--compile-bytecode", "--python", str(OWN_PYTHON))
    command: list[str | Path] = [VENV / "bin" / "uv", "pip", "install", *options, *arguments]
    if subprocess.run(command, env=environment(), check=False).returncode:
        print("uv could not; trying pip", flush=True)
        pip("install", *arguments)


def pip(*arguments: str) -> None:
    """``pip`` with these arguments has succeeded in ``.venv``."""
    own: list[str | Path] = [OWN_PYTHON, "-m", "pip"]
    if subprocess.run([*own, "--version"], check=False, capture_output=True).returncode:
        own = [sys.executable, "-m", "pip", "--python", OWN_PYTHON]
    if subprocess.run([*own, "--quiet", *arguments], env=environment(), check=False).returncode:
        sys.exit(f"pip {' '.join(arguments)} failed: see above")


def environment() -> dict[str, str]:
    """This process's environment with ``.venv`` in front, where build hooks find their programs."""
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "VIRTUAL_ENV": str(VENV), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


if __name__ == "__main__":
    main()
