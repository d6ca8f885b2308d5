"""Raw log lines in any number: labelled systems repeated with other numbers, or lines made up by a generator."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

BLOCK = 64_000
_HEX = re.compile(rb"\b(?:0x[0-9a-f]+|[0-9a-f]*[0-9][0-9a-f]{5,})\b")
_DIGITS = np.frombuffer(b"0123456789", np.uint8)
_HEX_LETTERS = np.frombuffer(b"abcdef", np.uint8)

Line = tuple[str, str, int]
"""Source, raw line, and where its message begins."""


def labelled(data: Path) -> list[Line]:
    """The lines of every system under ``data``, in turn, as the systems would write them at the same time."""
    systems = [_system(folder) for folder in sorted(data.iterdir()) if any(folder.glob("*_structured.csv"))]
    return [line for together in zip(*systems, strict=False) for line in together]


def _system(folder: Path) -> list[Line]:
    name = folder.name.lower()
    raw = next(folder.glob("*_2k.log")).read_text("utf-8", "replace").splitlines()
    with next(folder.glob("*_structured.csv")).open(newline="", encoding="utf-8") as file:
        contents = [row["Content"] for row in csv.DictReader(file)]
    raw = [line for line in raw if line.strip()]
    return [(name, line, max(line.find(content.strip()), 0)) for line, content in zip(raw, contents, strict=True)]


def generated(count: int = 16_000, seed: int = 1) -> list[Line]:
    """Made-up lines of eight programs, each with forty statements, a few of them frequent."""
    chance = random.Random(seed)
    verbs = "opened closed sent received refused retried deleted merged locked scheduled".split()  # noqa: SIM905
    things = "session block lease shard request socket task buffer peer volume".split()  # noqa: SIM905
    tails = ("from 10.2.{n}.{n}:{n}", "in {n} ms", "id={n}", "at /srv/{n}/part-{n}", "({n} of {n})", "0x{n}ab{n}f")
    headers = (
        "2026-06-01 10:{n2}:{n2},{n3} INFO [main] org.acme.Store: ",
        "2026-06-01T10:{n2}:{n2}.{n3}Z WARN  acme::net: ",
        "Jun  1 10:{n2}:{n2} box acmed[{n}]: ",
        "I0601 10:{n2}:{n2}.{n3}{n3}   1234 link.go:{n2}] ",
        "[2026-06-01 10:{n2}:{n2}] acme.DEBUG: ",
        "2026-06-01 10:{n2}:{n2}.{n3} | ERROR    | acme.db:run:{n2} - ",
        '{"time":"2026-06-01T10:{n2}:{n2}Z","level":"info","msg":"',
        'ts=2026-06-01T10:{n2}:{n2}Z level=info msg="',
    )
    ends = ("",) * 6 + ('"}', '"')
    statements = [f"{chance.choice(verbs)} {chance.choice(things)} {{n}} {chance.choice(tails)}" for _ in range(320)]
    lines = []
    for number in range(count):
        program = number % 8
        header = _filled(headers[program], chance)
        said = statements[program * 40 + min(int(chance.expovariate(0.15)), 39)]
        lines.append((f"program-{program}", header + _filled(said, chance) + ends[program], len(header)))
    return lines


def _filled(text: str, chance: random.Random) -> str:
    text = re.sub(r"\{n2\}", lambda _: f"{chance.randrange(60):02}", text)
    text = re.sub(r"\{n3\}", lambda _: f"{chance.randrange(1000):03}", text)
    return re.sub(r"\{n\}", lambda _: str(int(10 ** chance.uniform(0, 5))), text)


def repeated(lines: list[Line], count: int, seed: int = 1) -> Iterator[tuple[list[str], list[str]]]:
    """Blocks of sources and raw lines, ``count`` lines in all; numbers and hexadecimal ids differ in every round."""
    chance = np.random.default_rng(seed)
    several = lines * -(-min(BLOCK, count) // len(lines))
    rounds = [_Variable(several[at : at + BLOCK]) for at in range(0, len(several), BLOCK)]
    while count > 0:
        for part in rounds:
            if count <= 0:
                return
            sources, texts = part.sources[:count], part.varied(chance)[:count]
            yield sources, texts
            count -= len(texts)


class _Variable:
    """Lines whose digits, behind the header, can be other ones."""

    def __init__(self, lines: list[Line]) -> None:
        self.sources = [source for source, _, _ in lines]
        encoded = [(line.encode(), len(line[:start].encode())) for _, line, start in lines]
        self._content = np.frombuffer(b"\n".join(line for line, _ in encoded), np.uint8)
        behind = np.concatenate([np.r_[np.arange(len(line)) >= start, False] for line, start in encoded])[:-1]
        self._digits = np.flatnonzero(behind & (self._content >= 48) & (self._content <= 57))
        letters = np.zeros(len(self._content), bool)
        for found in _HEX.finditer(self._content.tobytes()):
            letters[found.start() : found.end()] = True
        self._letters = np.flatnonzero(letters & behind & (self._content >= 97) & (self._content <= 102))

    def varied(self, chance: np.random.Generator) -> list[str]:
        """The lines with other digits."""
        content = self._content.copy()
        content[self._digits] = _DIGITS[chance.integers(0, 10, len(self._digits))]
        content[self._letters] = _HEX_LETTERS[chance.integers(0, 6, len(self._letters))]
        return content.tobytes().decode("utf-8", "replace").split("\n")
