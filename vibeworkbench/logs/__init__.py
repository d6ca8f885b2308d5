"""Logs: raw lines come in, are kept, and are mined for templates."""

from __future__ import annotations

from vibeworkbench.logs.mining import mine as mine
from vibeworkbench.logs.mining import templates as templates

__all__ = ["mine", "templates"]
