"""What may be published under which name, and who may embed it."""

from __future__ import annotations

import pytest

from vibeworkbench.dashboards.model import checked_ancestors, checked_name, clock_of, name_of
from vibeworkbench.errors import InvalidInput


@pytest.mark.parametrize(
    ("notebook", "name"),
    [
        ("operations.ipynb", "operations"),
        ("boards/Über das Netz.ipynb", "uber-das-netz"),
        ("__Q3 (final).ipynb", "q3-final"),
        (f"{'long-' * 30}.ipynb", ("long-" * 13)[:64].rstrip("-")),
    ],
)
def test_a_file_suggests_a_name_that_an_address_can_hold(notebook, name):
    """Letters lose their marks, everything else becomes a hyphen."""
    assert checked_name(name_of(notebook)) == name


def test_a_file_without_a_letter_suggests_none():
    """A name must be given."""
    with pytest.raises(InvalidInput) as refused:
        name_of("報告.ipynb")
    assert refused.value.attributes["field"] == "name"


@pytest.mark.parametrize("name", ["", "-a", "A", "a b", "a/b", "..", "a\n", "a" * 65, "ä"])
def test_what_no_address_can_hold_is_no_name(name):
    """Names are told apart by everybody in the same way."""
    with pytest.raises(InvalidInput):
        checked_name(name)


@pytest.mark.parametrize(
    "origins",
    [
        ("https://wall.example",),
        ("http://127.0.0.1:8080", "https://[2001:db8::1]:444"),
        ("http://localhost",),
        (),
    ],
)
def test_origins_are_taken_as_they_are(origins):
    """Scheme, host and port."""
    assert checked_ancestors(origins) == origins


def test_an_origin_stands_once_and_anywhere_stands_alone():
    """The policy says nothing twice."""
    assert checked_ancestors(("https://a.example", "https://a.example")) == ("https://a.example",)
    assert checked_ancestors(("https://a.example", "*")) == ("*",)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "wall.example",
        "https://",
        "https://wall.example/",
        "https://wall.example/path",
        "https://*.example",
        "https://wall.example; script-src *",
        "https://wall.example https://b.example",
        "https://wall.example\r\nSet-Cookie: a=b",
        "https://wall.example\n",
        "'self'",
        "data:",
        "javascript:alert(1)",
        "https://user@wall.example",
        "https://wall.example:0",
        "https://wall.example:65536",
        "https://wall..example",
        "https://-wall.example",
        "https://wäll.example",
        "**",
    ],
)
def test_what_is_no_plain_origin_never_reaches_a_policy(origin):
    """Nothing that a policy's grammar could read otherwise passes."""
    with pytest.raises(InvalidInput) as refused:
        checked_ancestors((origin,))
    assert refused.value.attributes["field"] == "frameAncestors"


def test_more_origins_than_anybody_lists_are_refused():
    """A header has a length."""
    with pytest.raises(InvalidInput):
        checked_ancestors(tuple(f"https://h{index}.example" for index in range(33)))


@pytest.mark.parametrize("every", ["nonsense", "* * * *", "61 * * * *", "0 0 31 2 *"])
def test_a_clock_that_never_fires_is_refused_by_its_field(every):
    """The refusal names the field as REST has it."""
    with pytest.raises(InvalidInput) as refused:
        clock_of("shop", every)
    assert refused.value.attributes["field"] == "every"


def test_without_an_expression_there_is_no_clock():
    """On change and by hand only."""
    assert clock_of("shop", "") is None
