"""The table of who may ask for which address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.settings import PathSettings
from vibeworkbench.web.paths import TABLE, Paths, Row, Verdict, is_ambiguous, is_page, rows_of
from vibeworkbench.web.roles import Caller, Role, Scope

KERNEL = "00000001-0000-4000-8000-00000000000a"
STRANGERS, VIEWERS_KERNEL = "00000002-0000-4000-8000-00000000000a", "00000003-0000-4000-8000-00000000000a"
OWNERS = {KERNEL: "user:vera", STRANGERS: "token:other", VIEWERS_KERNEL: "token:viewer"}
PATHS = Paths(
    "/x/",
    more=rows_of(
        [PathSettings(pattern="/theirs/api/**", role="viewer"), PathSettings(pattern="plain", role="operator")]
    ),
    open_paths=["oauth_callback"],
    voila_admits=lambda caller, path: path == "a b.ipynb",
    kernel_owner=OWNERS.get,
)
EVERYBODY = None
CALLERS = {role: Caller(role.name, role, f"token:{role.name}") for role in Role}


def reached_by(method: str, path: str) -> Role | str | None:
    """The lowest role from viewer on that reaches an address, ``None`` when everybody does."""
    if PATHS.judge(method, path, None) is Verdict.admitted:
        return EVERYBODY
    lowest = [
        role
        for role in Role
        if role is not Role.ingest and PATHS.judge(method, path, CALLERS[role]) is Verdict.admitted
    ]
    return min(lowest, default="nobody")


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/x/login", EVERYBODY),
        ("POST", "/x/login", EVERYBODY),
        ("DELETE", "/x/login", Role.admin),
        ("GET", "/x/static/vibeworkbench/ops.js", EVERYBODY),
        ("POST", "/x/static/vibeworkbench/ops.js", Role.admin),
        ("GET", "/favicon.ico", EVERYBODY),
        ("GET", "/x/oauth_callback", EVERYBODY),
        ("GET", "/x/vibeworkbench/api/health/ready", EVERYBODY),
        ("GET", "/x/vibeworkbench/api/health", Role.analyst),
        ("GET", "/x", Role.viewer),
        ("GET", "/x/", Role.viewer),
        ("GET", "/x/vibeworkbench/dashboards", Role.viewer),
        ("HEAD", "/x/vibeworkbench/dashboards/ops/assets/0a.js", Role.viewer),
        ("POST", "/x/vibeworkbench/dashboards/ops", Role.analyst),
        ("GET", "/x/vibeworkbench/api/status", Role.viewer),
        ("GET", "/x/vibeworkbench/parties/tasks/1", Role.viewer),
        ("GET", "/x/vibeworkbench/parties/tasks/1/more", Role.analyst),
        ("POST", "/x/vibeworkbench/api/rooms/relay/a/messages", Role.viewer),
        ("GET", "/x/vibeworkbench/api/ops/issues", Role.analyst),
        ("GET", "/x/vibeworkbench/api/tokens", Role.admin),
        ("GET", "/x/vibeworkbench/metrics", Role.analyst),
        ("POST", "/x/vibeworkbench/api/logs/worker", Role.operator),
        ("GET", "/x/vibeworkbench/api/logs/worker", Role.analyst),
        ("GET", "/x/voila/render/a%20b.ipynb", Role.viewer),
        ("GET", "/x/voila/render/other.ipynb", Role.analyst),
        ("GET", "/x/voila/static/voila.js", Role.viewer),
        ("GET", "/x/voila/files/secret.png", Role.analyst),
        ("GET", "/x/voila", Role.analyst),
        ("GET", "/x/lab", Role.analyst),
        ("GET", "/x/lab/tree/a.ipynb", Role.analyst),
        ("GET", "/x/laboratory", Role.admin),
        ("GET", "/x/api/contents/a", Role.analyst),
        ("PUT", "/x/api/contents/a", Role.analyst),
        ("POST", "/x/api/kernels", Role.analyst),
        ("GET", "/x/api/me", Role.analyst),
        ("GET", "/x/api/terminals", Role.operator),
        ("GET", "/x/terminals/websocket/1", Role.operator),
        ("POST", "/x/api/shutdown", Role.admin),
        ("GET", "/x/theirs/api", Role.viewer),
        ("GET", "/x/theirs/api/v1", Role.viewer),
        ("GET", "/x/theirs/apis", Role.admin),
        ("GET", "/x/plain", Role.operator),
        ("GET", "/x/plain/more", Role.admin),
        ("GET", "/x/somebody-s/extension", Role.admin),
        ("GET", "/elsewhere", Role.admin),
        ("GET", "/xlab", Role.admin),
        ("GET", "http://127.0.0.1/x/lab", Role.admin),
    ],
)
def test_an_address_has_its_lowest_role(method: str, path: str, role: Role | None) -> None:
    """And what the table does not name is the admin's."""
    assert reached_by(method, path) == role


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/x/login", Role.viewer),
        ("POST", "/x/vibeworkbench/api/logs/worker", Role.ingest),
        ("GET", "/x/voila/render/unpublished.ipynb", Role.viewer),
        ("GET", "/x/lab", Role.analyst),
        ("GET", "/x/terminals/websocket/1", Role.operator),
        ("GET", "/x/somebody-s/extension", Role.admin),
        ("GET", "/elsewhere", Role.admin),
    ],
)
def test_the_role_that_an_address_asks_for_can_be_told(method: str, path: str, role: Role) -> None:
    """What else an address wants, such as a publication, is told nobody."""
    assert PATHS.wanted(method, path) is role


@given(st.text(alphabet=st.sampled_from("abc/.%2f;\\-_"), max_size=20))
def test_nobody_but_the_admin_reaches_what_nobody_named(tail: str) -> None:
    """Whatever is written after a name of which the table knows nothing."""
    for role in (Role.ingest, Role.viewer, Role.analyst, Role.operator):
        assert PATHS.judge("GET", f"/x/unnamed{tail}", CALLERS[role]) is Verdict.refused
    assert PATHS.judge("GET", f"/x/unnamed{tail}", None) is Verdict.unknown


@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]),
    st.sampled_from([row.path for row in TABLE]).flatmap(st.from_regex),
)
def test_each_role_reaches_what_the_lower_ones_reach(method: str, path: str) -> None:
    """From viewer on, and strangers reach nothing that any of them does not."""
    before = PATHS.judge(method, f"/x/{path}", None) is Verdict.admitted
    for role in (Role.viewer, Role.analyst, Role.operator, Role.admin):
        now = PATHS.judge(method, f"/x/{path}", CALLERS[role]) is Verdict.admitted
        assert now or not before
        before = now


@pytest.mark.parametrize("row", [row for row in TABLE if row.role is Role.ingest], ids=lambda row: row.path)
def test_ingest_delivers_and_reads_nothing(row: Row) -> None:
    """Not even what it delivered."""
    for path in row.path.replace("(?:", "(").split("|"):
        plain = path.replace("(", "").split(")")[0]
        assert PATHS.judge("GET", f"/x/{plain}", CALLERS[Role.ingest]) is Verdict.refused
    assert PATHS.judge("POST", "/x/vibeworkbench/api/logs/build", CALLERS[Role.ingest]) is Verdict.admitted
    assert PATHS.judge("GET", "/x/vibeworkbench/api/status", CALLERS[Role.ingest]) is Verdict.refused


@pytest.mark.parametrize(
    ("caller", "kernel", "verdict"),
    [
        (Role.viewer, VIEWERS_KERNEL, Verdict.admitted),
        (Role.viewer, VIEWERS_KERNEL.upper(), Verdict.admitted),
        (Role.viewer, STRANGERS, Verdict.refused),
        (Role.viewer, "00000004-0000-4000-8000-00000000000a", Verdict.refused),
        (Role.analyst, STRANGERS, Verdict.refused),
        (Role.analyst, "00000005-0000-4000-8000-00000000000a", Verdict.admitted),
        (Role.admin, STRANGERS, Verdict.admitted),
    ],
)
def test_a_kernel_is_its_starter_s_and_the_admin_s(caller: Role, kernel: str, verdict: Verdict) -> None:
    """It holds its starter's rights; a kernel of nobody known is no viewer's."""
    assert PATHS.judge("GET", f"/x/api/kernels/{kernel}/channels", CALLERS[caller]) is verdict


def test_a_viewer_restarts_no_kernel() -> None:
    """Not its own either: Voila's beacon may end it, and that is all."""
    viewer = CALLERS[Role.viewer]
    for method, tail in (("POST", "/restart"), ("POST", "/interrupt"), ("DELETE", ""), ("PATCH", "")):
        assert PATHS.judge(method, f"/x/api/kernels/{VIEWERS_KERNEL}{tail}", viewer) is Verdict.refused
    assert PATHS.judge("POST", f"/x/voila/api/shutdown/{VIEWERS_KERNEL}", viewer) is Verdict.admitted
    assert PATHS.judge("POST", f"/x/voila/api/shutdown/{STRANGERS}", viewer) is Verdict.refused


