"""Every setting, with its meaning, unit and default. Frozen; read once at start-up from a TOML file.

The file is ``vibeworkbench.toml`` in the data directory, or the one named by ``VIBEWORKBENCH_SETTINGS``. Unknown keys
and wrong types are refused with the key's name: a misspelt setting never passes silently.
"""

from vibeworkbench.settings.access import AccessSettings, AuditSettings, HeaderSettings, LoginSettings, PathSettings
from vibeworkbench.settings.dashboards import DashboardSettings
from vibeworkbench.settings.logs import ContainerSettings, LogSettings, WarehouseSettings
from vibeworkbench.settings.ops import (
    DEFAULT_SCHEDULES,
    ContainerThresholds,
    HostThresholds,
    JupyterSettings,
    LogThresholds,
    OpsSettings,
    ProcessSettings,
    ScheduleSettings,
)
from vibeworkbench.settings.parts import Count, Positive, Ratio, Right, Section
from vibeworkbench.settings.rooms import PartySettings, RoomSettings
from vibeworkbench.settings.storage import StorageSettings
from vibeworkbench.settings.targets import FilesTarget, HttpTarget, Target, TcpTarget, TlsTarget, WorkspaceTarget
from vibeworkbench.settings.terminals import TerminalSettings
from vibeworkbench.settings.voila import VoilaSettings
from vibeworkbench.settings.web import WebSettings
from vibeworkbench.settings.whole import Settings, settings_from_file, settings_from_toml

__all__ = [
    "DEFAULT_SCHEDULES",
    "AccessSettings",
    "AuditSettings",
    "ContainerSettings",
    "ContainerThresholds",
    "Count",
    "DashboardSettings",
    "FilesTarget",
    "HeaderSettings",
    "HostThresholds",
    "HttpTarget",
    "JupyterSettings",
    "LogSettings",
    "LogThresholds",
    "LoginSettings",
    "OpsSettings",
    "PartySettings",
    "PathSettings",
    "Positive",
    "ProcessSettings",
    "Ratio",
    "Right",
    "RoomSettings",
    "ScheduleSettings",
    "Section",
    "Settings",
    "StorageSettings",
    "Target",
    "TcpTarget",
    "TerminalSettings",
    "TlsTarget",
    "VoilaSettings",
    "WarehouseSettings",
    "WebSettings",
    "WorkspaceTarget",
    "settings_from_file",
    "settings_from_toml",
]
