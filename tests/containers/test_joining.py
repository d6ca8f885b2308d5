"""Lines that came together are joined where they are one record, each of its own container and stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.containers.joining import together
from vibeworkbench.logs.model import Kind, Level, Record

TRACE = [
    "Traceback (most recent call last):",
    '  File "/app/pay.py", line 3, in charge',
    "    raise ValueError(card)",
    "ValueError: 17",
]


def line(message, instance="a", stream="stderr", **more):
    return Record(kind=Kind.container, source="api", message=message, instance=instance, stream=stream, **more)


def test_a_trace_is_one_record_also_between_others():
    """Of two containers that write at the same time; blank lines go."""
    mine = [line(text) for text in ["served 1", "", *TRACE, "served 2"]]
    other = [line(text, instance="b") for text in ["hello", *TRACE]]
    mixed = [each for pair in zip(mine, [*other, line("x", "c"), line("y", "c")], strict=True) for each in pair]
    found = together(mixed)
    assert [each.message for each in found if each.instance == "a"] == ["served 1", "\n".join(TRACE), "served 2"]
    assert "\n".join(TRACE) in [each.message for each in found if each.instance == "b"]


def test_what_a_sender_holds_for_a_record_stays_one():
    """With an id, a level, attributes or several lines."""
    own = [
        line("  one", id="1"),
        line("  two", level=Level.error),
        line("  three", attributes={"a": 1}),
        line("four\n  five"),
    ]
    assert together(own) == own


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_characters="\n\r", codec="utf-8")), st.sampled_from("ab")), max_size=12
    )
)
def test_nothing_is_lost(said):
    """Every line that is not blank is in one record, in its order."""
    records = [line(text, instance=instance) for text, instance in said]
    for instance in "ab":
        texts = [
            each for record in together(records) if record.instance == instance for each in record.message.split("\n")
        ]
        mine = [text for text, of in said if of == instance]
        assert [each.strip() for each in texts if each.strip()] == [each.strip() for each in mine if each.strip()]
