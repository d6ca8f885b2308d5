"""Every route and socket of the whole server, called by everybody: who gets in stands in the contract."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Collection, Iterator

import pytest

from tests.patience import LONG_S
from tests.security.audit import ENVIRONMENT, IN, PAGE, Row, audited, page
from tests.security.staging import CALLERS, build
from tests.servers import Server

pytestmark = pytest.mark.timeout(LONG_S)

ROOM = r"(ops-monitor-broadcast/main|relay/elsewhere)"
EVERYBODY = (
    r"GET /vibeworkbench/api/health/(live|ready)",
    r"GET /static/.+",
    r"GET /(favicon\.ico|robots\.txt)",
    r"(GET|POST) /login",
    r"(GET|POST) /logout",
)
"""What needs no login: how the server is, what the login page needs, and the login itself."""
VIEWER = (
    *EVERYBODY,
    r"GET /",  # leads to the list of dashboards
    r"GET /vibeworkbench/dashboards(/audited|/interactive)?",
    r"GET /vibeworkbench/dashboards/audited/assets/.+",
    r"GET /vibeworkbench/api/(status|rooms|terminals)",  # of terminals, those that were granted
    rf"GET /vibeworkbench/api/rooms/{ROOM}(/messages)?",
    rf"SOCKET /vibeworkbench/parties/{ROOM}",
    r"GET /voila/render/interactive\.ipynb",
    r"GET /voila/(static|templates|labextensions|api/themes)/.+",
)
"""What the contract leaves a viewer."""
SCOPED = (*EVERYBODY, r"GET /vibeworkbench/api/(status|rooms)")
OF_IT = (
    *SCOPED,
    r"GET /vibeworkbench/api/terminals",  # a dashboard brings rooms with it; none of them is a terminal
    r"GET /",
    r"GET /vibeworkbench/dashboards(/audited)?",
    r"GET /vibeworkbench/dashboards/audited/assets/.+",
    r"GET /voila/(static|templates|labextensions|api/themes)/.+",  # what a page of Voila's is drawn with
)
ELSEWHERE = (
    *SCOPED,
    r"GET /vibeworkbench/api/terminals",
    r"GET /vibeworkbench/dashboards",
    r"GET /vibeworkbench/api/rooms/relay/elsewhere(/messages)?",
    r"SOCKET /vibeworkbench/parties/relay/elsewhere",
)
INGEST = (
    *EVERYBODY,
    r"GET /vibeworkbench/api/status",
    r"POST /vibeworkbench/api/(logs/(worker|build)|monitoring/(logs|errors|processes|samples)|patches/events)",
    r"POST /vibeworkbench/v1/logs",
)
ALLOWED = {
    "anonymous": EVERYBODY,
    "revoked": EVERYBODY,
    "viewer": VIEWER,
    "viewer of it": OF_IT,
    "viewer elsewhere": ELSEWHERE,
    "ingest": INGEST,
}
TERMINALS = (
    r"\w+ (/api/terminals|/terminals|/vibeworkbench/parties/terminal-server|/vibeworkbench/terminals)\b.*",
    r"\w+ /vibeworkbench/api/terminals/.*",
    r"POST /vibeworkbench/api/terminals",
)
ADMINS = r"\w+ (/vibeworkbench/api/(tokens|roles|audit)\b.*|/api/shutdown)"
WRITES = r"(POST|PUT|PATCH|DELETE) /vibeworkbench/api/(?!rooms/|dashboards).*"


@pytest.fixture(scope="module")
def rows(start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """The audit, once; the server is gone afterwards."""
    return asyncio.run(audited(build(start_server, tmp_path_factory.mktemp("audit"), **ENVIRONMENT)))


def entered(rows: Collection[Row], caller: str) -> Iterator[str]:
    """Every call with which this kind of caller reached a handler."""
    for row in rows:
        if row.verdicts[caller] == IN:
            yield f"{row.method} {row.address.path}"


def matching(calls: Iterator[str], patterns: Collection[str]) -> set[str]:
    """Those of the calls that fit one of the patterns."""
    return {call for call in calls if any(re.fullmatch(pattern, call) for pattern in patterns)}


def test_access_is_as_docs_reference_access_says(rows: list[Row]) -> None:
    """A route that is new, gone, or open to somebody else is seen in review: `make reference` writes the file anew."""
    assert PAGE.read_text() == page(rows)


@pytest.mark.parametrize("caller", ALLOWED)
def test_whoever_has_few_rights_gets_in_nowhere_but_where_the_contract_says(rows: list[Row], caller: str) -> None:
    """Deny by default, over every package that is installed."""
    inside = set(entered(rows, caller))
    assert inside - matching(iter(inside), ALLOWED[caller]) == set()


def test_a_viewer_reaches_what_is_for_viewers(rows: list[Row]) -> None:
    """Else the test above would be content with a server that refuses everybody."""
    inside = set(entered(rows, "viewer"))
    assert {
        "GET /vibeworkbench/dashboards",
        "GET /vibeworkbench/dashboards/audited",
        "GET /vibeworkbench/api/status",
        "GET /vibeworkbench/api/rooms/ops-monitor-broadcast/main/messages",
        "SOCKET /vibeworkbench/parties/ops-monitor-broadcast/main",
        "GET /voila/render/interactive.ipynb",
    } <= inside
    assert "GET /vibeworkbench/dashboards/audited" in set(entered(rows, "viewer of it"))
    assert "SOCKET /vibeworkbench/parties/relay/elsewhere" in set(entered(rows, "viewer elsewhere"))


def test_terminals_are_closed_to_analysts(rows: list[Row]) -> None:
    """Jupyter's and ours, but for the list of those that were granted."""
    assert matching(entered(rows, "operator"), TERMINALS)
    assert matching(entered(rows, "analyst"), TERMINALS) == set()


