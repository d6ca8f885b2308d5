"""Who calls, by the Jupyter server's identity provider: ours, Jupyter's own, or somebody else's.

The one seam for rights: every route and socket asks ``caller_of`` and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Protocol

from jupyter_server.auth import IdentityProvider, User
from jupyter_server.auth.identity import LegacyIdentityProvider, PasswordIdentityProvider

from vibeworkbench.access.account import account_name
from vibeworkbench.access.model import Grant
from vibeworkbench.web.roles import Caller, Role

ACCESS = "vibeworkbench_access"
"""Key of the ``Access`` service in the tornado application's settings."""

_GENERATED_USERNAME = re.compile(r"[0-9a-f]{32}")
_OF_ONE_USER = (IdentityProvider, PasswordIdentityProvider, LegacyIdentityProvider)
"""Jupyter's own providers: whoever they know is the server's one user."""


class WorkbenchUser(User):
    """A user as Jupyter's handlers and front ends know it, with the grant that vouches for it.

    Args:
        grant: The rights; no field, so that nothing that serializes the user tells them.
        groups: The groups that another provider of identities has said.
    """

    grant: Grant
    groups: tuple[str, ...]

    def __init__(self, grant: Grant, groups: tuple[str, ...] = ()) -> None:
        initials = "".join(part[0] for part in re.split(r"[\s._@-]+", grant.name) if part)[:2].upper()
        super().__init__(username=grant.name, name=grant.name, display_name=grant.name, initials=initials or None)
        self.grant = grant
        self.groups = groups


class _KnowsNames(Protocol):
    def by_name(self, name: str, groups: Collection[str] = ()) -> Grant | None: ...


def caller_of(user: User, settings: Mapping[str, Any]) -> Caller | None:
    """The caller that ``user`` is here, ``None`` when it has no role.

    Our own provider has found the grant already. Of Jupyter's own providers, which know one user, everybody is that
    user, and admin. Of any other provider, the table of roles says what a name may.
    """
    if isinstance(user, WorkbenchUser):
        return user.grant.caller()
    if knows_one_user(settings):
        return Caller(name_of(user), Role.admin)
    access: _KnowsNames | None = settings.get(ACCESS)
    grant = None if access is None else access.by_name(user.username, groups_of(user))
    return None if grant is None else grant.caller()


def knows_one_user(settings: Mapping[str, Any]) -> bool:
    """Whether the server's provider of identities is Jupyter's own: roles and tokens of ours mean nothing to it."""
    provider = settings.get("identity_provider")
    return provider is None or type(provider) in _OF_ONE_USER


def is_same(held: Grant, now: Grant | None) -> bool:
    """Whether ``now`` gives the same rights to the same identity as ``held`` did."""
    rights = (held.identity, held.role, held.scope, held.generation)
    return now is not None and rights == (now.identity, now.role, now.scope, now.generation)


def groups_of(user: User) -> tuple[str, ...]:
    """The groups that a provider says of ``user``: as ``groups``, or in JupyterHub's model of it."""
    said = getattr(user, "groups", None)
    if said is None:
        hub_user = getattr(user, "hub_user", None)
        said = hub_user.get("groups") if isinstance(hub_user, Mapping) else ()
    return tuple(each for each in said or () if isinstance(each, str))


def name_of(user: User) -> str:
    """A name that is the same in each of the user's requests.

    A shared token identifies nobody: Jupyter then draws a new anonymous name for each cookie-less request. That caller
    is whoever runs the server, so it bears that account's name.
    """
    if _GENERATED_USERNAME.fullmatch(user.username):
        return account_name()
    return user.name or user.username
