"""Who calls, by the Jupyter server's identity provider.

The one seam for rights: every route and socket asks ``role_of`` and nothing else. A table of roles replaces its body.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping
from typing import Any

from jupyter_server.auth import User

from vibeworkbench.web.roles import Caller, Role

_GENERATED_USERNAME = re.compile(r"[0-9a-f]{32}")


def role_of(user: User, settings: Mapping[str, Any]) -> Role | None:
    """The role of an identity, ``None`` when it has none.

    Args:
        user: The identity that the Jupyter server's identity provider vouches for.
        settings: The tornado application's settings, where a table of roles can be found.

    Returns:
        ``admin``: whoever the provider of an embedded server knows is that server's one user.
    """
    return Role.admin


def caller_of(user: User, settings: Mapping[str, Any]) -> Caller | None:
    """The caller that ``user`` is here, ``None`` when it has no role."""
    role = role_of(user, settings)
    return None if role is None else Caller(name_of(user), role)


def name_of(user: User) -> str:
    """A name that is the same in each of the user's requests.

    A shared token identifies nobody: Jupyter then draws a new anonymous name for each cookie-less request. That caller
    is whoever runs the server, so it bears that account's name.
    """
    if _GENERATED_USERNAME.fullmatch(user.username):
        return account_name()
    return user.name or user.username


def account_name() -> str:
    """The name of the account that runs this process, ``admin`` where it has none (some containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "admin"
