"""The book of templates: what is known is never renumbered."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibeworkbench.logs.mining.book import OVERFLOW, TemplateBook

USERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")
LOGINS = [f"Failed login of user {user} from <ip>" for user in USERS]
WORDS = st.sampled_from(
    ("open", "close", "file", "user", *USERS, "<number>", "<ip>", "k=v", "a.b.c", '"q"', ",", "eth<number>")
)
MASKED = st.lists(WORDS, max_size=7).map(" ".join)


def test_a_text_keeps_its_id_when_more_arrive() -> None:
    book = TemplateBook()
    first = book.match(LOGINS[:1])
    ids = [book.match([text])[0] for text in LOGINS]
    assert ids[0] == first[0]
    assert book.match(LOGINS) == ids


def test_the_oldest_template_is_widened_and_the_others_name_it() -> None:
    """When the fourth user shows that users are a parameter, the first one's template takes all from then on."""
    book = TemplateBook()
    first, second, third = (book.match([text])[0] for text in LOGINS[:3])
    assert len({first, second, third}) == 3
    assert book.match(LOGINS[3:]) == [first] * 4
    assert book.templates[first].text == "Failed login of user <*> from <ip>"
    assert book.templates[first].version > 1
    assert [book.templates[one].parent for one in (first, second, third)] == ["", first, first]
    assert book.match(["Failed login of user mallory from <ip>"]) == [first]
    assert book.match(LOGINS[1:2]) == [second]


def test_a_batch_is_mined_as_a_whole() -> None:
    assert len(set(TemplateBook().match(LOGINS))) == 1


def test_the_text_becomes_as_general_as_what_fits_it() -> None:
    book = TemplateBook()
    (template_id,) = book.match(["sent to <ip>"])
    assert book.match(["sent to <host>"]) == [template_id]
    assert book.templates[template_id].text == "sent to <*>"


def test_the_most_specific_template_is_taken() -> None:
    book = TemplateBook()
    special, *_ = (book.match([text])[0] for text in LOGINS[:1])
    book.match(LOGINS[1:])
    assert book.match(["Failed login of user alice from <host>"])[0] in book.templates
    assert book.match(LOGINS[:1]) == [special]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(MASKED, max_size=12), max_size=8), st.data())
def test_ids_never_change(batches: list[list[str]], data: st.DataObject) -> None:
    """However batches arrive, and also when the book is closed and opened in between."""
    book, known = TemplateBook(), {}
    kept, remembered = {}, {}
    for batch in batches:
        found = dict(zip(batch, book.match(batch), strict=True))
        assert all(known.get(text, template_id) == template_id for text, template_id in found.items())
        known.update(found)
        assert dict(zip(known, book.match(list(known)), strict=True)) == known
        templates, masked = book.changed()
        kept.update((template.id, template) for template in templates)
        remembered.update(masked)
        assert (kept, remembered) == (book.templates, known)
        if data.draw(st.booleans()):
            book = TemplateBook(kept.values(), remembered)


def test_goes_on_with_the_templates_alone() -> None:
    """The texts may be forgotten: what fits a template has its id."""
    book = TemplateBook()
    (template_id,) = set(book.match(LOGINS))
    again = TemplateBook(book.templates.values())
    assert again.match(LOGINS) == [template_id] * len(LOGINS)
    assert again.changed()[0] == []


def test_forgets_the_oldest_texts_and_still_knows_their_templates() -> None:
    book = TemplateBook(most_masked=10)
    ids = book.match([f"{word} came" for word in "abcdefghijklmnopqrstuvwxyz"])
    assert len(book.changed()[1]) <= 10
    assert book.match([f"{word} came" for word in "abcdefghijklmnopqrstuvwxyz"]) == ids


def test_a_full_book_puts_what_is_new_into_one_template() -> None:
    book = TemplateBook(most_templates=2)
    ids = book.match(["one thing", "two other things", "three quite other things", "four more of those other things"])
    assert ids[2:] == [OVERFLOW, OVERFLOW]
    assert book.templates[OVERFLOW].text == "<*>"
    assert book.match(["one thing", "five"]) == [ids[0], OVERFLOW]
    assert book.explain("six").step == "overflow"
    assert TemplateBook(book.templates.values(), most_templates=2).match(["one thing", "seven"]) == [ids[0], OVERFLOW]


def test_explains_how_a_text_got_there() -> None:
    book = TemplateBook()
    started, stopped = book.match(["service <number> started", "service <number> stopped"])
    found = book.explain("service <number> started")
    assert (found.step, found.template.id, found.nearest.id) == ("known", started, stopped)
    assert found.differs == ((2, "started", "stopped"),)
    assert book.explain("service <hex> started").step == "template"
    unknown = book.explain("service <number> failed")
    assert (unknown.step, unknown.template) == ("new", None)
    assert book.explain("nothing like it at all").nearest is None
    assert len(book.templates) == 2


def test_counts_belong_to_texts() -> None:
    assert len(TemplateBook().match(["a", "b"], [1, 2])) == 2
    with pytest.raises(ValueError, match="1 counts for 2 texts"):
        TemplateBook().match(["a", "b"], [1])
