"""Stack traces as programs print them, read into exceptions and frames. Pure.

A chain of exceptions is told outermost first, its cause after it, whichever way its language prints it; the frames of
each stand innermost first. Line numbers are not kept: they move with every edit above them.

Known: Python (chained, groups), Java and its relatives, Node (and what V8 prints elsewhere), Go, Rust.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vibeworkbench.logs.judging.ownership import is_in_app

MOST_FRAMES = 2_000
"""Frames of one exception that are read; the rest of a deeper stack is recursion or lies outside of the program."""
MOST_CHAINED = 20
"""Exceptions of one chain that are read."""
_MOST_CHARACTERS = 500_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One call: the module or file that it is in, without directories, and the function; ``in_app``: no library's."""

    module: str
    function: str
    in_app: bool

    def __str__(self) -> str:
        """``module function``, as it goes into a key."""
        return f"{self.module} {self.function}".strip()


@dataclass(frozen=True, slots=True)
class Thrown:
    """One exception of a chain: its type, what it said, and the calls that led to it, innermost first."""

    type: str
    message: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """What a program printed when it failed: the chain, outermost first."""

    language: str
    chain: tuple[Thrown, ...]

    @property
    def outermost(self) -> Thrown:
        """The exception that reached the top."""
        return self.chain[0]


def trace_of(text: str) -> Trace | None:
    """The first stack trace in the text of a record; ``None`` when it holds none."""
    lines = text[:_MOST_CHARACTERS].splitlines()
    for language, is_here, read in _LANGUAGES:
        if is_here(text) and (chain := read(lines)):
            return Trace(language, tuple(chain[:MOST_CHAINED]))
    return None


def _frame(language: str, place: str, module: str, function: str) -> Frame:
    return Frame(module, function, is_in_app(language, place, function))


def _file(path: str) -> str:
    """The file's name without the directories, which differ from one machine to the next."""
    return re.split(r"[/\\]", path)[-1]


# --- Python: https://docs.python.org/3/library/traceback.html

_PY_START = "Traceback (most recent call last):"
_PY_MARGIN = re.compile(r"^\s*(?:[|+]\s?-*\s?|\+-+.*)+")
_PY_FRAME = re.compile(r'^\s*File "(?P<path>[^"]+)", line \d+(?:, in (?P<function>.+))?$')
_PY_THROWN = re.compile(r"^(?P<type>[A-Za-z_][\w.]*(?:\.<locals>\.[\w.]+)*)(?:: (?P<message>.*))?$", re.DOTALL)


def _python(lines: Sequence[str]) -> list[Thrown]:
    chain: list[Thrown] = []
    around: list[Thrown] = []
    frames: list[Frame] | None = None
    into = chain
    for line in map(_without_margin, lines):
        if line.rstrip().endswith(_PY_START):
            frames, into = [], around if "Exception Group " in line else chain
        elif frames is None:
            continue
        elif found := _PY_FRAME.match(line):
            name = found["function"] or "<syntax>"
            frames.append(_frame("python", found["path"], _file(found["path"]), _py_function(name)))
        elif frames and not line[:1].isspace() and (thrown := _PY_THROWN.match(line)):
            innermost = tuple(reversed(frames))[:MOST_FRAMES]
            into.append(Thrown(thrown["type"], (thrown["message"] or "").strip(), innermost))
            frames = None
    return [*around, *chain[::-1]]  # a group is printed before its parts, a cause before what it led to


def _without_margin(line: str) -> str:
    """The line of an exception group without the bars that draw its tree."""
    return _PY_MARGIN.sub("", line) if line.lstrip()[:1] in ("|", "+") else line


def _py_function(name: str) -> str:
    return name.rpartition("<locals>.")[2]


# --- Java, Kotlin, Scala: Throwable.printStackTrace

