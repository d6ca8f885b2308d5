"""The command line, run as people and programs run it: a process, its output, its exit code."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.proxy import proxy_to
from tests.patience import PATIENCE_S
from tests.shell import COMMAND, ran

ROOT = Path(__file__).parents[2]
ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")
ESCAPE = re.compile(r"\x1b\[")


@pytest.fixture(scope="module")
def server(start_server):
    return start_server("", "--no-lab")


@pytest.fixture
def shell(server, tmp_path):
    """Runs the command against the server; returns the finished process."""

    def run(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return ran(list(arguments), environment(server, tmp_path, **changed))

    return run


def environment(server, runtime: Path, **changed: str) -> dict[str, str]:
    """A user's environment that names the server, and nothing that this test run has set."""
    named = {"VIBEWORKBENCH_URL": server.url, "VIBEWORKBENCH_TOKEN": server.token, "JUPYTER_RUNTIME_DIR": str(runtime)}
    return {**os.environ, **named, "COLUMNS": "100", **changed}


@pytest.fixture
def closed_port():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield str(reserved.getsockname()[1])


COMMANDS = [
    [],
    ["start"],
    ["serve"],
    ["scan"],
    ["issues"],
    *(["issues", verb] for verb in ("list", "show", "acknowledge", "claim", "resolve", "mute", "reopen")),
    ["targets"],
    *(["targets", verb] for verb in ("list", "add", "remove")),
    ["schedules"],
    *(["schedules", verb] for verb in ("list", "run")),
    ["terminal"],
    *(
        ["terminal", verb]
        for verb in ("list", "open", "attach", "close", "restart", "grant", "revoke", "grants", "record", "play")
    ),
    ["rooms"],
    *(["rooms", verb] for verb in ("list", "tail")),
    ["token"],
    *(["token", verb] for verb in ("list", "create", "revoke")),
    ["roles"],
    *(["roles", verb] for verb in ("list", "set", "remove")),
    ["audit"],
    ["status"],
    ["doctor"],
    ["db"],
    *(["db", verb] for verb in ("status", "upgrade")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(command, capfd):
    from vibeworkbench.cli.app import run

    assert run([*command, "--help"]) == 0
    text = capfd.readouterr().out
    assert "Usage: vibeworkbench" in text
    assert "\\b" not in text


def test_a_scan_prints_a_table_that_names_what_is_wrong(shell, closed_port):
    assert shell("targets", "add", "tcp", "gone", f"127.0.0.1:{closed_port}").returncode == 0
    first = shell("scan", "full", "--source", "tcp", "--source", "host")
    assert first.returncode == 0, first.stderr
    assert "Full scan completed" in first.stdout
    assert re.search(r"^tcp +ok", first.stdout, re.MULTILINE)
    assert re.search(r"^high +gone refuses connections", first.stdout, re.MULTILINE)
    assert re.search(r"Changed: \d+ new, \d+ resolved", first.stdout)
    assert "full scan: " in first.stderr, "without a terminal progress is a line for each step"
    assert not ESCAPE.search(first.stdout + first.stderr)

    assert shell("scan", "--source", "tcp", "--fail-on", "high").returncode == 1
    assert shell("scan", "--source", "tcp", "--fail-on", "critical").returncode == 0

    listed = json.loads(shell("issues", "--json", "--severity", "high").stdout)
    assert listed["nextCursor"] is None
    issue = next(each for each in listed["items"] if each["subject"] == "tcp:gone")
    short = issue["issueId"][:8]
    assert short in shell("issues").stdout

    assert shell("issues", "acknowledge", short, "--note", "seen").stdout.startswith("acknowledged")
    assert shell("issues", "claim", short).stdout.startswith("in progress")
    assert json.loads(shell("issues", "mute", short, "--until", "2h", "--json").stdout)["mutedUntil"].endswith("Z")
    assert shell("issues", "reopen", short).stdout.startswith("open")
    assert shell("issues", "resolve", short, "mended").stdout.startswith("resolved")
    shown = shell("issues", "show", short).stdout
    assert "resolution: mended" in shown
    assert "in_progress" in shown
    again = shell("issues", "resolve", short, "again", "--json")
    assert again.returncode == 1
    error = json.loads(again.stderr)["error"]
    assert error["code"] == "conflict"
    assert error["requestId"]

    refused = shell("targets", "remove", "gone")
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert shell("targets", "remove", "gone", "--yes").returncode == 0
    assert "gone" not in shell("targets").stdout


def test_a_scan_says_no_more_than_it_knows(shell, closed_port, tmp_path):
    """Filters limit what is listed; a log's issue is new when it is, however old its lines are."""
    (tmp_path / "app.log").write_text("2026-01-02 03:04:05 ERROR disk on fire\n")
    shell("targets", "add", "files", "old-lines", str(tmp_path / "app.log*"))
    shell("targets", "add", "tcp", "shut", f"127.0.0.1:{closed_port}")
    said = shell("scan", "--source", "files", "--source", "tcp").stdout
    assert re.search(r"^\w+ +Log files old-lines: .*disk on fire.* new ", said, re.MULTILINE)
    assert "Changed: 2 new" in said
    narrow = shell("scan", "--source", "tcp", "--severity", "low").stdout
    assert "Nothing was found." in narrow
    assert "shut refuses" not in narrow
    assert re.search(r"^\d+ more unresolved issues?: vibeworkbench issues$", narrow, re.MULTILINE)
    for name in ("old-lines", "shut"):
        shell("targets", "remove", name, "--yes")


def test_what_is_allowed_is_said_once(shell):
    assert shell("targets", "add", "http", "x", "http://h/", "--set", "novel=1").stderr.lower().count("allowed: ") == 1
    assert shell("scan", "--source", "nope").stderr.lower().count("allowed: ") == 1


def test_only_what_would_do_in_that_place_is_offered(shell):
    shell("targets", "add", "http", "reached", "http://h/")
    refused = shell("scan", "--source", "http:nope")
    assert refused.returncode == 2
    said = refused.stderr.strip()
    assert said == "vibeworkbench: filters.source: there is no http target nope; there are: http:reached"
    assert shell("scan", "--source", "tcp:nope").stderr.strip().endswith("there is no tcp target nope; there is none")
    shell("targets", "remove", "reached", "--yes")
    novel = shell("targets", "add", "http", "x", "http://h/", "--set", "novel=1", "--json").stderr
    allowed = json.loads(novel)["error"]["details"]["allowed"]
    assert ("expectStatus" in allowed, "glob" in allowed, "port" in allowed) == (True, False, False)


def test_a_list_that_is_cut_off_says_where_it_goes_on(shell, server, closed_port):
    for name in ("one", "two"):
        shell("targets", "add", "tcp", name, f"127.0.0.1:{closed_port}")
    shell("scan", "--source", "tcp")
    cut = json.loads(shell("issues", "--limit", "1", "--json").stdout)
    unresolved = {"state": ["open", "acknowledged", "in_progress", "muted"]}
    with server.http() as http:
        rest = http.get("api/ops/issues", params={**unresolved, "cursor": cut["nextCursor"]}).json()
    whole = json.loads(shell("issues", "--json").stdout)["items"]
    assert len(cut["items"]) == 1
    assert [each["issueId"] for each in cut["items"] + rest["items"]] == [each["issueId"] for each in whole]
    assert json.loads(shell("issues", "--json").stdout)["nextCursor"] is None
    for name in ("one", "two"):
        shell("targets", "remove", name, "--yes")


def test_json_of_a_scan_is_the_scan_as_rest_answers_it(shell, server):
    run = shell("scan", "incremental", "--json")
    said = json.loads(run.stdout)
    with server.http() as http:
        answered = http.get(f"api/ops/scans/{said['scanId']}").json()
    assert {name: answered[name] for name in said} == said


def test_a_scan_need_not_be_waited_for_and_can_be_watched_later(shell):
    scan_id = json.loads(shell("scan", "--no-wait", "--json").stdout)["scanId"]
    watched = shell("scan", "--attach", "--json")
    assert watched.returncode == 0, watched.stderr
    assert len(scan_id) == len(json.loads(watched.stdout)["scanId"])


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["scan", "everything"], "scope"),
        (["scan", "--since", "yesterday"], "since"),
        (["issues", "--state", "odd"], "state"),
        (["targets", "add", "tcp", "x", "nowhere"], None),
        (["targets", "add", "http", "x", "http://h/", "--set", "novel=1"], "novel"),
        (["no-such-command"], None),
        (["--url", "nonsense", "status"], None),
        (["scan", "--no-such-option"], None),
    ],
)
def test_what_cannot_be_meant_is_2_and_names_the_field(shell, arguments, field):
    plain = shell(*arguments)
    assert plain.returncode == 2
    assert plain.stderr.startswith("vibeworkbench: ")
    assert "Traceback" not in plain.stderr
    error = json.loads(shell(*arguments, "--json").stderr)["error"]
    assert field is None or error["details"]["field"] == field


