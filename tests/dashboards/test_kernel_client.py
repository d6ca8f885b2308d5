"""Messages of kernels are heard also where they come while something is sent."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Iterator

import pytest
import zmq
import zmq.asyncio
from jupyter_client.session import Session

from tests.patience import PATIENCE_S
from vibeworkbench.dashboards.kernel_client import AttentiveChannel


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """Sockets of this are gone with the test."""
    with zmq.Context() as made:
        yield made


async def test_an_answer_that_comes_while_something_is_sent_is_heard(
    context: zmq.Context[zmq.Socket[bytes]],
) -> None:
    """Though sending takes the socket's note that something came."""
    with context.socket(zmq.ROUTER) as kernel, zmq.asyncio.Socket(context, zmq.DEALER) as socket:
        port = kernel.bind_to_random_port("tcp://127.0.0.1")
        socket.connect(f"tcp://127.0.0.1:{port}")
        channel = AttentiveChannel(socket, Session(key=b"key"))
        channel.send(channel.session.msg("execute_request"))
        asked = kernel.recv_multipart()
        waiting = asyncio.create_task(channel.get_msg())
        await asyncio.sleep(0.1)  # what it waits with is set up, and knows of nothing that came

        channel.session.send(kernel, "execute_reply", ident=asked[0])
        assert select.select([socket], [], [], PATIENCE_S)[0]  # the answer is here; the event loop does not know yet
        channel.send(channel.session.msg("comm_msg"))

        async with asyncio.timeout(PATIENCE_S):
            assert (await waiting)["msg_type"] == "execute_reply"
