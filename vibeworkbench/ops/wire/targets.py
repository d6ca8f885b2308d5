"""Targets over the network: the settings' target structs once more, in camelCase."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any, get_args

import msgspec

from vibeworkbench.ops.model import subject_of
from vibeworkbench.ops.targets import KnownTarget, Origin
from vibeworkbench.ops.wire.types import Body
from vibeworkbench.settings import Section, Target
from vibeworkbench.web.lists import Limit, cursor_of, keys_of


class TargetQuery(Body, frozen=True):
    """Which part of the list: the settings' targets first, then those of REST, each by kind and name."""

    limit: Limit = 50
    cursor: str = ""


_KINDS: tuple[type[Section], ...] = get_args(Target)


def _twin(kind: type[Section], name: str, beside: list[tuple[str, Any]]) -> type[msgspec.Struct]:
    fields: list[Any] = list(beside)
    for field in msgspec.structs.fields(kind):
        if field.default is not msgspec.NODEFAULT:
            fields.append((field.name, field.type, field.default))
        elif field.default_factory is not msgspec.NODEFAULT:
            fields.append((field.name, field.type, msgspec.field(default_factory=field.default_factory)))
        else:
            fields.append((field.name, field.type))
    return msgspec.defstruct(
        name,
        fields,
        bases=(Body,),
        namespace={"__doc__": kind.__doc__},
        module=__name__,
        tag=kind.__struct_config__.tag,
        tag_field="kind",
        rename="camel",
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
    )


def _union(types: list[type[msgspec.Struct]]) -> Any:
    union: Any = types[0]
    for each in types[1:]:
        union = union | each
    return union


_GIVEN = {kind: _twin(kind, kind.__name__, []) for kind in _KINDS}
_SHOWN = {kind: _twin(kind, f"Known{kind.__name__}", [("target_id", str), ("origin", Origin)]) for kind in _KINDS}

TargetGiven: Any = _union(list(_GIVEN.values()))
"""A target as clients send it: ``kind`` says which, the fields are the settings' in camelCase."""

TargetShown: Any = _union(list(_SHOWN.values()))
"""A target as clients see it: with ``targetId`` and ``origin``."""

TargetList: type[msgspec.Struct] = msgspec.defstruct(
    "TargetList",
    [("items", list[TargetShown]), ("next_cursor", str | None, None)],
    bases=(Body,),
    namespace={"__doc__": "A page of targets."},
    module=__name__,
    frozen=True,
    kw_only=True,
    rename="camel",
    forbid_unknown_fields=True,
)


def target_of(given: msgspec.Struct) -> Target:
    """The target that a body means."""
    fields = msgspec.structs.asdict(given) | {"kind": type(given).__struct_config__.tag}
    target: Target = msgspec.convert(fields, type=Target)
    return target


def target_shown(known: KnownTarget) -> msgspec.Struct:
    """The target as clients see it."""
    fields = msgspec.structs.asdict(known.target)
    return _SHOWN[type(known.target)](**fields, target_id=known.target_id, origin=known.origin)


def target_list(known: Iterable[KnownTarget], query: TargetQuery) -> msgspec.Struct:
    """A page of targets: the settings' first, then those of REST, each by kind and name.

    Raises:
        InvalidInput: The cursor is none that this list has answered.
    """
    after = keys_of(query.cursor, (int, str)) if query.cursor else (-1, "")
    there = sorted(((key, each) for each in known if (key := _place(each)) > after), key=itemgetter(0))
    page = there[: query.limit]
    more = cursor_of(*page[-1][0]) if len(there) > len(page) else None
    return TargetList(items=[target_shown(each) for _, each in page], next_cursor=more)


def _place(known: KnownTarget) -> tuple[int, str]:
    """Where a target stands in lists; no two stand at one place."""
    return int(known.origin == "rest"), subject_of(known.target)
