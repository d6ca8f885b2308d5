"""Shells on this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest

from tests.terminals.upstreams.conformance import Conformance, Dialogue, Subject, gone
from tests.terminals.upstreams.local_terminals import SHELL, Making, holders
from vibeworkbench.errors import InvalidInput, NotAllowed, NotFound, WorkbenchError
from vibeworkbench.settings import Settings, StorageSettings, TerminalSettings
from vibeworkbench.terminals.model import Exit, Size
from vibeworkbench.terminals.upstreams.local import LocalSpec, login_shell
from vibeworkbench.terminals.upstreams.places import usable


@pytest.fixture
def subject(local: Making, tmp_path: Path) -> Subject:
    """Local shells."""
    return Subject(local, tmp_path)


class TestLocal(Conformance):
    """What every upstream does."""


@pytest.mark.parametrize(
    ("spec", "failure", "says"),
    [
        (LocalSpec(command=("no-such-program", "x")), NotFound, "no-such-program"),
        (LocalSpec(command=("/etc",)), NotAllowed, "/etc"),
        (LocalSpec(command=SHELL, cwd="/no/such/directory"), NotFound, "/no/such/directory"),
        (LocalSpec(command=SHELL, cwd="/etc/passwd"), NotFound, "/etc/passwd"),
    ],
)
async def test_what_cannot_start_says_why(
    local: Making, spec: LocalSpec, failure: type[WorkbenchError], says: str, mark: str
) -> None:
    """The reason names what the caller gave, and nothing is left behind."""
    with pytest.raises(failure, match=says):
        await local(spec).connect(Size(), None)


async def test_what_the_server_gave_is_not_named(local: Making, tmp_path: Path) -> None:
    """Paths of the server that the caller did not give stand in no message."""
    settings = Settings(terminals=TerminalSettings(shell=("/usr/lib/no-such-shell",)))
    with pytest.raises(NotFound) as shell:
        await local(LocalSpec(), settings=settings).connect(Size(), None)
    with pytest.raises(NotFound) as directory:
        await local(root=tmp_path / "gone").connect(Size(), None)
    assert "/" not in shell.value.message + directory.value.message


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (LocalSpec(command=("",)), "command"),
        (LocalSpec(command=("a\0b",)), "command"),
        (LocalSpec(cwd="a\0b"), "cwd"),
        (LocalSpec(env={"A": "a\0b"}), "env"),
        (LocalSpec(env={"A=B": "c"}), "env"),
        (LocalSpec(env={"": "c"}), "env"),
    ],
)
async def test_what_cannot_be_meant_is_refused(local: Making, spec: LocalSpec, field: str) -> None:
    """Words that no program can be given are refused where they stand."""
    with pytest.raises(InvalidInput) as refused:
        local(spec)
    assert refused.value.attributes["field"] == field


def shown_of(pid: int) -> bytes:
    """What the system shows of a process's environment and command line."""
    return Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()


