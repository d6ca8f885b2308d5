"""Settings of who may come in, and as what."""

from __future__ import annotations

from vibeworkbench.settings.parts import Count, Positive, Right, Section


class LoginSettings(Section, frozen=True):
    """How often somebody may be wrong. A correct token always opens: its 256 bits cannot be guessed; passwords can."""

    attempts: Count = 5
    """Failed logins from one network address (of IPv6: one /64 network) before its next one must wait."""
    name_attempts: Count = 20
    """Failed logins under one name, from wherever, before the next one under it must wait."""
    wait_s: Positive = 2.0
    """The first wait; each further failure doubles it."""
    longest_wait_s: Positive = 300.0
    """The longest wait of an address; under a name it is a fifth of that, lest a stranger lock somebody out."""
    forget_after_s: Positive = 900.0
    """An address or name that did not fail for this long after its wait starts anew."""


class AuditSettings(Section, frozen=True):
    """The record of who came in, who was refused, and who changed rights."""

    keep_days: Positive = 90.0
    """Events older than this are forgotten, as are tokens that ended longer ago."""
    keep_rows: Count = 100_000
    """Events beyond this number are forgotten, oldest first."""


class HeaderSettings(Section, frozen=True):
    """Single sign-on by a reverse proxy that has logged people in and says who they are."""

    name: str = ""
    """The request header with the person's name, for instance ``X-Remote-User``; empty believes no header."""
    groups: str = ""
    """The request header with the person's groups, separated by commas; empty reads none."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks from which the headers are believed, such as ``10.0.0.7/32``; needed as soon as ``name`` is set."""
    secret_header: str = "X-Proxy-Secret"  # noqa: S105 - the header's name
    """The request header with the secret that the proxy shares with this server."""
    secret_env: str = ""
    """Name of the environment variable with that secret; empty asks for none, and the network must be trusted."""


class PathSettings(Section, frozen=True):
    """A right to addresses of another extension, which are closed to everybody but admins otherwise."""

    pattern: str
    """Path below the server's ``base_url``, such as ``/api/metrics/v1``; ``/**`` at its end stands for all below."""
    role: Right
    """Lowest role that may use them."""


class AccessSettings(Section, frozen=True):
    """Who may come in, and as what."""

    session_hours: Positive = 12.0
    """A login at the page lasts this long, whatever happens meanwhile: a dashboard that is never left would otherwise
    keep it open for ever. Screens on a wall get a token."""
    token_days: Positive = 365.0
    """How long a token lives when nobody says."""
    roles: dict[str, Right] = {}
    """Name → role, of people who come by single sign-on. What ``vibeworkbench roles set`` says of a name wins."""
    groups: dict[str, Right] = {}
    """Group → role, for single sign-on that says groups. A role by name wins; of several groups, the highest role."""
    login: LoginSettings = LoginSettings()
    audit: AuditSettings = AuditSettings()
    header: HeaderSettings = HeaderSettings()
    paths: tuple[PathSettings, ...] = ()
    """Addresses of other extensions, and who may use them."""
