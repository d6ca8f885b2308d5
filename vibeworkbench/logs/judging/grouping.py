"""Which trouble an error record tells of. Pure, versioned, and it says why.

explicit fingerprint → own frames of the stack → exception type and masked message → template

A key holds the name and version of what made it, so that a better algorithm never moves the records of an older one.

Source: https://docs.sentry.io/concepts/data-management/event-grouping/ (the order; in-app frames only; system frames
    collapse unless they are alone; chained exceptions all count; old groups keep their algorithm)
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vibeworkbench.logs.judging.stacks import Frame, Thrown, Trace, trace_of

STACK = "stack:1"
EXCEPTION = "exception:1"
FINGERPRINT = "fingerprint"
TEMPLATE = "template"

_FINGERPRINTS = ("fingerprint", "error.fingerprint", "sentry.fingerprint")
"""Attributes that name the trouble themselves; a text or a list of texts."""
_EXCEPTION = re.compile(
    r"^(?:Uncaught |Unhandled |fatal: |Exception in thread \"[^\"]*\" )?"
    r"(?P<type>(?:[A-Za-z_][\w$]*[.:]{1,2})*[A-Z]\w*(?:Error|Exception|Failure|Fault|Panic|Interrupt))"
    r"(?:: (?P<message>.+))?$"
)
_MOST_TOLD = 30


@dataclass(frozen=True, slots=True)
class Group:
    """The trouble of a record, and how it was found.

    Attributes:
        key: ``algorithm:version:digest``, or the template's id: equal for all records of one trouble.
        by: What decided: ``fingerprint``, ``stack:1``, ``exception:1`` or ``template``.
        title: The trouble in one line; empty where the template's text says it.
        told: The steps from the record to the key, in words.
        frames: What of the stack went into the key, outermost exception first, innermost frame first.
    """

    key: str
    by: str
    title: str = ""
    told: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()


def group_of(message: str, template_id: str, attributes: Mapping[str, object], masked: Callable[[str], str]) -> Group:
    """The trouble that a record tells of.

    Args:
        message: What it says, the lines of its stack included.
        template_id: Its template, which decides when nothing better is there.
        attributes: Its attributes; OpenTelemetry's ``exception.*`` among them are read.
        masked: Takes out of a text what varies from one record to the next.
    """
    if named := _fingerprint(attributes):
        shown = ", ".join(named)
        return Group(_key(FINGERPRINT, named), FINGERPRINT, told=(f"the record names its trouble itself: {shown}",))
    trace = trace_of(_text(attributes, "exception.stacktrace")) or trace_of(message)
    if trace is not None and (frames := key_frames(trace)):
        return _by_stack(trace, frames, masked)
    why = "no stack trace" if trace is None else "a trace without frames"
    if thrown := _exception(message, attributes, trace):
        return _by_exception(thrown, masked, why)
    return Group(f"{TEMPLATE}:{template_id}", TEMPLATE, told=(why, "no exception", "so its template decides"))


def _fingerprint(attributes: Mapping[str, object]) -> tuple[str, ...]:
    for name in _FINGERPRINTS:
        match attributes.get(name):
            case str() as text if text.strip():
                return (text.strip(),)
            case [*parts] if parts:
                return tuple(str(part) for part in parts)
    return ()


def _text(attributes: Mapping[str, object], name: str) -> str:
    value = attributes.get(name)
    return value if isinstance(value, str) else ""


# --- by stack


def key_frames(trace: Trace) -> tuple[str, ...]:
    """What of a trace goes into the key: each exception's type and its own frames, recursion told once.

    A chain without a single frame of the program's own keeps them all: the system's frames are then all there is.
    """
    alone = not any(frame.in_app for thrown in trace.chain for frame in thrown.frames)
    if alone and not any(thrown.frames for thrown in trace.chain):
        return ()
    return tuple(line for thrown in trace.chain for line in _lines(thrown, alone))


def _lines(thrown: Thrown, alone: bool) -> Iterator[str]:
    yield f"{thrown.type}:"
    yield from _once([str(frame) for frame in thrown.frames if alone or frame.in_app])


def _once(calls: Sequence[str]) -> list[str]:
    """The calls, each once; those of a recursion sorted, because it may break off at any of them."""
    counts = Counter(calls)
    again = sorted(call for call, count in counts.items() if count > 1)
    told: list[str] = []
    for call in counts:
        if counts[call] == 1:
            told.append(call)
        elif again:
            told += again
            again = []
    return told


def _by_stack(trace: Trace, frames: tuple[str, ...], masked: Callable[[str], str]) -> Group:
    outermost = trace.outermost
    everything = [frame for thrown in trace.chain for frame in thrown.frames]
    own = sum(frame.in_app for frame in everything)
    told = (
        f"a {trace.language} stack trace: {len(trace.chain)} exceptions, {len(everything)} frames",
        f"{own} frames are the program's own; the others do not count"
        if own
        else "no frame is the program's own: all count",
        "line numbers and directories are left out; each call counts once",
    )
    return Group(_key(STACK, frames), STACK, _titled(outermost, everything, masked), told, frames[:_MOST_TOLD])


def _titled(thrown: Thrown, frames: Sequence[Frame], masked: Callable[[str], str]) -> str:
    said = masked(thrown.message.splitlines()[0]) if thrown.message else ""
    where = next((frame for frame in frames if frame.in_app), None)
    what = f"{thrown.type}: {said}" if said else thrown.type
    return f"{what} in {where.function or where.module}" if where is not None else what


# --- by exception


def _exception(message: str, attributes: Mapping[str, object], trace: Trace | None) -> tuple[str, str] | None:
    if name := _text(attributes, "exception.type"):
        return name, _text(attributes, "exception.message")
    if trace is not None:
        return trace.outermost.type, trace.outermost.message
    found = _EXCEPTION.match(message.partition("\n")[0].strip())
    return (found["type"], found["message"] or "") if found else None


def _by_exception(thrown: tuple[str, str], masked: Callable[[str], str], why: str) -> Group:
    name, message = thrown
    said = masked(message)
    told = (why, f"an exception {name}", f"its message with what varies masked: {said}")
    return Group(_key(EXCEPTION, (name, said)), EXCEPTION, f"{name}: {said}" if said else name, told)


def _key(algorithm: str, parts: Sequence[str]) -> str:
    digest = hashlib.blake2b("\x1f".join(parts).encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()
    return f"{algorithm}:{digest}"
