"""Ops over REST and its room, on a real server that scans with the test's own plugins."""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from websockets.sync.client import connect

from tests.patience import PATIENCE_S

PLUGIN = '''
import asyncio
from pathlib import Path
from vibeworkbench.ops.checks import check
from vibeworkbench.ops.model import Look, LookState, Observation, Severity

class Folder:
    """Sees one mount for each file in a folder; waits while there is a file named hold."""

    name, kinds, type = "folder", frozenset(), "capacity"

    async def look(self, order):
        folder = Path("mounts")
        (folder / "looking").touch()
        while (folder / "hold").exists():
            await asyncio.sleep(0.01)
        names = sorted(one.name for one in folder.glob("full-*"))
        seen = tuple(Observation("folder.full", f"mount:{name}", 1.0, "ratio", order.started_at) for name in names)
        return Look(self.name, LookState.ok, seen, records=len(seen))

@check(id="folder.full", collector="folder", type="capacity", severity=Severity.high, hint="Delete the file.")
def full(snapshot, context):
    for seen in snapshot.observations("folder.full"):
        yield full.finding(seen.subject, f"{seen.subject} is full")

CHECKS = (full,)
'''
ENTRIES = """
[vibeworkbench.collectors]
folder = folder_plugin:Folder
[vibeworkbench.checks]
folder = folder_plugin:CHECKS
"""
SETTINGS = """
[storage]
busy_timeout_s = 0.3
[ops]
disabled_collectors = ["host", "processes", "jupyter"]
lease_s = 1.5
[[ops.targets]]
kind = "tcp"
name = "closed"
host = "127.0.0.1"
port = 9
timeout_s = 1.0
"""


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """An installed package with a collector and a check."""
    site = tmp_path_factory.mktemp("site")
    (site / "folder_plugin.py").write_text(PLUGIN)
    installed = site / "folder_plugin-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: folder-plugin\nVersion: 1\n")
    (installed / "entry_points.txt").write_text(ENTRIES)
    return {"PYTHONPATH": str(site)}


@pytest.fixture(scope="module")
def server(start_server, plugins, tmp_path_factory):
    """A server with the plugins."""
    data = tmp_path_factory.mktemp("data")
    (data / "mounts").mkdir()
    return start_server(SETTINGS, "--no-lab", data=data, environment=plugins)


@pytest.fixture
def mounts(server):
    """The folder that the collector looks at; empty at the end."""
    folder = server.data / "mounts"
    yield folder
    for left in folder.iterdir():
        left.unlink()


@pytest.fixture
def api(server):
    """A client."""
    with server.http() as client:
        yield client


def scan(api, scope="full", **filters):
    """The answer to a scan."""
    return api.post("api/ops/scan", json={"scope": scope, **({"filters": filters} if filters else {})})


class Listening:
    """A member of the ops room."""

    def __init__(self, server):
        where = f"{server.url.replace('http', 'ws', 1)}vibeworkbench/parties/ops-monitor-broadcast/main"
        self.joining = connect(f"{where}?token={server.token}", open_timeout=PATIENCE_S)

    def __enter__(self):
        self.socket = self.joining.__enter__()
        self.until("snapshot")
        return self

    def __exit__(self, *failure):
        self.joining.__exit__(*failure)

    def next(self):
        """The next message."""
        return json.loads(self.socket.recv(timeout=PATIENCE_S))

    def until(self, type_, **wanted):
        """The next message of a type whose data say so."""
        while True:
            message = self.next()
            if message["type"] == type_ and wanted.items() <= message["data"].items():
                return message


def waited(condition):
    """The first true answer of a condition, asked again and again."""
    answered, deadline = threading.Event(), datetime.now(UTC) + timedelta(seconds=PATIENCE_S)
    while not (found := condition()):
        assert datetime.now(UTC) < deadline
        answered.wait(0.02)
    return found


