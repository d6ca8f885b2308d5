"""TODO, FIXME, XXX, HACK and BUG in the comments of source text. Pure: text in, markers out.

Comments are told from strings by a small lexer for each family of languages. A word counts when it begins a comment's
line or is followed by a colon (``see below. TODO(ada): …``): prose about "the TODO list" is no marker.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

WORDS = ("FIXME", "BUG", "XXX", "HACK", "TODO")
"""The markers, worst first."""

MENTION = re.compile(rb"\b(?:FIXME|BUG|XXX|HACK|TODO)\b")
"""Finds files that are worth a closer look."""

_WORD = "|".join(WORDS)
_MARKER = re.compile(
    rf"(?:^[\W_]*(?P<first>{_WORD})\b(?!-\w)|\b(?P<named>{_WORD})(?=\s?(?:\([^()]{{0,60}}\))?:))"
    r"(?:\s?\((?P<who>[^()]{0,60})\))?[\s:!.-]*(?P<text>.*)"
)
_ENDS = re.compile(r"\s*(?:\*+/|--+>|-\}|\]\]|\*\)|#\})?\s*$")

_DOUBLE = r"\"(?:[^\"\\\n]++|\\.)*+\""
# The last alternative steps over an escaped quote, so that one open quote does not try the rest of its line many times.
_STRINGS = rf"{_DOUBLE}|'(?:[^'\\\n]++|\\.)*+'|\\."
_TRIPLE = r"\"\"\"(?:[^\"\\]++|\\.|\"(?!\"\"))*+\"\"\"|'''(?:[^'\\]++|\\.|'(?!''))*+'''"
_TEMPLATE = r"`(?:[^`\\]++|\\.)*+`"
_BLOCK = r"/\*.*?(?:\*/|\Z)"
_XML = r"<!--.*?(?:-->|\Z)"
_GRAMMARS = {
    "c": rf"(?P<comment>//[^\n]*|{_BLOCK})|{_STRINGS}|{_TEMPLATE}",
    "php": rf"(?P<comment>//[^\n]*|(?<!\S)#[^\n]*|{_BLOCK}|{_XML})|{_STRINGS}",
    "python": rf"(?P<comment>#[^\n]*)|{_TRIPLE}|{_STRINGS}",
    "hash": rf"(?P<comment>(?<!\S)#[^\n]*)|{_STRINGS}",
    "ini": r"(?P<comment>^[ \t]*[#;][^\n]*)",
    "dash": rf"(?P<comment>--\[\[.*?(?:\]\]|\Z)|\{{-.*?(?:-\}}|\Z)|--[^\n]*|{_BLOCK})|{_STRINGS}",
    "lisp": rf"(?P<comment>;[^\n]*)|{_DOUBLE}",
    "percent": r"(?P<comment>(?<!\\)%[^\n]*)",
    "xml": rf"(?P<comment>{_XML})",
    "component": rf"(?P<comment>{_XML}|(?<![:\w])//[^\n]*|{_BLOCK})|{_STRINGS}|{_TEMPLATE}",
}
_LEXERS = {family: re.compile(grammar, re.DOTALL | re.MULTILINE) for family, grammar in _GRAMMARS.items()}
_SUFFIXES = {
    "c": "c h cc cpp cxx hh hpp hxx java js jsx mjs cjs ts tsx mts cts go rs swift kt kts scala cs dart css scss less "
    "proto groovy gradle m mm zig sol glsl hlsl wgsl jsonc json5",
    "php": "php",
    "python": "py pyi pyx pxd",
    "hash": "sh bash zsh fish rb rake pl pm yaml yml toml r jl ex exs tcl cmake tf nix mk ps1 awk",
    "ini": "ini cfg conf properties env",
    "dash": "sql lua hs elm adb ads vhd vhdl",
    "lisp": "lisp cl clj cljs el scm rkt",
    "percent": "tex sty cls bib erl hrl",
    "xml": "html htm xml svg xsl md markdown",
    "component": "vue svelte astro",
}
_FAMILIES = {f".{suffix}": family for family, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
_FAMILIES |= dict.fromkeys(
    ("makefile", "dockerfile", "containerfile", "justfile", "rakefile", "gemfile", "cmakelists.txt"), "hash"
)
_FAMILIES |= dict.fromkeys((".gitignore", ".gitattributes", ".dockerignore", ".editorconfig", ".env"), "ini")
NOTEBOOK = ".ipynb"


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker where it stands.

    Attributes:
        word: One of :data:`WORDS`.
        text: What it says, in one line of at most 200 characters.
        who: The name in parentheses behind the word, if any.
        line: Line, from 1; in a notebook the line in its cell.
        cell: Cell of a notebook, from 1; 0 elsewhere.
        occurrence: How many markers of the same word and text stand before it in the file. With word and text it says
            which marker this is when lines above it come and go.
    """

    word: str
    text: str
    who: str
    line: int
    cell: int
    occurrence: int


