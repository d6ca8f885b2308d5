"""Bodies and query strings are decoded strictly, and every refusal says where, why, and what would do."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.errors import InvalidInput
from vibeworkbench.web.decoding import Nothing, decode_body, decode_query


class Filters(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What limits an order."""

    severity: list[Literal["low", "high"]] = []
    time_range: dict[str, datetime] = {}


class Cat(msgspec.Struct, tag="cat", tag_field="kind", forbid_unknown_fields=True):
    """A tagged struct."""

    name: str


class Dog(msgspec.Struct, tag="dog", tag_field="kind", forbid_unknown_fields=True):
    """Another one."""

    legs: int = 4


class Order(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A body."""

    scope: Literal["full", "incremental"]
    filters: Filters | None = None
    pets: list[Cat | Dog] = []
    retries: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1


class Page(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A query string."""

    state: frozenset[Literal["open", "muted"]] = frozenset()
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50
    cursor: str = ""
    only_mine: bool = False


def refused(body: bytes) -> dict[str, object]:
    with pytest.raises(InvalidInput) as error:
        decode_body(body, Order)
    return {"message": error.value.message, **error.value.attributes}


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        (b'{"scope": "everything"}', "scope", ["full", "incremental"]),
        (b'{"scope": "full", "filters": {"severity": ["low", "worst"]}}', "filters.severity[1]", ["high", "low"]),
        (b'{"scope": "full", "speed": 1}', "speed", ["scope", "filters", "pets", "retries"]),
        (b'{"scope": "full", "filters": {"time_range": {}}}', "filters.time_range", ["severity", "timeRange"]),
        (b'{"scope": "full", "pets": [{"kind": "cow"}]}', "pets[0].kind", ["cat", "dog"]),
        (b'{"scope": "full", "pets": [{"kind": "dog", "paws": 4}]}', "pets[0].paws", ["legs"]),
        (b'{"scope": "full", "pets": [{"kind": "dog", "paws": 4}], oops', "pets[0].paws", None),
        (b'{"scope": "full", "retries": 4}', "retries", None),
        (b'{"scope": "full", "retries": "1"}', "retries", None),
        (b'{"scope": "full", "filters": {"timeRange": {"start": "yesterday"}}}', "filters.timeRange[...]", None),
        (b"{}", "scope", ["full", "incremental"]),
        (b"", "scope", ["full", "incremental"]),
        (b'{"scope": "full", "pets": [{"kind": "cat"}]}', "pets[0].name", None),
        (b"[]", "body", None),
        (b"null", "body", None),
    ],
)
def test_a_refusal_names_the_field_and_what_would_do(body: bytes, field: str, allowed: list[str] | None) -> None:
    """Whatever is wrong, the caller reads where; where values are listed in the type, also which would do."""
    said = refused(body)
    assert said["field"] == field
    assert str(said["message"]).startswith(f"{field}: ")
    assert said["reason"]
    if allowed is not None:
        assert said["allowed"] == allowed


@pytest.mark.parametrize(
    ("body", "position"),
    [
        (b'{"scope": oops}', 10),
        (b'{"scope": "full"', 16),
        (b'{"scope": "fu\xffll"}', 13),
        (b"\xef\xbb\xbf{}", 0),
        (b"\n  {scope}", 4),
    ],
)
def test_malformed_json_is_refused_with_its_position(body: bytes, position: int) -> None:
    """The position is the byte at which it stops being JSON."""
    said = refused(body)
    assert (said["field"], said["position"]) == ("body", position)


def test_deep_nesting_is_refused() -> None:
    """A body that would exhaust the decoder's stack is bad input, not a crash."""

    class Anything(msgspec.Struct):
        value: object

    with pytest.raises(InvalidInput) as error:
        decode_body(b'{"value": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", Anything)
    assert error.value.attributes["field"] == "body"


@given(st.binary(max_size=200))
def test_any_bytes_are_an_order_or_bad_input(body: bytes) -> None:
    """No body makes the decoder raise anything else."""
    with suppress(InvalidInput):
        assert isinstance(decode_body(body, Order), Order)


@given(st.dictionaries(st.text(max_size=8), st.lists(st.text(max_size=8), min_size=1, max_size=3), max_size=4))
def test_any_query_is_a_page_or_bad_input(arguments: dict[str, list[str]]) -> None:
    """No query string makes the decoder raise anything else."""
    with suppress(InvalidInput):
        assert isinstance(decode_query(arguments, Page), Page)


def test_a_query_takes_repeated_parameters_and_comma_lists() -> None:
    """Both ways of saying many mean the same."""
    meant = Page(state=frozenset({"open", "muted"}), limit=7, only_mine=True)
    assert decode_query({"state": ["open,muted"], "limit": ["7"], "onlyMine": ["true"]}, Page) == meant
    assert decode_query({"state": ["open", "muted"], "limit": ["7"], "onlyMine": ["1"]}, Page) == meant


@pytest.mark.parametrize(
    ("arguments", "field", "allowed"),
    [
        ({"sate": ["open"]}, "sate", ["state", "limit", "cursor", "onlyMine"]),
        ({"state": ["closed"]}, "state[0]", ["muted", "open"]),
        ({"limit": ["many"]}, "limit", None),
        ({"limit": ["0"]}, "limit", None),
        ({"limit": ["1", "2"]}, "limit", None),
    ],
)
def test_a_query_is_refused_by_parameter(arguments: dict[str, list[str]], field: str, allowed: object) -> None:
    """Unknown, repeated and impossible parameters are named."""
    with pytest.raises(InvalidInput) as error:
        decode_query(arguments, Page)
    assert error.value.attributes["field"] == field
    if allowed is not None:
        assert error.value.attributes["allowed"] == allowed


def test_what_takes_no_body_takes_an_empty_one() -> None:
    """Nothing and ``{}`` are no body; anything else is refused."""
    assert decode_body(b"", Nothing) == decode_body(b" {} ", Nothing) == Nothing()
    with pytest.raises(InvalidInput):
        decode_body(b'{"note": "hi"}', Nothing)