def test_refused_is_3_and_unreachable_is_4(shell, closed_port):
    assert shell("status", VIBEWORKBENCH_TOKEN="wrong").returncode == 3
    assert shell("rooms", "tail", "ops-monitor-broadcast", VIBEWORKBENCH_TOKEN="wrong").returncode == 3
    away = shell("status", VIBEWORKBENCH_URL=f"http://127.0.0.1:{closed_port}")
    assert (away.returncode, "vibeworkbench start" in away.stderr) == (4, True)
    assert shell("--url", f"http://127.0.0.1:{closed_port}", "issues").returncode == 4
    none = shell("status", VIBEWORKBENCH_URL="")
    assert (none.returncode, "no running workbench" in none.stderr) == (4, True)


def test_a_room_is_tailed_from_any_place(shell):
    shell("scan", "incremental")
    run = shell("rooms", "tail", "ops-monitor-broadcast", "main", "--since", "0", "-n", "3", "--json")
    messages = [json.loads(line) for line in run.stdout.splitlines()]
    assert [message["seq"] for message in messages] == [1, 2, 3]
    assert messages[0]["type"] == "scan-start"
    plain = shell("rooms", "tail", "ops-monitor-broadcast", "--since", "0", "-n", "1").stdout
    assert re.match(r"\d\d:\d\d:\d\d +1 scan-start ", plain)
    assert shell("rooms", "tail", "no-such-party").returncode == 1


