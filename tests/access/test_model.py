"""Names, scopes, and what a record may hold."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.access.model import (
    NAME_LENGTH,
    digest,
    name_of,
    recordable,
    refuse_meaningless,
    scope_from,
    scope_words,
)
from vibeworkbench.errors import InvalidInput
from vibeworkbench.settings import settings_from_toml
from vibeworkbench.web.roles import Scope


@pytest.mark.parametrize("name", ["ana", "Ana.Müller@example.org", "ops+1", "李雷", "o'brien", "a" * NAME_LENGTH])
def test_usual_names_are_names(name: str) -> None:
    """Letters of any script, digits and what stands in addresses of mail."""
    assert name_of(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a b",
        "a\tb",
        "a\x00",
        "a/b",
        "a\\b",
        "a:b",
        "a,b",
        "a\u200bb",
        "a\u202eb",
        "\ud800",
        "a" * (NAME_LENGTH + 1),
    ],
)
def test_no_name_holds_separators_or_what_nobody_sees(name: str) -> None:
    """Nor is it empty, too long, or half a character."""
    assert name_of(name) is None


@pytest.mark.parametrize("lookalike", ["\uff41\uff44\uff4d\uff49\uff4e", "\ufb01n", "x\u00b2"])
def test_compatibility_forms_are_nobody(lookalike: str) -> None:
    """A full-width ``admin`` is neither ``admin`` nor somebody else."""
    assert name_of(lookalike) is None


def test_one_name_in_two_encodings_is_one_person() -> None:
    """Composed and decomposed letters are the same letters."""
    assert name_of(unicodedata.normalize("NFD", "müller")) == "müller"


def test_upper_and_lower_case_are_two_people() -> None:
    """A provider that tells them apart must not find them as one."""
    assert name_of("Ana") != name_of("ana")


@given(st.text())
def test_a_name_is_its_own_name(text: str) -> None:
    """Whatever is taken for a name stays as it is."""
    name = name_of(text)
    assert name is None or name_of(name) == name


ROOMS = st.tuples(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), st.sampled_from(["*", "main", "室", "a.b"]))
SCOPES = st.builds(
    Scope,
    dashboards=st.frozensets(st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)),
    rooms=st.frozensets(ROOMS),
    metrics=st.booleans(),
)


@given(SCOPES)
def test_a_scope_is_what_its_words_mean(scope: Scope) -> None:
    """Writing and reading a scope changes nothing; no word at all narrows nothing."""
    words = scope_words(scope)
    assert scope_from(words) == (scope if words else None)


@pytest.mark.parametrize(
    "word",
    ["", "all", "dashboard:", "dashboard:../x", "room:relay", "room:relay/", "room:relay/a/b", "Metrics", "room:/x"],
)
def test_a_scope_that_means_nothing_is_refused(word: str) -> None:
    """And the refusal says what would do."""
    with pytest.raises(InvalidInput) as caught:
        scope_from([word])
    assert "room:PARTY/ROOM" in caught.value.attributes["allowed"]


def test_a_record_holds_no_query_no_token_and_no_second_line() -> None:
    """Whatever somebody sends as a path or a name."""
    token = "vwb_" + "A" * 43
    assert recordable(f"/lab?token={token}", 100) == "/lab"
    assert token not in recordable(f"/x/{token}/y", 100)
    assert recordable("a\r\nb\x1b[2J", 100).isprintable()
    assert len(recordable("x" * 10_000, 100)) == 100


def test_a_token_s_hash_is_defined_for_every_text() -> None:
    """Also for half characters, which a header may hold."""
    assert digest("\udcff") != digest("\ud800")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('roles = { "a b" = "viewer" }', "access.roles"),
        ('roles = { "zoe\u0308" = "viewer" }', "access.roles"),
        ('[access.header]\nname = "X-User"', "access.header.trusted_proxies"),
        ('[access.header]\nname = "X User"\ntrusted_proxies = ["127.0.0.1"]', "access.header"),
        ('[access.header]\nname = "X-User"\ntrusted_proxies = ["10.0.0.1/8"]', "access.header.trusted_proxies"),
        ('[[access.paths]]\npattern = "/api/../lab"\nrole = "viewer"', "access.paths"),
        ('[[access.paths]]\npattern = "/**"\nrole = "viewer"', "access.paths"),
    ],
)
def test_settings_that_mean_nothing_are_refused(text: str, field: str) -> None:
    """With the name of the field, before the server starts."""
    settings = settings_from_toml(f"[access]\n{text}").access
    with pytest.raises(InvalidInput) as caught:
        refuse_meaningless(settings)
    assert caught.value.attributes["field"] == field


def test_settings_that_mean_something_are_taken() -> None:
    """Roles, a header behind a proxy, and paths."""
    refuse_meaningless(
        settings_from_toml(
            """
            [access]
            roles = { ada = "admin" }
            [access.header]
            name = "X-User"
            trusted_proxies = ["127.0.0.1", "10.0.0.0/8"]
            [[access.paths]]
            pattern = "/api/metrics/v1"
            role = "analyst"
            [[access.paths]]
            pattern = "/resources/**"
            role = "viewer"
            """
        ).access
    )