def test_a_scan_answers_its_result_and_the_room_hears_it(server, api, mounts):
    """200 with the result; start, progress, the issue and the same result in the room."""
    (mounts / "full-a").touch()
    with Listening(server) as room:
        answer = scan(api)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["scope"], body["status"], body["findings"]["byType"]) == (
            "full",
            "completed",
            body["findings"]["byType"],
        )
        assert body["trigger"].startswith("rest:")
        assert {run["name"]: run["state"] for run in body["collectors"]}["folder"] == "ok"
        start = room.until("scan-start")
        assert start["data"] == {"scanId": body["scanId"], "scope": "full", "trigger": body["trigger"]}
        progress = room.until("scan-progress")["data"]
        assert progress.keys() == {"scanId", "progress", "step"}
        issue = room.until("issue", type="capacity")["data"]
        assert (issue["from"], issue["to"], issue["severity"]) == (None, "open", "high")
        assert room.until("scan-result")["data"] == body
    assert api.get(f"api/ops/scans/{body['scanId']}").json() == body
    assert body["scanId"] in {one["scanId"] for one in api.get("api/ops/scans").json()["items"]}


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        ({"scope": "everything"}, "scope", ["full", "incremental"]),
        ({}, "scope", None),
        ({"scope": 3}, "scope", ["full", "incremental"]),
        ({"scope": "full", "filter": {}}, "filter", ["scope", "filters"]),
        ({"scope": "full", "filters": {"severity": "bad"}}, "filters.severity", None),
        ({"scope": "full", "filters": {"sources": "host"}}, "filters.sources", None),
        ({"scope": "full", "filters": {"source": ["nobody"]}}, "filters.source", None),
        ({"scope": "full", "filters": {"timeRange": {"start": "2026-01-01T00:00:00Z"}}}, "filters.timeRange.end", None),
        ({"scope": "full", "filters": {"timeRange": {"start": "now", "end": "now"}}}, "filters.timeRange.start", None),
        (
            {
                "scope": "full",
                "filters": {"timeRange": {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}},
            },
            "filters.timeRange.end",
            None,
        ),
        (
            {
                "scope": "full",
                "filters": {"timeRange": {"start": "2026-01-01T00:00:00", "end": "2026-01-02T00:00:00Z"}},
            },
            "filters.timeRange.start",
            None,
        ),
        ({"scope": "full", "filters": {"source": ["folder"] * 101}}, "filters.source", None),
        ({"scope": "full", "filters": {"type": [f"type-{number}" for number in range(101)]}}, "filters.type", None),
    ],
)
def test_what_cannot_be_meant_is_a_400_that_says_what_was_wrong(api, body, field, allowed):
    """The field, and where there is a choice, what would do."""
    before = len(api.get("api/ops/scans?limit=500").json()["items"])
    answer = api.post("api/ops/scan", json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["details"]["field"]) == ("invalid", field)
    if allowed:
        assert error["details"]["allowed"] == allowed
    if "allowed" in error["details"] and field == "filters.source":
        assert {"folder", "tcp", "tcp:closed"} <= set(error["details"]["allowed"])
    assert len(api.get("api/ops/scans?limit=500").json()["items"]) == before


def test_filters_are_recorded_with_the_scan(api, mounts):
    """One value or a list; what is reported is limited, what is filed is not."""
    (mounts / "full-b").touch()
    body = scan(api, severity="low", type=["code", "error"], source="folder").json()
    assert body["filters"] == {"severity": ["low"], "type": ["code", "error"], "source": ["folder"]}
    assert (body["findings"]["total"], body["issuesFiled"]) == (0, 1)
    assert {run["name"]: run["state"] for run in body["collectors"]}["tcp"] == "skipped"


