"""Dashboards: publishing notebooks, rendering them when it is time, and having their pages at hand."""

from __future__ import annotations

from vibeworkbench.dashboards.model import Publication


class Dashboards:
    """All dashboards of one server. Under construction: the signatures below are what others build to."""

    def published(self, notebook: str) -> Publication | None:
        """The publication of the notebook at this path relative to the server's root; no I/O.

        An interactive one comes before one that is not, and a lower role before a higher one.
        """
        raise NotImplementedError

    def rooms_of(self, name: str) -> tuple[tuple[str, str], ...]:
        """The rooms that the dashboard's present page needs, its own among them; no I/O."""
        raise NotImplementedError