def test_lists_of_schedules_rooms_and_the_status(shell):
    assert "0 */4 * * *" in shell("schedules").stdout
    assert shell("schedules", "run", "incremental").returncode == 0
    assert shell("schedules", "run", "no-such").returncode == 1
    assert "ops-monitor-broadcast" in shell("rooms").stdout
    assert "ops-monitor-broadcast" in {each["party"] for each in json.loads(shell("rooms", "--json").stdout)["items"]}
    status = shell("status")
    assert (status.returncode, "storage" in status.stdout) == (0, True)
    assert json.loads(shell("status", "--json").stdout)["caller"]["role"] == "admin"


def test_the_doctor_finds_a_healthy_server_healthy_and_a_missing_one_missing(shell, tmp_path, closed_port):
    well = shell("doctor", "--json", VIBEWORKBENCH_DATA=str(tmp_path / "data"))
    checks = {each["name"]: each for each in json.loads(well.stdout)["items"]}
    assert {"python", "packages", "disk space", "server", "token", "storage", "live messages"} <= set(checks)
    assert checks["live messages"]["state"] == "ok"
    assert checks["token"]["state"] == "ok"
    away = shell("doctor", VIBEWORKBENCH_URL=f"http://127.0.0.1:{closed_port}")
    assert away.returncode == 1
    assert "vibeworkbench start" in away.stdout


def test_the_doctor_finds_what_others_may_read(shell, tmp_path):
    left = tmp_path / "vibeworkbench-1.json"
    left.write_text("{}")
    left.chmod(0o644)
    checks = {each["name"]: each for each in json.loads(shell("doctor", "--json").stdout)["items"]}
    assert checks["runtime files"]["state"] == "fail"
    assert "chmod 600" in checks["runtime files"]["remedy"]
    left.chmod(0o600)
    checks = {each["name"]: each for each in json.loads(shell("doctor", "--json").stdout)["items"]}
    assert checks["runtime files"]["state"] == "ok"