def test_who_prefers_not_to_wait_gets_an_address(server, api, mounts):
    """202 with Location at once; the scan is claimed, so a second one is refused with its id."""
    (mounts / "hold").touch()
    answer = api.post("api/ops/scan", json={"scope": "full"}, headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert answer.headers["Preference-Applied"] == "respond-async"
    refused = scan(api)
    assert refused.status_code == 409
    assert refused.json()["error"]["details"]["scanId"] == answer.json()["scanId"]
    with Listening(server) as room:
        (mounts / "hold").unlink()
        room.until("scan-result", scanId=answer.json()["scanId"])
    where = httpx.URL(server.url).join(answer.headers["Location"])
    assert api.get(where).json()["status"] == "completed"


def test_issues_are_acted_on_and_remember(api, mounts):
    """Each verb leads to its state and into the history; what the state does not allow is a 409 that says the state."""
    (mounts / "full-c").touch()
    scan(api)
    listed = api.get("api/ops/issues", params={"state": "open,muted", "type": "capacity", "severity": ["high", "low"]})
    [issue] = [one for one in listed.json()["items"] if one["subject"] == "mount:full-c"]
    where = f"api/ops/issues/{issue['issueId']}"
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    steps = [
        ("acknowledge", {"note": "seen"}, "acknowledged"),
        ("claim", {}, "in_progress"),
        ("mute", {"until": until}, "muted"),
        ("resolve", {"resolution": "deleted it"}, "resolved"),
        ("reopen", {"note": "no"}, "open"),
    ]
    for verb, body, state in steps:
        answer = api.post(f"{where}/{verb}", json=body)
        assert (answer.status_code, answer.json()["state"]) == (200, state), answer.text
    assert [line["to"] for line in api.get(where).json()["history"]] == ["open", *(state for *_, state in steps)]
    refused = api.post(f"{where}/reopen")
    assert (refused.status_code, refused.json()["error"]["details"]["state"]) == (409, "open")
    assert api.post(f"{where}/resolve", json={}).json()["error"]["details"]["field"] == "resolution"
    for word in ("", "nul \0", "x" * 4001):
        wrong = api.post(f"{where}/resolve", json={"resolution": word})
        assert (wrong.status_code, wrong.json()["error"]["details"]["field"]) == (400, "resolution")
    assert api.get("api/ops/issues", params={"type": "nul \0"}).status_code == 400
    assert api.post(f"{where}/mute", json={"until": "2020-01-01T00:00:00Z"}).status_code == 400
    assert api.post("api/ops/issues/nobody/claim").status_code == 404
    assert api.get("api/ops/issues/nobody").status_code == 404
    assert api.get("api/ops/issues?state=shut").json()["error"]["details"]["allowed"] == [
        *["acknowledged", "in_progress", "muted", "open", "resolved"]
    ]
    assert api.get("api/ops/issues?limit=501").status_code == 400
    (mounts / "full-c").unlink()
    assert scan(api).json()["issuesResolved"] >= 1
    assert api.get(where).json()["state"] == "resolved"


def test_targets_are_added_looked_at_and_removed_with_their_issues(api, server):
    """REST's beside the settings'; strict, unique, and gone with what they left."""
    listed = api.get("api/ops/targets").json()["items"]
    [fixed] = [one for one in listed if one["origin"] == "settings"]
    assert (fixed["kind"], fixed["name"], fixed["port"]) == ("tcp", "closed", 9)
    refused = api.delete(f"api/ops/targets/{fixed['targetId']}")
    assert refused.status_code == 409
    wanted = {"kind": "tcp", "name": "shut", "host": "127.0.0.1", "port": 9, "timeoutS": 1.0}
    added = api.post("api/ops/targets", json=wanted)
    assert (added.status_code, added.json()["origin"]) == (201, "rest"), added.text
    where = httpx.URL(server.url).join(added.headers["Location"])
    assert api.post("api/ops/targets", json=wanted).status_code == 409
    assert api.post("api/ops/targets", json={**wanted, "name": "closed"}).status_code == 409
    scan(api, source="tcp:shut")
    found = api.get("api/ops/issues", params={"target": "tcp:shut"}).json()["items"]
    assert {one["state"] for one in found} == {"open"}
    assert api.get("api/health").json()["score"] < 100
    assert "tcp:shut" in {one["target"] for one in api.get("api/health").json()["targets"]}
    changed = api.put(where, json={**wanted, "port": 10})
    assert (changed.status_code, changed.json()["port"]) == (200, 10)
    assert api.put(where, json={**wanted, "name": "closed"}).status_code == 409
    assert api.put(where, json={**wanted, "name": "moved"}).status_code == 200
    gone = api.get("api/ops/issues", params={"target": "tcp:shut"}).json()["items"]
    assert {(one["state"], one["resolution"]) for one in gone} == {("resolved", "its target became another one")}
    assert api.delete(where).status_code == 204
    assert api.delete(where).status_code == 404
    assert api.put(where, json=wanted).status_code == 404


def test_targets_come_in_pages_that_hold_each_once(api):
    """The settings' first, then REST's by kind and name; a target that goes in between moves nothing."""
    wanted = [{"kind": "tcp", "name": f"paged-{number}", "host": "127.0.0.1", "port": 9} for number in (3, 1, 2)]
    added = [api.post("api/ops/targets", json=one).json() for one in wanted]
    first = api.get("api/ops/targets", params={"limit": 2}).json()
    assert [one["name"] for one in first["items"]] == ["closed", "paged-1"]
    api.delete(f"api/ops/targets/{added[1]['targetId']}")
    second = api.get("api/ops/targets", params={"limit": 2, "cursor": first["nextCursor"]}).json()
    assert ([one["name"] for one in second["items"]], second["nextCursor"]) == (["paged-2", "paged-3"], None)
    assert api.get("api/ops/targets", params={"cursor": "nonsense"}).status_code == 400
    for one in added:
        api.delete(f"api/ops/targets/{one['targetId']}")


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ({"kind": "ftp", "name": "a"}, "kind"),
        ({"kind": "http", "name": "a"}, "url"),
        ({"kind": "http", "name": "a", "url": "ftp://a"}, "url"),
        ({"kind": "http", "name": "a", "url": "http://"}, "url"),
        ({"kind": "http", "name": "a", "url": "http://[::1"}, "url"),
        ({"kind": "http", "name": "a", "url": "http://ada:secret@a"}, "url"),
        ({"kind": "http", "name": "a/b", "url": "http://a"}, "name"),
        ({"kind": "http", "name": "", "url": "http://a"}, "name"),
        ({"kind": "http", "name": "a", "url": "http://a", "expect_status": [200]}, "expect_status"),
        ({"kind": "tcp", "name": "a", "host": "a", "port": 65536}, "port"),
    ],
)
def test_a_target_that_cannot_be_meant_is_refused(api, target, field):
    """The field is named, and a secret is not repeated."""
    answer = api.post("api/ops/targets", json=target)
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field)
    assert "secret" not in answer.text


