"""For each pattern of the routers, addresses that exist: what the audit calls.

A pattern whose groups are not told here fails the audit, so that a new route is looked at by somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FILE = r"(?P<path>(?:(?:/[^/]+)+|/?))"
PARTS: Mapping[str, str] = {
    r"(?P<kernel_id>\w+-\w+-\w+-\w+-\w+)": "{kernel}",
    r"(?P<session_id>\w+-\w+-\w+-\w+-\w+)": "{session}",
    r"(?P<action>restart|interrupt)": "interrupt",
    r"(?P<checkpoint_id>[\w-]+)": "checkpoint",
    r"(?P<kernel_name>[\w\.\-%]+)": "python3",
    r"(?P<section_name>\w+)": "notebook",
    r"(?P<language_server>.*)": "pylsp",
    r"(?P<format>\w+)": "html",
    r"(?P<scan_id>[^/]+)": "made-up",
    r"(?P<issue_id>[^/]+)": "made-up",
    r"(?P<target_id>[^/]+)": "made-up",
    r"(?P<container_id>[^/]+)": "made-up",
    r"(?P<template_id>[^/]+)": "made-up",
    r"(?P<token_id>[^/]+)": "{token}",
    r"(?P<terminal_id>[^/]+)": "audited",
    r"(?P<identity>[^/]+)": "made-up",
    r"(?P<party>[^/]+)/(?P<room>[^/]+)": "ops-monitor-broadcast/main",
}
"""Group of a pattern → what stands there, wherever it occurs."""

WHOLE: Mapping[str, tuple[str, ...]] = {
    "/vibeworkbench(?:/.*)?$": ("/vibeworkbench", "/vibeworkbench/nothing"),
    "/vibeworkbench/api/schedules/(?P<name>[^/]+)/run$": ("/vibeworkbench/api/schedules/made-up/run",),
    "/vibeworkbench/api/roles/(?P<name>[^/]+)$": ("/vibeworkbench/api/roles/made-up",),
    "/vibeworkbench/api/dashboards/(?P<name>[^/]+)$": ("/vibeworkbench/api/dashboards/audited",),
    "/vibeworkbench/api/dashboards/(?P<name>[^/]+)/render$": ("/vibeworkbench/api/dashboards/made-up/render",),
    "/vibeworkbench/dashboards/(?P<name>[^/]+)$": (
        "/vibeworkbench/dashboards/audited",
        "/vibeworkbench/dashboards/guarded",
    ),
    "/vibeworkbench/dashboards/(?P<name>[^/]+)/assets/(?P<file>[^/]+)$": (
        "/vibeworkbench/dashboards/audited/assets/made-up.js",
        "/vibeworkbench/dashboards/guarded/assets/made-up.js",
    ),
    "/vibeworkbench/parties/(?P<party>[^/]+)/(?P<room>[^/]+)$": (
        "/vibeworkbench/parties/ops-monitor-broadcast/main",
        "/vibeworkbench/parties/relay/elsewhere",
        "/vibeworkbench/parties/backstage/main",
    ),
    "/vibeworkbench/api/rooms/(?P<party>[^/]+)/(?P<room>[^/]+)$": (
        "/vibeworkbench/api/rooms/ops-monitor-broadcast/main",
        "/vibeworkbench/api/rooms/relay/elsewhere",
        "/vibeworkbench/api/rooms/backstage/main",
    ),
    "/vibeworkbench/api/rooms/(?P<party>[^/]+)/(?P<room>[^/]+)/messages$": (
        "/vibeworkbench/api/rooms/ops-monitor-broadcast/main/messages",
        "/vibeworkbench/api/rooms/relay/elsewhere/messages",
        "/vibeworkbench/api/rooms/backstage/main/messages",
    ),
    r"/(robots\.txt)$": ("/robots.txt",),
    r"/(favicon\.ico)$": ("/favicon.ico",),
    r"/(robots\.txt|favicon\.ico)$": ("/favicon.ico",),
    "/static/(.*)$": ("/static/favicon.ico",),
    "/static/lab/(.*)$": ("/static/lab/index.html",),
    "/static/vibeworkbench/(.*)$": ("/static/vibeworkbench/ops.js",),
    "/static/stranger/(.*)$": ("/static/stranger/stranger.py",),
    "/stranger/files/(.*)$": ("/stranger/files/stranger.py",),
    "/terminals/websocket/(?P<terminal_id>\\w+)$": ("/terminals/websocket/audited",),
    "/api/terminals/(\\w+)$": ("/api/terminals/audited",),
    "/(?P<mode>lab|doc)(?P<workspace>/workspaces/[a-zA-Z0-9\\-\\_]+)?(?P<tree>/tree/.*)?$": (
        "/lab",
        "/doc",
        "/lab/workspaces/x/tree/audited.ipynb",
    ),
    "/lab/extensions/(.*)$": ("/lab/extensions/x",),
    "/lab/api/settings/?$": ("/lab/api/settings",),
    "/lab/api/settings/(?P<schema_name>.+)$": ("/lab/api/settings/@jupyterlab/apputils-extension:themes",),
    "/lab/api/translations/?$": ("/lab/api/translations",),
    "/lab/api/translations/(?P<locale>.*)$": ("/lab/api/translations/en",),
    "/lab/api/workspaces/?$": ("/lab/api/workspaces",),
    "/lab/api/workspaces/(?P<space_name>.+)$": ("/lab/api/workspaces/x",),
    "/lab/api/listings/(.*)$": ("/lab/api/listings/x.json",),
    "/lab/api/themes/(.*)$": ("/lab/api/themes/@jupyterlab/theme-light-extension/index.css",),
    "/lab/api/licenses/(.*)$": ("/lab/api/licenses/",),
    "/lab/.*$": ("/lab/nothing",),
    "/voila/render/(.*)$": ("/voila/render/unpublished.ipynb", "/voila/render/interactive.ipynb"),
    f"/voila/tree{FILE}$": ("/voila/tree",),
    "/voila(?:/|/tree(/.*)?)?$": ("/voila", "/voila/tree"),
    "/voila/templates/(.*)$": ("/voila/templates/lab/static/voila.js",),
    "/voila/api/themes/(.*)$": ("/voila/api/themes/made-up",),
    "/voila/static/(.*)$": ("/voila/static/voila.js",),
    "/voila/api/shutdown/(.*)$": ("/voila/api/shutdown/{kernel}",),
    "/voila/api/shutdown/([0-9A-Za-z-]+)$": ("/voila/api/shutdown/{kernel}",),
    "/voila/files/(.*)$": ("/voila/files/secret.txt",),
    f"/voila/api/contents{FILE}$": ("/voila/api/contents/",),
    "/voila/labextensions/(.*)$": ("/voila/labextensions/x",),
    r"/kernelspecs/(?P<kernel_name>[\w\.\-%]+)/(?P<path>.*)$": ("/kernelspecs/python3/logo-64x64.png",),
    "/api/notebooks/?(.*)$": ("/api/notebooks/audited.ipynb",),
    "/api/spec.yaml$": ("/api/spec.yaml",),
    "/files/(.*)$": ("/files/secret.txt",),
    "/.*/$": ("/anything/",),
    "/?$": ("/",),
    "(.*)$": ("/nothing",),
}
"""Whole pattern → its addresses, where a group alone does not say what stands there."""


@dataclass(frozen=True, slots=True)
class Address:
    """Something that can be called.

    Attributes:
        path: As the golden file names it: ids that differ from run to run are ``{named}``.
        handler: The handler's class.
        methods: What the handler answers, and GET in any case.
        socket: Whether it speaks WebSocket.
    """

    path: str
    handler: str
    methods: tuple[str, ...]
    socket: bool


def addresses(routes: Iterable[Mapping[str, Any]]) -> list[Address]:
    """All that the routers lead to, each address once: the first rule that matches it is the one that is asked.

    Raises:
        LookupError: Nobody has said yet what stands in a pattern's groups, or a rule does not go by the path.
    """
    found: dict[str, Address] = {}
    unknown = []
    for route in routes:
        made = paths(route["pattern"])
        unknown += [] if made else [route["pattern"] or route["handler"]]
        for path in made:
            methods = tuple(dict.fromkeys(["GET", *route["methods"]]))
            found.setdefault(path, Address(path, route["handler"], methods, route["socket"]))
    if unknown:
        raise LookupError(f"tests/security/addresses.py does not know yet what stands in {' and '.join(unknown)}")
    return list(found.values())


def paths(pattern: str) -> tuple[str, ...]:
    """The addresses for one pattern; none when nobody has said yet what stands in its groups."""
    if pattern in WHOLE:
        made = WHOLE[pattern]
    else:
        text = pattern.removesuffix("$").replace(FILE, "/audited.ipynb")
        for group, value in PARTS.items():
            text = text.replace(group, value)
        made = (text.replace("\\.", ".").replace("\\-", "-"),)
    examples = [re.sub(r"\{\w+\}", "0-0-0-0-0", path) for path in made]
    return made if all(re.fullmatch(pattern, example) for example in examples) else ()
