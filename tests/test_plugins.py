"""Collectors and checks come through entry points, and one that cannot be loaded disturbs nobody."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

import pytest

from vibeworkbench.ops import checks, collectors
from vibeworkbench.ops.checks import CheckContext, check, load_checks
from vibeworkbench.ops.collectors import Collector, load_collectors
from vibeworkbench.ops.model import Look, LookState, Severity
from vibeworkbench.plugins import PluginFailure
from vibeworkbench.settings import OpsSettings


class Stranger:
    """A collector of somebody else."""

    name = "stranger"
    kinds: frozenset[str] = frozenset()
    type = "capacity"

    async def look(self, order) -> Look:
        """Nothing is to be seen."""
        return Look(self.name, LookState.ok)


class Broken(Stranger):
    """A collector that cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("no")


@check(id="stranger.x", collector="stranger", type="error", severity=Severity.low, hint="Look.", tags={"a"})
def judge(snapshot, context):
    """A check of somebody else that finds nothing."""
    return ()


@pytest.fixture
def entry(monkeypatch):
    """Makes an entry point of a group that names an object of an installed module."""
    module = ModuleType("stranger_module")
    monkeypatch.setitem(sys.modules, "stranger_module", module)

    def made(group: str, name: str, thing: object) -> EntryPoint:
        setattr(module, name, thing)
        return EntryPoint(name, f"stranger_module:{name}", group)

    return made


def test_built_in_collectors_come_through_the_door():
    """Every collector that the package declares can be loaded and made."""
    declared = {one.name for one in entry_points(group=collectors.GROUP) if one.value.startswith("vibeworkbench.")}
    found = load_collectors()
    assert found.failures == ()
    assert {one.name for one in found.collectors} >= declared >= {"host", "processes", "jupyter", "files"}


def test_built_in_checks_come_through_the_door():
    """Every check that the package declares judges a declared collector's look, under an id that begins like it."""
    found = load_checks()
    assert found.failures == ()
    begins = [(one, "logs." if one.collectors else f"{one.collector}.") for one in found.checks]
    assert all(one.id.startswith(begin) and one.hint and one.tags for one, begin in begins)
    assert {one.collector for one in found.checks} >= {"host", "processes", "jupyter", "files", "scan"}


def test_a_strangers_collector_is_loaded(entry):
    """Whatever fulfils the port is a collector."""
    (found,) = load_collectors(entries=[entry(collectors.GROUP, "stranger", Stranger)]).collectors
    assert isinstance(found, Collector)


def test_what_is_disabled_is_not_loaded(entry):
    """A collector is left out by the name of its entry point, unimported, or by its own."""
    missing = EntryPoint("off", "no_such_module:Thing", collectors.GROUP)
    assert load_collectors({"off"}, [missing]) == collectors.Collectors(())
    assert load_collectors({"stranger"}, [entry(collectors.GROUP, "other", Stranger)]).collectors == ()
    assert load_checks({"stranger.x"}, [entry(checks.GROUP, "mine", [judge])]).checks == ()


@pytest.mark.parametrize(("thing", "reason"), [(Broken, "RuntimeError"), (object, "no collector")])
def test_a_collector_that_is_none_is_a_failure(entry, thing, reason):
    """The failure names group, entry point and the kind of trouble."""
    found = load_collectors(entries=[entry(collectors.GROUP, "bad", thing)])
    assert found == collectors.Collectors((), (PluginFailure(collectors.GROUP, "bad", reason),))


def test_a_module_that_cannot_be_imported_is_a_failure():
    """The other plugins of the group are loaded all the same."""
    missing = EntryPoint("missing", "no_such_module:Thing", checks.GROUP)
    assert load_checks(entries=[missing]).failures == (PluginFailure(checks.GROUP, "missing", "ModuleNotFoundError"),)


def test_names_and_ids_are_unique(entry):
    """The second plugin of a name is a failure, so that nobody is replaced silently."""
    twice = [entry(collectors.GROUP, "one", Stranger), entry(collectors.GROUP, "two", Stranger)]
    found = load_collectors(entries=twice)
    assert len(found.collectors) == 1
    assert found.failures == (PluginFailure(collectors.GROUP, "two", "second collector of the name stranger"),)
    found = load_checks(entries=[entry(checks.GROUP, "mine", [judge, judge])])
    assert found.failures == (PluginFailure(checks.GROUP, "mine", "second check of the id stranger.x"),)


def test_names_that_no_table_holds_are_failures(entry):
    """They would fail every scan on a database that keeps to its columns' lengths."""

    class Long(Stranger):
        name = "x" * 65

    found = load_collectors(entries=[entry(collectors.GROUP, "long", Long)])
    assert found.failures == (PluginFailure(collectors.GROUP, "long", "a name of more than 64 characters"),)
    found = load_checks(entries=[entry(checks.GROUP, "mine", [replace(judge, id="x" * 129)])])
    assert found.failures == (PluginFailure(checks.GROUP, "mine", "an id of more than 128 characters"),)


@pytest.mark.parametrize("thing", [judge, [judge, 7], None])
def test_an_entry_point_names_a_list_of_checks(entry, thing):
    """Anything else is a failure."""
    found = load_checks(entries=[entry(checks.GROUP, "mine", thing)])
    assert found == checks.Checks((), (PluginFailure(checks.GROUP, "mine", "no list of checks"),))


def test_a_finding_takes_what_is_not_said_from_its_check():
    """Id, collector, type, severity and hint come from the check; the fingerprint says whether it is known."""
    finding = judge.finding("mount:/", "Full")
    assert (finding.check, finding.collector, finding.type) == ("stranger.x", "stranger", "error")
    assert (finding.severity, finding.hint) == (Severity.low, "Look.")
    assert judge.finding("mount:/", "Full", severity=Severity.high, hint="Now.").hint == "Now."
    assert CheckContext(OpsSettings(), frozenset({finding.fingerprint})).holds(judge, "mount:/")
    assert not CheckContext(OpsSettings(), frozenset({finding.fingerprint})).holds(judge, "mount:/", "other")
