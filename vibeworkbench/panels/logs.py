"""The logs panel: search, live lines, templates and sources, in JupyterLab, in Voila and on published pages.

The panel speaks to the server that its page came from, with the reader's own login: no line passes through the kernel.
"""

from __future__ import annotations

import anywidget
import traitlets

from vibeworkbench.panels.bundle import loader


class LogsPanel(anywidget.AnyWidget):
    """A live view of everything that is logged. It takes the role analyst; others are told so.

    Args:
        title: Heading of the panel.
        height: CSS length such as ``640px``; the panel then scrolls inside. Empty lets it grow with its content.
        choice: What is asked for first: ``text``, ``level``, ``source`` (``kind:source``), ``instance``, ``template``,
            ``lastS``, ``from``, ``to``. The page's address overrules it: ``?template=...``.

    Attributes:
        rooms: The rooms that the panel joins, as ``party/room``. Nobody sets them.
    """

    title = traitlets.Unicode("Logs").tag(sync=True)
    height = traitlets.Unicode("").tag(sync=True)
    choice = traitlets.Dict().tag(sync=True)
    rooms = traitlets.List(traitlets.Unicode(), ["logs/main"], read_only=True).tag(sync=True)

    def __init__(self, **configuration: object) -> None:
        super().__init__(_esm=loader("logs"), **configuration)
