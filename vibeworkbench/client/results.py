"""What all results share: lists that know how to show themselves and how to become frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, overload

from vibeworkbench.client import displays
from vibeworkbench.client.frames import Kind, frame

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


class Items(Sequence[T], Generic[T]):
    """A list of results. Each kind says its columns, its table row and its words when empty."""

    noun: ClassVar[str] = "results"
    empty: ClassVar[str] = "Nothing here."
    columns: ClassVar[Mapping[str, Kind]] = {}
    headings: ClassVar[Sequence[str]] = ()

    def __init__(self, items: Iterable[T]) -> None:
        self._items = tuple(items)

    def row(self, item: T) -> Sequence[displays.Cell]:
        """The table row of one item, a cell for each heading."""
        raise NotImplementedError

    def to_df(self) -> pd.DataFrame:
        """A frame with one row for each item; the columns are there, and typed, also when there are none."""
        return frame(self._items, self.columns)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return type(self)(self._items[index]) if isinstance(index, slice) else self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __repr__(self) -> str:
        lines = "".join(f"\n  {item!r}" for item in self._items)
        return f"<{counted(len(self), self.noun)}>{lines}"

    def _repr_html_(self) -> str:
        rows = (self.row(item) for item in self._items)
        return displays.card(counted(len(self), self.noun), displays.table(self.headings, rows, self.empty))


def counted(count: int, nouns: str) -> str:
    """``count`` and what is counted: ``nouns``, a plural that ends in s, without it when there is one."""
    return f"{count} {nouns.removesuffix('s') if count == 1 else nouns}"
