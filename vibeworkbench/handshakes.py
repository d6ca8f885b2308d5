"""WebSocket handshakes that carry a token: what the library would write of them is written nowhere.

At DEBUG ``websockets`` logs the headers of a handshake, the token among them.
"""

from __future__ import annotations

import logging
from typing import Final

# Whoever configures logging, as Jupyter does, enables again what was merely disabled; this logger is in no registry.
UNLOGGED: Final = logging.Logger("vibeworkbench.handshakes", logging.CRITICAL + 1)  # noqa: LOG001 - for that reason
"""For ``connect(logger=...)``."""