_JAVA_THROWN = re.compile(
    r"^\s*(?:Exception in thread \"[^\"]*\" |Caused by: |Suppressed: |.*?\b(?=(?:[a-z_]\w*\.){2,}))?"
    r"(?P<type>(?:[A-Za-z_$][\w$]*\.)+[A-Z][\w$]*)(?::\s?(?P<message>.*))?$"
)
_JAVA_HERE = re.compile(r"^\s+at [\w.$@/<>-]+\([^()\n]*\)", re.MULTILINE)
_JAVA_FRAME = re.compile(r"^\s+at (?:[\w.$@-]+/)*(?P<method>[\w.$<>/ -]+)\((?P<place>[^()]*)\)(?: ~?\[.*\])?\s*$")
_JAVA_MADE = re.compile(r"\$\$.*|(?<=[A-Za-z$])\$?\d+")


def _java(lines: Sequence[str]) -> list[Thrown]:
    chain: list[Thrown] = []
    name, message = "", ""
    frames: list[Frame] = []
    ignored = False
    for line in (*lines, ""):
        if found := _JAVA_FRAME.match(line):
            if not ignored and len(frames) < MOST_FRAMES:
                frames.append(_java_frame(found["method"]))
            continue
        if thrown := _JAVA_THROWN.match(line):
            if frames:
                chain.append(Thrown(name, message, tuple(frames)))
            ignored = line.lstrip().startswith("Suppressed: ")
            name, message, frames = thrown["type"], (thrown["message"] or "").strip(), []
    return [*chain, Thrown(name, message, tuple(frames))] if frames else chain


def _java_frame(method: str) -> Frame:
    qualified, _, function = method.rpartition(".")
    kept = _JAVA_MADE.sub("", qualified)
    return _frame("java", qualified, kept, _JAVA_MADE.sub("", function))


# --- Node: https://v8.dev/docs/stack-trace-api

_JS_THROWN = re.compile(
    r"^\s*(?:Uncaught |.*\[cause\]: |.*?(?=\b\w*(?:Error|Exception)\b(?: \[\w+\])?:))?"
    r"(?P<type>[A-Za-z_$][\w$.]*)(?: \[(?P<code>\w+)\])?(?:: (?P<message>.*))?$"
)
_JS_FRAME = re.compile(
    r"^\s+at (?:(?P<function>.+?) \((?P<in>[^()]*(?:\([^()]*\)[^()]*)*)\)|(?:async )?(?P<place>[^\s()].*?))(?: \{)?$"
)
_JS_HERE = re.compile(r"^\s+at .*:\d+:\d+\)?(?: \{)?$", re.MULTILINE)  # V8 tells the column, too
_JS_PLACE = re.compile(r"(?::\d+){1,2}$")
_JS_ALIAS = re.compile(r" \[as [^\]]+\]|^(?:async|new) |^(?:Object|Module|Function)\.(?=.)")


def _node(lines: Sequence[str]) -> list[Thrown]:
    chain: list[Thrown] = []
    head, frames = "", list[Frame]()
    for line in (*lines, ""):
        found = _JS_FRAME.match(line)
        if found and _is_js_place(found):
            if len(frames) < MOST_FRAMES:
                frames.append(_js_frame(found))
            continue
        if frames:
            chain.append(_js_thrown(head, frames))
            frames = []
        if line.strip():
            head = line if _JS_THROWN.match(line) else head
    return chain


def _is_js_place(found: re.Match[str]) -> bool:
    place = found["in"] if found["in"] is not None else found["place"]
    return bool(_JS_PLACE.search(place)) or place in ("<anonymous>", "native", "index 0")


def _js_thrown(head: str, frames: Iterable[Frame]) -> Thrown:
    found = _JS_THROWN.match(head)
    name, message = (found["type"], found["message"]) if found else ("Error", "")
    return Thrown(name, (message or "").strip(), tuple(frames))


def _js_frame(found: re.Match[str]) -> Frame:
    place = _JS_PLACE.sub("", found["in"] if found["in"] is not None else found["place"])
    function = found["function"] or "<anonymous>"
    while (bare := _JS_ALIAS.sub("", function)) != function:
        function = bare
    return _frame("node", place, _file(place.partition("?")[0]), function)


