"""The account that runs this server, which is whom its own token stands for."""

from __future__ import annotations

import getpass


def account_name() -> str:
    """The name of the account that runs this process, ``admin`` where it has none (some containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "admin"
