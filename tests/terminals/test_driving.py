"""Who drives a terminal, whatever its members do at the same time."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vibeworkbench.terminals.driving import ANSWER_S, Driving, Wish
from vibeworkbench.terminals.model import Right

NAMES = st.sampled_from(["ada", "bob", "cy", "dee"])
RIGHTS = {"ada": Right.own, "bob": Right.drive, "cy": Right.drive, "dee": Right.watch}
FREE_S = 15.0


def test_the_first_who_types_drives() -> None:
    """A free terminal is driven by who types first; the others' typing goes nowhere."""
    driving = Driving(FREE_S)
    assert driving.types("bob", Right.drive, 0.0)
    assert not driving.types("cy", Right.drive, 1.0)
    assert not driving.types("ada", Right.own, 1.0)
    assert driving.driver == "bob"


def test_silence_frees() -> None:
    """Who types nothing for a while drives no more."""
    driving = Driving(FREE_S)
    driving.types("bob", Right.drive, 0.0)
    driving.types("bob", Right.drive, 10.0)
    driving.passes(24.9)
    assert driving.driver == "bob"
    assert driving.types("cy", Right.drive, 25.0)


def test_asking() -> None:
    """Who would drive a driven terminal waits for the answer, and silence is one."""
    driving = Driving(FREE_S)
    driving.types("bob", Right.drive, 0.0)
    assert driving.take("cy", Right.drive, 1.0) is Wish.asked
    driving.types("bob", Right.drive, 5.0)
    driving.passes(1.0 + ANSWER_S)
    assert driving.driver == "cy"


def test_giving_way() -> None:
    """A driver who releases gives way to who asked."""
    driving = Driving(FREE_S)
    driving.types("bob", Right.drive, 0.0)
    driving.take("cy", Right.drive, 1.0)
    driving.release("bob", 2.0)
    assert (driving.driver, driving.asked) == ("cy", None)


def test_keeping() -> None:
    """A driver who keeps goes on, and who asked is known."""
    driving = Driving(FREE_S)
    driving.types("bob", Right.drive, 0.0)
    driving.take("cy", Right.drive, 1.0)
    assert driving.keep("cy", 2.0) is None
    assert driving.keep("bob", 2.0) == "cy"
    driving.passes(1.0 + ANSWER_S)
    assert driving.driver == "bob"


def test_two_ask_at_once() -> None:
    """The first who asks is asked for; the second is refused until that is answered."""
    driving = Driving(FREE_S)
    driving.types("bob", Right.drive, 0.0)
    assert driving.take("cy", Right.drive, 1.0) is Wish.asked
    assert driving.take("eve", Right.drive, 1.0) is Wish.refused
    assert driving.take("cy", Right.drive, 2.0) is Wish.asked
    assert driving.asked is not None
    assert driving.asked.until == 1.0 + ANSWER_S


def test_owners_do_not_ask() -> None:
    """An owner drives at once, whoever drives or asks."""
    driving = Driving(FREE_S)
    driving.types("bob", Right.drive, 0.0)
    driving.take("cy", Right.drive, 1.0)
    assert driving.take("ada", Right.own, 1.0) is Wish.granted
    assert (driving.driver, driving.asked) == ("ada", None)


def test_an_asker_who_leaves_asks_no_more() -> None:
    """Nobody is given the keyboard who is not there."""
    driving = Driving(FREE_S)
    driving.types("bob", Right.drive, 0.0)
    driving.take("cy", Right.drive, 1.0)
    driving.leave("cy", 2.0)
    driving.leave("bob", 3.0)
    assert driving.driver is None
    assert driving.due_at is None


def test_a_lone_window_is_sized_before_anybody_typed() -> None:
    """Size and automatic answers count from the last driver, and from anybody where nobody ever drove."""
    driving = Driving(FREE_S)
    assert not driving.speaks("dee", Right.watch, 0.0)
    assert driving.speaks("bob", Right.drive, 0.0)
    assert not driving.speaks("cy", Right.drive, 1.0)
    assert driving.speaks("bob", Right.drive, 40.0)
    driving.release("bob", 41.0)
    assert not driving.speaks("cy", Right.drive, 42.0)


class Anything(RuleBasedStateMachine):
    """Members do what they like, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.driving = Driving(FREE_S)
        self.now = 0.0
        self.typed_at: dict[str, float] = {}

    @rule(seconds=st.floats(0.0, 20.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.driving.passes(self.now)

    @rule(name=NAMES)
    def type(self, name: str) -> None:
        former = self.driving.driver
        reaches = self.driving.types(name, RIGHTS[name], self.now)
        assert reaches == (RIGHTS[name] >= Right.drive and former in {None, name})
        assert reaches == (self.driving.driver == name and RIGHTS[name] >= Right.drive)

    @rule(name=NAMES)
    def speak(self, name: str) -> None:
        reaches = self.driving.speaks(name, RIGHTS[name], self.now)
        assert reaches == (self.driving.driver == name)

    @rule(name=NAMES)
    def take(self, name: str) -> None:
        wish = self.driving.take(name, RIGHTS[name], self.now)
        assert (wish is Wish.granted) == (self.driving.driver == name)
        if RIGHTS[name] is Right.own:
            assert wish is Wish.granted

    @rule(name=NAMES)
    def release(self, name: str) -> None:
        self.driving.release(name, self.now)
        assert self.driving.driver != name

    @rule(name=NAMES)
    def keep(self, name: str) -> None:
        former = self.driving.driver
        self.driving.keep(name, self.now)
        assert self.driving.driver == former

    @rule(name=NAMES)
    def leave(self, name: str) -> None:
        self.driving.leave(name, self.now)
        assert name not in {self.driving.driver, self.driving.last}

    @invariant()
    def nobody_drives_without_the_right(self) -> None:
        driving = self.driving
        assert driving.driver is None or RIGHTS[driving.driver] >= Right.drive
        assert driving.asked is None or driving.driver not in {None, driving.asked.member_id}

    @invariant()
    def time_ends_everything(self) -> None:
        due = self.driving.due_at
        assert (due is None) == (self.driving.driver is None)
        assert due is None or self.now <= due <= self.now + FREE_S


TestAnything = Anything.TestCase
