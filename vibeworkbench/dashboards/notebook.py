"""A notebook's content, without what its executions left: whether it changed, and what it calls itself. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import msgspec

_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)
_MARKUP = re.compile(r"[*_`]|!?\[([^\]]*)\]\([^)]*\)|<[^>]*>")
_TITLE_CHARACTERS = 200
_PASSING = frozenset({"execution", "scrolled"})


class _Cell(msgspec.Struct):
    cell_type: str = ""
    source: str | list[str] = ""
    metadata: dict[str, msgspec.Raw] = {}

    @property
    def settings(self) -> bytes:
        """Its metadata but for what Jupyter writes when it is executed or scrolled."""
        kept = {name: value for name, value in sorted(self.metadata.items()) if name not in _PASSING}
        return msgspec.json.encode(kept)

    @property
    def text(self) -> str:
        return self.source if isinstance(self.source, str) else "".join(self.source)


class _Notebook(msgspec.Struct):
    """What counts of it: outputs, execution counts and widget states are passed over, whatever their size."""

    cells: list[_Cell]
    nbformat: int = 4
    metadata: dict[str, msgspec.Raw] = {}


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be rendered.

    Attributes:
        content: The notebook's file.
        digest: Hash of what a render depends on; the same when only outputs differ.
        title: The one that it states in its metadata, else its first heading; empty when there is none.
    """

    content: bytes
    digest: str
    title: str


def source_of(content: bytes) -> Source:
    """What the file's content says.

    Raises:
        ValueError: It is no notebook of format 4.
    """
    try:
        read = msgspec.json.decode(content, type=_Notebook)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is no notebook of format 4") from None
    if read.nbformat != 4:
        raise ValueError(f"it is a notebook of format {read.nbformat}, not 4; save it with a newer Jupyter")
    counted = hashlib.sha256()
    for cell in read.cells:
        for part in (cell.cell_type.encode(), cell.text.encode("utf-8", "surrogatepass"), cell.settings):
            counted.update(len(part).to_bytes(8, "big") + part)
    for name in ("kernelspec", "title"):
        counted.update(bytes(read.metadata.get(name, b"")))
    return Source(content, counted.hexdigest(), _title_of(read))


def _title_of(read: _Notebook) -> str:
    stated = msgspec.json.decode(read.metadata.get("title", b'""'))
    if isinstance(stated, str) and stated.strip():
        return stated.strip()[:_TITLE_CHARACTERS]
    headings = (_HEADING.search(cell.text) for cell in read.cells if cell.cell_type == "markdown")
    found = next((heading[1] for heading in headings if heading is not None), "")
    return _MARKUP.sub(lambda match: match[1] or "", found).strip()[:_TITLE_CHARACTERS]