class _Cell(msgspec.Struct):
    cell_type: str = ""
    source: str | list[str] = ""


class _Language(msgspec.Struct):
    name: str = "python"


class _Metadata(msgspec.Struct):
    language_info: _Language = msgspec.field(default_factory=_Language)


class _Notebook(msgspec.Struct):
    """What is needed of a notebook. Source: nbformat 4."""

    cells: list[_Cell] = []
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


def is_known(path: str) -> bool:
    """Whether the file's name says what its comments look like."""
    return _family(path) is not None or path.endswith(NOTEBOOK)


def markers_of(path: str, content: bytes) -> tuple[Marker, ...]:
    """The markers in a file's comments, in the order of their lines.

    Args:
        path: The file's path, for its name and suffix.
        content: The file's bytes; UTF-8 is expected and nothing else breaks it.
    """
    found = (
        _in_notebook(content) if path.endswith(NOTEBOOK) else _in_text(_family(path), content.decode(errors="replace"))
    )
    seen: Counter[tuple[str, str]] = Counter()
    markers = []
    for word, text, who, line, cell in found:
        markers.append(Marker(word, text, who, line, cell, seen[word, text]))
        seen[word, text] += 1
    return tuple(markers)


def _family(path: str) -> str | None:
    """The family of languages of a file."""
    name = PurePosixPath(path).name.lower()
    return _FAMILIES.get(name) or _FAMILIES.get(PurePosixPath(name).suffix)


def _in_notebook(content: bytes) -> Iterator[tuple[str, str, str, int, int]]:
    """The markers in a notebook's cells."""
    try:
        notebook = msgspec.json.decode(content, type=_Notebook)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    code = "python" if notebook.metadata.language_info.name.lower() in ("python", "ipython") else "hash"
    for number, cell in enumerate(notebook.cells, 1):
        family = {"code": code, "markdown": "xml"}.get(cell.cell_type)
        source = cell.source if isinstance(cell.source, str) else "".join(cell.source)
        yield from _in_text(family, source, number)


def _in_text(family: str | None, text: str, cell: int = 0) -> Iterator[tuple[str, str, str, int, int]]:
    """Word, text, who, line and cell of each marker in the comments of a text."""
    if family is None:
        return
    line, counted_to = 1, 0
    for token in _LEXERS[family].finditer(text):
        if token.lastgroup != "comment" or not token["comment"]:
            continue
        line += text.count("\n", counted_to, token.start())
        counted_to = token.start()
        for offset, said in enumerate(token["comment"].split("\n")):
            marker = _MARKER.search(said)
            if marker is not None:
                words = " ".join(_ENDS.sub("", marker["text"]).split())
                yield (
                    marker["first"] or marker["named"],
                    words[:200],
                    (marker["who"] or "").strip(),
                    line + offset,
                    cell,
                )
