"""Secrets do not get through, and everything else does."""

from __future__ import annotations

import itertools
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibeworkbench.masking import (
    MASK,
    SUSPECT,
    masked,
    masked_arguments,
    masked_value,
    may_hold_secrets,
    secrets_in,
    well_known_at_the_beginning,
)
from vibeworkbench.signs import Signs

SECRET = "s3cr3tV4lue"


@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        f"DB_PASSWORD: {SECRET}, user: ada",
        f"'api_key': '{SECRET}'",
        f'{{"accessToken": "{SECRET}", "user": "ada"}}',
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"client-secret => {SECRET}",
        f"Authorization: Bearer {SECRET}.x-y",
        f"authorization: Basic {SECRET}",
        f"sent bearer {SECRET}",
        f"postgres://ada:{SECRET}@db/main",
        f"https://{SECRET}@github.com/a/b",
        f"GET /x?token={SECRET}&a=1",
        f"Set-Cookie: sid=1; other={SECRET}",
        f"psql --password {SECRET} -p 5432",
        f"token: 'two words {SECRET}'",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY----- {SECRET} cut off",
        f"ghp_{SECRET}{SECRET}",
        f"sk-{SECRET}{SECRET}",
        f"eyJhbGciOiJIUzI1NiJ9.{SECRET}{SECRET}.{SECRET}",
        "AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_a_secret_is_masked(text):
    """Whatever the notation, the secret is gone and the mask stands there."""
    shown = masked(text)
    for begin, end in reversed(secrets_in(text)):
        text = text[:begin] + MASK + text[end:]
    assert SECRET not in text
    assert SECRET not in shown
    assert "AKIA" not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "tokens used 123 of 4096",
        "the password is wrong",
        "GET https://example.org/a?b=c 200",
        "user=ada level=error msg=done",
        "compass bearing 90",
        "",
    ],
)
def test_what_is_no_secret_stays(text):
    """Words about secrets are no secrets."""
    assert masked(text) == text
    assert secrets_in(text) == []


@given(st.text(max_size=3000))
def test_any_text_can_be_masked(text):
    """No text breaks it, and masking twice changes nothing that a reader would need."""
    assert MASK in masked(text) or masked(text) == text


@pytest.mark.parametrize("text", ["x" * 100_000, "a.b-c_" * 10_000, "https://" * 10_000, "token" * 20_000])
def test_long_lines_are_masked_in_linear_time(text):
    """No text makes the patterns search for ever; a quadratic search here would outlast the test's time limit."""
    assert masked(text)


def test_a_well_known_secret_is_known_where_it_begins():
    """And nowhere else."""
    assert well_known_at_the_beginning(f"ghp_{SECRET}{SECRET} and more") == 26
    assert well_known_at_the_beginning(f" ghp_{SECRET}{SECRET}") == 0


def test_arguments_are_masked_also_after_their_option():
    """The argument that follows a secret's option is one, and the option itself stays readable."""
    shown = masked_arguments(["psql", "--password", SECRET, "-p", "5", f"--api-key={SECRET}", f"pg://a:{SECRET}@h"])
    assert shown == ("psql", "--password", MASK, "-p", "5", f"--api-key={MASK}", f"pg://{MASK}@h")
    assert masked_arguments(["x", "--token", "--verbose"]) == ("x", "--token", "--verbose")


NAMES = "password PWD secret tOken api_key access-key privatekey credentials session-id Cookie dsn signature passphrase"
OTHERS = "authorization Bearer basic https:// user:pw@ @ = : := -- - ' hunter2 task- key abcdefghijklmnop ."
KEYS = [f"ghp_{'a' * 24}", f"sk-{'b' * 20}", f"AKIA{'C' * 16}", f"eyJ{'d' * 9}", "-----BEGIN PRIVATE KEY-----"]
PIECES = st.sampled_from([*NAMES.split(), *OTHERS.split(), *KEYS, "\xe9", "\u017f", "\u212a", " ", "\n", '"', "x" * 50])


TEXT = st.lists(PIECES, max_size=8).map("".join)
ENGINES = [Signs(SUSPECT), Signs(SUSPECT, by_re2=True)]


@settings(deadline=None)
@given(st.lists(TEXT, max_size=5), st.sampled_from(["", "x" * 10_000]))
def test_what_is_changed_is_suspect_to_all_engines(texts: list[str], long: str) -> None:
    """The search that spares most records the masking misses none that it would change, among short and long ones."""
    changed = {number for number, text in enumerate(texts) if masked(text) != text}
    assert all(re.search(SUSPECT, texts[number]) for number in changed)
    for signs in ENGINES:
        assert changed <= {*signs.shown_in([*texts, long])}


def test_texts_that_show_no_sign_are_told_from_those_beside_them() -> None:
    """Whatever stands on the lines before and after; several threads ask at the same time."""
    texts = ["hello", "my token=1", None, "", "task-1", "a://b", "c@d", "https://u:p@h", "Bearer x", "x" * 5_000] * 20
    wanted = [at + 10 * times for times in range(20) for at in (1, 7, 8)]
    for signs in ENGINES:
        with ThreadPoolExecutor(4) as threads:
            assert all(
                found == wanted for found in threads.map(lambda _, signs=signs: signs.shown_in(texts), range(40))
            )
        assert signs.shown_in([]) == []


def test_values_under_secret_names_are_masked_and_others_stay() -> None:
    """Whatever they are, but for what is empty or only says yes or no."""
    told = {
        "password": 123,
        "has_token": True,
        "cookie": "",
        "n": [1, {"api_key": ["a"]}],
        "text": "pwd=x y",
        "z": None,
    }
    assert masked_value(told) == {
        "password": MASK,
        "has_token": True,
        "cookie": "",
        "n": [1, {"api_key": MASK}],
        "text": f"pwd={MASK} y",
        "z": None,
    }


PIECES = (
    "token",
    "=",
    ": ",
    "a_",
    "Password",
    '"',
    "'",
    "--",
    " ",
    "secret",
    "://",
    "u:p@",
    "bearer ",
    "x" * 9,
    "\n",
    "İ",
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
def test_the_places_of_secrets_are_all_there(text):
    """Where ``masked`` hides something, there is a place; with the places hidden, it finds nothing more."""
    spans = secrets_in(text)
    assert may_hold_secrets(text) or not re.search(SUSPECT, text)
    assert bool(spans) == (masked(text) != text)
    assert all(after[0] > before[1] for before, after in itertools.pairwise(spans))
