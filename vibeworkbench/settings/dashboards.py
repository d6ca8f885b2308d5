"""Settings of published dashboards."""

from __future__ import annotations

from vibeworkbench.settings.parts import Count, Positive, Section


class DashboardSettings(Section, frozen=True):
    """Published dashboards."""

    render_limit_s: Positive = 300.0
    """Limit for one render: starting the kernel, executing the notebook and making the page."""
    renders_at_once: Count = 2
    """Renders under way at the same time; the others wait."""
    notebook_bytes: Count = 32 * 2**20
    """Largest notebook file that is rendered."""
    page_bytes: Count = 32 * 2**20
    """Largest page, with the files that belong to it; a notebook that puts out more while it is rendered fails."""
    memory_bytes: Count = 64 * 2**20
    """Compressed pages kept in memory; others are read from the database when somebody asks for them."""
    watch_interval_s: Positive = 2.0
    """How often published notebooks are looked at for changes; one that changed is rendered when it has stood still for
    as long."""
    keep_assets_s: Positive = 3600.0
    """How long files of a replaced page can still be loaded, for browsers that are at it."""
