"""The journal is followed through journalctl; a stand-in prints what a real one printed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.logs.following import kept
from tests.logs.staging import opened, until
from vibeworkbench.logs.asking import Wanted
from vibeworkbench.logs.journal import Journal
from vibeworkbench.logs.model import Kind, Level
from vibeworkbench.logs.tail.journal import entry_of, records_of
from vibeworkbench.settings import LogSettings

TRACE = ["Traceback (most recent call last):", '  File "a.py", line 1, in <module>', "ValueError: no"]


def entry(number: int, message: Any, **fields: Any) -> dict[str, Any]:
    """An entry as ``journalctl -o json`` prints it."""
    return {
        "__CURSOR": f"s=1f;i={number:x};b=2e;m=3d;t=4c;x=5b",
        "__REALTIME_TIMESTAMP": str(1_796_000_000_000_000 + number),
        "_BOOT_ID": "2e",
        "_HOSTNAME": "shop",
        "_TRANSPORT": "stdout",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "python3",
        "_SYSTEMD_UNIT": "cart.service",
        "_PID": "712",
        "MESSAGE": message,
        **fields,
    }


def line(number: int, message: Any, **fields: Any) -> bytes:
    return json.dumps(entry(number, message, **fields)).encode()


STAND_IN = """#!/bin/sh
# Prints the entries after the cursor it is given, or those it has, and then waits as journalctl does.
echo "$@" >> {folder}/asked
after=
for each in "$@"; do case "$each" in
  --after-cursor=*) after="${{each#--after-cursor=}}";;
  --lines=1) head -n 1 {folder}/entries; exit 0;;
esac; done
if [ -n "$after" ]; then grep -F -A 1000000 "$after" {folder}/entries | tail -n +2; else cat {folder}/entries; fi
[ -e {folder}/ends ] || exec sleep 1000
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the entries of a journal, and a journalctl on the path that prints them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "journalctl").write_text(STAND_IN.format(folder=folder))
    (folder / "journalctl").chmod(0o755)
    (folder / "entries").write_bytes(b"")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def write(folder: Path, *entries: bytes) -> None:
    with (folder / "entries").open("ab") as file:
        file.write(b"".join(each + b"\n" for each in entries))


async def test_the_journal_is_kept_once(tmp_path: Path, stand_in: Path) -> None:
    """Its level and its time count, a trace is one record, and a restart goes on at the cursor."""
    write(stand_in, line(1, "ready"), *(line(2 + at, each, PRIORITY="3") for at, each in enumerate(TRACE)))
    async with opened(tmp_path) as site:
        journal = Journal(logs=site.logs)
        await journal.start()
        while len(await kept(site.logs, "cart", Kind.journal)) < 2:
            assert journal.state in {"following", "not followed"}
        (found,) = await site.logs.lines(Wanted(kind="journal", level=Level.error))
        assert (found.message, found.instance) == ("\n".join(TRACE), "712")
        await journal.stop()
        write(stand_in, line(9, "ready again"))
        journal = Journal(logs=site.logs)
        await journal.start()
        while len(await kept(site.logs, "cart", Kind.journal)) < 3:
            assert journal.state in {"following", "not followed"}
        await journal.stop()
        assert await kept(site.logs, "cart", Kind.journal) == ["ready", "\n".join(TRACE), "ready again"]
    assert "--after-cursor=s=1f;i=4;" in (stand_in / "asked").read_text()


async def test_a_journalctl_that_ends_is_started_again(tmp_path: Path, stand_in: Path) -> None:
    """As when the journal is rotated away under it."""
    (stand_in / "ends").touch()
    write(stand_in, line(1, "ready"))
    async with opened(tmp_path) as site:
        journal = Journal(logs=site.logs, again_s=0.01)
        await journal.start()
        await until(lambda: (stand_in / "asked").exists() and (stand_in / "asked").read_text().count("--follow") > 1)
        await journal.stop()
        assert await kept(site.logs, "cart", Kind.journal) == ["ready"]


async def test_no_journal_is_a_state_and_no_error(
    tmp_path: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty one, none at all, and one that is not wanted."""
    async with opened(tmp_path, LogSettings()) as site:
        journal = Journal(logs=site.logs)
        await journal.start()
        await until(lambda: "empty" in journal.state)
        await journal.stop()
        monkeypatch.setenv("PATH", str(tmp_path))
        await journal.start()
        assert journal.state == "there is no journalctl on this machine"
    async with opened(tmp_path, LogSettings(journal="off")) as site:
        journal = Journal(logs=site.logs)
        await journal.start()
        assert journal.state == "not followed"
        await journal.stop()


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({}, "cart"),
        ({"_SYSTEMD_UNIT": "user@1000.service"}, "python3"),
        ({"_SYSTEMD_UNIT": "session-3.scope", "SYSLOG_IDENTIFIER": "sudo"}, "sudo"),
        ({"_SYSTEMD_UNIT": "", "SYSLOG_IDENTIFIER": "kernel", "_TRANSPORT": "kernel"}, "kernel"),
        ({"_SYSTEMD_UNIT": "", "SYSLOG_IDENTIFIER": "", "_COMM": "cron"}, "cron"),
        ({"_SYSTEMD_UNIT": None, "SYSLOG_IDENTIFIER": None}, "journal"),
        ({"SYSLOG_IDENTIFIER": ["a", "b"], "_SYSTEMD_UNIT": "x.scope"}, "a"),
    ],
)
def test_who_says_it(fields: dict[str, Any], source: str) -> None:
    """The unit, or what runs in a session by its own name."""
    found = entry_of(line(1, "x", **fields))
    assert found is not None
    assert found.source == source


@pytest.mark.parametrize(
    "said", [b"", b"{", b"[]", b'{"MESSAGE": "x"}', line(1, ""), line(1, None), b'{"__CURSOR": "a"}']
)
def test_what_is_no_entry(said: bytes) -> None:
    """It is left out."""
    assert entry_of(said) is None


def test_a_message_that_is_no_text_is_one_of_bytes() -> None:
    """So journalctl prints it."""
    found = entry_of(line(1, [99, 97, 102, 233], PRIORITY="9"))
    assert found is not None
    assert (found.message, found.level) == ("caf\ufffd", Level.unknown)


def test_lines_of_two_processes_do_not_mix() -> None:
    """Each has its trace, whatever stands between; a message of several lines is whole."""
    mixed = [line(at * 2 + other, text, _PID=str(other)) for at, text in enumerate(TRACE) for other in (1, 2)]
    found = [entry_of(each) for each in [*mixed, line(99, "a\nb", _PID="1"), line(100, "c", _PID="1")]]
    made = records_of([each for each in found if each is not None])
    assert [(each.instance, each.message) for each in made] == [
        ("1", "\n".join(TRACE)), ("2", "\n".join(TRACE)), ("1", "a\nb"), ("1", "c"),
    ]  # fmt: skip
