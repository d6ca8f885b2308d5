"""What Jupyter's authorizer says on our own servers, beneath the gate: which role each of its resources takes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from jupyter_server.auth import Authorizer, User

from vibeworkbench.web.identity import caller_of
from vibeworkbench.web.roles import Role

_NOTEBOOKS = ("api", "config", "contents", "csp", "events", "kernelspecs", "lsp", "nbconvert", "sessions")

LOWEST: Mapping[tuple[str, str], Role] = MappingProxyType(
    {
        # A viewer may look at, and be connected to, the kernel that Voila started for it; the gate lets it ask for none
        # other, and the kernel's socket passes on no more than drawing needs.
        ("kernels", "read"): Role.viewer,
        ("kernels", "execute"): Role.viewer,
        **{
            (resource, action): Role.analyst
            for resource in (
                "api",
                "config",
                "contents",
                "csp",
                "events",
                "kernelspecs",
                "lsp",
                "nbconvert",
                "sessions",
            )
            for action in ("read", "write", "execute")
        },
        ("kernels", "write"): Role.analyst,
        ("terminals", "read"): Role.operator,
        ("terminals", "write"): Role.operator,
        ("terminals", "execute"): Role.operator,
    }
)
"""Resource and action → the lowest role; what does not stand here, shutting the server down too, is the admin's."""


class WorkbenchAuthorizer(Authorizer):
    """Lets each role do what ``LOWEST`` says. Our own routes have asked for their operation's role before they ask."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        """Whether ``user`` may do ``action`` on ``resource``; a refusal is in the audit record."""
        caller = caller_of(user, handler.settings)
        is_ours = resource.startswith("vibeworkbench.")
        role = LOWEST.get((resource, action), Role.admin)
        if caller is not None and (is_ours or caller.may(role)):
            return True
        note = getattr(self.identity_provider, "note", None)
        if note is not None:
            note("refused", handler.request, getattr(user, "grant", None))
        return False