def test_summary_health_and_metrics_agree(api, mounts):
    """Three views of one state."""
    (mounts / "full-d").touch()
    scan(api)
    summary = api.get("api/ops/summary").json()
    unresolved = sum(one["count"] for state, one in summary["byState"].items() if state != "resolved")
    assert unresolved == sum(summary["bySeverity"].values()) > 0
    health = api.get("api/health").json()
    assert sum(one["issues"] for one in health["targets"]) == unresolved
    assert health["history"][-1]["score"] == health["score"]
    assert api.get("api/health?target=nobody").status_code == 404
    metrics = api.get("metrics").text
    assert f'vibeworkbench_ops_health_score{{target=""}} {float(health["score"])}' in metrics
    assert 'vibeworkbench_ops_looks_total{collector="folder",state="ok"}' in metrics


def test_a_scan_that_cannot_run_is_a_500_and_a_broadcast_at_once(server, api, mounts):
    """Members hear it while storage is locked; it is recorded as soon as the lock is gone."""
    lock = sqlite3.connect(server.data / "state.db", isolation_level=None)
    with Listening(server) as room:
        lock.execute("BEGIN IMMEDIATE")
        answer = scan(api)
        assert (answer.status_code, "Traceback" in answer.text) == (500, False)
        scan_id = answer.json()["error"]["details"]["scanId"]
        assert room.until("scan-result", scanId=scan_id)["data"]["status"] == "failed"
        lock.execute("ROLLBACK")
        recorded = room.until("scan-result", scanId=scan_id)
        assert recorded["data"]["status"] == "failed"
    lock.close()
    assert api.get(f"api/ops/scans/{scan_id}").json()["status"] == "failed"
    assert scan(api).status_code == 200


@pytest.mark.parametrize(("stop", "reason"), [(signal.SIGTERM, "stopped"), (signal.SIGKILL, "ended in mid-scan")])
def test_a_server_stopped_or_killed_in_mid_scan_leaves_none_running(
    start_server, plugins, tmp_path_factory, stop, reason
):
    """The next one says how the scan ended, and scans."""
    data = tmp_path_factory.mktemp("data")
    (data / "mounts").mkdir()
    (data / "mounts" / "hold").touch()
    first = start_server(SETTINGS, "--no-lab", data=data, environment=plugins)
    with first.http() as api:
        begun = api.post("api/ops/scan", json={"scope": "full"}, headers={"Prefer": "respond-async"}).json()
    waited((data / "mounts" / "looking").exists)
    first.process.send_signal(stop)
    first.process.wait(PATIENCE_S)
    (data / "mounts" / "hold").unlink()
    second = start_server(SETTINGS, "--no-lab", data=data, environment=plugins)
    with second.http() as api:
        left = api.get(f"api/ops/scans/{begun['scanId']}").json()
        assert left["status"] == "failed", left
        assert reason in left["reason"]
        assert scan(api).status_code == 200
        said = api.get("api/rooms/ops-monitor-broadcast/main/messages?since=0&wait=0").json()["messages"]
    mine = [one["type"] for one in said if one["data"].get("scanId") == begun["scanId"]]
    assert [type_ for type_ in mine if type_ != "scan-progress"] == ["scan-start", "scan-result"]
