"""When schedules fire: in their zone, through its clock changes, once for each slot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.errors import InvalidInput
from vibeworkbench.schedules.model import Schedule, due_slot, latest_slot, next_fire_at, schedules_from
from vibeworkbench.settings import DEFAULT_SCHEDULES, ScheduleSettings

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia")


def schedule(cron: str, timezone: str = "UTC", grace_s: float = 3600.0) -> Schedule:
    given_ = ScheduleSettings(name="nightly", cron=cron, scope="full", timezone=timezone, grace_s=grace_s)
    return schedules_from([given_])[0]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fires(each: Schedule, after: str, count: int) -> list[str]:
    """The next fires, as day and time in UTC."""
    said, moment = [], at(after)
    for _ in range(count):
        moment = next_fire_at(each, moment)
        said.append(moment.strftime("%d %H:%M"))
    return said


def test_the_default_schedules_are_those_of_the_mission() -> None:
    """A full scan at two, an incremental one every four hours, in UTC."""
    full, incremental = schedules_from(DEFAULT_SCHEDULES)
    assert fires(full, "2026-01-01T03:00", 2) == ["02 02:00", "03 02:00"]
    assert fires(incremental, "2026-01-01T03:00", 3) == ["01 04:00", "01 08:00", "01 12:00"]


def test_the_fields_mean_times_of_the_zone() -> None:
    """Two o'clock in Berlin is one o'clock UTC in winter and midnight in summer."""
    assert fires(schedule("0 2 * * *", "Europe/Berlin"), "2026-01-01T12:00", 1) == ["02 01:00"]
    assert fires(schedule("0 2 * * *", "Europe/Berlin"), "2026-07-01T12:00", 1) == ["02 00:00"]


def test_a_time_that_does_not_exist_fires_as_if_the_clock_had_not_been_changed() -> None:
    """02:30 is skipped on 29 March 2026 in Berlin: it fires at 03:30 summer time, once."""
    nightly = schedule("30 2 * * *", "Europe/Berlin")
    assert fires(nightly, "2026-03-28T12:00", 3) == ["29 01:30", "30 00:30", "31 00:30"]


def test_a_time_that_comes_twice_fires_once() -> None:
    """02:30 comes twice on 25 October 2026 in Berlin: it fires the first time."""
    nightly = schedule("30 2 * * *", "Europe/Berlin")
    assert fires(nightly, "2026-10-24T12:00", 3) == ["25 00:30", "26 01:30", "27 01:30"]


def test_a_schedule_for_every_hour_keeps_firing_when_an_hour_comes_twice() -> None:
    """Every half hour stays every half hour through both changes of the clock."""
    often = schedule("*/30 * * * *", "Europe/Berlin")
    assert fires(often, "2026-10-24T23:45", 6) == [
        "25 00:00",
        "25 00:30",
        "25 01:00",
        "25 01:30",
        "25 02:00",
        "25 02:30",
    ]
    assert fires(often, "2026-03-29T00:15", 4) == ["29 00:30", "29 01:00", "29 01:30", "29 02:00"]


def test_fires_stay_in_order_where_the_clock_changes_by_half_an_hour() -> None:
    """On Lord Howe 02:20 becomes 02:50 while 02:35 stays: the later minute fires first that day."""
    both = schedule("20,35 2 * * *", "Australia/Lord_Howe")
    assert fires(both, "2026-10-02T20:00", 4) == ["03 15:35", "03 15:50", "04 15:20", "04 15:35"]


def test_a_day_that_a_zone_skips_costs_no_other_day_its_fire() -> None:
    """Samoa skipped 30 December 2011."""
    assert fires(schedule("0 2 * * *", "Pacific/Apia"), "2011-12-28T20:00", 3) == ["29 12:00", "30 12:00", "31 12:00"]


@given(
    cron=st.sampled_from(["0 2 * * *", "*/30 * * * *", "0 */4 * * *", "20,35 1-3 * * *", "@weekly", "5 0 1 * *"]),
    zone=st.sampled_from(ZONES),
    moment=st.integers(1_700_000_000, 1_900_000_000),
)
def test_every_fire_is_the_latest_slot_until_the_next(cron: str, zone: str, moment: int) -> None:
    """Looking ahead and looking back agree, whatever the zone does to its clock."""
    each, now = schedule(cron, zone), datetime.fromtimestamp(moment, UTC)
    coming = next_fire_at(each, now)
    assert latest_slot(each, now) <= now < coming
    assert latest_slot(each, coming) == coming
    assert latest_slot(each, coming - timedelta(seconds=1)) == latest_slot(each, now)
    assert next_fire_at(each, latest_slot(each, now)) == coming


def test_missed_fires_are_made_up_once_within_the_grace_time() -> None:
    """Of many missed slots the latest runs, and only while it is young enough."""
    hourly = schedule("0 * * * *", grace_s=1800)
    assert due_slot(hourly, at("2026-01-01T00:00"), at("2026-01-01T05:20")) == at("2026-01-01T05:00")
    assert due_slot(hourly, at("2026-01-01T00:00"), at("2026-01-01T05:31")) is None
    assert due_slot(hourly, at("2026-01-01T05:00"), at("2026-01-01T05:20")) is None


def test_a_clock_set_back_makes_nothing_due() -> None:
    """What was claimed at three is not due again when it is two once more."""
    assert due_slot(schedule("0 * * * *"), at("2026-01-01T03:00"), at("2026-01-01T02:10")) is None


@pytest.mark.parametrize(
    ("cron", "timezone", "field"),
    [
        ("61 * * * *", "UTC", "cron"),
        ("* * * * * *", "UTC", "cron"),
        ("0 2 * *", "UTC", "cron"),
        ("", "UTC", "cron"),
        ("@reboot", "UTC", "cron"),
        ("R 2 * * *", "UTC", "cron"),
        ("H(0-9) 2 * * *", "UTC", "cron"),
        ("0 0 30 2 *", "UTC", "cron"),
        ("0 2 * * *", "Mars/Olympus", "timezone"),
        ("0 2 * * *", "Europe", "timezone"),
        ("0 2 * * *", "../../etc/passwd", "timezone"),
        ("0 2 * * *", "", "timezone"),
    ],
)
def test_a_schedule_that_means_nothing_is_refused_by_field(cron: str, timezone: str, field: str) -> None:
    """The refusal names the setting, also of what would never fire or fire at random."""
    with pytest.raises(InvalidInput) as error:
        schedule(cron, timezone)
    assert error.value.attributes["field"] == f"schedules[0].{field}"


def test_a_name_stands_once() -> None:
    """Two schedules of one name would share their slots."""
    with pytest.raises(InvalidInput) as error:
        schedules_from([DEFAULT_SCHEDULES[0], DEFAULT_SCHEDULES[0]])
    assert error.value.attributes["field"] == "schedules[1].name"


def test_the_latest_slot_near_a_change_of_the_clock_is_never_a_coming_one() -> None:
    """An hour before 02:30 fires on the day of the change, the latest slot is yesterday's."""
    nightly = schedule("30 2 * * *", "Europe/Berlin")
    assert latest_slot(nightly, at("2026-03-29T00:30")) == at("2026-03-28T01:30")
    assert latest_slot(nightly, at("2026-10-25T00:29")) == at("2026-10-24T00:30")
    assert latest_slot(nightly, at("2026-10-25T01:29")) == at("2026-10-25T00:30")
