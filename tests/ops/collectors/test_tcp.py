"""TCP targets, probed over real sockets."""

from __future__ import annotations

import asyncio
import socket

from vibeworkbench.ops.collectors.tcp import TcpCollector
from vibeworkbench.ops.model import LookState
from vibeworkbench.settings import TcpTarget


async def looked(order_for, **facts):
    """The look at one target and the state it found."""
    look = await TcpCollector().look(order_for(TcpTarget(name="db", **facts)))
    return look, next(seen for seen in look.observations if seen.metric == "tcp.state")


async def hang_up(reader, writer):
    """Accepts and says nothing."""


async def test_a_port_that_accepts_is_up_with_its_connect_time(serve, order_for):
    look, seen = await looked(order_for, host="127.0.0.1", port=await serve(hang_up))
    assert (look.state, look.covered, seen.value) == (LookState.ok, frozenset({"tcp:db", "tcp-sweep"}), "up")
    assert set(seen.attributes["phasesMs"]) == {"dns", "connect"}
    assert [one.value for one in look.observations if one.metric == "tcp.duration"] == [seen.attributes["totalMs"]]


async def test_a_name_with_several_addresses_is_up_when_one_of_them_is(serve, order_for):
    """``localhost`` is often ``::1`` first, where nobody listens."""
    _, seen = await looked(order_for, host="localhost", port=await serve(hang_up))
    assert seen.value == "up"


async def test_a_refused_port_is_down_after_two_tries(order_for):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    look, seen = await looked(order_for, host="127.0.0.1", port=port)
    assert seen.attributes["failure"] == {"phase": "connect", "kind": "refused", "reason": "refuses connections"}
    assert seen.attributes["attempts"] == 2
    assert look.covered == frozenset({"tcp:db", "tcp-sweep"}), "a port has one thing to say, and it said it"
    assert not [one for one in look.observations if one.metric == "tcp.duration"]


async def test_a_port_that_swallows_connections_is_down_with_its_phase(order_for):
    """A listener whose queue is full answers no SYN, as a firewall that drops does."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        _, seen = await looked(order_for, host="127.0.0.1", port=full.getsockname()[1], timeout_s=0.2)
    assert seen.attributes["failure"]["reason"] == "accepted no connection within 0.2 s"
    assert seen.attributes["failure"]["phase"] == "connect"
    assert seen.attributes["attempts"] == 1


async def test_an_unreachable_network_is_down(order_for, monkeypatch):
    """What the kernel says without a route, whatever routes this machine has."""

    async def no_route(sock, address):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", no_route, raising=False)
    _, seen = await looked(order_for, host="192.0.2.1", port=9)
    assert seen.attributes["failure"]["kind"] == "unreachable"
    assert seen.attributes["failure"]["reason"] == "cannot be reached: network is unreachable"


async def test_a_text_that_is_no_host_name_is_a_matter_of_settings(order_for):
    for host in ("a" * 70 + ".test", "nul\0.test", ".."):
        _, seen = await looked(order_for, host=host, port=9)
        assert seen.attributes["failure"]["kind"] in ("settings", "name")
