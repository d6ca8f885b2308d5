# ruff: noqa: E501
"""Lines as many programs write them: made up, with the message that each holds known."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

WORDS = ("cache", "disk", "lease", "peer", "queue", "shard", "token", "volume", "worker", "zone")
MESSAGES = (
    "opened {w} {n} for {w}",
    "Failed to reach {w}-{n}: timed out after {n} ms",
    "{w} is ready",
    "Got error while closing {w} at /var/{w}/{n}",
    "Received {n} bytes from 10.1.{n}.7:80",
    "{n} of {n} done",
    "session closed for {w}",
    "retry: {w}: no route",
    "WARN threshold of {w} passed - going on",
    "[{w}] state is now {n}",
)
LEVELS = ("INFO", "INFO", "INFO", "WARN", "ERROR", "DEBUG")
CLASSES = ("org.acme.store.Shard", "org.acme.net.Peer$Link", "org.acme.Main")


def written(form: Callable[[random.Random], str], count: int, seed: int = 7) -> Iterator[tuple[str, str]]:
    """Lines and their messages."""
    chance = random.Random(seed)
    for _ in range(count):
        message = chance.choice(MESSAGES)
        while "{" in message:
            message = message.replace("{w}", chance.choice(WORDS), 1).replace("{n}", str(chance.randrange(1, 9000)), 1)
        yield form(chance) + message, message


def _clock(r: random.Random) -> str:
    return f"{r.randrange(24):02}:{r.randrange(60):02}:{r.randrange(60):02}"


def _ms(r: random.Random) -> str:
    return f"{r.randrange(1000):03}"


FORMS: dict[str, Callable[[random.Random], str]] = {
    "log4j with thread": lambda r: (
        f"2025-10-{r.randrange(10, 29)} {_clock(r)},{_ms(r)} {r.choice(LEVELS)} "
        f"[{r.choice(('main', 'IPC Server handler 4 on 6227', 'Socket Reader #1'))}] {r.choice(CLASSES)}: "
    ),
    "dashes around level and place": lambda r: (
        f"2025-07-29 {_clock(r)},{_ms(r)} - {r.choice(LEVELS):<5} "
        f"[{r.choice(('main:Config@101', 'Link[myid=1]/0:0:0:0:2181:Elect@774', '/10.1.1.7:38:Peer$Listener@9'))}] - "
    ),
    "file, time, pid, level, module, request": lambda r: (
        f"api.log.2025-05-16_13:53:08 2025-05-16 {_clock(r)}.{_ms(r)} {r.randrange(9, 30000)} {r.choice(LEVELS)} "
        f"acme.{r.choice(('api', 'compute.manager'))} {r.choice(('[-]', f'[req-{r.randrange(99999)} ab cd - - -]'))} "
    ),
    "epoch in the middle, then a flag": lambda r: (
        f"{r.randrange(99, 99999)} node-{r.randrange(256)} unix.{r.choice(('hw', 'sw'))} "
        f"state.{r.choice(('up', 'down'))} {1700000000 + r.randrange(10**6)} {r.randrange(2)} "
    ),
    "dates told thrice, tag with and without pid": lambda r: (
        f"- {1700000000 + r.randrange(10**6)} 2023.11.{r.randrange(10, 29)} n{r.randrange(9)} Nov {r.randrange(1, 29)} "
        f"{_clock(r)} n{r.randrange(9)}/n1 {r.choice(('crond(pam_unix)[29]', 'kernel', 'ntpd[3]'))}: "
    ),
    "syslog": lambda r: (
        f"Jun {r.randrange(1, 29):2} {_clock(r)} box {r.choice(('sshd(pam_unix)[19]', 'su[3]', 'cups'))}: "
    ),
    "syslog with service": lambda r: (
        f"Jul {r.randrange(1, 29):2} {_clock(r)} box-1 {r.choice(('acme.launchd[1] (acme.x)', 'Some App[14]'))}: "
    ),
    "bars": lambda r: (
        f"202512{r.randrange(10, 29)}-{r.randrange(24)}:{r.randrange(60)}:{r.randrange(60)}:{r.randrange(999)}|Part_{r.choice('ABC')}|{r.randrange(10**7)}|"
    ),
    "adjacent brackets": lambda r: (
        f"[2025-11-22T{_clock(r)},{_ms(r)}][{r.choice(LEVELS):<5}][o.a.{r.choice(('Node', 'Peer'))}] "
    ),
    "level before time, in brackets": lambda r: f"[{r.choice('EIWD')} 2025-11-22 {_clock(r)}.{_ms(r)} SomeApp] ",
    "level and process in brackets": lambda r: (
        f"[2025-11-22 {_clock(r)},{_ms(r)}: {r.choice(LEVELS)}/{r.choice(('MainProcess', 'Pool-1'))}] "
    ),
    "zone, pid, level": lambda r: (
        f"2025-11-22 {_clock(r)}.{_ms(r)} UTC [{r.randrange(9999)}] {r.choice(('LOG', 'ERROR', 'FATAL'))}:  "
    ),
    "brackets after level": lambda r: (
        f"2025-11-22T{_clock(r)}.{_ms(r)}000Z {r.randrange(9)} [{r.choice(('Warning', 'Note', 'System'))}] [MY-0{r.randrange(999)}] [Server] "
    ),
    "file and line": lambda r: f"2025/11/22 {_clock(r)} {r.choice(('main.go', 'peer/link.go'))}:{r.randrange(99)}: ",
    "role, day first": lambda r: f"{r.randrange(9)}:M {r.randrange(10, 29)} Nov 2025 {_clock(r)}.{_ms(r)} * ",
    "python default": lambda r: (
        f"2025-11-22 {_clock(r)},{_ms(r)} - acme.{r.choice(('db', 'web'))} - {r.choice(LEVELS)} - "
    ),
    "spring": lambda r: (
        f"2025-11-22T{_clock(r)}.{_ms(r)}Z {r.choice(LEVELS):>5} 1 --- [{r.choice(('main', 'nio-8080-exec-1'))}] {r.choice(CLASSES):<25} : "
    ),
    "logback default": lambda r: (
        f"{_clock(r)}.{_ms(r)} [{r.choice(('main', 'pool-1'))}] {r.choice(LEVELS):<5} {r.choice(CLASSES)} - "
    ),
    "bars, level and place": lambda r: (
        f"2025-11-22 {_clock(r)}.{_ms(r)} | {r.choice(LEVELS):<8} | acme.db:run:{r.randrange(99)} - "
    ),
    "plain time": lambda r: f"2025-11-22T{_clock(r)}Z ",
    "six digits twice": lambda r: (
        f"2511{r.randrange(10, 29)} {_clock(r).replace(':', '')} {r.randrange(999)} {r.choice(LEVELS)} acme.{r.choice(('Node$Link', 'Main'))}: "
    ),
    "two-digit year": lambda r: (
        f"25/06/{r.randrange(10, 29)} {_clock(r)} {r.choice(LEVELS)} acme.{r.choice(('Node', 'Main'))}: "
    ),
    "day and month, program": lambda r: (
        f"[10.{r.randrange(10, 29)} {_clock(r)}] {r.choice(('a.exe', 'b.exe *64', 'c.exe'))} - "
    ),
    "columns": lambda r: (
        f"2025-09-{r.randrange(10, 29)} {_clock(r)}, {r.choice(('Info', 'Error')):<21} {r.choice(('ABC', 'XYZ'))}    "
    ),
    "letters": lambda r: (
        f"03-{r.randrange(10, 29)} {_clock(r)}.{_ms(r)} {r.randrange(9999):5} {r.randrange(9999):5} {r.choice('VDIWE')} {r.choice(('Power', 'View'))}: "
    ),
    "rust": lambda r: f"[2025-11-22T{_clock(r)}Z {r.choice(LEVELS):<5} acme::{r.choice(('db', 'web'))}] ",
    "virtual machine": lambda r: f"[{r.randrange(99)}.{_ms(r)}s][{r.choice(('info', 'warning')):<7}][gc,start] ",
    "kernel": lambda r: f"[{r.randrange(99999):5}.{r.randrange(10**6):06}] ",
    "klog": lambda r: (
        f"{r.choice('IWE')}1122 {_clock(r)}.{r.randrange(10**6):06}  {r.randrange(99):6} link.go:{r.randrange(99)}] "
    ),
    "basicConfig": lambda r: f"{r.choice(('INFO', 'WARNING', 'ERROR'))}:acme.db:",
    "web server's errors": lambda r: (
        f"2025/11/22 {_clock(r)} [{r.choice(('error', 'crit'))}] {r.randrange(99)}#0: *{r.randrange(99)} "
    ),
    "slashes, twelve hours": lambda r: (
        f"11/{r.randrange(13, 29)}/2025 {r.randrange(1, 13)}:{r.randrange(60):02}:{r.randrange(60):02} {r.choice(('AM', 'PM'))} {r.choice(LEVELS)} "
    ),
}
