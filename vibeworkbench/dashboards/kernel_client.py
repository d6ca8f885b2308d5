"""A kernel's client whose waiting is not disturbed by its own sending.

A ZeroMQ socket tells that something came once, when it came; sending on the same socket takes that note, too. Jupyter's
asynchronous client sends past the event loop, so that an answer that comes at that moment is not seen by whoever waits
for it, and a cell that has long been executed is waited for without an end. It happens where messages are sent while a
cell runs, as they are for what an ``Output`` widget captures.

Source: ZMQ_FD and ZMQ_EVENTS in zmq_getsockopt(3); jupyter_client 8.10, ``Session.send``; pyzmq 27
"""

from __future__ import annotations

from typing import Any

import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel


class AttentiveChannel(AsyncZMQSocketChannel):
    """Looks again for what came whenever it has sent something."""

    def send(self, msg: dict[str, Any]) -> None:
        """The message is sent, and whoever waits for one hears of all that came."""
        super().send(msg)
        if self.socket is not None:
            self.socket.get(zmq.EVENTS)  # pyzmq tells the event loop of what it finds by this


class AttentiveClient(AsyncKernelClient):
    """Jupyter's own client with such channels."""

    shell_channel_class = AttentiveChannel
    stdin_channel_class = AttentiveChannel
    control_channel_class = AttentiveChannel


NAME = f"{AttentiveClient.__module__}.{AttentiveClient.__qualname__}"
"""What a kernel's manager is told as its ``client_class``."""
