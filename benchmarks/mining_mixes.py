"""Log lines of programs that do not exist, each labelled with the statement that wrote it: mixes for bench mining."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Draw = Callable[[random.Random], str]

_PEOPLE = (
    "ana",
    "bo",
    "chen",
    "dmitri",
    "eva",
    "farid",
    "gita",
    "hugo",
    "ines",
    "jonas",
    "kim",
    "lea",
    "mateo",
    "omar",
)
_THINGS = ("invoices", "thumbnails", "carts", "receipts", "ledger", "avatars", "quotes", "tickets", "parcels", "badges")

VALUES: dict[str, Draw] = {
    "ip": lambda r: ".".join(str(r.randrange(1, 255)) for _ in range(4)),
    "port": lambda r: str(r.randrange(1024, 65536)),
    "n": lambda r: str(int(10 ** r.uniform(0, 6))),
    "ratio": lambda r: f"{r.random() * 100:.1f}%",
    "ms": lambda r: f"{r.uniform(0.1, 900):.1f}ms",
    "id": lambda r: f"{r.getrandbits(128):032x}",
    "uuid": lambda r: "-".join(f"{r.getrandbits(4 * n):0{n}x}" for n in (8, 4, 4, 4, 12)),
    "hex": lambda r: f"0x{r.getrandbits(40):x}",
    "who": lambda r: r.choice(_PEOPLE),
    "what": lambda r: r.choice(_THINGS),
    "pod": lambda r: f"{r.choice(_THINGS)}-{r.getrandbits(36):09x}-{r.randrange(9)}",
    "host": lambda r: f"{r.choice(_THINGS)}{r.randrange(40)}.{r.choice(('eu', 'us'))}.internal",
    "path": lambda r: "/" + "/".join(r.sample(_THINGS, r.randrange(1, 4))) + r.choice(("", ".json", ".db")),
    "url": lambda r: f"https://{r.choice(_THINGS)}.example/v{r.randrange(1, 4)}?page={r.randrange(99)}",
    "class": lambda r: f"example.{r.choice(_THINGS)}.{r.choice(_PEOPLE).title()}{r.choice(_THINGS).title()}",
    "ips": lambda r: ", ".join(VALUES["ip"](r) for _ in range(r.randrange(1, 5))),
}


@dataclass(frozen=True, slots=True)
class Program:
    """What one program says: its statements with ``{parameters}``, and the header of its lines."""

    header: Callable[[random.Random, datetime], str]
    statements: tuple[str, ...]


PROGRAMS = (
    Program(
        lambda r, at: f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d} {_level(r)} [worker-{r.randrange(8)}] ",
        (
            "Accepted connection from {ip}:{port}",
            "Connection from {ip}:{port} closed after {ms}",
            "Job {uuid} started for user {who}",
            "Job {uuid} finished in {ms}",
            "Job {uuid} failed for user {who}",
            "Retrying job {uuid}, attempt {n} of {n}",
            "Queue {what} has {n} waiting jobs",
            "Queue {what} is empty",
            "Loading plugin {class}",
            "Cache hit ratio is {ratio}",
            "Shutting down",
            "Configuration reloaded from {path}",
        ),
    ),
    Program(
        lambda r, at: f"{at:%b %d %H:%M:%S} gate{r.randrange(3)} doord[{r.randrange(300, 9999)}]: ",
        (
            "session opened for user {who} by (uid={n})",
            "session closed for user {who}",
            "denied user {who} from {ip} port {port}: bad key",
            "granted user {who} from {ip} port {port} with key {id}",
            "reverse lookup of {ip} gave {host}",
            "reverse lookup of {ip} failed",
            "too many attempts from {ip}, waiting {n} s",
            "rule table reloaded: {n} rules",
        ),
    ),
    Program(
        lambda r, at: f"[{at:%a %b %d %H:%M:%S.%f %Y}] [{_level(r).lower()}] [pid {r.randrange(300, 9999)}] ",
        (
            "GET {path} took {ms} for {ip}",
            "POST {path} took {ms} for {ip}",
            "upstream {host}:{port} does not answer",
            "upstream {host}:{port} answers again",
            "{n} bytes ({n} KB) sent to {ip}, {n} bytes received",
            "certificate of {host} expires in {n} days",
            "client {ip} sent a header that is too long",
        ),
    ),
    Program(
        lambda r, at: f"{at.isoformat(timespec='milliseconds')} {_level(r)} example.store.Engine - ",
        (
            "checkpoint complete: wrote {n} buffers ({ratio}) in {ms}",
            "checkpoint starting: {what}",
            "compacting table {what} at {path}",
            "compacted table {what}: {n} KB became {n} KB",
            'lock "{what}" is held by transaction {n}',
            "transaction {n} aborted: deadlock with transaction {n}",
            "replica {host} is {n} ms behind",
            "replicas {ips} acknowledge {hex}",
            "opened file {path} (handle {hex})",
        ),
    ),
    Program(
        lambda r, at: f"{_level(r)[0]}{at:%m%d %H:%M:%S.%f} {r.randrange(9999):>7} keeper.go:{r.randrange(40, 900)}] ",
        (
            'pod="{pod}" image={what} phase=Running restarts={n}',
            "Evicting pod {pod}: memory at {ratio}",
            "Pulling image {url} for pod {pod}",
            "Probe of pod {pod} failed: connection refused",
            "Probe of pod {pod} failed: timed out",
            "Node {host} is ready",
            "Node {host} is not ready",
            "Watch of {what} expired after {n} events, resuming at {n}",
            "volume {uuid} attached to {host}",
            "volume {uuid} detached from {host}",
        ),
    ),
)


def _level(r: random.Random) -> str:
    return r.choices(("INFO", "WARN", "ERROR"), (8, 1, 1))[0]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Lines with and without their headers, and which statement wrote each."""

    raw: tuple[str, ...]
    content: tuple[str, ...]
    truth: tuple[str, ...]


def written(programs: Sequence[Program], count: int, seed: int = 0) -> Labelled:
    """So many lines of these programs, which take turns by chance; few statements are frequent, many are rare."""
    r, at = random.Random(seed), datetime(2024, 5, 6, tzinfo=UTC)
    raw, content, truth = [], [], []
    for _ in range(count):
        which = r.randrange(len(programs))
        program = programs[which]
        weights = [1 / (rank + 1) for rank in range(len(program.statements))]
        number = r.choices(range(len(program.statements)), weights)[0]
        statement = program.statements[number]
        at += timedelta(milliseconds=r.expovariate(0.02))
        said = _filled(statement, r)
        raw.append(program.header(r, at) + said)
        content.append(said)
        truth.append(f"{which}: {statement}")
    return Labelled(tuple(raw), tuple(content), tuple(truth))


def _filled(statement: str, r: random.Random) -> str:
    first, *parts = statement.split("{")
    return first + "".join(VALUES[name](r) + rest for name, _, rest in (part.partition("}") for part in parts))
