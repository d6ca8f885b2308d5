"""What a client makes of a server's words about a terminal."""

from __future__ import annotations

import pytest

from vibeworkbench.client.terminal.model import ACK_BYTES, ACK_S, Acks, Hop, hop_of


@pytest.mark.parametrize(("said", "hop"), [(None, Hop()), ("", Hop()), ("connected", Hop("connected"))])
def test_a_server_that_says_little_of_its_upstream_is_understood(said, hop):
    """Only the state, or nothing at all."""
    assert hop_of(said) == hop


def test_what_was_parsed_is_said_when_it_is_much_or_old():
    """Once: what is known need not be said again."""
    acks = Acks()
    assert not acks.due(0, 0.0)
    assert not acks.due(10, 1.0)
    assert acks.due_at == 1.0 + ACK_S
    assert acks.due(10, acks.due_at)
    assert not acks.due(10, 99.0)
    assert acks.due(10 + ACK_BYTES, 99.0)
