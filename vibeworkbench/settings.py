"""Every setting, with its meaning, unit and default. Frozen; read once at start-up from a TOML file.

The file is ``vibeworkbench.toml`` in the data directory, or the one named by ``VIBEWORKBENCH_SETTINGS``. Unknown keys
and wrong types are refused with the key's name: a misspelt setting never passes silently.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from vibeworkbench.errors import InvalidInput

Ratio = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Right = Literal["viewer", "analyst", "operator", "admin"]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the settings file."""


class StorageSettings(Section, frozen=True):
    """Where the state lives."""

    url: str = ""
    """SQLAlchemy URL of the state; empty means SQLite in the data directory. Never put a password here: name an
    environment variable with ``url_env`` instead."""
    url_env: str = ""
    """Name of the environment variable that holds the URL; wins over ``url``."""
    busy_timeout_s: Positive = 15.0
    """How long a transaction waits for another process's lock."""
    readers: Count = 2
    """Threads that run read transactions."""


class PartySettings(Section, frozen=True):
    """A party beside the built-in ones."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    """First part of the room's address."""
    recording: bool = True
    """Whether its messages get a ``seq`` from the event log and can be replayed."""
    read: Right = "viewer"
    """Lowest role that may join."""
    write: Right = "operator"
    """Lowest role that may say something."""


class RoomSettings(Section, frozen=True):
    """Broadcast rooms."""

    heartbeat_s: Positive = 10.0
    """Interval of the server's own pings."""
    dead_after_s: Positive = 10.0
    """A member silent for this long after a ping is dead."""
    ring_bytes: Count = 4 * 2**20
    """Encoded history of one room kept in memory; older messages are read from the event log."""
    backlog_bytes: Count = 2**20
    """How far one member may lag behind the room's head before it is closed with 4408."""
    message_bytes: Count = 256 * 2**10
    """Largest message a client may send."""
    members: Count = 5000
    """Most members of one room."""
    keep_days: Positive = 7.0
    """Messages older than this are forgotten."""
    keep_messages: Count = 100_000
    """Messages of one room beyond this number are forgotten, oldest first."""
    writes_per_s: Positive = 200.0
    """Messages a second that one member may write before 4429; not applied to operators and above on ``relay``."""
    parties: tuple[PartySettings, ...] = ()
    """Parties of your own."""


class HttpTarget(Section, frozen=True, tag="http", tag_field="kind"):
    """An HTTP endpoint and what it must answer."""

    name: str
    url: str
    method: Literal["GET", "HEAD", "POST"] = "GET"
    expect_status: tuple[int, ...] = (200,)
    body_contains: str = ""
    """Text that must occur in the first 64 KiB of the answer; empty asks for none."""
    json_equals: dict[str, str | int | float | bool | None] = {}
    """Dotted path in a JSON answer and the value it must have, for instance ``{"status" = "ok"}``."""
    slow_after_s: Positive = 2.0
    timeout_s: Positive = 5.0
    verify_tls: bool = True


class TcpTarget(Section, frozen=True, tag="tcp", tag_field="kind"):
    """A port that must accept a connection."""

    name: str
    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    timeout_s: Positive = 5.0


class TlsTarget(Section, frozen=True, tag="tls", tag_field="kind"):
    """A TLS endpoint whose certificate must stay valid."""

    name: str
    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 443
    server_name: str = ""
    """SNI name; empty means the host."""
    warn_days: Positive = 21.0
    critical_days: Positive = 7.0
    ca_file: str = ""
    """PEM file of an own authority; empty trusts the system's."""
    timeout_s: Positive = 5.0


class FilesTarget(Section, frozen=True, tag="files", tag_field="kind"):
    """Log files found by a glob, which are followed while the server runs."""

    name: str
    glob: str
    max_bytes: Count = 64 * 2**20
    """Most bytes of one file that are read before the other files have their turn."""
    max_files: Count = 1000
    """Most files of the glob that are followed, newest first; how many were left out is reported."""


