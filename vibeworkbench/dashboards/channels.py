"""A page's WebSocket to a kernel: whoever may only look says what drawing needs, and nothing else."""

from __future__ import annotations

import secrets
from typing import Any

from jupyter_client.session import DELIM
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado.web import HTTPError

from vibeworkbench.dashboards.drawing import Drawing
from vibeworkbench.dashboards.kernel_messages import Malformed, Message, from_frame
from vibeworkbench.dashboards.kernels import OwnedKernels
from vibeworkbench.web.identity import caller_of
from vibeworkbench.web.roles import Caller, Role

V1 = "v1.kernel.websocket.jupyter.org"


class KernelChannels(ZMQChannelsWebsocketConnection):
    """Jupyter's connection between a WebSocket and a kernel, under the rights of whoever opened it.

    From analyst on it is Jupyter's own. Below, it leads only to the kernel that Voila started for its caller, and lets
    through what drawing needs, written anew; what a kernel says of code and failures is not passed on.
    """

    drawing: Drawing | None = None
    """What the caller has asked for so far; ``None`` for callers who may use kernels as they like."""

    async def prepare(self) -> None:
        """The caller may open this connection, and the kernel answers.

        Raises:
            HTTPError: It is not the caller's kernel (403).
        """
        caller = self._caller()
        if not (caller.may(Role.analyst) and caller.scope is None):
            if self._kernels.page_owner(self.kernel_id) != caller.identity:
                raise HTTPError(403)
            self.drawing = Drawing(prefix=secrets.token_hex(16))
        await super().prepare()  # type: ignore[no-untyped-call]

    def connect(self) -> Any:
        """The connection counts as somebody who looks at the kernel."""
        self._kernels.joined(self.kernel_id, self)
        return super().connect()

    def disconnect(self) -> None:  # type: ignore[override]
        """It counts no more."""
        self._kernels.left(self.kernel_id, self)
        super().disconnect()  # type: ignore[no-untyped-call]

    def end(self, code: int, reason: str) -> None:
        """The WebSocket is closed, with a close code and a sentence for the page."""
        self.websocket_handler.close(code, reason)

    def handle_incoming_message(self, incoming_msg: str) -> None:
        """What the page says has gone to the kernel, or was dropped and counted."""
        if self.drawing is None:
            super().handle_incoming_message(incoming_msg)
            return
        if self.channels:
            self._pass_on(self.drawing, incoming_msg)

    def _pass_on(self, drawing: Drawing, frame: str | bytes) -> None:
        try:
            permitted = drawing.permitted(from_frame(frame, v1=self.subprotocol == V1))
        except Malformed:
            self._kernels.dropped("malformed")
            return
        if permitted is None:
            self._kernels.dropped("not-for-drawing")
            return
        self.session.send_raw(self.channels[permitted.channel], self._packed(permitted))

    def _packed(self, message: Message) -> list[bytes]:
        return [self.session.pack(part) for part in (message.header, {}, message.metadata, message.content)]

    def handle_outgoing_message(self, stream: str, outgoing_msg: list[Any]) -> None:
        """What the kernel says has gone to the page, unless its reader may not hear it."""
        told = outgoing_msg if self.drawing is None else self._told(self.drawing, outgoing_msg)
        if told is not None:
            super().handle_outgoing_message(stream, told)

    def _told(self, drawing: Drawing, frames: list[Any]) -> list[Any] | None:
        sender, parts = self.session.feed_identities(frames)
        content = self.session.unpack(parts[4])
        told = drawing.heard(self.session.unpack(parts[1])["msg_type"], content)
        if told is None or told is content:
            return None if told is None else frames
        signed = [*parts[1:4], self.session.pack(told)]
        return [*sender, DELIM, self.session.sign(signed), *signed, *parts[5:]]

    def _caller(self) -> Caller:
        handler = self.websocket_handler
        user = handler.current_user
        caller = None if user is None else caller_of(user, handler.settings)
        if caller is None:
            raise HTTPError(403)
        return caller

    @property
    def _kernels(self) -> OwnedKernels:
        kernels = self.multi_kernel_manager
        assert isinstance(kernels, OwnedKernels)  # noqa: S101 - the two are configured together
        return kernels
