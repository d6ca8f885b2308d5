"""Terminals: open, find, share, end them, and get their recordings."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vibeworkbench.client.api import Api, Page, decoded, segment
from vibeworkbench.client.errors import ClientError
from vibeworkbench.client.targets import NotConfirmed
from vibeworkbench.client.terminal.joined import BUFFER_BYTES
from vibeworkbench.client.terminal.model import TerminalState
from vibeworkbench.client.terminal.session import TerminalSession
from vibeworkbench.client.terminal.values import (
    RightName,
    Terminal,
    TerminalGrant,
    TerminalGrants,
    TerminalItems,
)

Upstream = Mapping[str, Any] | str


class Terminals:
    """The server's terminals: call it for the list, or change them."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def list(self) -> TerminalItems:
        """The terminals that the caller may at least watch."""
        return TerminalItems(self._api.pages("api/terminals", Terminal))

    def __call__(self) -> TerminalItems:
        """The same."""
        return self.list()

    def open(
        self,
        upstream: Upstream = "local",
        *,
        name: str = "",
        rows: int = 24,
        cols: int = 80,
        recorded: bool | None = None,
        **more: Any,
    ) -> Terminal:
        """A new terminal, which lives until somebody ends it.

        Args:
            upstream: What runs it: ``"local"`` for the usual shell; a command such as ``"bash -l"``; the ``ws://`` or
                ``wss://`` address of a terminal elsewhere; or what REST takes, for instance ``{"kind": "docker",
                "container": "shop"}``.
            name: For people.
            rows: Of the screen.
            cols: Of the screen.
            recorded: Whether it is recorded; the server's settings say when it is not given.
            **more: What else REST takes, in its names: ``sandbox``, ``owner``.

        Raises:
            Invalid: There is no such upstream; ``field`` says what is wrong.
            NotAllowed: The caller is no operator.
        """
        asked = {"name": name or None, "recorded": recorded, "rows": rows, "cols": cols, **more}
        body = {key: value for key, value in asked.items() if value is not None}
        return self._api.post("api/terminals", Terminal, {"upstream": upstream_of(upstream), **body})

    def get(self, terminal_id: str) -> Terminal:
        """One terminal, as it stands now."""
        return self._api.get(f"api/terminals/{segment(terminal_id)}", Terminal)

    def find(self, terminal: Terminal | str) -> Terminal:
        """The terminal that is meant by its id or name.

        Raises:
            ClientError: None or several have that name.
        """
        if isinstance(terminal, Terminal):
            return terminal
        every = list(self.list())
        fitting = [each for each in every if each.terminal_id == terminal]
        fitting = fitting or [each for each in every if each.name == terminal]
        if len(fitting) != 1:
            raise ClientError(
                f"{'several terminals have' if fitting else 'no terminal has'} the id or name {terminal!r}"
            )
        return fitting[0]

    def join(
        self,
        terminal: Terminal | str,
        *,
        history: bool = False,
        buffer_bytes: int = BUFFER_BYTES,
        on_message: Callable[[Mapping[str, Any]], object] | None = None,
        on_state: Callable[[TerminalState], object] | None = None,
    ) -> TerminalSession:
        """The terminal, joined live. Close it, or use it in a ``with``.

        Args:
            terminal: Its id or name.
            history: Whether what came before is to be read too.
            buffer_bytes: Output that may wait unread.
            on_message: Gets each control message.
            on_state: Gets the state at each change.
        """
        terminal_id = self.find(terminal).terminal_id
        return TerminalSession(
            self._api,
            terminal_id,
            history=history,
            buffer_bytes=buffer_bytes,
            on_message=on_message,
            on_state=on_state,
        )

    def end(self, terminal: Terminal | str, *, confirm: bool = False) -> None:
        """The terminal and its shell have ended, for everybody.

        Raises:
            NotConfirmed: ``confirm`` is not ``True``; nothing was done.
        """
        found = self.find(terminal)
        if not confirm:
            raise NotConfirmed(
                f"ending terminal {found.title} ends what runs in it; call end(..., confirm=True) when you mean it"
            )
        self._api.send("DELETE", f"api/terminals/{segment(found.terminal_id)}")

    def restart(self, terminal: Terminal | str) -> Terminal:
        """The terminal has a new shell, or tries at once to reach the one that it had."""
        path = f"api/terminals/{segment(self.find(terminal).terminal_id)}/restart"
        return self._api.post(path, Terminal)

    def grants(self, terminal: Terminal | str) -> TerminalGrants:
        """Who was granted what."""
        return TerminalGrants(self._api.pages(self._members(terminal), TerminalGrant))

    def grant(self, terminal: Terminal | str, identity: str, right: RightName) -> TerminalGrants:
        """All that is granted, now that somebody may watch the terminal or drive it. A viewer watches in any case.

        Args:
            terminal: Its id or name.
            identity: Who: a name as the person logs in, or an identity (``user:NAME``, ``token:ID``).
            right: ``watch`` or ``drive``.
        """
        body = {"identity": identity, "right": right}
        return TerminalGrants(
            decoded(self._api.send("PUT", self._members(terminal), body=body), Page[TerminalGrant]).items
        )

    def revoke(self, terminal: Terminal | str, identity: str) -> None:
        """Nothing is granted to somebody any more; whoever is there by that grant alone is there no more.

        Raises:
            NotFound: Nothing was.
        """
        self._api.send("DELETE", f"{self._members(terminal)}/{segment(identity)}")

    def recording(self, terminal: Terminal | str, path: Path | str | None = None) -> str:
        """The recording as asciicast v3; with ``path`` it is written there too.

        Raises:
            NotFound: The terminal is not recorded.
        """
        found = self.find(terminal)
        text = self._api.send("GET", f"api/terminals/{segment(found.terminal_id)}/recording").text
        if path is not None:
            Path(path).write_text(text, "utf-8")
        return text

    def _members(self, terminal: Terminal | str) -> str:
        return f"api/terminals/{segment(self.find(terminal).terminal_id)}/members"

    def __repr__(self) -> str:
        return repr(self.list())

    def _repr_html_(self) -> str:
        return self.list()._repr_html_()


def upstream_of(upstream: Upstream) -> dict[str, Any]:
    """What runs a terminal, as REST takes it.

    Raises:
        ClientError: It is no command.
    """
    if not isinstance(upstream, str):
        return dict(upstream)
    if upstream == "local":
        return {"kind": "local"}
    if upstream.startswith(("ws://", "wss://", "http://", "https://")):
        return {"kind": "websocket", "url": upstream}
    return {"kind": "local", "command": words_of(upstream)}


def words_of(command: str) -> Sequence[str]:
    """The words of a command line.

    Raises:
        ClientError: A quotation has no end, or there is no word.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ClientError(f"{command!r} is no command: {error}") from None
    if not words:
        raise ClientError("an empty text is no command")
    return words
