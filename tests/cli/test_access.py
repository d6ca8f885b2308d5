"""Tokens, roles and the audit record from the shell."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.servers import Server
from tests.shell import COMMAND, ran
from vibeworkbench.client import ClientError, connect
from vibeworkbench.client.errors import Conflict, NotFound

PASSWORD = "correct horse battery staple"
Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server("[access]\nroles = { settler = 'viewer' }", "--no-lab")


@pytest.fixture
def environment(server: Server, tmp_path: Path) -> dict[str, str]:
    named = {"VIBEWORKBENCH_URL": server.url, "VIBEWORKBENCH_TOKEN": server.token, "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    return {**os.environ, **named, "COLUMNS": "100"}


@pytest.fixture
def shell(environment: dict[str, str]) -> Shell:
    """Runs the command against the server; ``given`` is its standard input."""

    def run(*arguments: str, given: str = "", **changed: str) -> subprocess.CompletedProcess[str]:
        return ran(list(arguments), {**environment, **changed}, given)

    return run


def status_of(server: Server, token: str) -> int:
    """What the server's status page answers to a token."""
    with server.http(token) as client:
        return client.get("api/status").status_code


def test_a_token_is_created_for_programs(server: Server, shell: Shell) -> None:
    """With its text, id, role and end, and nothing else."""
    made = json.loads(shell("token", "create", "--role", "viewer", "--expires", "30d", "--json").stdout)
    assert set(made) == {"token", "id", "role", "expiresAt"}
    assert made["role"] == "viewer"
    assert status_of(server, made["token"]) == 200


def test_a_token_is_created_for_people_and_revoked_by_its_name(server: Server, shell: Shell) -> None:
    """Its text alone stands on standard output; revoking again says since when it is."""
    made = shell("token", "create", "--role", "viewer", "--name", "hall", "--scope", "metrics", "--expires", "never")
    text = made.stdout.strip()
    assert re.fullmatch(r"vwb_[A-Za-z0-9_-]{43}", text)
    assert "not shown again" in made.stderr
    listed = shell("token").stdout
    assert re.search(r"hall +viewer +metrics +live +never", listed)
    assert text not in listed
    first = shell("token", "revoke", "hall")
    assert first.returncode == 0
    assert re.search(r"\(hall\) is revoked since \d{4}-", first.stdout)
    assert shell("token", "revoke", "hall").stdout == first.stdout
    assert status_of(server, text) == 401
    assert shell("token", "list", "--json").returncode == 0


def test_a_token_for_a_dashboard_that_is_not_published_says_so(shell: Shell) -> None:
    """It is made all the same, because the dashboard may come later; standard output still holds its text alone."""
    made = shell("token", "create", "--role", "viewer", "--scope", "dashboard:opertions")
    assert re.fullmatch(r"vwb_[A-Za-z0-9_-]{43}", made.stdout.strip())
    assert "no dashboard is published as 'opertions'" in made.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("create",), 2, "--role"),
        (("create", "--role", "root"), 2, "root"),
        (("create", "--role", "viewer", "--scope", "all"), 2, "room:PARTY/ROOM"),
        (("create", "--role", "viewer", "--expires", "soon"), 2, "soon"),
        (("create", "--role", "viewer", "--expires", "2001-01-01"), 2, "past"),
        (("revoke", "server"), 1, "ends with the server"),
        (("revoke", "nothing"), 1, "nothing"),
    ],
)
def test_what_cannot_be_meant_is_said(shell: Shell, arguments: tuple[str, ...], exit_code: int, said: str) -> None:
    """In a sentence, with the exit code of its kind."""
    refused = shell("token", *arguments)
    assert refused.returncode == exit_code
    assert said in refused.stderr


def test_a_password_comes_from_standard_input(shell: Shell) -> None:
    """Never from an argument, which everybody on the machine can read, and it is repeated nowhere."""
    given = shell("roles", "set", "ana", "operator", "--password", given=f"{PASSWORD}\n")
    assert given.returncode == 0, given.stderr
    assert "comes in with a password" in given.stdout
    shown = shell("roles")
    assert re.search(r"ana +operator +person +database +yes", shown.stdout)
    assert re.search(r"settler +viewer +person +settings", shown.stdout)
    assert PASSWORD not in given.stdout + given.stderr + shown.stdout
    assert shell("roles", "set", "ana", "operator", "--password").returncode == 2
    assert shell("roles", "set", "ana", "operator", "--password", given="short\n").returncode == 2
    assert shell("roles", "remove", "ana").returncode == 0
    assert shell("roles", "remove", "ana").returncode == 1
    assert "settings file" in shell("roles", "remove", "settler").stderr


def test_a_person_at_a_terminal_is_asked_for_the_password(environment: dict[str, str]) -> None:
    """Twice, and it is not shown."""
    ours, theirs = pty.openpty()
    asked = subprocess.Popen(
        [*COMMAND, "roles", "set", "bo", "viewer", "--password", "--json"],
        env=environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    for prompt in (b"Password: ", b"confirmation: "):
        while not shown.endswith(prompt):
            shown += os.read(ours, 1024)
        os.write(ours, f"{PASSWORD}\n".encode())
    answer, _ = asked.communicate(timeout=PATIENCE_S)
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        shown += os.read(ours, 4096)
    os.close(ours)
    assert json.loads(answer)["hasPassword"] is True
    assert PASSWORD.encode() not in shown


def test_the_audit_record_is_shown(shell: Shell) -> None:
    """As a table and for programs, by kind and instant."""
    shell("roles", "set", "cy", "viewer")
    assert re.search(r"role-set .*cy viewer", shell("audit", "--since", "1h").stdout)
    listed = json.loads(shell("audit", "--kind", "role-set", "--json", "--limit", "1").stdout)
    assert listed["items"][0]["subject"] == "cy viewer"
    assert shell("audit", "--kind", "nothing-of-the-kind").stdout == "Nothing is recorded.\n"


@pytest.mark.parametrize("command", [("token",), ("roles",), ("audit",), ("token", "create", "--role", "admin")])
def test_who_is_no_admin_is_refused(server: Server, shell: Shell, command: tuple[str, ...]) -> None:
    """With the exit code for that."""
    assert shell(*command, VIBEWORKBENCH_TOKEN=server.grant("operator")).returncode == 3


def test_a_notebook_has_the_same_verbs(server: Server) -> None:
    """With frames and tables; a repr shows no secret."""
    with connect(server.url, server.token) as wb:
        made = wb.tokens.create("analyst", name="notebook", scope=["room:relay/*"])
        assert made.token not in repr(made)
        assert wb.tokens.find("notebook").id == made.id
        assert list(wb.tokens().to_df().columns)[:3] == ["id", "name", "role"]
        assert "notebook" in wb.tokens._repr_html_()
        assert wb.tokens.revoke(made).state == "revoked"
        assert wb.tokens.revoke("notebook").state == "revoked"
        wb.tokens.create("viewer", name="two")
        wb.tokens.create("viewer", name="two")
        with pytest.raises(ClientError, match="several"):
            wb.tokens.revoke("two")
        with pytest.raises(Conflict):
            wb.tokens.revoke("server")
        assert wb.roles.set("dora", "viewer", password=PASSWORD).has_password
        assert PASSWORD not in repr(wb.roles)
        assert "dora" in wb.roles._repr_html_()
        wb.roles.remove("dora")
        with pytest.raises(NotFound):
            wb.roles.remove("dora")
        assert wb.audit(kind="role-removed", limit=1)[0].subject == "dora"
        assert "dora" in wb.audit()._repr_html_()
        assert not wb.audit(identity="user:nobody").to_df().size
