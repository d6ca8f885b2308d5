"""A terminal of another workbench, over real sockets between two real servers."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from tests.patience import PATIENCE_S
from tests.servers import Server, serve
from vibeworkbench.client import connect
from vibeworkbench.client.workbench import Workbench

SETTINGS = "[terminals]\nsurvive_s = 120.0"


def numbers(text: str, mark: str) -> list[int]:
    """The numbers behind the mark, in order."""
    words = (word.removeprefix(mark) for word in text.split() if word.startswith(mark))
    return [int(word) for word in words if word.isdigit()]


@pytest.fixture
def there(start_server: Callable[..., Server]) -> Server:
    """The workbench that has the shell."""
    return start_server(SETTINGS, "--no-lab")


@pytest.fixture
def here(start_server: Callable[..., Server], there: Server) -> Iterator[Workbench]:
    """The workbench that reaches it; it knows the other one's token."""
    server = start_server("", "--no-lab", environment={"OTHER_TOKEN": there.token})
    with connect(server.url, server.token) as workbench:
        yield workbench


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_between_two_workbenches_though_one_is_killed(
    here: Workbench, there: Server
) -> None:
    """A flood comes whole; a killed server is found again where its shell was; its exit is told."""
    with connect(there.url, there.token) as other:
        terminal_id = other.terminals.open(name="there").terminal_id
    address = f"{there.url}vibeworkbench/parties/terminal-server/{terminal_id}"
    upstream = {"kind": "websocket", "url": address, "tokenEnv": "OTHER_TOKEN"}
    with here.terminal(upstream=upstream) as session:
        session.send("stty -echo; echo rea''dy\n")
        session.expect("ready", timeout_s=PATIENCE_S)
        session.send("seq -f 'a%.0f' 1 50000; echo e''nd\n")
        assert numbers(session.expect("end", timeout_s=PATIENCE_S).before, "a") == list(range(1, 50_001))
        session.send("for i in $(seq 1 1500); do echo n$i; sleep 0.002; done; echo e''nd\n")
        seen = session.expect(r"n200\b", timeout_s=PATIENCE_S)
        there.process.send_signal(signal.SIGKILL)
        there.process.wait(PATIENCE_S)
        port = str(urlsplit(there.url).port)
        again = serve(there.data, "", "--no-lab", "--port", port, environment={"VIBEWORKBENCH_TOKEN": there.token})
        try:
            rest = session.expect("end", timeout_s=PATIENCE_S).before
            assert numbers(f"{seen.before} n200 {rest}", "n") == list(range(1, 1_501))
            session.send("exit 3\n")
            assert session.wait_ended(PATIENCE_S) == 3
        finally:
            again.stop()
