"""HTML of a notebook's outputs without what a published page does not run or load. Pure.

The page's Content-Security-Policy is what holds; this keeps the page from being full of refused requests and holes, and
says in their place what was left out.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

SCRIPTED = "This output needs a script of its own, which published pages do not run."
EMBEDDED = "Another page was embedded here, which published pages do not load."
PICTURE = "A picture that is not part of this page"

_EMBEDDING = frozenset({"applet", "embed", "frame", "frameset", "iframe", "object", "portal"})
_VOID_LEFT_OUT = frozenset({"base", "embed", "frame", "link", "meta"})
_LEFT_OUT = _EMBEDDING | {"noscript", "script", "title"}
_VISIBLE = frozenset({"audio", "canvas", "hr", "img", "input", "math", "progress", "meter", "svg", "table", "video"})
_LOADING = frozenset({"src", "srcset", "poster", "background", "data", "manifest", "longdesc"})
_LEADING = frozenset({"href", "xlink:href", "action", "formaction"})
_NEVER = frozenset({"srcdoc", "ping", "formaction", "nonce"})
_HERE = re.compile(r"\s*(?:data|blob):", re.IGNORECASE)
_ACTIVE = re.compile(r"(?:javascript|vbscript):", re.IGNORECASE)
_BLANKS = re.compile(r"[\x00-\x20]+")
_CSS_ELSEWHERE = re.compile(r"@import[^;]*(?:;|$)|url\(\s*['\"]?\s*(?!data:|#)[^)]*\)", re.IGNORECASE)


def shown(markup: str) -> str:
    """The markup without scripts, event handlers, embedded pages and whatever would be loaded from elsewhere.

    What is not concerned stays as it was written. Pictures of other hosts leave their alternative text; an output of
    which nothing visible is left says why.
    """
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader.result()


class _Reader(HTMLParser):
    """Passes markup on, tag by tag."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self.left_out: list[str] = []
        self.lost: set[str] = set()
        self.is_visible = False
        self.is_style = False

    def result(self) -> str:
        """All that was passed on, with a note where nothing else can be seen."""
        notes = [] if self.is_visible else sorted(self.lost & {SCRIPTED})
        notes += sorted(self.lost & {EMBEDDED})
        return "".join(self.parts) + "".join(f'<p class="vw-left-out">{each}</p>' for each in notes)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID_LEFT_OUT or tag in _LEFT_OUT:
            self._leave_out(tag)
        elif not self.left_out:
            self.is_visible |= tag in _VISIBLE
            self.is_style = tag == "style"
            self.parts.append(self._tag(tag, attrs, self.get_starttag_text() or ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _LEFT_OUT or tag in _VOID_LEFT_OUT:
            self._note(tag)
        elif not self.left_out:
            self.is_visible |= tag in _VISIBLE
            self.parts.append(self._tag(tag, attrs, self.get_starttag_text() or ""))

    def handle_endtag(self, tag: str) -> None:
        if self.left_out:
            if tag == self.left_out[-1]:
                self.left_out.pop()
        elif tag not in _LEFT_OUT and tag not in _VOID_LEFT_OUT:
            self.is_style = False
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.left_out:
            return
        if self.is_style:
            self.parts.append(_CSS_ELSEWHERE.sub("", data))
        else:
            self.is_visible |= bool(data.strip())
            self.parts.append(data)

    def handle_entityref(self, name: str) -> None:
        self._pass(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._pass(f"&#{name};")

    def _pass(self, text: str) -> None:
        if not self.left_out:
            self.is_visible = True
            self.parts.append(text)

    def _leave_out(self, tag: str) -> None:
        self._note(tag)
        if tag not in _VOID_LEFT_OUT:
            self.left_out.append(tag)

    def _note(self, tag: str) -> None:
        if tag == "script":
            self.lost.add(SCRIPTED)
        elif tag in _EMBEDDING:
            self.lost.add(EMBEDDED)

    def _tag(self, tag: str, attrs: list[tuple[str, str | None]], written: str) -> str:
        kept = [(name, value) for name, value in attrs if _harmless(name, value or "")]
        if len(kept) == len(attrs):
            return written
        named = dict(attrs)
        if tag == "img" and not _HERE.match(named.get("src") or ""):
            said = f"{PICTURE}: {named['alt']}" if named.get("alt") else f"{PICTURE}."
            return f'<span class="vw-left-out">{html.escape(said)}</span>'
        attributes = "".join(_attribute(name, value) for name, value in kept)
        return f"<{tag}{attributes}{' /' if written.endswith('/>') else ''}>"


def _harmless(name: str, value: str) -> bool:
    """Whether an attribute neither runs nor loads anything, nor pretends to be one of our own."""
    plain = _BLANKS.sub("", value)
    if name.startswith(("on", "data-vw-")) or name in _NEVER:
        return False
    if name in _LOADING:
        return bool(_HERE.match(value))
    return not (name in _LEADING and _ACTIVE.match(plain))


def _attribute(name: str, value: str | None) -> str:
    return f" {name}" if value is None else f' {name}="{html.escape(value)}"'
