"""What a terminal tells its viewers beside its output: the control messages of ``room-terminal.v1``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vibeworkbench.terminals.model import Exit, Hold, Hop, Right, Size

Notice = Mapping[str, Any]

ROLES: Mapping[Right, str] = {Right.own: "owner", Right.drive: "driver", Right.watch: "watcher"}
"""Right → what it is called on the wire."""


def size_of(size: Size) -> dict[str, int]:
    """A size on the wire."""
    return {"rows": size.rows, "cols": size.cols}


def hop_of(hop: Hop) -> dict[str, Any]:
    """How it stands with the upstream, on the wire: what does not apply is left out."""
    said: dict[str, Any] = {"state": hop.state.value}
    if hop.attempt:
        said["attempt"] = hop.attempt
    if hop.retry_in_s is not None:
        said["retryInS"] = round(hop.retry_in_s, 3)
    if hop.reason:
        said["reason"] = hop.reason
    return said


def hold_of(hold: Hold | None) -> dict[str, Any]:
    """A hold on the wire; ``until`` is RFC 3339."""
    if hold is None:
        return {"on": False}
    return {"on": True, "by": hold.by, "why": hold.why, "until": hold.until.isoformat().replace("+00:00", "Z")}


def hello(**facts: Any) -> Notice:
    """What the terminal is as of now."""
    return {"type": "hello", **facts}


def sync(offset: int, kind: str, until: int | None = None) -> Notice:
    """The next bytes begin at ``offset``.

    Args:
        offset: Absolute.
        kind: ``resume``: they follow what the client has. ``snapshot``: they stand for all before ``until``, and the
            screen is cleared first. ``tail``: they are the output itself, and the screen is cleared first.
        until: Of a snapshot: the offset where it ends. Who did not get it all cannot resume within it.
    """
    said = {"type": "sync", "offset": offset, "kind": kind}
    return said if until is None else {**said, "until": until}


def skip(start: int, stop: int) -> Notice:
    """What lies between is not sent any more."""
    return {"type": "skip", "from": start, "to": stop}


def size(size: Size, owner: str) -> Notice:
    """The screen has this size, because ``owner`` (a member id, or empty) wanted it."""
    return {"type": "size", **size_of(size), "owner": owner}


def upstream(hop: Hop) -> Notice:
    """How it stands with the upstream."""
    return {"type": "upstream", **hop_of(hop)}


def held(hold: Hold | None, by: str = "") -> Notice:
    """Somebody holds the program, or (``by``) ended that."""
    return {"type": "hold", **hold_of(hold)} if hold is not None else {"type": "hold", "on": False, "by": by}


def members(driver: str | None, present: Iterable[Mapping[str, Any]], count: int) -> Notice:
    """Who is here, and the member id of who drives."""
    return {"type": "members", "driver": driver, "members": list(present), "count": count}


def asked(by: str, member_id: str, until_s: float) -> Notice:
    """To the driver: somebody would drive; no answer within ``until_s`` means yes."""
    return {"type": "drive", "asked": {"by": by, "memberId": member_id}, "untilS": round(until_s, 3)}


def rtt(viewer_s: float | None, upstream_s: float | None, lag_bytes: int) -> Notice:
    """How long both hops take, and how far the viewer is behind."""
    return {"type": "rtt", "viewerMs": _ms(viewer_s), "upstreamMs": _ms(upstream_s), "lagBytes": lag_bytes}


def ended(end: Exit) -> Notice:
    """The shell ended."""
    said = {"type": "exit", "code": end.code}
    return {**said, "reason": end.reason} if end.reason else said


def hil_state(state: str, *, task_id: str, reason: str, review_id: str | None, timestamp_ms: int) -> Notice:
    """A task waits for a person, or waits no more; flat, as older clients expect."""
    said = {"type": "hil-state", "taskId": task_id, "state": state, "reason": reason, "timestamp": timestamp_ms}
    return said if review_id is None else {**said, "reviewId": review_id}


def error(code: str, message: str) -> Notice:
    """What was asked for is not done."""
    return {"type": "error", "code": code, "message": message}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
