"""Who may have which notebook run by Voila, and what no configuration can open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from traitlets.config import Config
from voila.configuration import VoilaConfiguration

from vibeworkbench.dashboards.kernels import OwnedKernels
from vibeworkbench.dashboards.model import Publication
from vibeworkbench.dashboards.voila import Door, Voila, checked_theme, is_plain, uses_kernels
from vibeworkbench.errors import InvalidInput, NotAllowed, Unavailable
from vibeworkbench.web.roles import Caller, Role, Scope

LIVE = Publication(
    name="live",
    title="Live",
    notebook="team/live.ipynb",
    stored=False,
    role=Role.viewer,
    interactive=True,
    every="",
    frame_ancestors=(),
    publisher="server",
    published_by="ada",
    published_at=datetime(2026, 1, 1, tzinfo=UTC),
)
VIEWER = Caller("eve", Role.viewer, "token:1")
ANALYST = Caller("ann", Role.analyst, "token:2")
ADMIN = Caller("ada", Role.admin, "server")


def door(*publications: Publication) -> Door:
    """A door before these publications."""
    return Door(lambda: publications)


def test_a_published_interactive_notebook_opens_for_its_role() -> None:
    """And for the higher ones."""
    for caller in (VIEWER, ANALYST, ADMIN):
        assert door(LIVE).admits(caller, "team/live.ipynb")


@pytest.mark.parametrize(
    "publication",
    [
        replace(LIVE, interactive=False),
        replace(LIVE, stored=True),
        replace(LIVE, role=Role.analyst),
        replace(LIVE, notebook="team/other.ipynb"),
        replace(LIVE, notebook="live.ipynb"),
    ],
)
def test_what_is_not_published_to_run_for_the_role_stays_shut(publication: Publication) -> None:
    """A page without a kernel, another role, another notebook."""
    assert not door(publication).admits(VIEWER, "team/live.ipynb")


def test_ingest_opens_nothing() -> None:
    """It only delivers."""
    assert not door(LIVE).admits(Caller("in", Role.ingest, "token:3"), "team/live.ipynb")


def test_a_scope_leaves_what_it_names() -> None:
    """Whatever the role."""
    for role in (Role.viewer, Role.admin):
        assert door(LIVE).admits(Caller("x", role, "t", Scope(frozenset({"live"}))), "team/live.ipynb")
        assert not door(LIVE).admits(Caller("x", role, "t", Scope(frozenset({"other"}))), "team/live.ipynb")
        assert not door(LIVE).admits(Caller("x", role, "t", Scope(metrics=True)), "team/live.ipynb")


def test_of_several_publications_of_a_notebook_the_fitting_one_opens() -> None:
    """A narrowed token may hold the second."""
    second = replace(LIVE, name="second", role=Role.analyst)
    assert door(LIVE, second).admits(Caller("x", Role.analyst, "t", Scope(frozenset({"second"}))), "team/live.ipynb")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/team/live.ipynb",
        "team//live.ipynb",
        "team/./live.ipynb",
        "x/../team/live.ipynb",
        "team/live.ipynb/",
        "team/live.ipynb\0",
        "team\\live.ipynb",
        "team/live.IPYNB",
        "team/live.ipynb ",
        "team/live.ipynb\n",
        "team/live",
        "team/live.py",
        "../team/live.ipynb",
        "team/" + "a" * 2000 + ".ipynb",
        "team/\ud800.ipynb",
    ],
)
def test_a_notebook_has_one_spelling(path: str) -> None:
    """What a file system or an address may read as the same is another path here, and opens for nobody."""
    assert not is_plain(path)
    for notebook in (path, "team/live.ipynb"):
        assert not door(replace(LIVE, notebook=notebook)).admits(ADMIN, path)


@pytest.mark.parametrize(
    "path", ["a.ipynb", "team/live.ipynb", "Über das Netz.ipynb", "a b/..c.ipynb", ".hidden/x.ipynb"]
)
def test_names_of_people_are_plain(path: str) -> None:
    """Spaces, dots and letters of any language."""
    assert is_plain(path)


def test_whoever_could_publish_is_told_how() -> None:
    """With the path quoted for the shell; others learn nothing of what there is."""
    with pytest.raises(NotAllowed, match=r"publish 'a b\.ipynb' --role viewer --interactive"):
        door().check(ANALYST, "a b.ipynb")
    for caller in (VIEWER, Caller("x", Role.admin, "t", Scope(frozenset({"x"})))):
        with pytest.raises(NotAllowed) as refused:
            door().check(caller, "a b.ipynb")
        assert "a b" not in refused.value.message


def test_the_list_holds_what_the_caller_may_open() -> None:
    """By title."""
    other = replace(LIVE, name="b", title="an older one")
    hidden = replace(LIVE, name="c", role=Role.admin)
    assert door(LIVE, other, hidden).open_to(VIEWER) == [other, LIVE]


def test_only_whole_analysts_use_kernels() -> None:
    """A narrowed one looks."""
    assert [uses_kernels(each) for each in (VIEWER, ANALYST, ADMIN)] == [False, True, True]
    assert not uses_kernels(Caller("x", Role.admin, "t", Scope(frozenset({"live"}))))


@pytest.mark.parametrize("theme", ["../../x", "JupyterLab Dark", "Light", 'x"><script>', "dark\0"])
def test_a_theme_is_light_or_dark(theme: str) -> None:
    """Its name stands in the page as it is."""
    with pytest.raises(InvalidInput):
        checked_theme(theme)


def configured(given: dict[str, Any], voila: Voila | None = None) -> VoilaConfiguration:
    """Voila's configuration, made of what somebody has set."""
    return VoilaConfiguration(config=(voila or Voila()).configuration(Config(given)))