class WorkspaceTarget(Section, frozen=True, tag="workspace", tag_field="kind"):
    """A git work tree whose code health is looked at; only files that git tracks are read."""

    name: str
    path: str
    tools: tuple[Literal["markers", "ruff", "mypy", "eslint", "tsc", "pip-check"], ...] = (
        "markers",
        "ruff",
        "mypy",
        "eslint",
        "tsc",
        "pip-check",
    )
    timeout_s: Positive = 60.0
    """Limit for one tool."""


Target = HttpTarget | TcpTarget | TlsTarget | FilesTarget | WorkspaceTarget


class HostThresholds(Section, frozen=True):
    """Where the host's checks speak. Each has a lower value at which the issue clears (hysteresis)."""

    cpu_ratio: Ratio = 0.95
    cpu_clear_ratio: Ratio = 0.85
    memory_ratio: Ratio = 0.92
    memory_clear_ratio: Ratio = 0.85
    swap_ratio: Ratio = 0.80
    swap_clear_ratio: Ratio = 0.60
    space_ratio: Ratio = 0.90
    space_critical_ratio: Ratio = 0.97
    space_clear_ratio: Ratio = 0.85
    inodes_ratio: Ratio = 0.90
    inodes_clear_ratio: Ratio = 0.85
    load_per_cpu: Positive = 4.0
    load_clear_per_cpu: Positive = 2.0
    open_files_ratio: Ratio = 0.80
    open_files_clear_ratio: Ratio = 0.70
    zombies: Count = 20
    zombies_clear: Count = 10


class ProcessSettings(Section, frozen=True):
    """What is read of processes."""

    arguments: bool = False
    """Whether command-line arguments are kept (then masked); off keeps pid, name and user only."""
    top: Count = 20
    """How many processes get their full attributes in one sweep, by CPU and by memory."""
    memory_ratio: Ratio = 0.50
    """Share of the machine's memory at which one process becomes a finding."""
    memory_clear_ratio: Ratio = 0.40
    cpu_cores: Positive = 0.90
    """Average number of CPU cores that one process uses, now and for ``cpu_for_s``, at which it becomes a finding."""
    cpu_clear_cores: Positive = 0.60
    cpu_for_s: Positive = 900.0
    """How long a process must have used that much: since an earlier scan, or since it started."""
    stuck_for_s: Positive = 30.0
    """How long a process must sit in uninterruptible sleep, over at least two scans, to become a finding."""
    zombies: Count = 5
    """Ended children that one parent has not waited for, at which the parent becomes a finding."""
    zombies_clear: Count = 2


class ContainerThresholds(Section, frozen=True):
    """Where the containers' checks speak, and what takes from a container's health."""

    memory_ratio: Ratio = 0.90
    """Share of its memory limit (without one: of the machine's memory)."""
    memory_clear_ratio: Ratio = 0.80
    cpu_ratio: Ratio = 0.90
    """Share of its processor limit; a container without one is not judged."""
    cpu_clear_ratio: Ratio = 0.75
    restarts: Count = 3
    """Restarts within ``restarts_within_s`` at which they become a finding."""
    restarts_within_s: Positive = 3600.0
    silent_after_s: Positive = 120.0
    """A running container of which nothing was heard for this long is not taken for well."""


class JupyterSettings(Section, frozen=True):
    """Where the checks of this Jupyter server's kernels and terminals speak."""

    restarts: Count = 3
    """Restarts of one kernel within ``restarts_within_s`` at which it becomes a finding."""
    restarts_within_s: Positive = 3600.0
    idle_after_s: Positive = 6 * 3600.0
    """A kernel or terminal without activity for this long is idle."""
    idle_memory_bytes: Count = 2**30
    """Resident memory of an idle kernel and its children at which it becomes a finding."""
    idle_memory_clear_bytes: Count = 768 * 2**20
    kernels: Count = 10
    """Idle kernels at which their number becomes a finding."""
    kernels_clear: Count = 6
    terminals: Count = 10
    """Idle terminals at which their number becomes a finding."""
    terminals_clear: Count = 6


