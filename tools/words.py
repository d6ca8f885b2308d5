"""Words that no file of the project may hold: hosts of package registries, paths of this machine, places outside.

A lock file with a registry's host or a document with somebody's home directory works on one machine only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REGISTRIES = r"pypi\.(?:org|python\.org)|pythonhosted\.org|registry\.(?:npmjs|yarnpkg)|npmjs\.com|anaconda\.org"
OUTSIDE = r"\.\./shared\b"


def main() -> None:
    """Prints one line for each place and ends with 1 when there is one."""
    forbidden = re.compile("|".join((REGISTRIES, OUTSIDE, *map(re.escape, paths_of_this_machine()))))
    found = [line for path in tracked() for line in places(path, forbidden)]
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(1 if found else 0)


def paths_of_this_machine() -> Iterator[str]:
    """Where this checkout and its user live, unless that is so short that it means nothing."""
    for path in (ROOT, Path.home()):
        if len(path.parts) > 1:
            yield f"{path}/"


def tracked() -> Iterator[Path]:
    """Every file that git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    yield from (ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def places(path: Path, forbidden: re.Pattern[str]) -> Iterator[str]:
    """``file:line: word`` for each forbidden word of a text file."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        return  # a picture
    for number, line in enumerate(lines, 1):
        for found in forbidden.finditer(line):
            yield f"{os.path.relpath(path, ROOT)}:{number}: {found.group()}"


if __name__ == "__main__":
    main()
