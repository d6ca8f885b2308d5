"""The ops panel: scans, health and issues, live, in JupyterLab, in Voila and on published pages.

The panel speaks to the server that its page came from, with the reader's own login: no message passes through the
kernel, and the kernel holds nothing but the configuration below.
"""

from __future__ import annotations

import anywidget
import traitlets

from vibeworkbench.panels.bundle import loader


class OpsPanel(anywidget.AnyWidget):
    """A live view of the ops monitor, with the actions that the reader's role allows.

    Args:
        title: Heading of the panel.
        height: CSS length such as ``640px``; the panel then scrolls inside. Empty lets it grow with its content.
        read_only: Whether to leave out everything that acts. What a reader may do is decided by the server either way.

    Attributes:
        rooms: The rooms that the panel joins, as ``party/room``: whoever may watch a page on which it is published may
            join them. Nobody sets them.
    """

    title = traitlets.Unicode("Operations").tag(sync=True)
    height = traitlets.Unicode("").tag(sync=True)
    read_only = traitlets.Bool(False).tag(sync=True)
    rooms = traitlets.List(
        traitlets.Unicode(), ["ops-monitor-broadcast/main", "health-check-broadcast/main"], read_only=True
    ).tag(sync=True)

    def __init__(self, **configuration: object) -> None:
        super().__init__(_esm=loader("ops"), **configuration)