class LogThresholds(Section, frozen=True):
    """Where the checks of log records speak. Counts are compared with the same source's own past."""

    history_hours: Count = 48
    """Hours of past that it takes to judge spikes and the error ratio; where there is a week, all of it counts."""
    spike_records: Count = 10
    """Records of one template within an hour that are a spike, at least."""
    spike_times: Positive = 3.0
    """How many times what was to be expected of the hour a spike is, at least."""
    spike_false_ratio: Ratio = 0.01
    """Share of the spikes told that may be chance, over all templates of a scan."""
    warm_up_s: Positive = 24 * 3600.0
    """How long a source must have been heard before its new templates are told, unless they are errors."""
    new_templates: Count = 20
    """Most new templates that are no errors which one scan tells of one source: more are another version of it."""
    error_records: Count = 10
    """Error records within the newest hour for a rise of a source's error ratio to be told, at least."""
    error_lines: Count = 50
    """Records within the newest hour for that, at least."""
    error_times: Positive = 2.0
    """How many times the usual error ratio the present one must be, with 99.9 % confidence."""
    error_clear_times: Positive = 1.3
    silence_s: Positive = 900.0
    """Shortest silence of a source that is told."""
    silence_times: Positive = 2.0
    """How many times as long as the second longest pause of the source's past a silence must be."""
    silence_spoke: Count = 30
    """Minutes in which the source must have spoken."""
    silence_history_s: Positive = 24 * 3600.0
    """How long it must have been known."""
    silence_forget_s: Positive = 7 * 86400.0
    """A source that is silent for longer is gone, and no longer told."""
    restarts: Count = 5
    """Starts of one source within ``restarts_within_s`` at which they become a finding."""
    restarts_within_s: Positive = 3600.0
    restarts_times: Positive = 3.0
    """How many times as many starts as usual."""


class OpsSettings(Section, frozen=True):
    """Scans."""

    scan_limit_s: Positive = 30.0
    """Limit for a whole scan; what ran out of time is a finding."""
    collector_limit_s: Positive = 10.0
    """Limit for each collector; code health has the sum of its tools' limits, within the scan's."""
    probes_at_once: Count = 50
    """Probes under way at the same time."""
    host: HostThresholds = HostThresholds()
    processes: ProcessSettings = ProcessSettings()
    jupyter: JupyterSettings = JupyterSettings()
    logs: LogThresholds = LogThresholds()
    containers: ContainerThresholds = ContainerThresholds()
    cpu_interval_s: Positive = 0.5
    """Time between the two samples from which the use of the CPUs, whole and by process, is measured."""
    mount_limit_s: Positive = 2.0
    """A mount whose file system does not answer for this long hangs: a finding, and not judged otherwise."""
    mounts_ignore: tuple[str, ...] = ("/proc/**", "/sys/**", "/dev/**", "/run/**", "/snap/**", "/boot/efi")
    """Globs of mount points whose space and inodes are not judged."""
    disabled_collectors: tuple[str, ...] = ()
    """Names of collectors that no scan runs."""
    disabled_checks: tuple[str, ...] = ()
    """Ids of checks that judge nothing."""
    targets: tuple[Target, ...] = ()
    """Targets beside those added over REST; the default needs none."""
    log_quiet_s: Positive = 24 * 3600.0
    """An issue about log records resolves when its logs were read and brought none of it for this long."""
    flap_start_ratio: Ratio = 0.30
    """Weighted share of an issue's last 21 looks that must differ from the one before for it to start flapping."""
    flap_stop_ratio: Ratio = 0.20
    """Below this share it stops flapping."""
    lease_s: Positive = 15.0
    """A running scan whose server has not renewed it for this long is taken for dead; a server killed on the same
    machine is known to be dead at once."""
    keep_scans: Count = 1000
    """Finished scans kept, with their health samples."""
    keep_resolved_days: Positive = 90.0
    """Issues resolved longer ago than this are forgotten, with their history."""