def test_the_database_is_upgraded_without_a_server(shell, tmp_path):
    data = str(tmp_path / "data")
    assert shell("db", "status", "--data", data).returncode == 1
    assert "upgraded from empty" in shell("db", "upgrade", "--data", data).stdout
    assert json.loads(shell("db", "upgrade", "--data", data, "--json").stdout)["changed"] is False
    assert shell("db", "status", "--data", data).returncode == 0


@pytest.mark.parametrize("written", ["[ops]\nnovel = 1\n", "[[ops.targets]]\nkind = 'http'\nname = 'x'\nurl = 'y'\n"])
def test_a_setting_that_means_nothing_is_told_with_its_file(shell, tmp_path, written):
    own = tmp_path / "own.toml"
    own.write_text(written)
    data = str(tmp_path / "data")
    given = ("serve", "--no-lab", "--port", "0", "--data", data, "--settings", str(own))
    refused = shell(*given)
    assert refused.returncode == 2
    assert refused.stderr.endswith(f"(in {own})\n")
    assert refused.stderr.count("\n") == 1
    if "novel" in written:
        assert f"(in {own})" in shell("db", "status", "--data", data, VIBEWORKBENCH_SETTINGS=str(own)).stderr


def test_tables_of_another_version_are_told_in_a_sentence(shell, tmp_path):
    data = tmp_path / "data"
    shell("db", "upgrade", "--data", str(data))
    with contextlib.closing(sqlite3.connect(data / "state.db")) as connection:
        connection.execute("ALTER TABLE scan RENAME COLUMN scan_id TO other")
    status = shell("db", "status", "--data", str(data))
    assert status.returncode == 1
    assert "column scan.scan_id is missing" in status.stdout
    assert "start with a new data directory" in status.stdout
    assert shell("db", "upgrade", "--data", str(data)).returncode == 1
    said = json.loads(shell("db", "status", "--data", str(data), "--json").stdout)
    assert (said["current"], "column scan.scan_id is missing" in said["differences"]) == (False, True)
    refused = shell("serve", "--no-lab", "--port", "0", "--data", str(data))
    assert refused.returncode == 4
    assert "its tables are not those of this version, `vibeworkbench db status` says how" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_database_of_a_later_version_is_said_to_be_one(shell, tmp_path):
    """Neither looking nor upgrading promises what an older version cannot do."""
    data = tmp_path / "data"
    assert shell("db", "upgrade", "--data", str(data)).returncode == 0
    with contextlib.closing(sqlite3.connect(data / "state.db")) as later, later:
        later.execute("UPDATE alembic_version SET version_num = '9999'")
    status = shell("db", "status", "--data", str(data))
    assert (status.returncode, "a later version has made the tables: 9999" in status.stdout) == (1, True)
    upgrade = shell("db", "upgrade", "--data", str(data))
    assert (upgrade.returncode, "restore the backup" in upgrade.stderr) == (4, True)


def test_a_reader_that_has_enough_is_no_failure_even_when_nothing_more_is_said(server, tmp_path):
    command = shlex.join([*COMMAND, "rooms", "tail", "reviews", "--json"])
    run = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} | head -n 1"],
        check=False,
        capture_output=True,
        text=True,
        env=environment(server, tmp_path),
        timeout=PATIENCE_S,
    )
    assert json.loads(run.stdout)["type"]
    assert (run.returncode, run.stderr) == (0, "")


def test_output_that_nobody_reads_is_no_failure(server, tmp_path):
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run(
        [*COMMAND, "schedules", "--json"],
        check=False,
        stdout=write,
        stderr=subprocess.PIPE,
        env=environment(server, tmp_path),
        timeout=PATIENCE_S,
    )
    os.close(write)
    assert (run.returncode, run.stderr) == (0, b"")


