"""The kinds of upstreams that are installed, and what requests say of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from vibeworkbench.errors import InvalidInput, UpstreamFailed
from vibeworkbench.plugins import Loaded, PluginFailure
from vibeworkbench.terminals.model import Seen, Size
from vibeworkbench.terminals.upstreams import Connection, Kind, Place, Upstream
from vibeworkbench.web.decoding import refusal

FIELD = "upstream"


class Kinds:
    """Upstreams by the name of their kind.

    Args:
        found: What the entry points brought.
    """

    def __init__(self, found: Loaded) -> None:
        self._kinds: dict[str, Kind] = {plugin.kind: plugin for _, plugin in found.plugins}
        self.failures: tuple[PluginFailure, ...] = found.failures

    @property
    def names(self) -> list[str]:
        """The kinds that there are."""
        return sorted(self._kinds)

    def upstream_of(self, said: Mapping[str, Any], place: Place) -> Upstream:
        """The upstream that a request means.

        Raises:
            InvalidInput: There is no such kind, or it takes no such thing; ``field`` names it.
        """
        kind = self._kind(said)
        spec = _spec_of(said, kind)
        try:
            return kind(spec, place)
        except InvalidInput as refused:
            field = refused.attributes.get("field")
            attributes = refused.attributes | {"field": f"{FIELD}.{field}" if field else FIELD}
            message = f"{FIELD}.{refused.message}" if field else refused.message
            raise InvalidInput(message, **attributes) from None

    def upstream_again(self, said: Mapping[str, Any], place: Place) -> Upstream:
        """The upstream of a terminal that was made before; what is no longer understood says so when it connects."""
        try:
            return self.upstream_of(said, place)
        except InvalidInput as refused:
            return Unknown(refused.message)

    def _kind(self, said: Mapping[str, Any]) -> Kind:
        name = said.get("kind")
        kind = self._kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            field = f"{FIELD}.kind"
            reason = "this field is missing" if name is None else "there is no such kind"
            message = f"{field}: {reason}. Allowed: {', '.join(self.names)}."
            raise InvalidInput(message, field=field, reason=reason, allowed=self.names)
        return kind


def _spec_of(said: Mapping[str, Any], kind: Kind) -> Any:
    is_tagged = kind.spec.__struct_config__.tag is not None
    given = said if is_tagged else {name: value for name, value in said.items() if name != "kind"}
    try:
        return msgspec.convert(given, kind.spec)
    except msgspec.ValidationError as error:
        refused = refusal(error, kind.spec, "", given)
        field = ".".join(filter(None, (FIELD, refused.attributes["field"])))
        attributes = refused.attributes | {"field": field}
        raise InvalidInput(f"{FIELD}.{refused.message}".replace(f"{FIELD}.:", f"{FIELD}:"), **attributes) from None


class Unknown:
    """In place of an upstream whose kind, or whose specification, this server does not understand any more."""

    kind: ClassVar[str] = "unknown"
    holds_back = False
    lasting = False

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def connect(self, size: Size, seen: Seen | None) -> Connection:
        """There is none.

        Raises:
            UpstreamFailed: Always, with the reason.
        """
        raise UpstreamFailed(self._reason)