class ScheduleSettings(Section, frozen=True):
    """One scan on a clock."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    cron: str
    """Five fields, evaluated in ``timezone``."""
    scope: Literal["full", "incremental"]
    timezone: str = "UTC"
    """IANA name of the zone in which the fields are meant."""
    grace_s: Positive = 6 * 3600.0
    """A missed fire is made up once when it is no older than this."""


DEFAULT_SCHEDULES = (
    ScheduleSettings(name="full", cron="0 2 * * *", scope="full"),
    ScheduleSettings(name="incremental", cron="0 */4 * * *", scope="incremental"),
)


class DashboardSettings(Section, frozen=True):
    """Published dashboards."""

    render_limit_s: Positive = 300.0
    """Limit for one render: starting the kernel, executing the notebook and making the page."""
    renders_at_once: Count = 2
    """Renders under way at the same time; the others wait."""
    notebook_bytes: Count = 32 * 2**20
    """Largest notebook file that is rendered."""
    page_bytes: Count = 32 * 2**20
    """Largest page, with the files that belong to it; a notebook that puts out more while it is rendered fails."""
    memory_bytes: Count = 64 * 2**20
    """Compressed pages kept in memory; others are read from the database when somebody asks for them."""
    watch_interval_s: Positive = 2.0
    """How often published notebooks are looked at for changes; one that changed is rendered when it has stood still for
    as long."""
    keep_assets_s: Positive = 3600.0
    """How long files of a replaced page can still be loaded, for browsers that are at it."""


class WarehouseSettings(Section, frozen=True):
    """The warehouse: the DuckDB file in the data directory with log lines, samples and events."""

    memory_bytes: Count = 384 * 2**20
    """Memory that DuckDB may use; what needs more is done on disk."""
    temporary_bytes: Count = 4 * 2**30
    """Disk that queries may use for what does not fit into memory."""
    threads: Count = 1
    """Threads that work on one query, or write. More make a long query shorter, and writing half as dear again."""
    readers: Count = 4
    """Queries under way at the same time; the others wait."""
    waiting: Count = 32
    """Queries that may wait; one more is refused with 503."""
    query_limit_s: Positive = 30.0
    """A query that takes longer is stopped."""
    checkpoint_interval_s: Positive = 60.0
    """How often what was written is folded into the file; until then the spool keeps its copy, too."""
    reopen_interval_s: Positive = 5.0
    """How often a warehouse that another process holds is asked for again."""


class LogSettings(Section, frozen=True):
    """Log records, from their arrival to their end."""

    body_bytes: Count = 16 * 2**20
    """Largest JSON or OTLP body, unpacked."""
    stream_bytes: Count = 2**30
    """Largest NDJSON body, unpacked; it is stored while it arrives, so that it needs little memory."""
    message_bytes: Count = 256 * 2**10
    """Longest message of one record, in bytes; a record with a longer one is rejected."""
    attributes_bytes: Count = 64 * 2**10
    """Largest attributes of one record, in bytes of JSON."""
    spool_bytes: Count = 2**30
    """Records on disk that the warehouse has not taken yet; beyond, no more are accepted (503)."""
    segment_bytes: Count = 32 * 2**20
    """Size at which a file of the spool is closed and the next one begun."""
    drain_interval_s: Positive = 1.0
    """How often the warehouse takes what has arrived; scans and queries do not wait for it."""
    id_window_s: Positive = 24 * 3600.0
    """A record with an ``id`` that arrived within this time before is not stored again."""
    id_window_records: Count = 2_000_000
    """Most ids that are remembered; beyond, the oldest are forgotten before their time. Each takes 8 bytes."""
    keep_days: Positive = 14.0
    """Log lines that arrived longer ago are forgotten; templates and counts are kept longer."""
    keep_counts_days: Positive = 400.0
    """Counts of templates, and templates of which nothing was seen for as long, are forgotten after this time."""
    minutes_days: Positive = 7.0
    """Counts by minute older than this become counts by hour."""
    journal: Literal["auto", "off"] = "auto"
    """Whether the systemd journal is followed where there is one that this server's user may read."""
    live_lines: Count = 200
    """Most lines of one live batch; what is left out is said with it."""


