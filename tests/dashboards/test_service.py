"""What is published, when it is rendered, what stays when that fails, and who hears of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.dashboards.staging import OWNER, room_of, staged
from vibeworkbench.access.audit_records import AuditFilter
from vibeworkbench.access.service import By
from vibeworkbench.dashboards.model import Order, State
from vibeworkbench.dashboards.records import dashboard, dashboard_asset
from vibeworkbench.errors import InvalidInput, NotAllowed, NotFound
from vibeworkbench.ops.wire.issues import IssueQuery
from vibeworkbench.web.roles import Caller, Role, Scope

OPERATOR = Caller("ops", Role.operator, "server")
RENDER_ISSUE = ("dashboards.render", "dashboard:shop")


@pytest.fixture
async def stage(tmp_path):
    async with staged(tmp_path) as made:
        yield made


async def test_a_published_notebook_has_a_page(stage):
    """Its title, its output, and nothing that says where it lies."""
    stage.write("boards/shop.ipynb", "print('fresh', 6 * 7)", title="The shop")
    standing = await stage.publish("boards/shop.ipynb", every="0 * * * *", interactive=True)
    assert (standing.publication.name, standing.publication.title) == ("shop", "The shop")
    assert standing.publication.notebook == "boards/shop.ipynb"
    assert stage.dashboards.state_of(standing) is State.ready
    page = await stage.text()
    assert "fresh 42" in page
    assert str(stage.root) not in page
    assert stage.dashboards.published("boards/shop.ipynb") == standing.publication
    assert stage.dashboards.published("shop.ipynb") is None
    assert stage.dashboards.rooms_of("shop") == (room_of("shop"),)
    assert stage.dashboards.rooms_of("elsewhere") == ()


@pytest.mark.parametrize(
    "notebook", ["../outside.ipynb", "link.ipynb", "gone.ipynb", "shop.txt", "boards", "a\0b.ipynb"]
)
async def test_only_notebooks_below_the_root_are_published(stage, notebook):
    """Links are followed before it is judged."""
    outside = stage.root.parent / "outside.ipynb"
    outside.write_text(stage.write("shop.ipynb", "1").read_text())
    (stage.root / "link.ipynb").symlink_to(outside)
    (stage.root / "shop.txt").write_text("{}")
    (stage.root / "boards").mkdir()
    with pytest.raises(InvalidInput) as refused:
        await stage.publish(notebook)
    assert refused.value.attributes["field"] == "notebook"
    assert str(stage.root) not in refused.value.message


async def test_an_absolute_path_inside_is_as_good(stage):
    """It stands relative to the root afterwards."""
    path = stage.write("shop.ipynb", "1")
    assert (await stage.publish(str(path))).publication.notebook == "shop.ipynb"


async def test_content_that_was_sent_is_rendered_without_a_file(stage):
    """It is kept, and Voila cannot run it."""
    content = stage.write("shop.ipynb", "print('sent')").read_bytes()
    (stage.root / "shop.ipynb").unlink()
    standing = await stage.publish("from/elsewhere/shop.ipynb", content=content)
    assert standing.publication.stored
    assert standing.publication.notebook == "shop.ipynb"
    assert "sent" in await stage.text()
    assert stage.dashboards.published("shop.ipynb") is None
    with pytest.raises(InvalidInput):
        await stage.publish("shop.ipynb", content=content, interactive=True)
    with pytest.raises(InvalidInput):
        await stage.publish("shop.ipynb", content=b"{")


async def test_a_failed_render_keeps_the_old_page_and_is_an_issue_until_it_is_mended(stage):
    """From the file to the issue and back, on the straight line."""
    stage.write("shop.ipynb", "print('first')")
    await stage.publish()
    await stage.listen(room_of("shop"))
    stage.write("shop.ipynb", "print('second')", "secret_number = 1 / 0")
    await stage.issue_becomes((*RENDER_ISSUE, "open"))
    standing = stage.dashboards.shelf.standing("shop")
    assert stage.dashboards.state_of(standing) is State.failed
    assert standing.failure.said == "code cell 2: ZeroDivisionError: division by zero"
    assert "first" in await stage.text()
    stage.write("shop.ipynb", "print('third')")
    await stage.issue_becomes((*RENDER_ISSUE, "resolved"))
    assert "third" in await stage.text()
    assert stage.dashboards.shelf.standing("shop").failure is None


async def test_a_first_render_that_fails_leaves_a_dashboard_without_a_page(stage):
    """The publisher learns what failed."""
    stage.write("shop.ipynb", "raise ValueError('not yet')")
    standing = await stage.publish()
    assert standing.page is None
    assert standing.failure.cell == 1
    assert await stage.dashboards.shelf.page("shop") is None
    await stage.issue_becomes((*RENDER_ISSUE, "open"))
    (filed,) = (await stage.ops.issues(IssueQuery())).items
    found = await stage.ops.one_issue(filed.issue_id)
    for word in ("not yet", "ValueError"):
        assert word not in str(found), "whoever watches issues reads nothing of a notebook"


async def test_a_notebook_that_is_deleted_keeps_its_page_and_is_an_issue(stage):
    """Whoever watches sees the old state and when it was."""
    path = stage.write("shop.ipynb", "print('first')")
    await stage.publish()
    path.unlink()
    await stage.issue_becomes((*RENDER_ISSUE, "open"))
    assert stage.dashboards.shelf.standing("shop").failure.error == "no-notebook"
    assert "first" in await stage.text()


async def test_saving_the_same_notebook_is_no_change(stage):
    """Outputs that JupyterLab saved render nothing."""
    path = stage.write("shop.ipynb", "1 + 1")
    before = await stage.publish()
    other = stage.write("other.ipynb", "print(1)")
    await stage.publish("other.ipynb")
    await stage.listen(room_of("other"))
    path.write_text(path.read_text().replace('"outputs": []', '"outputs": [ ]'))
    other.write_text(other.read_text().replace("print(1)", "print(12345)"))
    shelf = stage.dashboards.shelf
    first = shelf.standing("other").page.etag
    await stage.heard(lambda: shelf.standing("other").page.etag != first)
    assert shelf.standing("shop") == before


async def test_a_clock_renders_once_for_all_that_it_missed(stage):
    """As a schedule does."""
    stage.write("shop.ipynb", "1")
    first = await stage.publish(every="0 * * * *")
    await stage.listen(room_of("shop"))
    stage.clock.ahead = timedelta(hours=3)
    shelf = stage.dashboards.shelf
    await stage.heard(lambda: shelf.standing("shop").page.etag != first.page.etag)
    standing = await stage.dashboards.rendered("shop")
    assert standing.slot_at >= first.slot_at + timedelta(hours=3)


async def test_a_page_that_missed_two_of_its_renders_is_overdue(stage):
    """Renders that take longer than their schedule allows are told, too."""
    stage.write("shop.ipynb", "1")
    await stage.publish(every="0 * * * *")
    (said,) = stage.dashboards.facts()
    assert not said["overdue"]
    await stage.dashboards.stop()
    stage.clock.ahead = timedelta(hours=3)
    (said,) = stage.dashboards.facts()
    assert said["overdue"]


async def test_a_publisher_who_may_no_more_renders_no_more(stage):
    """The right is looked at before each render, and the token is lent for it alone."""
    by = By(OWNER, "127.0.0.1")
    await stage.access.set_role("eve", Role.operator, by)
    eve = stage.access.by_name("eve").caller()
    stage.write("shop.ipynb", "1")
    assert (await stage.publish(caller=eve)).failure is None
    await stage.access.set_role("eve", Role.analyst, by)
    await stage.dashboards.ask("shop", OWNER)
    standing = stage.dashboards.shelf.standing("shop")
    assert standing.failure.error == "no-right"
    assert standing.page is not None


async def test_only_operators_publish_and_nobody_above_the_own_role(stage):
    """What is for admins is an admin's to change."""
    stage.write("shop.ipynb", "1")
    for caller in (
        Caller("ana", Role.analyst, "user:ana"),
        Caller("kiosk", Role.operator, "token:1", Scope(frozenset({"shop"}))),
    ):
        with pytest.raises(NotAllowed):
            await stage.publish(caller=caller)
    with pytest.raises(NotAllowed):
        await stage.publish(caller=OPERATOR, role=Role.admin)
    await stage.publish(role=Role.admin)
    for change in (stage.publish(caller=OPERATOR), stage.dashboards.unpublish("shop", OPERATOR)):
        with pytest.raises(NotAllowed):
            await change
    with pytest.raises(NotAllowed):
        stage.dashboards.ask("shop", OPERATOR)


