"""The containers panel: how containers stand, what they use and say, in JupyterLab, in Voila and on published pages.

The panel speaks to the server that its page came from, with the reader's own login: nothing passes through the kernel.
"""

from __future__ import annotations

import anywidget
import traitlets

from vibeworkbench.panels.bundle import loader


class ContainersPanel(anywidget.AnyWidget):
    """A live view of the containers of this server and of its agents; what was before takes the role analyst.

    Args:
        title: Heading of the panel.
        height: CSS length such as ``640px``; the panel then scrolls inside. Empty lets it grow with its content.

    Attributes:
        rooms: The rooms that the panel joins, as ``party/room``; each container has one. Nobody sets them.
    """

    title = traitlets.Unicode("Containers").tag(sync=True)
    height = traitlets.Unicode("").tag(sync=True)
    rooms = traitlets.List(traitlets.Unicode(), ["containers/*"], read_only=True).tag(sync=True)

    def __init__(self, **configuration: object) -> None:
        super().__init__(_esm=loader("containers"), **configuration)
