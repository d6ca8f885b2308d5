"""Measured values as people read them. Pure."""

from __future__ import annotations

_STEPS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def in_bytes(size_bytes: float) -> str:
    """A size in the unit in which it has one to four digits before the point: ``12.4 GiB``."""
    for step, unit in _STEPS:
        if abs(size_bytes) >= step:
            return f"{size_bytes / step:.1f} {unit}"
    return f"{size_bytes:.0f} B"


def in_time(seconds: float) -> str:
    """A duration in its two largest units: ``3 d 4 h``, ``5 min 2 s``, ``0.8 s``."""
    if round(seconds) < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    hours, rest_minutes = divmod(minutes, 60)
    days, rest_hours = divmod(hours, 24)
    if days:
        return f"{days} d {rest_hours} h" if rest_hours else f"{days} d"
    if hours:
        return f"{hours} h {rest_minutes} min" if rest_minutes else f"{hours} h"
    return f"{minutes} min {rest_s} s" if rest_s else f"{minutes} min"


def in_percent(ratio: float) -> str:
    """A ratio as a percentage: ``93.1 %``."""
    return f"{ratio * 100:.1f} %"
