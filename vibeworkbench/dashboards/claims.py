"""Which of several servers on one database renders a dashboard."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vibeworkbench.dashboards import records
from vibeworkbench.dashboards.model import Standing
from vibeworkbench.dashboards.site import Site
from vibeworkbench.ops.scans.owners import Owner
from vibeworkbench.storage.records import Transaction

_SLACK = timedelta(seconds=60)


@dataclass(slots=True)
class Claims:
    """This server's claims. One ends with the render, with its server, or with the time that a render may take.

    Attributes:
        site: The server.
        render_limit_s: How long a render may take.
    """

    site: Site
    render_limit_s: float
    _owner: Owner = field(default_factory=Owner.here)

    def claim(self) -> tuple[str, datetime]:
        """Who claims, and until when."""
        return str(self._owner), self.site.clock() + timedelta(seconds=self.render_limit_s) + _SLACK

    def release(self, transaction: Transaction) -> None:
        """Other servers may render what this one did not come to."""
        records.release(transaction, str(self._owner))

    def take(self, transaction: Transaction, standing: Standing) -> bool:
        """The next render is this server's; false when it is another one's, or the dashboard is not as it stood."""
        me, until = self.claim()
        renderer, until_us = records.renderer_of(transaction.connection, standing.publication.name)
        is_taken = renderer not in {None, me} and until_us > records.to_us(self.site.clock())
        if is_taken and not Owner.parsed(renderer or me).is_gone(self._owner):
            return False
        return records.claim(transaction, standing, me, until)
