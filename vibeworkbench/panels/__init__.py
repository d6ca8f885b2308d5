"""What a notebook shows live: panels for JupyterLab and Voila."""

from vibeworkbench.panels.containers import ContainersPanel
from vibeworkbench.panels.logs import LogsPanel
from vibeworkbench.panels.ops import OpsPanel
from vibeworkbench.panels.terminal import TerminalPanel

__all__ = ["ContainersPanel", "LogsPanel", "OpsPanel", "TerminalPanel"]
