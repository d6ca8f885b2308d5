"""All settings, and how they are read."""

from __future__ import annotations

from pathlib import Path

import msgspec

from vibeworkbench.errors import InvalidInput
from vibeworkbench.settings.access import AccessSettings
from vibeworkbench.settings.dashboards import DashboardSettings
from vibeworkbench.settings.logs import ContainerSettings, LogSettings, WarehouseSettings
from vibeworkbench.settings.ops import DEFAULT_SCHEDULES, OpsSettings, ScheduleSettings
from vibeworkbench.settings.parts import Section
from vibeworkbench.settings.rooms import RoomSettings
from vibeworkbench.settings.storage import StorageSettings
from vibeworkbench.settings.terminals import TerminalSettings
from vibeworkbench.settings.voila import VoilaSettings
from vibeworkbench.settings.web import WebSettings


class Settings(Section, frozen=True):
    """The whole file."""

    storage: StorageSettings = StorageSettings()
    rooms: RoomSettings = RoomSettings()
    ops: OpsSettings = OpsSettings()
    schedules: tuple[ScheduleSettings, ...] = DEFAULT_SCHEDULES
    dashboards: DashboardSettings = DashboardSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    logs: LogSettings = LogSettings()
    containers: ContainerSettings = ContainerSettings()
    terminals: TerminalSettings = TerminalSettings()
    web: WebSettings = WebSettings()
    voila: VoilaSettings = VoilaSettings()
    access: AccessSettings = AccessSettings()


def settings_from_toml(text: str) -> Settings:
    """The settings of a TOML text.

    Raises:
        InvalidInput: The text is no TOML, or a key is unknown or of the wrong type; ``field`` names it.
    """
    try:
        return msgspec.toml.decode(text.encode(), type=Settings)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at ")
        field = path.strip("`").removeprefix("$.")
        raise InvalidInput(f"settings: {field or 'file'}: {reason}", field=field, reason=reason) from None
    except msgspec.DecodeError as error:
        raise InvalidInput(f"settings: not valid TOML: {error}", field="", reason=str(error)) from None


def settings_from_file(path: Path) -> Settings:
    """The settings of a file; all defaults when there is none at ``path``."""
    return settings_from_toml(path.read_text("utf-8")) if path.exists() else Settings()
