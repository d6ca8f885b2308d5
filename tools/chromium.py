"""A Chromium for the browser tests: found, or installed with what the machine has.

``python tools/chromium.py`` prints its path; with ``--install`` it installs one first where none is found. Where that
does not work either it prints one line that says which package to install, and the browser tests fail with that line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
INSTALLERS = {
    "apt-get": ("apt-get -qq update", "apt-get -qq install -y --no-install-recommends chromium"),
    "dnf": ("dnf -q install -y chromium",),
    "apk": ("apk add --quiet chromium",),
    "pacman": ("pacman -Sy --noconfirm chromium",),
}
ADVICE = "no Chromium found: install your system's chromium package, or set VIBEWORKBENCH_CHROMIUM to its path"


def chromium() -> str | None:
    """The path of a Chromium that starts, or none."""
    return next((path for path in candidates() if path and starts(path)), None)


def candidates() -> Iterator[str | None]:
    """Where a Chromium may be: only where the environment says, if it does; the slowest question comes last."""
    named = os.environ.get("VIBEWORKBENCH_CHROMIUM")
    if named:
        yield named
    else:
        yield from map(shutil.which, NAMES)
        yield playwrights_own()


def starts(path: str) -> bool:
    """Whether the program at ``path`` runs; Ubuntu's ``chromium-browser`` may be only a hint to install a snap."""
    try:
        return subprocess.run([path, "--version"], check=False, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def playwrights_own() -> str | None:
    """The path of the Chromium that Playwright has downloaded, if it has."""
    asked = subprocess.run(
        [sys.executable, "-m", "playwright", "install", "--dry-run", "chromium"],
        check=False,
        capture_output=True,
        text=True,
    )
    folders = [line.partition(":")[2].strip() for line in asked.stdout.splitlines() if "Install location" in line]
    programs = (path for folder in folders for path in Path(folder).glob("chrome-linux*/chrome"))
    return next((str(path) for path in programs), None)


def install() -> None:
    """A Chromium was installed, if one of the ways to do so works here."""
    by_system = next((steps for name, steps in INSTALLERS.items() if shutil.which(name)), ())
    if os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in by_system:
            subprocess.run(step.split(), check=False, env=quiet, stdout=sys.stderr)
    if chromium() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False, stdout=sys.stderr)


def main() -> None:
    """Prints the path, or ends with the advice."""
    found = chromium()
    if found is None and "--install" in sys.argv[1:]:
        install()
        found = chromium()
    if found is None:
        sys.exit(ADVICE)
    print(found)


if __name__ == "__main__":
    main()
