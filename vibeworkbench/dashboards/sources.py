"""The files of published notebooks: where they are, and whether they changed and have stood still since."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from vibeworkbench.dashboards.model import Failure, Order, Standing
from vibeworkbench.dashboards.notebook import Source, source_of
from vibeworkbench.dashboards.page_frame import MADE_BY
from vibeworkbench.dashboards.render import RenderFailed
from vibeworkbench.errors import InvalidInput

_SUFFIX = ".ipynb"

Signature = tuple[int, int, int]
"""What changes when a file is written or replaced: time of modification, size, inode."""


def located(root: Path, notebook: str) -> Path:
    """The notebook's file, which is inside ``root``; reads the disk.

    Args:
        root: The server's notebooks.
        notebook: A path, relative to it or absolute.

    Raises:
        InvalidInput: There is no such notebook inside.
    """
    outside = _no_notebook("there is no such notebook below the server's root")
    try:
        place = (root / notebook).resolve(strict=True)
        is_inside = place.is_relative_to(root.resolve()) and place.is_file()
    except (OSError, ValueError, RuntimeError):  # no such file; a null in its name; links in a circle
        raise outside from None
    if not is_inside:
        raise outside
    if place.suffix != _SUFFIX:
        raise _no_notebook(f"a notebook's file ends in {_SUFFIX}")
    return place


def _no_notebook(reason: str) -> InvalidInput:
    return InvalidInput(f"notebook: {reason}.", field="notebook", reason=reason)


def checked_content(order: Order, most_bytes: int) -> Source:
    """The notebook that was sent with the order.

    Raises:
        InvalidInput: It is none, too large, or meant for Voila.
    """
    content = order.content or b""
    if order.interactive:
        reason = "Voila runs only notebooks that are below the server's root; put it there first"
        raise InvalidInput(f"interactive: {reason}.", field="interactive", reason=reason)
    if len(content) > most_bytes:
        raise _no_content(_too_large(most_bytes))
    try:
        return content_source(content)
    except RenderFailed as error:
        raise _no_content(error.failure) from None


def _no_content(why: Failure) -> InvalidInput:
    return InvalidInput(f"content: {why.reason}.", field="content", reason=why.reason)


def read_notebook(place: Path, most_bytes: int) -> Source:
    """The notebook's file that is to be published; reads the disk.

    Raises:
        InvalidInput: It is too large, or no notebook.
    """
    try:
        return read_source(place, most_bytes)
    except RenderFailed as error:
        raise _no_notebook(error.failure.reason) from None


def read_source(place: Path, most_bytes: int) -> Source:
    """The notebook's file as it is now; reads the disk.

    Raises:
        RenderFailed: It is gone, too large, or no notebook.
    """
    try:
        with place.open("rb") as file:
            content = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise RenderFailed(Failure("the notebook is gone", "no-notebook")) from None
    except OSError as error:
        raise RenderFailed(Failure(f"the notebook cannot be read: {error.strerror}", "no-notebook")) from None
    if len(content) > most_bytes:
        raise RenderFailed(_too_large(most_bytes))
    return content_source(content)


def content_source(content: bytes) -> Source:
    """The notebook that has this content.

    Raises:
        RenderFailed: It is none.
    """
    try:
        return source_of(content)
    except ValueError as error:
        raise RenderFailed(Failure(f"the notebook cannot be read: {error}", "no-notebook")) from None


def _too_large(most_bytes: int) -> Failure:
    reason = f"the notebook has more than {most_bytes} bytes, the limit of dashboards.notebook_bytes"
    return Failure(reason, "too-large")


@dataclass(slots=True)
class _Seen:
    signature: Signature | None
    is_judged: bool = False


@dataclass(slots=True)
class Sightings:
    """What was seen of the notebooks' files, so that most looks cost one ``stat`` each.

    A file is judged once it was seen twice in the same shape: one that is being written is left to finish.
    """

    notebook_bytes: int
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def changed(self, standing: Standing, place: Path) -> bool:
        """Whether the notebook is another one than was rendered last, and stands still; reads the disk."""
        name, signature = standing.publication.name, _signature(place)
        seen = self._seen.get(name)
        if seen is None or seen.signature != signature:
            self._seen[name] = _Seen(signature)
            return False
        if seen.is_judged:
            return False
        seen.is_judged = True
        return self._now(place) != standing.tried

    def _now(self, place: Path) -> str:
        try:
            return tried_with(read_source(place, self.notebook_bytes).digest)
        except RenderFailed as error:
            return tried_without(error.failure)

    def forget(self, name: str) -> None:
        """The notebook's file is judged again."""
        self._seen.pop(name, None)


def tried_with(digest: str) -> str:
    """What is remembered of a render of a notebook with this digest by this maker of pages."""
    return f"{MADE_BY} {digest}"


def tried_without(failure: Failure) -> str:
    """What is remembered of a render whose notebook could not even be read."""
    return f"{MADE_BY} {failure.error}"


def is_of_this_maker(tried: str) -> bool:
    """Whether what was rendered last was rendered as it would be now."""
    return tried.startswith(f"{MADE_BY} ")


def _signature(place: Path) -> Signature | None:
    try:
        seen = place.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino
