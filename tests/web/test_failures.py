"""What goes wrong in an operation reaches the client as the contract's error, and the log in full."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tornado.web import HTTPError

from vibeworkbench import errors
from vibeworkbench.web.failures import NotLoggedIn, close_code_of, failure_of

FAILING = """
from vibeworkbench import errors
from vibeworkbench.web.handlers import ApiHandler
from vibeworkbench.web.operation import operation
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import PREFIX

class Failing(ApiHandler):
    @operation(summary="Fail", role=Role.viewer)
    async def get(self, *, how: str) -> None:
        if how == "crash":
            raise RuntimeError("/secret/path of the server")
        raise getattr(errors, how)("Not now.", retry_after_s=2.5)

def _jupyter_server_extension_points():
    return [{"module": "failing"}]

def _load_jupyter_server_extension(app):
    app.web_app.add_handlers(".*$", [(app.base_url + "failing/(?P<how>.*)", Failing)])
"""


@pytest.mark.parametrize(
    ("error", "status", "code", "close_code"),
    [
        (errors.InvalidInput("x"), 400, "invalid", 4400),
        (NotLoggedIn("x"), 401, "not-logged-in", 4401),
        (errors.NotAllowed("x"), 403, "not-allowed", 4403),
        (errors.NotFound("x"), 404, "not-found", 4404),
        (errors.Conflict("x"), 409, "conflict", 1011),
        (errors.LimitExceeded("x", limit_bytes=1), 413, "limit-exceeded", 4429),
        (errors.LimitExceeded("x"), 429, "limit-exceeded", 4429),
        (errors.Unavailable("x"), 503, "unavailable", 1011),
        (errors.UpstreamFailed("x"), 500, "upstream-failed", 1011),
        (HTTPError(405), 405, "method-not-allowed", 1011),
        (HTTPError(418), 418, "invalid", 1011),
        (HTTPError(499), 499, "invalid", 1011),
        (HTTPError(502, "a path: /etc"), 500, "internal", 1011),
        (ValueError("a path: /etc"), 500, "internal", 1011),
    ],
)
def test_every_failure_has_a_status_and_a_close_code(error: Exception, status: int, code: str, close_code: int) -> None:
    """One table for each edge; what has no name is ours and shows nothing."""
    failure = failure_of(error)
    assert (failure.status, failure.code, close_code_of(error)) == (status, code, close_code)
    assert "/etc" not in failure.message


def test_attributes_become_details_in_camel_case() -> None:
    """Programs read them; in Python they are written as Python writes names."""
    assert failure_of(errors.Conflict("x", scan_id="1", allowed=[1])).details == {"scanId": "1", "allowed": [1]}


@pytest.fixture(scope="module")
def failing(start_server: Callable[..., object], tmp_path_factory: pytest.TempPathFactory):
    """A server with an operation that fails as it is asked to."""
    data = tmp_path_factory.mktemp("failing")
    (data / "failing.py").write_text(FAILING)
    (data / "config").mkdir()
    (data / "config" / "jupyter_server_config.py").write_text("c.ServerApp.jpserver_extensions = {'failing': True}\n")
    server = start_server("", data=data, environment={"PYTHONPATH": str(data)})
    with server.http() as client:
        yield server, client


def test_a_crash_shows_the_client_nothing_and_the_log_everything(failing) -> None:
    """The requestId leads from the one to the other."""
    server, client = failing
    answer = client.get(f"{server.url}failing/crash")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    error = answer.json()["error"]
    assert error["code"] == "internal"
    log = server.log()
    assert error["requestId"] in log
    assert "/secret/path of the server" in log


@pytest.mark.parametrize(("how", "status"), [("Unavailable", 503), ("LimitExceeded", 429)])
def test_what_may_succeed_later_says_when(failing, how: str, status: int) -> None:
    """Whole seconds, rounded up."""
    server, client = failing
    answer = client.get(f"{server.url}failing/{how}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "3")