@pytest.mark.parametrize("caller", [caller for caller in CALLERS if caller != "admin"])
def test_only_admins_reach_tokens_roles_audit_and_the_shutdown(rows: list[Row], caller: str) -> None:
    """Whoever else calls them is refused before the handler."""
    assert len(matching(entered(rows, "admin"), [ADMINS])) >= 8
    assert matching(entered(rows, caller), [ADMINS]) == set()


def test_analysts_write_nothing_of_the_workbench(rows: list[Row]) -> None:
    """Queries and kernels are theirs; scans, issues, targets and schedules are the operators'."""
    assert matching(entered(rows, "operator"), [WRITES])
    asked = {"POST /vibeworkbench/api/logs/explain"}  # a question in a body: nothing of it is kept
    assert matching(entered(rows, "analyst"), [WRITES]) - asked == set()


def test_each_role_reaches_at_least_what_the_lower_ones_reach(rows: list[Row]) -> None:
    """Ingest stands apart."""
    inside = [set(entered(rows, caller)) for caller in ("anonymous", "viewer", "analyst", "operator", "admin")]
    for lower, higher in itertools.pairwise(inside):
        assert lower - higher == set()


def test_nobody_anonymous_is_answered_200_but_by_what_needs_no_login(rows: list[Row]) -> None:
    """Nor is anybody whose token was revoked."""
    for caller in ("anonymous", "revoked"):
        answered = {f"{row.method} {row.address.path}" for row in rows if 200 <= row.statuses[caller] < 300}
        assert answered - matching(iter(answered), EVERYBODY) == set()


def test_known_identities_are_refused_with_403_and_never_led_to_the_login(rows: list[Row]) -> None:
    """A redirect would make a browser go round in circles, and a program take the login page for an answer."""
    known = [caller for caller in CALLERS if caller not in ("anonymous", "revoked")]
    astray = {
        (caller, row.method, row.address.path, row.verdicts[caller])
        for row in rows
        for caller in known
        if row.verdicts[caller] not in (IN, "403", "4403")
    }
    assert astray == set()


def test_a_token_that_was_revoked_is_treated_like_none(rows: list[Row]) -> None:
    """Nothing tells its bearer that it ever meant something."""
    told = {(row.method, row.address.path) for row in rows if row.verdicts["anonymous"] != row.verdicts["revoked"]}
    assert told == set()


def test_no_route_of_ours_fails(rows: list[Row]) -> None:
    """Whoever calls it, with a body that asks for nothing."""
    ours = [row for row in rows if row.address.handler.startswith("vibeworkbench.")]
    assert {
        (r.method, r.address.path) for r in ours for status in r.statuses.values() if status in (500, 1011)
    } == set()
