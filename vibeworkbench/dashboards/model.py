"""What a published dashboard is, and what may be published under which name. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from vibeworkbench.errors import InvalidInput
from vibeworkbench.schedules.model import Schedule, schedules_from
from vibeworkbench.settings import ScheduleSettings
from vibeworkbench.web.roles import Role

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,63}$"
"""What a dashboard may be called: it stands in its address."""
PARTY = "dashboards"
"""The party whose rooms say when a dashboard's page is a newer one; a room bears its dashboard's name."""
MESSAGE = "dashboard"
"""Type of the message in such a room."""

_NAME = re.compile(NAME_PATTERN)
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_ANYWHERE = "*"
_MOST_ANCESTORS = 32
_PORTS = range(1, 65536)


@dataclass(frozen=True, slots=True)
class PageAbout:
    """What a page says about itself.

    Attributes:
        name: The dashboard's name.
        title: What people read in the tab and the header.
        rendered_at: When its notebook had been executed, aware UTC: the page's "as of".
        role: The lowest role that may see it.
    """

    name: str
    title: str
    rendered_at: datetime
    role: Role


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that only this page needs, taken out of it."""

    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """A page that needs no kernel.

    Attributes:
        html: The whole page, UTF-8.
        assets: File name (``<hash>.js``, ``<hash>.css``) → what the page loads from ``<name>/assets/``.
        rooms: Addresses ``(party, room)`` of the rooms to which its panels connect.
    """

    html: bytes
    assets: Mapping[str, Asset] = field(default_factory=dict)
    rooms: tuple[tuple[str, str], ...] = ()


class State(StrEnum):
    """How a dashboard stands."""

    ready = "ready"
    """Its page is that of the last render."""
    rendering = "rendering"
    """Its notebook is being executed; an older page, if there is one, is served meanwhile."""
    failed = "failed"
    """The last render failed; an older page, if there is one, is still served."""
    never = "never"
    """It was not rendered yet."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a publisher asks for.

    Attributes:
        notebook: The notebook's path, relative to the server's root or absolute inside it; with ``content``, its file's
            name.
        content: The notebook itself, where the server cannot read its file; ``None`` where it can.
        name: What the dashboard is to be called; ``None`` takes the file's name.
        role: The lowest role that may see it.
        interactive: Whether Voila may run it with a kernel for each visitor.
        every: Cron expression (UTC) by which it is rendered again; empty means on change and by hand only.
        frame_ancestors: Origins whose pages may embed it.
    """

    notebook: str
    content: bytes | None = None
    name: str | None = None
    role: Role = Role.viewer
    interactive: bool = False
    every: str = ""
    frame_ancestors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Publication:
    """A notebook that is published, with the settings of its publisher.

    Attributes:
        name: The dashboard's name.
        title: What people read.
        notebook: The notebook's path relative to the server's root, with ``/`` between its parts; of one whose content
            was sent (``stored``), its file's name.
        stored: Whether the content was sent and is kept in the database: never interactive, not watched for changes.
        role: The lowest role that may see it.
        interactive: Whether Voila may run it with a kernel for each visitor.
        every: Cron expression (UTC) by which it is rendered again; empty means on change and by hand only.
        frame_ancestors: Origins whose pages may embed it.
        publisher: Identity under whose right it is rendered.
        published_by: That identity's name.
        published_at: When it was published, or its settings were replaced, aware UTC.
    """

    name: str
    title: str
    notebook: str
    stored: bool
    role: Role
    interactive: bool
    every: str
    frame_ancestors: tuple[str, ...]
    publisher: str
    published_by: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a render is: code cells executed, of all; of none while it waits or its kernel starts."""

    processed: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a render failed. For operators: it may name what the notebook's author wrote.

    Attributes:
        reason: One sentence.
        error: The kind of failure: an exception's name, or a word of ours.
        cell: Number of the code cell at which it failed, counted from 1; ``None`` when it was none of them.
    """

    reason: str
    error: str
    cell: int | None = None

    @property
    def said(self) -> str:
        """One line for operators: ``code cell 3: ZeroDivisionError: division by zero``."""
        where = "" if self.cell is None else f"code cell {self.cell}: "
        return f"{where}{self.error}: {self.reason}"


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What is known of a page without reading it.

    Attributes:
        etag: The hash of its body.
        page_bytes: Size of the page, uncompressed and without its assets.
        rooms: The rooms that its panels need.
        rendered_at: When the notebook had been executed, aware UTC.
        render_ms: How long the render took.
    """

    etag: str
    page_bytes: int
    rooms: tuple[tuple[str, str], ...]
    rendered_at: datetime
    render_ms: float


@dataclass(frozen=True, slots=True)
class Standing:
    """A publication, with the page that is served and how the last render ended.

    Attributes:
        publication: What is published.
        stamp: Changes with everything else here; for other servers on the same database.
        place: Where the notebook's file was when it was published; never told to clients.
        page: The page that is served; ``None`` when there is none yet.
        failure: Why the last render failed; ``None`` when it did not.
        tried: What was rendered last, whether it went well or not: the maker of pages and the notebook's content, each
            by its hash; empty before the first render.
        slot_at: The last instant of its clock that was served, or since when the clock is known, aware UTC.
    """

    publication: Publication
    stamp: str
    place: str
    page: PageFacts | None
    failure: Failure | None
    tried: str
    slot_at: datetime

    def state(self, *, is_rendering: bool) -> State:
        """How the dashboard stands."""
        if is_rendering:
            return State.rendering
        if self.failure is not None:
            return State.failed
        return State.never if self.page is None else State.ready


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A line of the list of dashboards that a caller may see.

    Attributes:
        name: The dashboard's name; its page is ``dashboards/<name>``, relative to the list's address.
        title: What people read.
        state: How it stands.
        rendered_at: Of when its page is, aware UTC; ``None`` when there is no page yet.
    """

    name: str
    title: str
    state: State
    rendered_at: datetime | None


