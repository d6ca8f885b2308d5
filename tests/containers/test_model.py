"""Reports come to the same in whatever order they arrive; errors that are the same have one id; health has reasons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.containers.model import (
    Limits,
    Standing,
    error_id,
    own_frames,
    reasons,
    score,
    steady,
    together,
    told_by,
)
from vibeworkbench.containers.numbers import RANGES, Numbers

LIMITS = Limits(cpu_ratio=0.9, memory_ratio=0.9, restarts=3, silent_after_s=60.0)
PYTHON = """Traceback (most recent call last):
  File "/usr/lib/python3.13/asyncio/runners.py", line 195, in run
  File "/app/shop/pay.py", line {line}, in charge
  File "/app/venv/lib/python3.13/site-packages/httpx/_client.py", line 10, in send
ValueError: no card {card}"""


@given(
    updates=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.dictionaries(st.sampled_from("abc"), st.one_of(st.integers(0, 3), st.none(), st.text())),
        ),
        max_size=8,
    ),
    seed=st.randoms(use_true_random=False),
)
def test_updates_come_to_the_same_in_any_order(updates, seed):
    """Twice as well: each field has its newest value, and one that an update leaves out keeps what it has."""

    def merged(order):
        known = {}
        for at_us, fields in order:
            known = together(known, told_by(at_us, fields))
        return known

    mixed = [*updates, *updates]
    seed.shuffle(mixed)
    assert merged(mixed) == merged(updates)
    for name, (at_us, _) in merged(updates).items():
        assert at_us == max(each for each, fields in updates if name in fields)


@given(numbers=st.lists(st.integers(1, 60), max_size=120), split=st.integers(0, 120))
def test_numbers_are_new_once(numbers, split):
    """In any order, also when what is known was stored in between."""
    seen, known = Numbers(), set()
    for at, number in enumerate(numbers):
        if at == split:
            seen = Numbers(seen.ranges)
        assert seen.holds(number) is (number in known)
        assert seen.add(number) is (number not in known)
        known.add(number)
    flat = [number for first, last in seen.ranges for number in range(first, last + 1)]
    assert flat == sorted(known)
    assert all(after[0] > before[1] + 1 for before, after in zip(seen.ranges, seen.ranges[1:], strict=False))


def test_of_many_gaps_the_oldest_is_closed():
    """What would have filled it is taken for seen; the others can still be filled."""
    numbers = Numbers()
    assert all(numbers.add(number) for number in range(0, 2 * (RANGES + 1), 2))
    assert len(numbers.ranges) == RANGES
    assert not numbers.add(1)
    assert numbers.add(3)


def test_the_same_error_has_the_same_id():
    """Whatever its numbers, ids and lines; another function, type or message is another error."""
    one = error_id("ValueError", "no card 17 for 'ada'", PYTHON.format(line=3, card=17))
    assert one == error_id("ValueError", "no card 9 for 'bob'", PYTHON.format(line=44, card=9))
    assert one != error_id("KeyError", "no card 17", PYTHON.format(line=3, card=17))
    assert one != error_id("ValueError", "no cash 17", PYTHON.format(line=3, card=17))
    assert one != error_id("ValueError", "no card 17", "")
    assert (
        steady("at 10.0.0.1:80, 0xff, deadbeefcafe12: 3fa85f64-5717-4562-b3fc-2c963f66afa6") == "at <*>, <*>, <*>: <*>"
    )


@pytest.mark.parametrize(
    ("stack", "frames"),
    [
        (PYTHON.format(line=3, card=1), ["pay.py:charge"]),
        ('  File "/usr/lib/python3.13/json/decoder.py", line 1, in decode', ["decoder.py:decode"]),
        (
            "java.lang.IllegalStateException: x\n\tat shop.Pay.charge(Pay.java:7)\n\tat java.util.List.of(List.java:1)",
            ["Pay.java:shop.Pay.charge"],
        ),
        (
            "x\n at charge (/app/pay.js:1:2)\n at node:x:3:1\n at f (/node_modules/y.js:3:4)\n at /m.mjs:5:6",
            ["pay.js:charge", "m.mjs:"],
        ),
        ("panic: x\n\nmain.charge()\n\t/src/pay.go:12 +0x1\nruntime\n\t/usr/local/go/src/a.go:1", ["pay.go:"]),
        ("  0: shop::pay\n             at ./src/pay.rs:7:5\n             at /rustc/a/core.rs:1:1", ["pay.rs:"]),
        ("no stack at all", []),
    ],
)
def test_own_frames(stack, frames):
    """Libraries' frames are left out, unless there are no others."""
    assert own_frames(stack) == frames


@pytest.mark.parametrize(
    ("standing", "points", "said"),
    [
        ({"state": "running", "health": "healthy"}, 100, ""),
        ({"state": "exited", "exit_code": 0}, 100, ""),
        ({"state": "exited", "exit_code": 143}, 100, ""),
        ({"state": "exited"}, 100, ""),
        ({"state": "exited", "exit_code": 1}, 0, "exit code 1"),
        ({"state": "restarting", "exit_code": 1, "restarts": 5}, 0, "exit code 1"),
        ({"state": "exited", "exit_code": 137, "oom_killed": True}, 0, "memory was used up"),
        ({"state": "dead"}, 50, "could not remove"),
        ({"state": "paused"}, 80, "paused"),
        ({"state": "running", "health": "unhealthy"}, 40, "health check fails"),
        ({"state": "running", "health": "starting"}, 90, "not passed yet"),
        ({"state": "running", "restarts": 3}, 50, "restarted 3 times"),
        ({"state": "running", "memory_ratio": 0.95, "cpu_ratio": 1.0}, 55, "95 % of its memory"),
        ({"state": "running", "memory_ratio": 0.5, "cpu_ratio": 0.2}, 100, ""),
        ({"state": "running", "silent_s": 61.0}, 60, "nothing was heard"),
        ({"state": "exited", "silent_s": 61.0, "exit_code": 0}, 100, ""),
    ],
)
def test_health_has_reasons(standing, points, said):
    """The worst one first, and what they leave of 100."""
    found = reasons(Standing(**standing), LIMITS)
    assert score(found) == points
    assert said in (found[0].reason if found else "")
    assert bool(found) is bool(said)
