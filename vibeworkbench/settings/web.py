"""Settings of REST."""

from __future__ import annotations

from vibeworkbench.settings.parts import Count, Positive, Section


class WebSettings(Section, frozen=True):
    """REST."""

    body_bytes: Count = 2**20
    """Largest request body of a JSON route."""
    poll_s: Positive = 25.0
    """Longest wait of a long poll."""