def name_of(notebook: str) -> str:
    """The name that a notebook's file suggests: ``Über das Netz.ipynb`` → ``uber-das-netz``.

    Raises:
        InvalidInput: Nothing of the file's name can stand in an address; one must be given.
    """
    stem = notebook.rpartition("/")[2].removesuffix(".ipynb")
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].rstrip("-")
    if not slug:
        raise InvalidInput("name: the notebook's file suggests none; give one.", field="name", reason="missing")
    return slug


def checked_name(name: str) -> str:
    """``name``, which can be a dashboard's.

    Raises:
        InvalidInput: It cannot.
    """
    if not _NAME.fullmatch(name):
        reason = "lower-case letters, digits and hyphens, 64 at most, a letter or digit first"
        raise InvalidInput(f"name: {reason}.", field="name", reason=reason)
    return name


def checked_ancestors(origins: Sequence[str]) -> tuple[str, ...]:
    """The origins, each once, of which a Content-Security-Policy can be made; ``*`` alone stands for anywhere.

    Source: Content Security Policy Level 3, 6.4.2 (frame-ancestors); RFC 6454, 6.2 (serialization of an origin).

    Raises:
        InvalidInput: One of them is no plain ``http(s)://host[:port]``.
    """
    given = tuple(dict.fromkeys(origins))
    if len(given) > _MOST_ANCESTORS:
        raise _ancestor_refused(f"{_MOST_ANCESTORS} origins at most")
    for origin in given:
        if not (origin == _ANYWHERE or _is_origin(origin)):
            raise _ancestor_refused(f"{origin!r} is no origin: https://host or https://host:port, without a path")
    return (_ANYWHERE,) if _ANYWHERE in given else given


def _is_origin(text: str) -> bool:
    if len(text) > 300 or not _ORIGIN.fullmatch(text) or ".." in text:
        return False
    port = re.search(r":([0-9]+)$", text)
    return port is None or int(port[1]) in _PORTS


def _ancestor_refused(reason: str) -> InvalidInput:
    return InvalidInput(f"frameAncestors: {reason}.", field="frameAncestors", reason=reason)


def clock_of(name: str, every: str) -> Schedule | None:
    """When the dashboard is rendered again; ``None`` when no cron expression is given.

    Raises:
        InvalidInput: The expression means nothing, or never fires.
    """
    if not every:
        return None
    try:
        (clock,) = schedules_from([ScheduleSettings(name=name, cron=every, scope="full")])
    except InvalidInput as refused:
        reason = str(refused.attributes.get("reason", refused.message))
        raise InvalidInput(f"every: {reason}.", field="every", reason=reason) from None
    return clock