async def test_the_environment(local: Making, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell has the server's, without its secrets, and what terminals need; ``ps`` shows nobody what."""
    for name in ("VIBEWORKBENCH_TOKEN", "JUPYTER_TOKEN", "MY_DATABASE", "TMUX", "KEPT", "LANG"):
        monkeypatch.setenv(name, f"was {name}")
    settings = Settings(storage=StorageSettings(url_env="MY_DATABASE"), terminals=TerminalSettings(survive_s=0.0))
    upstream = local(LocalSpec(command=SHELL, env={"ADDED": "ü b", "TERM": "vt100"}), name="env", settings=settings)
    shell = Dialogue(upstream)
    await shell.connect()
    await shell.prepare()
    told = dict(line.partition("=")[::2] for line in (await shell.ask("env")).splitlines())
    expected = {"KEPT": "was KEPT", "LANG": "was LANG", "ADDED": "ü b", "TERM": "vt100", "COLORTERM": "truecolor"}
    assert expected.items() <= told.items()
    assert told["VIBEWORKBENCH_TERMINAL_ID"] == f"{mark}env"
    assert not {"VIBEWORKBENCH_TOKEN", "JUPYTER_TOKEN", "MY_DATABASE", "TMUX"} & told.keys()
    (shown,) = map(shown_of, holders(mark))
    assert b"was " not in shown
    assert b"ADDED" not in shown
    await shell.end()


async def test_where_it_starts(local: Making, tmp_path: Path) -> None:
    """In the server's root directory, below it, at home, or elsewhere."""
    (tmp_path / "below").mkdir()
    for cwd, expected in (("", tmp_path), ("below", tmp_path / "below"), ("~", Path.home()), ("/", Path("/"))):
        shell = Dialogue(local(LocalSpec(command=SHELL, cwd=cwd)))
        await shell.connect()
        await shell.prepare()
        assert await shell.ask("pwd -P") == str(expected.resolve())
        await shell.end()


async def test_the_login_shell(local: Making, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names no command gets a shell that asks for one; a user who may not log in gets one all the same."""
    shell = Dialogue(local(LocalSpec()))
    await shell.connect()
    await shell.prepare()
    assert "xterm-256color" in await shell.ask("echo $TERM")
    await shell.end()
    barred = SimpleNamespace(pw_shell="/usr/sbin/nologin")
    monkeypatch.setattr("pwd.getpwuid", lambda uid: barred)
    monkeypatch.setenv("SHELL", "/bin/false")
    assert login_shell() in {"/bin/bash", "/bin/sh"}


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A directory whose path is short, as that of a login is."""
    with TemporaryDirectory(prefix="vw", dir="/tmp") as path:
        yield Path(path)


async def test_a_long_data_directory(
    local: Making, tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the socket's path would be too long it stands elsewhere, for this user alone, and is found again."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    directory = tmp_path / ("d" * 100) / "terminal"
    shell = Dialogue(local(name="long", directory=directory))
    await shell.connect()
    await shell.prepare()
    (path,) = (runtime / "vibeworkbench").iterdir()
    assert S_IMODE(path.parent.stat().st_mode) == 0o700
    assert S_IMODE(path.stat().st_mode) == 0o600
    await shell.connection.close(end=False)
    again = Dialogue(local(name="long", directory=directory))
    await again.connect(seen=shell.seen())
    assert await again.ask("echo found") == "found"
    await again.end()
    assert not list(path.parent.iterdir())


async def test_the_socket_is_for_this_user_alone(local: Making, tmp_path: Path, mark: str) -> None:
    """The directory lets nobody in, nor does the socket; both are gone with the shell."""
    shell = Dialogue(local(name="own"))
    await shell.connect()
    path = tmp_path / f"{mark}own" / "shell.sock"
    assert S_IMODE(path.parent.stat().st_mode) == 0o700
    assert S_IMODE(path.stat().st_mode) == 0o600
    await shell.end()
    assert not path.exists()


def test_a_directory_that_somebody_laid_out_is_not_used(tmp_path: Path) -> None:
    """A link, a file, or another user's directory is no place for a socket."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()
    assert usable(tmp_path / "real" / "shell.sock")
    assert not usable(tmp_path / "link" / "shell.sock")
    assert not usable(tmp_path / "file" / "shell.sock")
    if os.geteuid() == 0:
        (tmp_path / "theirs").mkdir()
        os.chown(tmp_path / "theirs", 65_534, 65_534)
        assert not usable(tmp_path / "theirs" / "shell.sock")


async def test_programs_that_ignore_the_wish_to_end(local: Making) -> None:
    """Who ignores hang-ups and terminations is killed in the end."""
    line = "trap '' HUP TERM INT; echo deaf $$; while :; do sleep 1000; done"
    shell = Dialogue(local(LocalSpec(command=("/bin/sh", "-c", line))))
    await shell.connect()
    await shell.until(b"deaf ")
    pid = int(await shell.until(b"\n"))
    await shell.end()
    await gone(pid)


async def test_children_of_a_shell_that_ended(local: Making) -> None:
    """Children that have the terminal open keep no exit from being told, and are hung up."""
    line = "setsid sh -c 'echo orphan $$; exec sleep 1000' & sleep 1000 & echo child $!; read go; exit 3"
    shell = Dialogue(local(LocalSpec(command=("/bin/sh", "-c", line))))
    await shell.connect()
    child = orphan = 0
    while not child or not orphan:
        who, pid = (await shell.until(b"\n")).split()
        child, orphan = (int(pid), orphan) if who == b"child" else (child, int(pid))
    await shell.say("go")
    await shell.rest()
    os.kill(orphan, signal.SIGKILL)
    assert shell.connection.exit == Exit(3)
    await gone(child)


async def test_a_signal_for_the_foreground(local: Making) -> None:
    """It ends what runs there, not the shell."""
    shell = Dialogue(local())
    await shell.connect()
    await shell.prepare()
    await shell.say("sh -c 'echo runs; exec sleep 1000'; printf '<%s>' $?")
    await shell.until(b"runs\n")
    await shell.connection.signal(signal.SIGTERM)
    assert await shell.until(b"<143>")
    assert await shell.connection.pulse() is None
    await shell.end()
