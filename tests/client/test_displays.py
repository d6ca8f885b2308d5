"""Displays: whatever comes from outside is text, and nothing to show is said kindly."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.client import displays, errors
from vibeworkbench.client.api import decoded, refused
from vibeworkbench.client.issues import Issue, Issues, only
from vibeworkbench.client.live import progress_html
from vibeworkbench.client.overview import Health, Members, Rooms, Schedules
from vibeworkbench.client.scans import Scan, Scans
from vibeworkbench.client.targets import Target, TargetItems
from vibeworkbench.client.values import Progress

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Tags(HTMLParser):
    """Collects the elements and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """One more element."""
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


def issue(text: str) -> Issue:
    return Issue(
        issue_id=text,
        fingerprint=text,
        check=text,
        collector=text,
        subject=text,
        type=text,
        severity="high",
        title=text,
        state="open",
        hint=text,
        first_seen_at=NOW,
        last_seen_at=NOW,
        claimed_by=text,
        resolution=text,
        note=text,
        evidence={text: text},
    )


ALLOWED = {"div", "span", "table", "thead", "tbody", "tr", "th", "td", "time", "code", "details", "summary", "pre"}


@given(
    st.one_of(st.text(), st.sampled_from(["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "&lt;b>"]))
)
def test_no_text_becomes_an_element_or_an_attribute(text):
    shown = [issue(text)._repr_html_(), Issues([issue(text)])._repr_html_()]
    shown.append(Target({"targetId": text, "kind": text, "name": text, "url": text})._repr_html_())
    shown.append(progress_html(text, Progress(scan_id="s", processed=1, total=2, step=text)))
    for html in shown:
        tags = Tags(html)
        assert tags.found <= ALLOWED
        assert not {name for name in tags.attributes if name.startswith("on")} - {"on"}
        assert "src" not in tags.attributes


@pytest.mark.parametrize("kind", [Issues, Scans, Schedules, Rooms, Members, TargetItems])
def test_an_empty_list_has_a_sentence_and_typed_columns(kind):
    empty = kind([])
    assert kind.empty.split()[0] in empty._repr_html_()
    assert repr(empty) == f"<0 {kind.noun}>"
    frame = empty.to_df()
    assert list(frame.columns) == list(kind.columns)
    assert not [name for name, declared in kind.columns.items() if declared != "object" and frame[name].dtype == object]


def test_health_of_nothing_scanned_says_what_to_do():
    assert "wb.scan()" in Health(score=None)._repr_html_()
    assert "nothing scanned" in repr(Health(score=None))


def test_a_failed_scan_says_why():
    scan = Scan(scan_id="s", scope="full", trigger="t", status="failed", started_at=NOW, reason="the disk <is> full")
    assert "the disk &lt;is&gt; full" in scan._repr_html_()
    assert scan.duration_s is None
    assert not scan.ok


@given(st.lists(st.one_of(st.none(), st.floats(-10, 200)), max_size=30))
def test_a_history_with_gaps_is_drawn_inside_its_box(values):
    html = displays.sparkline(values)
    assert html == "" or html.startswith("<svg")
    assert "nan" not in html


def test_ids_may_be_shortened_until_they_are_ambiguous():
    issues = [issue("abc1"), issue("abd2")]
    assert only(issues, "abc").issue_id == "abc1"
    with pytest.raises(errors.ClientError, match="2 issues"):
        only(issues, "ab")
    with pytest.raises(errors.ClientError, match="no issue"):
        only(issues, "x")


def answer(status: int, **body) -> httpx.Response:
    return httpx.Response(status, request=httpx.Request("GET", "http://host/vibeworkbench/api/x"), **body)


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"),
    [
        (400, errors.Invalid, 2),
        (302, errors.NotLoggedIn, 3),
        (401, errors.NotLoggedIn, 3),
        (403, errors.NotAllowed, 3),
        (404, errors.NotFound, 1),
        (409, errors.Conflict, 1),
        (429, errors.TooOften, 1),
        (500, errors.ServerFailed, 1),
        (503, errors.Unavailable, 4),
    ],
)
def test_each_status_is_a_class_with_a_sentence_whatever_the_body(status, kind, exit_code):
    said = {"error": {"code": "c", "message": "m", "details": {"field": "f"}, "requestId": "r"}}
    full = refused(answer(status, json=said, headers={"Retry-After": "7"}))
    assert (type(full), full.exit_code, full.message, full.field, full.request_id) == (kind, exit_code, "m", "f", "r")
    assert full.retry_after_s == 7.0
    assert full.body()["error"]["requestId"] == "r"
    for body in (
        {"json": ["no", "object"]},
        {"text": "<html>"},
        {"json": {"message": "Forbidden"}},
        {"json": {"error": 1}},
    ):
        assert refused(answer(status, **body)).message


def test_an_answer_of_another_version_is_said_to_be_one():
    with pytest.raises(errors.Misunderstood, match="versions"):
        decoded(answer(200, json={"scanId": 1}), Scan)
    assert decoded(answer(200, json={"score": None, "novel": 1}), Health).score is None


def test_one_is_no_plural():
    assert repr(Issues([issue("one")])).startswith("<1 issue>")
    assert "1 issue<" in Issues([issue("one")])._repr_html_()
    assert repr(Issues([])).startswith("<0 issues>")
