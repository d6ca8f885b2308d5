"""What a record is."""

from __future__ import annotations

from vibeworkbench.logs.model import Kind, Level, Record


def test_levels_from_error_on_tell_of_a_failure() -> None:
    """Warnings do not."""
    assert [level for level in Level if level.is_error] == [Level.error, Level.critical, Level.fatal]


def test_findings_are_about_the_source_with_its_kind() -> None:
    """As targets are spelt."""
    assert Record(Kind.worker, "fetcher", "it failed").subject == "worker:fetcher"
