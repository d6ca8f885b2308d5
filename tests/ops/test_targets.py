"""Targets of the settings and of REST, and what becomes of their issues."""

from __future__ import annotations

import asyncio

import pytest

from tests.ops.staging import FULL, INCREMENTAL, Mounts, request, staged
from vibeworkbench.errors import InvalidInput
from vibeworkbench.ops.records import issue
from vibeworkbench.ops.scans.model import Status
from vibeworkbench.ops.wire.issues import IssueQuery
from vibeworkbench.settings import HttpTarget, OpsSettings


@pytest.fixture
def path(tmp_path):
    """Where the database is."""
    return tmp_path / "state.db"


async def the_issue(stage):
    """The one issue."""
    [one] = (await stage.ops.issues(IssueQuery())).items
    return one


async def test_a_source_may_name_one_target(path):
    """Only it is looked at, and only its issues can resolve."""
    shop, blog = HttpTarget("shop", "http://shop"), HttpTarget("blog", "http://blog")
    probe = Mounts({"http:shop": 0.95, "http:blog": 0.95}, "mounts", frozenset({"http"}))
    async with staged(path, probe, settings=OpsSettings(targets=(shop, blog))) as stage:
        await stage.ops.scan(FULL)
        assert (await stage.ops.summary()).by_state["open"].count == 2
        probe.seen.clear()
        await stage.ops.scan(request(sources=frozenset({"mounts:shop"})))
        assert probe.orders[-1].targets == (shop,)
        states = {one.target: one.state for one in (await stage.ops.issues(IssueQuery())).items}
        assert states == {"http:shop": "resolved", "http:blog": "open"}


async def test_issues_of_targets_that_left_the_settings_are_resolved(path):
    """The next full scan says why; a scan of one source does not judge that."""
    probe = Mounts({"http:shop": 0.95}, "mounts", frozenset({"http"}))
    shop = OpsSettings(targets=(HttpTarget("shop", "http://shop"), HttpTarget("blog", "http://blog")))
    async with staged(path, probe, settings=shop) as stage:
        await stage.ops.scan(FULL)
        assert {one.target for one in (await stage.ops.health()).targets} == {"http:shop", "http:blog"}
    probe.seen.clear()
    probe.covered = frozenset()
    async with staged(path, probe, settings=OpsSettings(targets=(HttpTarget("blog", "http://blog"),))) as stage:
        await stage.ops.scan(INCREMENTAL)
        assert (await the_issue(stage)).state == "open"
        await stage.ops.scan(FULL)
        assert (await the_issue(stage)).resolution == "its target is no longer in the settings"
        assert {one.target for one in (await stage.ops.health()).targets} == {"http:blog"}


async def test_a_target_removed_in_mid_scan_gets_no_issue(path):
    """What was seen of it is not filed."""
    gate, inside = asyncio.Event(), asyncio.Event()

    async def wait(_order):
        inside.set()
        await gate.wait()

    probe = Mounts({"http:shop": 0.95}, "mounts", frozenset({"http"}), before=wait)
    async with staged(path, probe) as stage:
        added = await stage.ops.add_target(HttpTarget("shop", "http://shop"))
        begun = await stage.ops.begin(FULL)
        await inside.wait()
        await stage.ops.remove_target(added.target_id, "ada")
        gate.set()
        assert (await stage.ops.finished(begun.scan_id)).status is Status.completed
        assert stage.rows(issue) == []
        assert (await stage.ops.health()).targets == []


async def test_a_target_of_the_settings_hides_one_of_rest(path):
    """It is looked at once, as the settings say; removing the hidden one leaves its issues alone."""
    probe = Mounts({"http:shop": 0.95}, "mounts", frozenset({"http"}))
    async with staged(path, probe) as stage:
        hidden = await stage.ops.add_target(HttpTarget("shop", "http://rest"))
    fixed = HttpTarget("shop", "http://settings")
    async with staged(path, probe, settings=OpsSettings(targets=(fixed,))) as stage:
        await stage.ops.scan(FULL)
        assert probe.orders[-1].targets == (fixed,)
        await stage.ops.remove_target(hidden.target_id, "ada")
        assert (await the_issue(stage)).state == "open"


async def test_settings_with_targets_that_cannot_be_meant_are_refused(path):
    """Two of one name, or a name that could not be told from a part."""
    shop = HttpTarget("shop", "http://shop")
    for targets in ((shop, shop), (HttpTarget("a:b", "http://shop"),), (HttpTarget("shop", "shop"),)):
        with pytest.raises(InvalidInput):
            async with staged(path, settings=OpsSettings(targets=targets)):
                pass
