"""Whether the documents keep their word: every link leads somewhere, every command in a code block exists."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from vibeworkbench.cli.app import vibeworkbench

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELLS = {"", "bash", "console", "sh", "shell"}
TARGETS = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def main() -> None:
    """Prints one line for each broken promise and ends with 1 when there is one."""
    broken = [line for path in documents() for line in (*dead_links(path), *unknown_commands(path))]
    print(*broken, sep="\n", end="\n" if broken else "")
    sys.exit(1 if broken else 0)


def documents() -> Iterator[Path]:
    """Every Markdown document of the project."""
    yield from sorted(ROOT.glob("*.md"))
    yield from sorted((ROOT / "docs").rglob("*.md"))


def dead_links(path: Path) -> Iterator[str]:
    """Links to a file or heading of this project that is not there."""
    text = path.read_text()
    for found in LINK.finditer(text):
        address, _, anchor = found.group(1).partition("#")
        if re.match(r"[a-z]+:", address):
            continue
        target = path.parent / address if address else path
        if not target.exists():
            yield f"{place(path, text, found.start())}: no such file: {address}"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            yield f"{place(path, text, found.start())}: no such heading: {found.group(1)}"


def anchors(text: str) -> set[str]:
    """The names that headings get where Markdown is shown."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in kept}


def unknown_commands(path: Path) -> Iterator[str]:
    """Calls of ``make`` and ``vibeworkbench`` in shell blocks whose target or verb does not exist."""
    text = path.read_text()
    for block in FENCE.finditer(text):
        if block.group(1) not in SHELLS:
            continue
        for line in re.finditer(
            r"^(?:\$ )?(make|(?:jupyter[ -])?vibeworkbench)\b[ ]*(.*)$", block.group(2), re.MULTILINE
        ):
            program, words = line.group(1), line.group(2).split("#")[0].split()
            missing = unknown_target(words) if program == "make" else unknown_verb(words)
            if missing:
                yield f"{place(path, text, block.start(2) + line.start())}: {program} has no {missing}"


def unknown_target(words: list[str]) -> str | None:
    """The first word that is neither a target nor a variable."""
    return next((word for word in words if re.fullmatch(r"[a-z][\w-]*", word) and word not in TARGETS), None)


def unknown_verb(words: list[str]) -> str | None:
    """The first word that is no command of the group before it."""
    command: click.Command = vibeworkbench
    for word in words:
        if not isinstance(command, click.Group) or not re.fullmatch(r"[a-z][\w-]*", word):
            return None
        below = command.get_command(click.Context(command), word)
        if below is None:
            return word
        command = below
    return None


def place(path: Path, text: str, start: int) -> str:
    """``file:line`` of a position in a text."""
    return f"{os.path.relpath(path, ROOT)}:{text.count(chr(10), 0, start) + 1}"


if __name__ == "__main__":
    main()