class ContainerSettings(Section, frozen=True):
    """Containers: the engine of this machine, and what agents elsewhere send."""

    engine: str = ""
    """The container engine's socket, or ``tcp://host:port``; empty takes ``DOCKER_HOST``, else where Docker or Podman
    usually listen; ``none`` follows none."""
    sample_interval_s: Positive = 10.0
    """How often the containers of this machine are sampled."""
    history_s: Positive = 3600.0
    """Of a container that is seen for the first time, so much of its log is read."""
    timeout_s: Positive = 10.0
    """Limit for each answer of the engine."""
    keep_samples_days: Positive = 14.0
    """Samples older than this are forgotten."""
    keep_days: Positive = 90.0
    """Errors, processes and containers of which nothing was heard for this long are forgotten."""
    most_containers: Count = 10_000
    """Containers that are known at the same time, most; those of which nothing was heard for the longest go first."""
    most_agents: Count = 2_000
    """Agents whose numbers are remembered, most: what an agent beyond them sends once more is stored once more."""


class TerminalSettings(Section, frozen=True):
    """Shared terminals."""

    shell: tuple[str, ...] = ()
    """Command of a local terminal that names none; empty means the login shell of the server's user."""
    terminals: Count = 50
    """Most terminals at the same time."""
    members: Count = 500
    """Most members of one terminal."""
    ring_bytes: Annotated[int, msgspec.Meta(ge=2**18)] = 4 * 2**20
    """Output of one terminal kept in memory, from which members that come back continue without loss."""
    input_bytes: Count = 2**20
    """Input that may wait for a program that does not read; more is refused."""
    free_after_s: Positive = 10.0
    """A driver who has typed nothing for this long is one no more."""
    hold_s: Positive = 600.0
    """How long a program is held when nobody says."""
    attempts: Count = 10
    """Attempts to reach an upstream again before the terminal is given up."""
    survive_s: Annotated[float, msgspec.Meta(ge=0.0)] = 86_400.0
    """How long a local shell lives on without a workbench; 0 ends it when the server stops in order."""
    recording: bool = True
    """Whether terminals are recorded unless they say otherwise."""
    recording_bytes: Count = 64 * 2**20
    """Most of one terminal's recording on disk; the oldest is forgotten first."""
    recording_days: Positive = 7.0
    """Recordings older than this are forgotten."""
    mask_env: tuple[str, ...] = ()
    """Names of the server's environment variables whose values never stand in a recording; well-known shapes of
    secrets never do."""


class WebSettings(Section, frozen=True):
    """REST."""

    body_bytes: Count = 2**20
    """Largest request body of a JSON route."""
    poll_s: Positive = 25.0
    """Longest wait of a long poll."""


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


class VoilaSettings(Section, frozen=True):
    """Dashboards that Voila runs with a kernel for each page."""

    kernels: Count = 10
    """Most kernels of Voila at the same time, those that are starting among them; a page beyond gets 503."""
    idle_s: Positive = 60.0
    """How long a page's kernel is kept after its last connection was lost, for a reader who comes back."""
    start_grace_s: Positive = 120.0
    """How long a kernel waits for the first connection, once its page was sent."""
    render_limit_s: Positive = 600.0
    """Limit for executing a page's notebook; what is slower ends with its kernel."""


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
