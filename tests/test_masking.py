"""Secrets do not get through, and everything else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.masking import MASK, masked, masked_arguments

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


@given(st.text(max_size=3000))
def test_any_text_can_be_masked(text):
    """No text breaks it, and masking twice changes nothing that a reader would need."""
    assert MASK in masked(text) or masked(text) == text


@pytest.mark.parametrize("text", ["x" * 100_000, "a.b-c_" * 10_000, "https://" * 10_000, "token" * 20_000])
def test_long_lines_are_masked_in_linear_time(text):
    """No text makes the patterns search for ever; a quadratic search here would outlast the test's time limit."""
    assert masked(text)


def test_arguments_are_masked_also_after_their_option():
    """The argument that follows a secret's option is one, and the option itself stays readable."""
    shown = masked_arguments(["psql", "--password", SECRET, "-p", "5", f"--api-key={SECRET}", f"pg://a:{SECRET}@h"])
    assert shown == ("psql", "--password", MASK, "-p", "5", f"--api-key={MASK}", f"pg://{MASK}@h")
    assert masked_arguments(["x", "--token", "--verbose"]) == ("x", "--token", "--verbose")