def in_the_foreground(command, env):
    """The command, which hears Ctrl-C even when these tests run in the background of a shell, which do not."""
    hearing = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", hearing, *command], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_ctrl_c_says_that_the_scan_goes_on(server, tmp_path, shell):
    listening = socket.create_server(("127.0.0.1", 0))  # accepts, and never answers
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    assert shell("targets", "add", "http", "silent", url, "--set", "timeout_s=4").returncode == 0
    command = [*COMMAND, "scan", "--source", "http"]
    with listening, in_the_foreground(command, environment(server, tmp_path)) as watching:
        first = watching.stderr.readline()
        assert first.startswith("full scan:")
        watching.send_signal(signal.SIGINT)
        _, rest = watching.communicate(timeout=PATIENCE_S)
        assert watching.returncode == 130
        assert "goes on in the server" in rest
        assert "--attach" in rest
        finished = shell("scan", "--source", "http", "--attach")
        assert finished.returncode == 0, finished.stderr
        shell("targets", "remove", "silent", "--yes")


@pytest.mark.parametrize(("changed", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colour_unless_it_wants_none(server, tmp_path, changed, coloured):
    text = on_terminal([*COMMAND, "status"], environment(server, tmp_path, TERM="xterm-256color", **changed))
    assert "storage" in text
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]m", text)) is coloured


def test_a_scan_on_a_terminal_shows_a_bar_and_fits_the_width(server, tmp_path):
    env = environment(server, tmp_path, TERM="xterm-256color", COLUMNS="80")
    text = on_terminal([*COMMAND, "scan", "--source", "host"], env)
    assert "full scan" in text
    assert "0:00:0" in text, "the time that it takes stands beside the bar"
    table = ESCAPE_SEQUENCE.sub("", text[text.index("Full scan") :])
    assert max(map(len, table.splitlines())) <= 80


def test_the_doctor_says_what_to_do_about_each_trouble(shell, server, tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    data.chmod(0o755)
    with proxy_to(server.url) as proxy:
        proxy.refuse_upgrades = True
        run = shell("doctor", "--json", VIBEWORKBENCH_DATA=str(data), VIBEWORKBENCH_URL=proxy.url)
    checks = {each["name"]: each for each in json.loads(run.stdout)["items"]}
    assert (checks["data directory"]["state"], "chmod 700" in checks["data directory"]["remedy"]) == ("warn", True)
    assert (checks["live messages"]["state"], "proxy" in checks["live messages"]["remedy"]) == ("warn", True)
    refused = shell("doctor", "--json", VIBEWORKBENCH_TOKEN="wrong")
    checks = {each["name"]: each for each in json.loads(refused.stdout)["items"]}
    assert (refused.returncode, checks["token"]["state"]) == (1, "fail")
    assert "VIBEWORKBENCH_TOKEN" in checks["token"]["remedy"]
    assert shell("doctor", VIBEWORKBENCH_URL="").returncode == 1


def test_targets_of_every_kind_are_added_from_the_shell(shell, tmp_path):
    given = [
        ("http", "an-api", "https://shop.example/health", "timeoutS", 3),
        ("tls", "a-certificate", "shop.example", "port", 443),
        ("files", "a-log", str(tmp_path / "*.log"), "maxBytes", 1000),
        ("workspace", "a-tree", str(tmp_path), "timeoutS", 3),
    ]
    for kind, name, where, field, value in given:
        options = (
            [] if kind == "tls" else ["--set", f"{re.sub('([A-Z])', lambda m: '_' + m[1].lower(), field)}={value}"]
        )
        added = json.loads(shell("targets", "add", kind, name, where, *options, "--json").stdout)
        assert (added["kind"], added[field]) == (kind, value)
    listed = json.loads(shell("targets", "--json").stdout)["items"]
    assert {name for _, name, *_ in given} <= {each["name"] for each in listed}
    for _, name, *_ in given:
        assert json.loads(shell("targets", "remove", name, "--yes", "--json").stdout)["targetId"]
    assert json.loads(shell("schedules", "--json").stdout)["items"][0]["nextFireAt"]
    assert "scanId" in json.loads(shell("schedules", "run", "incremental", "--no-wait", "--json").stdout)


def on_terminal(command: list[str], env: dict[str, str]) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True) as process:
        os.close(theirs)
        text = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                text += os.read(ours, 65536)
            except OSError:  # the last one who had the terminal open is gone
                break
        process.wait(PATIENCE_S)
    os.close(ours)
    return text.decode()
