"""What is around every page of dashboards: policy, addresses of programs, the list, the page that waits.

The server has this at hand all the time, so it knows nothing of notebooks: what draws them is loaded by renders alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from vibeworkbench.dashboards.model import PARTY, IndexEntry, State
from vibeworkbench.errors import NotFound

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE = "published"
STATIC_FILES = Path(__file__).parents[1] / "panels" / "static"
"""What the server extension serves as ``static/vibeworkbench/``."""

STATIC = "static/vibeworkbench/"
FROM_PAGE, _FROM_LIST = "../../", "../"
"""The server's root, seen from ``vibeworkbench/dashboards/<name>`` and from ``vibeworkbench/dashboards``."""

_STATE_WORDS = {State.rendering: "Being refreshed", State.failed: "The latest refresh failed"}
_FIRST_WORDS = {
    State.rendering: "Being made for the first time",
    State.failed: "Could not be made yet",
    State.never: "Not ready yet",
}
_FAILED = ("Not ready", "This dashboard could not be made; its publisher is told. It appears here by itself.")
_NOT_YET = ("Not ready yet", "This dashboard is being made for the first time. It appears here by itself.")

_environment = Environment(loader=FileSystemLoader(TEMPLATES / TEMPLATE), autoescape=True)


def content_security_policy(frame_ancestors: Sequence[str] = ()) -> str:
    """What a page may do: run and load what this server serves, connect to this server, and nothing else.

    Of scripts in the page itself, only the one of its head runs, known by its hash. A page that was made with another
    one does without it until it is made anew: the page's program does the same, a little later.

    Args:
        frame_ancestors: Origins whose pages may embed it, beside this server's own.

    Source: Content Security Policy Level 3. ``connect-src 'self'`` admits ``ws:`` and ``wss:`` to the same host (4.1.3,
    scheme-part matching), and a script by the hash of what stands in its element (2.3.1).
    """
    rules = {
        "default-src": "'none'",
        "script-src": f"'self' {_begun_source()}",
        # Outputs bring style elements and attributes: pandas' styled tables, widgets' layouts. A style runs nothing,
        # and loads nothing but what the other rules admit. A hash here would shut them all out.
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "frame-ancestors": " ".join(["'self'", *frame_ancestors]),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def index_page(entries: Sequence[IndexEntry], caller: str = "") -> bytes:
    """The page that lists dashboards.

    Args:
        entries: Those that the caller may see, in the order of the list.
        caller: Whom the page offers to log out; empty for one who never logged in.
    """
    listed = [
        {
            "name": each.name,
            "title": each.title,
            "at": instant(each.rendered_at) if each.rendered_at else None,
            "state": each.state.value,
            "word": (_STATE_WORDS if each.rendered_at else _FIRST_WORDS).get(each.state, ""),
        }
        for each in entries
    ]
    return _own("list.html.j2", frame("Dashboards", _FROM_LIST), entries=listed, caller=caller)


def waiting_page(name: str, title: str, state: State) -> bytes:
    """The page of a dashboard that was not rendered yet; it gives way to the real one by itself."""
    heading, sentence = _FAILED if state is State.failed else _NOT_YET
    framed = frame(title, FROM_PAGE, name=name, rooms=[own_room(name)])
    return _own("waiting.html.j2", framed, heading=heading, sentence=sentence)


def own_room(name: str) -> tuple[str, str]:
    """The room that tells of the dashboard itself."""
    return PARTY, name


def frame(title: str, root: str, **told: Any) -> dict[str, Any]:
    """What the head of every page needs; ``told`` goes to its program."""
    return {
        "title": title,
        "static": addresses(root),
        # Nothing is waited for before the first paint: whatever else a page loads comes behind it.
        "begun": _built("page_begin.js"),
        "style": _built("page.css"),
        "config": script_json({"baseUrl": root}),
        "page": script_json({"name": "", "renderedAt": None} | told),
    }


def _own(template: str, framed: Mapping[str, Any], **told: Any) -> bytes:
    own = ("config", "page", "begun", "style")
    marked = {name: Markup(framed[name]) for name in own}  # noqa: S704 - our files, and JSON as it is in a script
    return _environment.get_template(template).render({**framed, **marked, **told}).encode()


def addresses(root: str) -> dict[str, str]:
    """The static files of pages by name (``page_js``), each with its version, so that browsers keep them for good."""
    found = {path.name.replace(".", "_"): f"{root}{STATIC}{path.name}?v={_hash(path)}" for path in _page_files()}
    if "page_js" not in found:
        raise NotFound("the program of published pages is not built: run npm ci and npm run build in js/", panel="page")
    return found


@cache
def _begun_source() -> str:
    """How a policy names the script in the head of every page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(_built('page_begin.js').encode()).digest()).decode()}'"


def _built(name: str) -> str:
    """The text of a static file, which can stand in its element of HTML; empty where it is not built."""
    path = STATIC_FILES / name
    return path.read_text("utf-8").strip() if path.is_file() else ""


def _page_files() -> list[Path]:
    return sorted(path for path in STATIC_FILES.glob("page*") if path.suffix in {".js", ".css"})


def _hash(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=6).hexdigest()


def instant(at: datetime) -> dict[str, str]:
    """For machines, and for people until the page's program says it in their zone and language."""
    utc = at.astimezone(UTC)
    return {"iso": utc.isoformat().replace("+00:00", "Z"), "words": f"{utc.day} {utc:%B %Y, %H:%M} UTC"}


def script_json(value: Any) -> str:
    r"""JSON that can stand in a script element of HTML, and in a script.

    Source: HTML Living Standard, 4.12.1.3 (restrictions for contents of script elements): ``<`` is written as
    ``\u003c``, which leaves neither ``</script`` nor ``<!--``. U+2028 and U+2029 end lines in scripts of old.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    for character in "<\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _made_by() -> str:
    """What makes pages: templates, programs of the page and of panels, and the libraries that they are made with."""
    said = hashlib.blake2b(digest_size=12)
    sources = [*Path(__file__).parent.glob("page*.py"), *(TEMPLATES / TEMPLATE).iterdir(), *STATIC_FILES.glob("*.*")]
    for path in sorted(sources):
        said.update(f"{path.name}\0{_hash(path)}\0".encode())
    for library in ("nbconvert", "latex2mathml", "mistune"):
        said.update(f"{library} {version(library)}\0".encode())
    return said.hexdigest()


MADE_BY = _made_by()
"""Names what made a page. A page that was made by another one is stale: its programs may be gone."""
