"""Settings of dashboards that have a kernel."""

from __future__ import annotations

from vibeworkbench.settings.parts import Count, Positive, Section


class VoilaSettings(Section, frozen=True):
    """Dashboards that Voila runs with a kernel for each page."""

    kernels: Count = 10
    """Most kernels of Voila at the same time, those that are starting among them; a page beyond gets 503."""
    idle_s: Positive = 60.0
    """How long a page's kernel is kept after its last connection was lost, for a reader who comes back."""
    start_grace_s: Positive = 120.0
    """How long a kernel waits for the first connection, once its page was sent."""
    render_limit_s: Positive = 600.0
    """Limit for executing a page's notebook; what is slower ends with its kernel."""
