"""Strict decoding of bodies and query strings, with refusals that name the field, the reason and what would do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from vibeworkbench.errors import InvalidInput

S = TypeVar("S", bound=msgspec.Struct)

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_NAMED_FIELD = re.compile(r"(missing required|unknown) field `([^`]+)`")
_BYTE = re.compile(r"\(byte (\d+)\)")
_FIRST_AT, _LAST_AT = datetime(1970, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
_COLLECTIONS = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """A body or query string without fields."""


def decode_body(body: bytes, kind: Any) -> Any:
    """The ``kind`` (a struct, or a union of tagged ones) that the JSON text ``body`` means; empty means ``{}``.

    Raises:
        InvalidInput: It is no JSON (``position`` says where) or no such struct (``field``, ``reason``, ``allowed``).
    """
    try:
        return msgspec.json.decode(body if body.strip() else b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise refusal(error, kind, "body", _read(body)) from None
    except msgspec.DecodeError as error:
        found = _BYTE.search(str(error))
        position = int(found[1]) if found else len(body)
        raise _malformed(str(error).removeprefix("JSON is malformed: "), position) from None
    except UnicodeDecodeError:
        raise _malformed("it is not UTF-8 text", _first_undecodable(body)) from None
    except RecursionError:
        raise _malformed("it is nested too deeply", 0) from None


def _read(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # it was refused before its end was read
        return None


def _malformed(reason: str, position: int) -> InvalidInput:
    message = f"The body is not valid JSON: {reason}."
    return InvalidInput(message, field="body", reason=reason, position=position)


def _first_undecodable(body: bytes) -> int:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


def decode_query(arguments: Mapping[str, Sequence[str]], kind: type[S]) -> S:
    """The struct that a query string means. Fields that hold many take repeated parameters and comma lists.

    Its instants are of the years that records may be of, so that one can count with them.

    Raises:
        InvalidInput: A parameter is unknown, repeated without need, or has no such value; ``field`` names it.
    """
    types = {field.encode_name: field.type for field in _fields(kind)}
    many = {name for name, found in types.items() if _is_collection(found)}
    values: dict[str, Any] = {}
    for name, given in arguments.items():
        if name in many:
            values[name] = [part for text in given for part in text.split(",") if part]
        elif len(given) > 1:
            raise InvalidInput(f"{name}: given more than once.", field=name, reason="given more than once")
        else:
            values[name] = given[0]
    try:
        query = msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise refusal(error, kind, "query", values) from None
    _check_instants(query)
    return query


def _check_instants(query: msgspec.Struct) -> None:
    for field in msgspec.structs.fields(query):
        at = getattr(query, field.name)
        if isinstance(at, datetime) and at.tzinfo is not None and not _FIRST_AT <= at < _LAST_AT:
            name, reason = field.encode_name, "it is before 1970 or after 2261"
            raise InvalidInput(f"{name}: {reason}.", field=name, reason=reason)


def refusal(error: msgspec.ValidationError, kind: Any, whole: str, given: Any = None) -> InvalidInput:
    """What ``error`` says, for people and programs.

    Args:
        error: What msgspec raised while it decoded a ``kind``.
        kind: What was expected; allowed values are read from it.
        whole: How to call the whole thing when no field is to blame (``body``, ``query``).
        given: What was to become a ``kind``: of structs told apart by a tag, only the one that it names is meant.
    """
    reason, _, path = str(error).partition(" - at ")
    place = path.strip("`").removeprefix("key in ").strip("`").removeprefix("$")
    steps = [name or index for name, index in _STEP.findall(place)]
    named = _NAMED_FIELD.search(reason)
    start = inspect.type_info(kind)
    if named is None:
        allowed = _values(_reached(start, steps, given))
    elif named[1] == "unknown":
        reason, place, allowed = "there is no such field", f"{place}.{named[2]}", _names(_reached(start, steps, given))
    else:
        reason, place = "this field is missing", f"{place}.{named[2]}"
        allowed = _values(_reached(start, [*steps, named[2]], given))
    field = place.removeprefix(".") or whole
    hint = f" Allowed: {', '.join(map(str, allowed))}." if allowed else ""
    attributes = {"allowed": allowed} if allowed else {}
    return InvalidInput(f"{field}: {reason}.{hint}", field=field, reason=reason, **attributes)


def _reached(start: inspect.Type, steps: Sequence[str], given: Any) -> list[inspect.Type]:
    reached = _meant(_alternatives(start), given)
    for step in steps:
        given = _part(given, step)
        reached = _meant(
            (deep for here in reached for found in _inside(here, step) for deep in _alternatives(found)), given
        )
    return reached


def _meant(reached: Iterable[inspect.Type], given: Any) -> list[inspect.Type]:
    every = [*reached]
    if not isinstance(given, Mapping):
        return every
    return [each for each in every if isinstance(each, inspect.StructType) and _is_named(each, given)] or every


def _is_named(struct: inspect.StructType, given: Mapping[str, Any]) -> bool:
    return struct.tag_field is not None and given.get(struct.tag_field) == struct.tag


def _part(given: Any, step: str) -> Any:
    if isinstance(given, Mapping):
        return given.get(step)
    is_index = isinstance(given, list) and step.isdigit() and int(step) < len(given)
    return given[int(step)] if is_index else None


def _alternatives(found: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(found, inspect.UnionType):
        for each in found.types:
            yield from _alternatives(each)
    elif isinstance(found, inspect.Metadata):
        yield from _alternatives(found.type)
    else:
        yield found


def _inside(here: inspect.Type, step: str) -> Iterator[inspect.Type]:
    if isinstance(here, inspect.StructType):
        yield from (field.type for field in here.fields if field.encode_name == step)
        if here.tag_field == step and here.tag is not None:
            yield inspect.LiteralType((here.tag,))
    elif isinstance(here, inspect.DictType):
        yield here.value_type
    elif isinstance(here, _COLLECTIONS):
        yield here.item_type


def _names(reached: Sequence[inspect.Type]) -> list[Any]:
    structs = [here for here in reached if isinstance(here, inspect.StructType)]
    return list(dict.fromkeys(field.encode_name for here in structs for field in here.fields))


def _values(reached: Sequence[inspect.Type]) -> list[Any]:
    values: list[Any] = []
    for here in reached:
        if isinstance(here, inspect.LiteralType):
            values += here.values
        elif isinstance(here, inspect.EnumType):
            values += [member.value for member in here.cls]
    return list(dict.fromkeys(values))


def _fields(kind: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    found = inspect.type_info(kind)
    return found.fields if isinstance(found, inspect.StructType) else ()


def _is_collection(found: inspect.Type) -> bool:
    return any(isinstance(each, _COLLECTIONS) for each in _alternatives(found))
