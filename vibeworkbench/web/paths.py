"""Who may ask for which address of the whole server: one table, and whatever it does not name is the admin's. Pure.

Paths are judged as they were sent, percent-encoded, because that is how the server's own table of handlers reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import unquote_to_bytes

from vibeworkbench.settings import PathSettings
from vibeworkbench.web.roles import Caller, Role

READ = frozenset({"GET", "HEAD"})
_POST = frozenset({"POST"})
_ANY: frozenset[str] = frozenset()
_KERNEL = r"(?P<kernel>[0-9a-fA-F-]{36})"
_DASHBOARD = r"vibeworkbench/dashboards/(?P<dashboard>[^/]+)(?:/.*)?"
_ROOM = r"(?P<party>[^/]+)/(?P<room>[^/]+)"
_TERMINAL = r"(?P<terminal>[^/]+)"
_TERMINALS = "terminal-server"
"""The party whose rooms are the terminals."""
_WRITING = re.compile(r"%(?:2f|5c|2e|00|3b|25)|\\|;|\x00|//", re.IGNORECASE)
"""Spellings that some part of a server reads differently than another: no link of ours is written so."""


class Verdict(Enum):
    """What becomes of a request."""

    admitted = auto()
    """Its handler may look at it, and judges further."""
    unknown = auto()
    """It must say who asks."""
    refused = auto()
    """The caller is known and lacks the right."""


class Narrow(Enum):
    """What a narrowed token must hold to reach an address that its role reaches."""

    never = auto()
    """No narrowed token reaches it."""
    always = auto()
    """Every narrowed token reaches it."""
    dashboard = auto()
    """The dashboard that the address names."""
    dashboards = auto()
    """Any dashboard: the list shows no other."""
    room = auto()
    """The room that the address names."""
    terminal = auto()
    """The terminal that the address names: it is a room."""
    rooms = auto()
    """Any room: the list shows no other."""
    metrics = auto()
    """The metrics, which it then reaches whatever its role."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        path: Regular expression of the whole path below ``base_url``.
        role: Lowest role that may ask; ``None`` means everybody, without login.
        methods: The methods that the line is about; empty means all.
        narrow: Which narrowed tokens reach it.
        published: Whether its group ``notebook`` must be published for callers below analyst and narrowed ones.
        own: Whether its group ``kernel`` must be the caller's own, and for callers below analyst must be known.
    """

    path: str
    role: Role | None
    methods: frozenset[str] = _ANY
    narrow: Narrow = Narrow.never
    published: bool = False
    own: bool = False

    def takes(self, method: str) -> bool:
        """Whether the line is about this method."""
        return not self.methods or method in self.methods


TABLE = (
    # Everybody, without login.
    Row(r"static/.+|favicon\.ico|robots\.txt|logo", None, READ),
    Row(r"login|logout", None, READ | _POST),
    Row(r"vibeworkbench/api/health/(?:live|ready)", None, READ),
    # Programs that only deliver.
    Row(r"vibeworkbench/api/logs/(?:worker|build)", Role.ingest, _POST),
    Row(r"vibeworkbench/api/monitoring/(?:logs|errors|processes|samples)", Role.ingest, _POST),
    Row(r"vibeworkbench/api/patches/events|vibeworkbench/v1/logs", Role.ingest, _POST),
    # Viewers: published pages, their rooms, status. Rooms ask for the party's own right, to read and to write.
    Row(r"", Role.viewer, READ, Narrow.dashboards),
    Row(r"vibeworkbench/dashboards/?", Role.viewer, READ, Narrow.dashboards),
    Row(_DASHBOARD, Role.viewer, READ, Narrow.dashboard),
    Row(r"vibeworkbench/api/status", Role.viewer, READ, Narrow.always),
    Row(rf"vibeworkbench/parties/{_ROOM}", Role.viewer, READ, Narrow.room),
    Row(r"vibeworkbench/api/rooms", Role.viewer, READ, Narrow.rooms),
    Row(rf"vibeworkbench/api/rooms/{_ROOM}", Role.viewer, READ, Narrow.room),
    Row(rf"vibeworkbench/api/rooms/{_ROOM}/messages", Role.viewer, READ | _POST, Narrow.room),
    # Terminals by grant: each asks for the caller's right on it.
    Row(r"vibeworkbench/api/terminals", Role.viewer, READ, Narrow.rooms),
    Row(rf"vibeworkbench/api/terminals/{_TERMINAL}(?:/recording)?", Role.viewer, READ, Narrow.terminal),
    Row(rf"vibeworkbench/terminals/websocket/{_TERMINAL}", Role.viewer, READ, Narrow.terminal),
    Row(r"vibeworkbench/api/terminals(?:/.*)?", Role.operator),
    # Viewers of a notebook that is published to run: its page, what draws it, and the kernel that was started for it.
    Row(r"voila/render/(?P<notebook>.+)", Role.viewer, READ, Narrow.dashboards, published=True),
    Row(r"voila/(?:static|templates|labextensions|api/themes)/.+", Role.viewer, READ, Narrow.dashboards),
    Row(rf"api/kernels/{_KERNEL}(?:/channels)?", Role.viewer, READ, Narrow.dashboards, own=True),
    Row(rf"voila/api/shutdown/{_KERNEL}", Role.viewer, _POST, Narrow.dashboards, own=True),
    # Admins: who may come in.
    Row(r"vibeworkbench/api/(?:tokens|roles|audit)(?:/.*)?", Role.admin),
    # Analysts: Lab, notebooks, kernels, and all of ours that asks for no more by itself.
    Row(r"vibeworkbench/metrics", Role.analyst, READ, Narrow.metrics),
    Row(r"vibeworkbench(?:/.*)?", Role.analyst),
    Row(rf"(?:api/kernels|voila/execution)/{_KERNEL}(?:/.*)?", Role.analyst, own=True),
    Row(r"(?:lab|doc|tree|notebooks|consoles|edit|view|files|nbconvert|custom|lsp)(?:/.*)?", Role.analyst),
    Row(
        r"api(?:/(?:contents|kernels|kernelspecs|sessions|nbconvert|config|events|resolvePath)(?:/.*)?)?", Role.analyst
    ),
    Row(r"api/(?:me|status|spec\.yaml|security/csp-report)|kernelspecs/.+|metrics", Role.analyst),
    Row(r"voila(?:/.*)?", Role.analyst),
    # Operators: a shell on the server.
    Row(r"api/terminals(?:/.*)?|terminals(?:/.*)?", Role.operator),
)
"""Read from the top; the first line that fits decides. What no line fits, extensions unknown to us too, is admin's."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The table with what it cannot know by itself.

    Attributes:
        base_url: Where the server stands; ends with a slash.
        more: Lines of the settings; they say nothing of what the table already names.
        open_paths: Whole paths, as regular expressions below ``base_url``, that a provider of identities needs open.
        voila_admits: Whether the notebook at that path is published to run, for this caller.
        kernel_owner: Identity of whoever started the kernel; ``None`` where nobody knows.
    """

    base_url: str
    more: Sequence[Row] = ()
    open_paths: Sequence[str] = ()
    voila_admits: Callable[[Caller, str], bool] = lambda _caller, _path: False
    kernel_owner: Callable[[str], str | None] = lambda _kernel_id: None
    _rows: tuple[tuple[re.Pattern[str], Row], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        opened = (Row(path, None) for path in self.open_paths)
        rows = ((re.compile(row.path), row) for row in (*opened, *TABLE, *self.more))
        object.__setattr__(self, "_rows", tuple(rows))

    def judge(self, method: str, path: str, caller: Caller | None) -> Verdict:
        """What becomes of a request.

        Args:
            method: Its method.
            path: Its path as sent, without the query.
            caller: Who asks; ``None`` means nobody whom the server knows.
        """
        below = self.below(path)
        if "\\" in path:  # no address holds one; a browser that is sent there takes it for a slash
            return Verdict.unknown if caller is None else Verdict.refused
        if below is None:
            return self._verdict(caller, Role.admin)
        if is_ambiguous(below) and (caller is None or not _is_trusted(caller)):
            return Verdict.unknown if caller is None else Verdict.refused
        for pattern, row in self._rows:
            found = pattern.fullmatch(below) if row.takes(method) else None
            if found is not None:
                return self._judged(row, found, caller)
        return self._verdict(caller, Role.admin)

    def wanted(self, method: str, path: str) -> Role:
        """The lowest role that the table asks for: no secret, and no promise that the address takes no more."""
        below = self.below(path)
        fitting = (
            row for pattern, row in self._rows if below is not None and row.takes(method) and pattern.fullmatch(below)
        )
        row = next(fitting, None)
        if row is None:
            return Role.admin
        return Role.viewer if row.role is None else row.role

    def below(self, path: str) -> str | None:
        """The path below ``base_url``; ``None`` when it stands elsewhere."""
        if path in {"/favicon.ico", "/robots.txt"}:  # tornado serves these at the root, wherever the server stands
            return path[1:]
        if path + "/" == self.base_url:
            return ""
        return path.removeprefix(self.base_url) if path.startswith(self.base_url) else None

    def _judged(self, row: Row, found: re.Match[str], caller: Caller | None) -> Verdict:
        if row.role is None:
            return Verdict.admitted
        if caller is None:
            return Verdict.unknown
        if caller.scope is not None and not _is_held(row.narrow, found, caller):
            return Verdict.refused
        if row.narrow is Narrow.metrics and caller.scope is not None:
            return Verdict.admitted
        if not caller.may(row.role) or not self._fits(row, found, caller):
            return Verdict.refused
        return Verdict.admitted

    def _fits(self, row: Row, found: re.Match[str], caller: Caller) -> bool:
        trusted = _is_trusted(caller)
        if row.published and not trusted:
            notebook = _decoded(found["notebook"])
            return notebook is not None and self.voila_admits(caller, notebook)
        if row.own and not (trusted and caller.may(Role.admin)):
            owner = self.kernel_owner(found["kernel"].lower())
            return owner == caller.identity or (owner is None and trusted)
        return True

    @staticmethod
    def _verdict(caller: Caller | None, role: Role) -> Verdict:
        if caller is None:
            return Verdict.unknown
        return Verdict.admitted if caller.scope is None and caller.may(role) else Verdict.refused


def _is_trusted(caller: Caller) -> bool:
    return caller.scope is None and caller.may(Role.analyst)


def _is_held(narrow: Narrow, found: re.Match[str], caller: Caller) -> bool:
    scope = caller.scope
    assert scope is not None  # noqa: S101 - for the type checker: only narrowed callers are asked about
    match narrow:
        case Narrow.never:
            return False
        case Narrow.always:
            return True
        case Narrow.dashboard:
            return (_decoded(found["dashboard"]) or "") in scope.dashboards
        case Narrow.dashboards:
            return bool(scope.dashboards)
        case Narrow.room:
            party, room = _decoded(found["party"]), _decoded(found["room"])
            return party is not None and room is not None and scope.holds_room(party, room)
        case Narrow.terminal:
            terminal = _decoded(found["terminal"])
            return terminal is not None and scope.holds_room(_TERMINALS, terminal)
        case Narrow.rooms:
            return bool(scope.rooms)
        case Narrow.metrics:
            return scope.metrics


def is_ambiguous(path: str) -> bool:
    """Whether parts of a server may read ``path`` differently: encoded separators, dot segments, double slashes."""
    return _WRITING.search(path) is not None or any(each in {".", ".."} for each in path.split("/"))


def _decoded(text: str) -> str | None:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return None


_API = re.compile(
    r"(?:.*/)?api(?:/.*)?|static/.*|vibeworkbench/(?:parties|v1|metrics|terminals)(?:/.*)?|metrics|kernelspecs/.*|lsp/.*"
    r"|terminals/websocket/.*|voila/(?:static|templates|labextensions|files|execution)/.*|lab/extensions/.*"
    r"|vibeworkbench/dashboards/[^/]+/assets/.*"
)


def is_page(below: str) -> bool:
    """Whether a browser shows what stands at this path as a page, so that a stranger is led to the login."""
    return _API.fullmatch(below) is None


def rows_of(settings: Iterable[PathSettings]) -> list[Row]:
    """The lines that the settings mean."""
    return [Row(_regex_of(each.pattern), Role[each.role]) for each in settings]


def _regex_of(pattern: str) -> str:
    path = pattern.removeprefix("/")
    return rf"{re.escape(path.removesuffix('/**'))}(?:/.*)?" if path.endswith("/**") else re.escape(path)