def test_no_configuration_opens_what_keeps_the_door_shut() -> None:
    """Templates by address, files, pools of kernels and another kind of drawing."""
    theirs = configured(
        {
            "VoilaConfiguration": {
                "allow_template_override": "YES",
                "file_allowlist": [".*"],
                "preheat_kernel": True,
                "progressive_rendering": True,
                "prelaunch_hook": lambda *_given, **_named: None,
            }
        }
    )
    assert theirs.allow_template_override == "NO"
    assert theirs.file_allowlist == []
    assert not theirs.preheat_kernel
    assert not theirs.progressive_rendering


def test_what_else_is_configured_wins() -> None:
    """The template, say; ours is the default."""
    assert configured({}).template == "vibeworkbench"
    assert configured({"VoilaConfiguration": {"template": "lab", "show_margins": True}}).template == "lab"


def handler(caller: Caller, path: str) -> Any:
    """What a hook sees of a page of Voila's."""
    read: list[str] = []
    user = SimpleNamespace(username=caller.name, name=caller.name)
    return SimpleNamespace(current_user=user, settings={}, path_args=[path], xsrf_token=b"", read=read)


def notebook(**metadata: Any) -> Any:
    """A notebook as a hook sees it."""
    return SimpleNamespace(metadata={"voila": metadata})


def opened(*publications: Publication) -> Voila:
    """Voila before a door."""
    voila = Voila()
    voila.open(door(*publications), object(), None)  # type: ignore[arg-type]
    return voila


def test_somebody_s_own_hook_is_asked_after_ours() -> None:
    """It may refuse or change more; it is not asked about what ours refuses."""
    asked: list[str] = []
    theirs = {"prelaunch_hook": lambda handler, notebook, cwd: asked.append(cwd)}
    hook = configured({"VoilaConfiguration": theirs}, opened(LIVE)).prelaunch_hook
    hook(handler(ADMIN, "team/live.ipynb"), notebook=notebook(), cwd="team")
    assert asked == ["team"]
    with pytest.raises(NotAllowed):
        hook(handler(ADMIN, "team/other.ipynb"), notebook=notebook(), cwd="team")
    assert asked == ["team"]


def test_nothing_runs_while_the_workbench_is_not_open() -> None:
    """Because it is starting, or its settings mean nothing."""
    hook = configured({}).prelaunch_hook
    with pytest.raises(Unavailable):
        hook(handler(ADMIN, "team/live.ipynb"), notebook=notebook(), cwd="team")
    assert not Voila().admits(ADMIN, "team/live.ipynb")
    assert Voila().kernel_owner("x") is None


def test_a_notebook_chooses_neither_template_nor_a_theme_of_its_own() -> None:
    """Light and dark are everybody's."""
    hook = configured({}, opened(LIVE)).prelaunch_hook
    for chosen, kept in (({"template": "x", "theme": "y"}, {}), ({"theme": "dark"}, {"theme": "dark"})):
        seen = notebook(**chosen)
        hook(handler(ADMIN, "team/live.ipynb"), notebook=seen, cwd="team")
        assert seen.metadata["voila"] == kept


def test_a_server_with_kernels_of_another_kind_admits_no_viewer() -> None:
    """Of a gateway's kernels nobody knows whose they are."""
    assert not opened(LIVE).admits(VIEWER, "team/live.ipynb")


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ({}, True),
        ({"ServerApp": {"kernel_manager_class": "x"}}, False),
        ({"ServerApp": {"kernel_websocket_connection_class": "x"}}, False),
        ({"GatewayClient": {"url": "http://elsewhere"}}, False),
    ],
)
def test_chosen_kernels_stay_chosen(given: dict[str, Any], ours: bool) -> None:
    """Ours are the default."""
    chosen = Voila().configuration(Config(given))
    expected = f"{OwnedKernels.__module__}.{OwnedKernels.__name__}" if ours else None
    assert chosen.get("ServerApp", {}).get("kernel_manager_class") == expected