SCOPE = Scope(frozenset({"ops"}), frozenset({("tasks", "1"), ("relay", "*")}))
REACHED_BY_SCOPE = {
    "/x/vibeworkbench/api/status",
    "/x/vibeworkbench/dashboards",
    "/x/vibeworkbench/dashboards/ops",
    "/x/vibeworkbench/dashboards/%6fps/assets/0a.js",
    "/x/vibeworkbench/parties/tasks/1",
    "/x/vibeworkbench/parties/relay/anything",
    "/x/vibeworkbench/api/rooms",
    "/x/vibeworkbench/api/rooms/tasks/1/messages",
    "/x/static/a.js",
}


@pytest.mark.parametrize("role", [Role.viewer, Role.analyst, Role.admin])
@pytest.mark.parametrize(
    "path",
    [
        *sorted(REACHED_BY_SCOPE),
        "/x/vibeworkbench/dashboards/other",
        "/x/vibeworkbench/parties/tasks/2",
        "/x/vibeworkbench/parties/tasks/%31%00",
        "/x/vibeworkbench/metrics",
        "/x/vibeworkbench/api/ops/issues",
        "/x/vibeworkbench/api/tokens",
        "/x/lab",
        "/x/api/contents",
        "/x/api/kernels",
        "/x/nothing",
        "/elsewhere",
    ],
)
def test_a_narrowed_token_reaches_what_it_is_narrowed_to(path: str, role: Role) -> None:
    """Whatever its role."""
    narrowed = Caller("narrowed", role, "token:narrowed", SCOPE)
    assert (PATHS.judge("GET", path, narrowed) is Verdict.admitted) == (path in REACHED_BY_SCOPE)


def test_a_token_for_the_metrics_reads_them_whatever_its_role() -> None:
    """And no dashboard, no room."""
    narrowed = Caller("prometheus", Role.viewer, "token:p", Scope(metrics=True))
    assert PATHS.judge("GET", "/x/vibeworkbench/metrics", narrowed) is Verdict.admitted
    for path in ("/x/vibeworkbench/dashboards", "/x/vibeworkbench/api/rooms", "/x/metrics", "/x/"):
        assert PATHS.judge("GET", path, narrowed) is Verdict.refused


@pytest.mark.parametrize(
    "path",
    ["a%2Fb", "a%2fb", "a%5cb", "%2e%2e/a", "a%00", "a\x00", "a\\b", "a//b", "a;b", "a%3Bb", "a/./b", "..", "a%252Fb"],
)
def test_a_path_that_can_be_read_in_two_ways_is_refused_below_analyst(path: str) -> None:
    """Even where it is open to everybody otherwise."""
    assert is_ambiguous(path)
    assert PATHS.judge("GET", f"/x/static/{path}", None) is Verdict.unknown
    assert PATHS.judge("GET", f"/x/vibeworkbench/dashboards/{path}", CALLERS[Role.viewer]) is Verdict.refused


@pytest.mark.parametrize("path", ["a b.ipynb", "a%20b", "ä", "a.b", "...", ".hidden", "a..b", "a%E2%82%AC"])
def test_an_ordinary_path_is_not_ambiguous(path: str) -> None:
    """Dots in names, spaces, other scripts."""
    assert not is_ambiguous(path)


def test_backslashes_are_refused_to_all() -> None:
    """No address holds one, and a browser that is redirected there reads a slash."""
    assert PATHS.judge("GET", "/x/\\elsewhere/", CALLERS[Role.admin]) is Verdict.refused


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("", True),
        ("lab", True),
        ("lab/tree/api.ipynb", True),
        ("vibeworkbench/dashboards/ops", True),
        ("voila/render/a.ipynb", True),
        ("files/a.png", True),
        ("api", False),
        ("api/contents", False),
        ("lab/api/settings", False),
        ("vibeworkbench/api/status", False),
        ("vibeworkbench/parties/tasks/1", False),
        ("vibeworkbench/metrics", False),
        ("vibeworkbench/dashboards/ops/assets/0a.js", False),
        ("static/a.js", False),
        ("terminals/websocket/1", False),
    ],
)
def test_pages_are_told_from_what_programs_ask_for(path: str, page: bool) -> None:
    """A browser is led to the login, a program reads 401."""
    assert is_page(path) is page