# --- Go: https://pkg.go.dev/runtime/debug#Stack

_GO_THROWN = re.compile(r"(?:^|\s)(?P<type>panic|fatal error): (?P<message>.*?)(?: \[recovered\])?$")
_GO_ROUTINE = re.compile(r"^goroutine \d+ .*\[.*\]:$")
_GO_CALL = re.compile(r"^(?P<function>[\w./*()\[\]·~%-]+?)\((?:[^()]|\([^()]*\))*\)$")
_GO_PLACE = re.compile(r"^\s+(?P<path>\S.*?\.(?:go|s)):\d+(?: \+0x[0-9a-f]+)?$")


def _go(lines: Sequence[str]) -> list[Thrown]:
    heads: list[tuple[str, str]] = []
    frames: list[Frame] = []
    routines, call = 0, ""
    for line in lines:
        if (thrown := _GO_THROWN.search(line)) and not routines:
            heads.append((thrown["type"], thrown["message"]))
        elif _GO_ROUTINE.match(line):
            routines += 1
            if routines > 1:
                break  # the others did not fail
        elif found := _GO_CALL.match(line):
            call = found["function"]
        elif call and (place := _GO_PLACE.match(line)):
            frames.append(_go_frame(place["path"], call))
            call = ""
    if not frames:
        return []
    first = heads[-1] if heads else ("panic", "")
    return [Thrown(*first, tuple(frames[:MOST_FRAMES])), *(Thrown(*head, ()) for head in heads[-2::-1])]


def _go_frame(path: str, call: str) -> Frame:
    slash = call.rfind("/")
    module, _, function = call[slash + 1 :].partition(".")
    return _frame(
        "go", f"{path}\x1f{call}", call[: slash + 1] + module, re.sub(r"\[\.\.\.\]|\.func[\d.]+", "", function)
    )


# --- Rust: std::panic's default hook, RUST_BACKTRACE=1

_RS_THROWN = re.compile(r"thread '[^']*'(?: \(\d+\))? panicked at (?:'(?P<old>.*)', )?(?P<path>[^:'\n]+):\d+:\d+:?$")
_RS_CALL = re.compile(r"^\s*\d+:\s+(?:0x[0-9a-f]+ - )?(?P<function>\S.*)$")
_RS_PLACE = re.compile(r"^\s+at (?P<path>.+?)(?::\d+){1,2}$")
_RS_HASH = re.compile(r"::h[0-9a-f]{16}$")


def _rust(lines: Sequence[str]) -> list[Thrown]:
    for number, line in enumerate(lines):
        if found := _RS_THROWN.search(line):
            message = found["old"] or next(iter(lines[number + 1 : number + 2]), "")
            here = Frame(_file(found["path"]), "", is_in_app("rust", found["path"], ""))
            return [Thrown("panic", message.strip(), tuple(_rs_frames(lines[number + 1 :])) or (here,))]
    return []


def _rs_frames(lines: Iterable[str]) -> list[Frame]:
    calls: list[list[str]] = []
    for line in lines:
        if place := _RS_PLACE.match(line):
            if calls:
                calls[-1][1] = place["path"]
        elif found := _RS_CALL.match(line):
            calls.append([_RS_HASH.sub("", found["function"]), ""])
    return [
        _frame("rust", path, "", re.sub(r"\{\{closure\}\}(?:#\d+)?", "{closure}", call))
        for call, path in calls[:MOST_FRAMES]
    ]


_LANGUAGES: tuple[tuple[str, Callable[[str], bool], Callable[[Sequence[str]], list[Thrown]]], ...] = (
    ("python", lambda text: _PY_START in text, _python),
    ("rust", lambda text: "panicked at " in text, _rust),
    ("go", lambda text: "goroutine " in text, _go),
    ("java", lambda text: bool(_JAVA_HERE.search(text) and not _JS_HERE.search(text)), _java),
    ("node", lambda text: "    at " in text, _node),
)
