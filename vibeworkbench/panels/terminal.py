"""The terminal panel: one shared terminal, or the list of them, in JupyterLab, in Voila and on published pages.

The panel speaks to the server that its page came from, with the reader's own login: no byte of a terminal passes
through the kernel.
"""

from __future__ import annotations

import anywidget
import traitlets

from vibeworkbench.panels.bundle import loader

PARTY = "terminal-server"


class TerminalPanel(anywidget.AnyWidget):
    """A terminal that many people watch and one drives; without one, those that the reader may see.

    On published pages it is for reading only, whoever reads.

    Args:
        terminal: Id of the terminal that is shown. Empty shows the list, or what the page's address asks for:
            ``?terminal=...``.
        title: Heading of the list, and of a terminal whose name is not known.
        height: CSS length such as ``640px``; the screen then fills what is left of it.
        read_only: Whether nothing can be typed here. What a reader may do is decided by the server either way.

    Attributes:
        rooms: The rooms that the panel joins, as ``party/room``. Nobody sets them.
    """

    terminal = traitlets.Unicode("").tag(sync=True)
    title = traitlets.Unicode("Terminals").tag(sync=True)
    height = traitlets.Unicode("").tag(sync=True)
    read_only = traitlets.Bool(False).tag(sync=True)
    rooms = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)

    def __init__(self, terminal: str = "", **configuration: object) -> None:
        super().__init__(_esm=loader("terminal"), terminal=terminal, **configuration)
        self.set_trait("rooms", [f"{PARTY}/{terminal}"] if terminal else [])
