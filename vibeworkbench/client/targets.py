"""Targets: what scans look at beside the machine itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from vibeworkbench.client import displays
from vibeworkbench.client.api import Api, segment
from vibeworkbench.client.displays import Cell
from vibeworkbench.client.errors import ClientError
from vibeworkbench.client.frames import Kind
from vibeworkbench.client.results import Items


class NotConfirmed(ClientError):
    """The call does harm that cannot be undone, and nobody confirmed that it is meant."""

    exit_code = 2
    code = "not-confirmed"


class Target:
    """A thing that scans look at.

    Attributes:
        target_id: Its id.
        kind: ``http``, ``tcp``, ``tls``, ``files`` or ``workspace``.
        name: Its name, as it stands in subjects of issues.
        origin: ``settings`` (from the settings file, read-only here) or ``rest``.
        fields: All other fields, named as in the settings file.
    """

    __slots__ = ("fields", "kind", "name", "origin", "target_id")

    def __init__(self, body: Mapping[str, Any]) -> None:
        said = {_snake(name): value for name, value in body.items()}
        self.target_id = str(said.pop("target_id"))
        self.kind = str(said.pop("kind"))
        self.name = str(said.pop("name"))
        self.origin = str(said.pop("origin", "rest"))
        self.fields: Mapping[str, Any] = said

    @property
    def place(self) -> str:
        """Where it is: the URL, the host and port, the glob or the path."""
        if "host" in self.fields:
            return f"{self.fields['host']}:{self.fields.get('port', '')}"
        return str(self.fields.get("url") or self.fields.get("glob") or self.fields.get("path") or "")

    def body(self) -> dict[str, Any]:
        """The JSON object that stands for it."""
        named = {"targetId": self.target_id, "kind": self.kind, "name": self.name, "origin": self.origin}
        return {**named, **{camel(name): value for name, value in self.fields.items()}}

    def __repr__(self) -> str:
        return f"<target {self.target_id} {self.kind} {self.name}: {self.place}>"

    def _repr_html_(self) -> str:
        return displays.card(
            self.name,
            displays.facts({"kind": self.kind, "from": self.origin, "id": self.target_id}),
            displays.facts({name: str(value) for name, value in self.fields.items()}),
        )


class TargetItems(Items[Target]):
    """Targets as a list."""

    noun: ClassVar[str] = "targets"
    empty: ClassVar[str] = (
        "No targets beside this machine and its Jupyter server. "
        "wb.targets.add('http', name='shop', url='https://…') adds one."
    )
    columns: ClassVar[Mapping[str, Kind]] = {
        "target_id": "text",
        "kind": "text",
        "name": "text",
        "place": "text",
        "origin": "text",
        "fields": "object",
    }
    headings: ClassVar[Sequence[str]] = ("name", "kind", "where", "from", "id")

    def row(self, item: Target) -> Sequence[Cell]:
        """Name, kind, place, origin and id."""
        return (item.name, item.kind, item.place, item.origin, displays.short_id(item.target_id))


class Targets:
    """The server's targets: call it for the list, or change them."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def __call__(self) -> TargetItems:
        """All targets, those of the settings file too."""
        return TargetItems(Target(body) for body in self._api.pages("api/ops/targets", dict[str, Any]))

    def add(self, kind: str, *, name: str, **fields: Any) -> Target:
        """A new target. ``fields`` are those of the settings file, for instance ``url=...`` of an ``http`` target.

        Raises:
            Invalid: The server does not take it; ``field`` says which field.
            Conflict: The name is taken.
        """
        return Target(self._api.post("api/ops/targets", dict[str, Any], _body(kind, name, fields)))

    def replace(self, target: Target | str, **fields: Any) -> Target:
        """The target with ``fields`` in place of its former ones; those that are not named stay as they are."""
        old = self.find(target)
        changed = {**old.fields, **fields}
        body = _body(old.kind, str(changed.pop("name", old.name)), changed)
        response = self._api.send("PUT", f"api/ops/targets/{segment(old.target_id)}", body=body)
        return Target(msgspec.json.decode(response.content, type=dict[str, Any]))

    def remove(self, target: Target | str, *, confirm: bool = False) -> None:
        """The target is gone; scans look at it no more.

        Raises:
            NotConfirmed: ``confirm`` is not ``True``; nothing was done.
        """
        found = self.find(target)
        if not confirm:
            raise NotConfirmed(
                f"removing target {found.name} ({found.kind}, {found.place}) cannot be undone; "
                "call remove(..., confirm=True) when you mean it"
            )
        self._api.send("DELETE", f"api/ops/targets/{segment(found.target_id)}")

    def find(self, target: Target | str) -> Target:
        """The target that is meant by its id or name.

        Raises:
            ClientError: None or several have that name.
        """
        if isinstance(target, Target):
            return target
        fitting = [each for each in self() if target in {each.target_id, each.name}]
        if len(fitting) != 1:
            raise ClientError(f"{'several targets have' if fitting else 'no target has'} the id or name {target!r}")
        return fitting[0]

    def __repr__(self) -> str:
        return repr(self())

    def _repr_html_(self) -> str:
        return self()._repr_html_()


def camel(name: str) -> str:
    """``expect_status`` as ``expectStatus``."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)


def _body(kind: str, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "name": name, **{camel(key): value for key, value in fields.items()}}