async def test_whoever_may_not_see_it_does_not_learn_that_it_is_there(stage):
    """Missing and not allowed are one answer, but for who may see everything."""
    stage.write("shop.ipynb", "1")
    await stage.dashboards.publish(Order("shop.ipynb", role=Role.operator), OWNER)
    viewer = Caller("eve", Role.viewer, "user:eve")
    narrowed = Caller("kiosk", Role.admin, "token:1", Scope(frozenset({"other"})))
    shelf = stage.dashboards.shelf
    for caller in (viewer, narrowed):
        answers = set()
        for name in ("shop", "nothing"):
            with pytest.raises(NotAllowed) as refused:
                shelf.visible_to(caller, name)
            answers.add(refused.value.message)
        assert len(answers) == 1
        assert shelf.visible(caller) == []
    with pytest.raises(NotFound):
        shelf.visible_to(OWNER, "nothing")


async def test_unpublishing_ends_the_render_under_way_and_leaves_nothing(stage):
    """Neither page nor issue."""
    stage.write("shop.ipynb", "import threading; threading.Event().wait()")
    await stage.dashboards.publish(Order("shop.ipynb"), OWNER)
    task = stage.dashboards.ask("shop", OWNER)
    await stage.dashboards.unpublish("shop", OWNER)
    assert task.cancelled()
    assert stage.dashboards.shelf.visible(OWNER) == []
    with pytest.raises(NotFound):
        await stage.dashboards.unpublish("shop", OWNER)
    assert stage.database.read_now(lambda c: c.execute(sa.select(dashboard.c.name)).all()) == []


