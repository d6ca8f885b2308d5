"""Settings of logs and containers, and of the warehouse that keeps them."""

from __future__ import annotations

from typing import Literal

from vibeworkbench.settings.parts import Count, Positive, Section


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
