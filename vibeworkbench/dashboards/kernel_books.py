"""What is known of each kernel beside Jupyter's own books: whose it is, who looks at it, and what it is lent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from prometheus_client import CollectorRegistry, Counter, Gauge
from tornado.web import RequestHandler

from vibeworkbench.access.lending import Lent
from vibeworkbench.access.model import Grant
from vibeworkbench.settings import VoilaSettings
from vibeworkbench.web.identity import WorkbenchUser, caller_of, is_same

URL_VARIABLE = "VIBEWORKBENCH_URL"
TOKEN_VARIABLE = "VIBEWORKBENCH_TOKEN"  # noqa: S105 - the variable's name
TRY_AGAIN_S = 15.0
"""When a page that found no free kernel may ask again."""

ENDED = 4404
"""Close code: there is no such kernel any more."""

_SECRETS = frozenset({"token", "_xsrf"})


class Metrics:
    """What Prometheus is told of Voila's kernels.

    Args:
        registry: Where they are registered; a server has one.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"vibeworkbench_voila_{name}", text, labels, registry=registry)

        self.kernels = Gauge("vibeworkbench_voila_kernels", "Kernels of Voila's pages.", registry=registry)
        self.refused = counter("refused", "Pages that found no free kernel.")
        self.ended = counter("kernels_ended", "Kernels of Voila's pages that ended, by reason.", "reason")
        self.dropped = counter("messages_dropped", "Kernel messages of readers that were dropped, by reason.", "reason")


@dataclass(frozen=True, slots=True)
class House:
    """What the workbench gives to kernels.

    Attributes:
        lend: A token with the rights of a grant, for a purpose.
        standing: What a token opens now; ``None`` when it opens nothing any more.
        url: The server's root, as kernels on this machine reach it.
        settings: Limits of Voila's kernels.
        metrics: What is counted.
    """

    lend: Callable[[Grant, str], Lent]
    standing: Callable[[str], Grant | None]
    url: Callable[[], str]
    settings: VoilaSettings
    metrics: Metrics

    def stands(self, owned: Owned) -> bool:
        """Whether whoever started the kernel has the same rights as then."""
        if owned.lent is None or owned.grant is None:
            return False
        return is_same(owned.grant, self.standing(owned.lent.token))


class Watcher(Protocol):
    """A connection to a kernel."""

    def end(self, code: int, reason: str) -> None:
        """It is closed, with a close code and a sentence."""


@dataclass(slots=True, eq=False)
class Owned:
    """A kernel and what is known of it beside Jupyter's own books.

    Attributes:
        kernel_id: Its id.
        grant: The rights of whoever started it; ``None`` when no request did.
        voila: Whether it runs a page of Voila's.
        notebook: The path of that page's notebook.
        page: The request whose page is being drawn; ``None`` once the page was sent.
        lent: The token that it was lent.
        watchers: The connections to it.
        watched: Whether there ever was one.
        starting: Whether it is not there yet.
        ending: Why it is being shut down, or will be as soon as it has started; empty while it is wanted.
        timer: When it ends unless somebody looks.
    """

    kernel_id: str
    grant: Grant | None = None
    voila: bool = False
    notebook: str = ""
    page: RequestHandler | None = None
    lent: Lent | None = field(default=None, repr=False)
    watchers: set[Watcher] = field(default_factory=set)
    watched: bool = False
    starting: bool = True
    ending: str = ""
    timer: asyncio.TimerHandle | None = None

    @property
    def identity(self) -> str:
        """Whose it is; empty when nobody's."""
        return "" if self.grant is None else self.grant.identity


def grant_behind(handler: RequestHandler) -> Grant | None:
    """The rights of whoever sent the request that ``handler`` answers; ``None`` when nobody vouches for them."""
    user = handler.current_user
    if isinstance(user, WorkbenchUser):
        return user.grant
    caller = None if user is None else caller_of(user, handler.settings)
    return None if caller is None else Grant(caller.identity, caller.name, caller.role, "", caller.scope)


def is_voila(environment: Mapping[str, str] | None) -> bool:
    """Whether a kernel that starts with this environment runs a page of Voila's."""
    return environment is not None and environment.get("SERVER_SOFTWARE", "").startswith("voila/")


def without_secrets(environment: dict[str, str]) -> dict[str, str]:
    """What Voila tells a kernel of the request, without the token with which it was made."""
    for name in ("QUERY_STRING", "VOILA_REQUEST_URL"):
        said = environment.get(name)
        if said:
            environment[name] = _stripped(said, whole=name == "VOILA_REQUEST_URL")
    return environment


def _stripped(text: str, *, whole: bool) -> str:
    parts = urlsplit(text) if whole else urlsplit(f"?{text}")
    kept = [each for each in parse_qsl(parts.query, keep_blank_values=True) if each[0] not in _SECRETS]
    query = urlencode(kept)
    return urlunsplit(parts._replace(query=query)) if whole else query
