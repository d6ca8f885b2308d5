"""Terminals from the client's side: joined once, kept joined, no byte lost and none twice."""

from vibeworkbench.client.terminal.model import Hold, Hop, Present, Size, TerminalState
from vibeworkbench.client.terminal.session import TerminalSession

__all__ = ["Hold", "Hop", "Present", "Size", "TerminalSession", "TerminalState"]
