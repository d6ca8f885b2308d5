"""What a notebook or a script imports: ``connect()``, and the same verbs that REST and rooms have."""

from vibeworkbench.client.errors import ClientError
from vibeworkbench.client.workbench import Workbench, connect

__all__ = ["ClientError", "Workbench", "connect"]
