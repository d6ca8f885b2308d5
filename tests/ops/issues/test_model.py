"""What people may do with issues."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.ops.making import MINUTE, NOON, filed, finding
from vibeworkbench.errors import Conflict, InvalidInput
from vibeworkbench.ops.issues.model import PERSONS_VERBS, TABLE, State, Verb, Wish, acted, allowed_verbs, retired

LATER = NOON + MINUTE
TOMORROW = NOON + timedelta(days=1)


def wish(verb, **more):
    facts = {"resolution": "restarted it"} if verb is Verb.resolve else {}
    facts |= {"until": TOMORROW} if verb is Verb.mute else {}
    return Wish(verb, "ada", **{**facts, **more})


def in_state(state):
    [issue] = filed(finding())
    way = {
        State.open: [],
        State.acknowledged: [Verb.acknowledge],
        State.in_progress: [Verb.claim],
        State.muted: [Verb.mute],
        State.resolved: [Verb.resolve],
    }[state]
    for verb in way:
        issue = acted(issue, wish(verb), LATER).after
    return issue


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", PERSONS_VERBS)
def test_the_table_decides_every_verb_in_every_state(state, verb):
    """A verb leads where the table says, or is refused with the present state and what is allowed."""
    issue = in_state(state)
    if (state, verb) in TABLE:
        change = acted(issue, wish(verb), LATER)
        assert change.after.state in TABLE[state, verb]
        assert (change.transition.came_from, change.transition.to) == (state, change.after.state)
        assert change.transition.actor == "ada"
        return
    with pytest.raises(Conflict) as refused:
        acted(issue, wish(verb), LATER)
    assert refused.value.attributes["state"] == state.value
    assert refused.value.attributes["allowed"] == allowed_verbs(state)
    assert verb.value not in allowed_verbs(state)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", [Verb.clear, Verb.recur, Verb.unmute])
def test_what_only_scans_do_is_refused_to_people(state, verb):
    """A person cannot do what takes a scan's evidence."""
    with pytest.raises(Conflict):
        acted(in_state(state), wish(verb), LATER)


def test_a_claim_names_who_works_on_it_and_a_second_one_is_told():
    """Of two who claim, the second learns who was first."""
    claimed = acted(in_state(State.open), wish(Verb.claim), LATER).after
    assert claimed.claimed_by == "ada"
    with pytest.raises(Conflict) as refused:
        acted(claimed, Wish(Verb.claim, "bob"), LATER)
    assert refused.value.attributes["claimedBy"] == "ada"


def test_putting_a_claimed_issue_back_makes_it_nobodys():
    """Reopen of a claimed issue is no return from a resolution."""
    put_back = acted(in_state(State.in_progress), wish(Verb.reopen), LATER).after
    assert (put_back.claimed_by, put_back.reopened_count) == (None, 0)


def test_reopening_a_resolved_issue_counts_and_forgets_the_resolution():
    """The count of returns grows; the resolution stays in the history only."""
    back = acted(in_state(State.resolved), wish(Verb.reopen, note="it is not"), LATER).after
    assert (back.state, back.reopened_count, back.resolution, back.note) == (State.open, 1, None, "it is not")


@pytest.mark.parametrize("resolution", [None, "", "  "])
def test_resolving_takes_a_resolution(resolution):
    """Nobody closes an issue without a word."""
    with pytest.raises(InvalidInput) as refused:
        acted(in_state(State.open), wish(Verb.resolve, resolution=resolution), LATER)
    assert refused.value.attributes["field"] == "resolution"


@pytest.mark.parametrize("until", [None, LATER, NOON, LATER + timedelta(days=4000)])
def test_muting_takes_an_end_in_the_next_ten_years(until):
    """A mute without end, over already, or for ever is refused."""
    with pytest.raises(InvalidInput) as refused:
        acted(in_state(State.open), wish(Verb.mute, until=until), LATER)
    assert refused.value.attributes["field"] == "until"


def test_a_longer_mute_keeps_the_state_to_return_to():
    """Muting twice does not forget that the issue was claimed."""
    once = acted(in_state(State.in_progress), wish(Verb.mute), LATER).after
    twice = acted(once, wish(Verb.mute, until=TOMORROW + MINUTE), LATER).after
    assert (twice.muted_from, twice.muted_until) == (State.in_progress, TOMORROW + MINUTE)


def test_times_do_not_go_back_with_the_clock():
    """An action on a clock that stepped back stands after the one before."""
    issue = replace(in_state(State.open), state_changed_at=TOMORROW)
    change = acted(issue, wish(Verb.claim), LATER)
    assert change.transition.at == change.after.state_changed_at == TOMORROW


def test_a_retired_issue_is_resolved_with_the_reason():
    """Nobody will look at its subject any more, and it says so."""
    change = retired(in_state(State.muted), LATER, "ada", "its target was deleted")
    assert (change.after.state, change.after.resolution, change.after.muted_until) == (
        State.resolved,
        "its target was deleted",
        None,
    )
