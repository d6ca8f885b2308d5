"""How long somebody who was wrong several times must wait."""

from __future__ import annotations

import pytest

from vibeworkbench.access.limits import REMEMBERED, LoginLimits, network_of
from vibeworkbench.settings import LoginSettings

HERE, THERE = "192.0.2.1", "192.0.2.2"
SETTINGS = LoginSettings(attempts=3, name_attempts=6, wait_s=2.0, longest_wait_s=60.0, forget_after_s=900.0)


class Seconds:
    """A clock in seconds that is set by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def limits(clock: Seconds) -> LoginLimits:
    return LoginLimits(SETTINGS, clock)


def test_waits_grow_from_failure_to_failure(limits: LoginLimits, clock: Seconds) -> None:
    """Doubling, up to the longest."""
    waits = []
    for _ in range(10):
        limits.failed(HERE)
        wait_s = limits.retry_after_s(HERE) or 0.0
        waits.append(wait_s)
        clock.now_s += wait_s
    assert waits == [0, 0, 2, 4, 8, 16, 32, 60, 60, 60]


def test_an_attempt_while_waiting_is_not_looked_at_and_does_not_count(limits: LoginLimits, clock: Seconds) -> None:
    """Whoever is impatient does not wait longer for it."""
    for _ in range(3):
        assert limits.attempt(HERE) is None
    assert limits.attempt(HERE) == 2.0
    clock.now_s += 1.5
    assert limits.attempt(HERE) == 0.5


def test_a_thousand_attempts_at_once_are_a_thousand(limits: LoginLimits) -> None:
    """They count before it is known how they end."""
    assert sum(limits.attempt(HERE) is None for _ in range(1000)) == 3


def test_other_addresses_do_not_wait(limits: LoginLimits) -> None:
    """Until one name has failed too often, from wherever."""
    for _ in range(3):
        limits.failed(HERE, "ana")
    assert limits.retry_after_s(THERE, "ana") is None
    for _ in range(3):
        limits.failed(THERE, "ana")
    assert limits.retry_after_s("192.0.2.3", "ana") is not None
    assert limits.retry_after_s("192.0.2.3", "bo") is None


def test_a_name_waits_shorter_than_an_address(limits: LoginLimits, clock: Seconds) -> None:
    """A stranger who guesses must not lock somebody out for long."""
    for index in range(40):
        limits.failed(f"192.0.2.{index}", "ana")
    assert limits.retry_after_s("198.51.100.1", "ana") == 12.0


def test_failures_are_forgotten_in_time(limits: LoginLimits, clock: Seconds) -> None:
    """After the wait, not after the failure."""
    for _ in range(4):
        limits.failed(HERE)
    clock.now_s += 4 + 901
    limits.failed(HERE)
    assert limits.retry_after_s(HERE) is None


def test_logging_in_between_two_guesses_forgives_no_guess(limits: LoginLimits) -> None:
    """Whoever has an account of their own guesses no faster for it."""
    limits.attempt(HERE, "ana")
    limits.attempt(HERE, "bo")
    limits.succeeded(HERE, "bo")
    limits.attempt(HERE, "ana")
    assert limits.retry_after_s(HERE, "bo") is None
    limits.attempt(HERE, "ana")
    assert limits.retry_after_s(HERE, "bo") is not None


def test_memory_is_bounded(limits: LoginLimits) -> None:
    """Those who failed longest ago are forgotten first."""
    for index in range(REMEMBERED + 10):
        limits.failed(f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}")
    for _ in range(3):
        limits.failed(HERE)
    assert len(limits._failures) == REMEMBERED
    assert limits.retry_after_s(HERE) is not None


def test_an_ipv6_network_is_one_address() -> None:
    """A household has 2**64 of them; an IPv4 address in disguise is that address."""
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2%eth0") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("") == ""
