"""What a notebook shows live: panels for JupyterLab and Voila."""

from vibeworkbench.panels.containers import ContainersPanel
from vibeworkbench.panels.logs import LogsPanel
from vibeworkbench.panels.ops import OpsPanel

__all__ = ["ContainersPanel", "LogsPanel", "OpsPanel"]