async def test_publishing_again_replaces_the_settings_and_keeps_the_page_meanwhile(stage):
    """There is no moment without a page, unless the former one was made for a role above."""
    stage.write("shop.ipynb", "print('first')")
    await stage.publish(role=Role.viewer)
    stage.write("shop.ipynb", "print('second')")
    between = await stage.dashboards.publish(Order("shop.ipynb", role=Role.analyst, every="@daily"), OWNER)
    assert between.page is not None
    assert "first" in await stage.text()
    after = await stage.dashboards.rendered("shop")
    assert (after.publication.role, after.publication.every) == (Role.analyst, "@daily")
    assert "second" in await stage.text()


async def test_a_restarted_server_serves_the_page_and_renders_only_what_is_due(tmp_path):
    """A render that a killed server did not finish is made up, everything else stays."""
    async with staged(tmp_path) as first:
        first.write("shop.ipynb", "print('shop')")
        first.write("other.ipynb", "import threading; threading.Event().wait()")
        before = await first.publish()
        await first.dashboards.publish(Order("other.ipynb"), OWNER)
    first.write("other.ipynb", "print('other')")
    async with staged(tmp_path) as second:
        await second.listen(room_of("other"))
        shelf = second.dashboards.shelf
        await second.heard(lambda: shelf.standing("other").page is not None)
        assert shelf.standing("shop").page == before.page
        assert "shop" in await second.text("shop")


async def test_of_two_servers_on_one_database_one_renders_and_both_serve(tmp_path):
    """The claim is the first one's; the other one sees the newer page."""
    async with staged(tmp_path) as one, staged(tmp_path) as other:
        one.write("shop.ipynb", "print('first')")
        await one.publish()
        await other.listen(room_of("shop"))
        shelf = other.dashboards.shelf
        await other.heard(lambda: "shop" in shelf.standings and shelf.standings["shop"].page is not None)
        one.write("shop.ipynb", "import pathlib; pathlib.Path('runs').open('a').write('x'); print('second')")
        seen = shelf.standing("shop").page.etag
        while "second" not in await other.text():
            await other.heard(lambda: shelf.standing("shop").page.etag != seen)  # noqa: B023 - it is waited for here
            seen = shelf.standing("shop").page.etag
        await asyncio.gather(one.dashboards.rendered("shop"), other.dashboards.rendered("shop"))
        assert (one.root / "runs").read_text() == "x"


async def test_a_page_from_another_maker_is_made_anew_at_start(tmp_path):
    """After an upgrade, its programs may be gone."""
    async with staged(tmp_path) as first:
        first.write("shop.ipynb", "1")
        before = await first.publish()
    async with staged(tmp_path) as second:
        old = sa.update(dashboard).values(tried="an-older-maker of-it", stamp="other")
        await second.database.write(lambda transaction: transaction.connection.execute(old))
        await second.listen(room_of("shop"))
        shelf = second.dashboards.shelf
        await second.heard(lambda: shelf.standing("shop").page.etag != before.page.etag)


async def test_files_of_a_replaced_page_stay_a_while(stage):
    """A browser that is at it still gets them; later they are forgotten."""
    figure = "import anywidget\nclass W(anywidget.AnyWidget):\n    _esm = 'export default {render() {} } // %s'\nW()"
    stage.write("shop.ipynb", figure % "one")
    await stage.publish()
    (first,) = await _files(stage)
    stage.write("shop.ipynb", figure % "two")
    await stage.dashboards.ask("shop", OWNER)
    assert first in await _files(stage)
    assert await stage.dashboards.shelf.asset("shop", first) is not None
    stage.clock.ahead = timedelta(hours=2)
    long_ago = sa.update(dashboard_asset).where(dashboard_asset.c.file == first).values(used_us=0)
    await stage.database.write(lambda transaction: transaction.connection.execute(long_ago))
    await stage.dashboards.ask("shop", OWNER)
    assert first not in await _files(stage)


async def _files(stage):
    names = sa.select(dashboard_asset.c.file)
    return list(await stage.database.read(lambda connection: connection.execute(names).scalars().all()))


async def test_what_happens_is_in_the_audit_record(stage):
    """Who published what, and that a render failed."""
    stage.write("shop.ipynb", "1 / 0")
    await stage.publish()
    await stage.dashboards.unpublish("shop", OWNER)
    entries = await stage.access.audit.page(AuditFilter(), None, 100)
    said = {(each.event.kind, each.event.identity, each.event.subject) for each in entries}
    assert {
        ("dashboard-published", "server", "shop for viewer"),
        ("dashboard-render-failed", "server", "shop: ZeroDivisionError"),
        ("dashboard-unpublished", "server", "shop"),
    } <= said
