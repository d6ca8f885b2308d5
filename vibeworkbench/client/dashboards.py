"""Published dashboards: notebooks rendered once, whose pages many watch without a kernel."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urljoin

import msgspec

from vibeworkbench.client import displays
from vibeworkbench.client.api import Answer, Api, decoded, segment
from vibeworkbench.client.displays import Cell
from vibeworkbench.client.errors import ClientError, Invalid
from vibeworkbench.client.frames import Kind
from vibeworkbench.client.results import Items
from vibeworkbench.client.targets import NotConfirmed

LOOK_AGAIN_S = 0.5
"""How often a render under way is looked at."""

RoleName = Literal["viewer", "analyst", "operator", "admin"]


class RenderProgress(Answer, frozen=True, kw_only=True):
    """Code cells executed, of all; of none while the render waits for its turn or its kernel."""

    processed: int
    total: int


class Dashboard(Answer, frozen=True, kw_only=True):
    """A dashboard as it stands; ``reason`` is told to operators."""

    name: str
    title: str
    role: str
    state: str
    url: str
    published_at: datetime
    notebook: str = ""
    stored: bool = False
    interactive: bool = False
    every: str = ""
    frame_ancestors: list[str] = msgspec.field(default_factory=list)
    published_by: str = ""
    rendered_at: datetime | None = None
    render_ms: float | None = None
    progress: RenderProgress | None = None
    reason: str | None = None
    etag: str | None = None
    page_bytes: int | None = None

    @property
    def is_ready(self) -> bool:
        """Whether its page is that of the last render, which has ended."""
        return self.state == "ready"

    def __repr__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"<dashboard {self.name} for {self.role}, {self.state}{why}>"


class DashboardItems(Items[Dashboard]):
    """Dashboards as a list."""

    noun: ClassVar[str] = "dashboards"
    empty: ClassVar[str] = "No dashboards for you. wb.dashboards.publish('notebook.ipynb') makes one."
    columns: ClassVar[Mapping[str, Kind]] = {
        "name": "text",
        "title": "text",
        "role": "text",
        "state": "text",
        "notebook": "text",
        "interactive": "flag",
        "every": "text",
        "published_by": "text",
        "published_at": "instant",
        "rendered_at": "instant",
        "render_ms": "number",
        "page_bytes": "count",
        "reason": "text",
        "url": "text",
    }
    headings: ClassVar[Sequence[str]] = ("dashboard", "title", "for", "state", "rendered", "notebook", "why")

    def row(self, item: Dashboard) -> Sequence[Cell]:
        """Name, title, role, state, age of the page, notebook and reason."""
        state = displays.badge(item.state)
        return (item.name, item.title, item.role, state, item.rendered_at, item.notebook, item.reason)


class Dashboards:
    """The server's dashboards: call it for the list, or change them."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def __call__(self) -> DashboardItems:
        """The dashboards that you may see."""
        return DashboardItems(self._api.pages("api/dashboards", Dashboard))

    def publish(
        self,
        notebook: str | PurePath,
        *,
        role: RoleName = "viewer",
        name: str | None = None,
        wait: bool = True,
        on_progress: Callable[[RenderProgress], object] | None = None,
        **settings: Any,
    ) -> Dashboard:
        """The dashboard, once its render has ended; ``state`` and ``reason`` say how.

        A notebook below the server's root is rendered from its file, again whenever that changes. The content of any
        other is sent, without outputs, and rendered from there.

        Args:
            notebook: A file of this machine, else a path below the server's root, as a ``PurePosixPath`` always is.
            role: The lowest role that may see it.
            name: What stands in its address; the file's name by default.
            wait: Whether to wait for the end of its render.
            on_progress: Gets each step of the render.
            **settings: ``interactive`` (Voila may run it), ``every`` (cron expression, UTC), ``frame_ancestors``
                (origins whose pages may embed it).

        Raises:
            Invalid: The server does not take it; ``field`` says which field.
            NotAllowed: Publishing takes the role operator.
        """
        body = {"role": role, **{_camel(key): value for key, value in settings.items()}}
        asked = self._asked(_file(notebook), str(notebook), body if name is None else {**body, "name": name})
        return self._followed(asked, on_progress) if wait else asked

    def _asked(self, file: Path | None, notebook: str, body: Mapping[str, Any]) -> Dashboard:
        if file is None:
            return self._post({**body, "notebook": notebook})
        if self._api.address.is_loopback:
            try:
                return self._post({**body, "notebook": str(file.resolve())})
            except Invalid as refused:
                if refused.field != "notebook":
                    raise
        return self._post({**body, "notebook": file.name, "content": without_outputs(file)})

    def _post(self, body: Mapping[str, Any]) -> Dashboard:
        return decoded(self._api.send("POST", "api/dashboards", body=body, prefer="respond-async"), Dashboard)

    def render(self, name: str, *, on_progress: Callable[[RenderProgress], object] | None = None) -> Dashboard:
        """The dashboard, rendered anew; ``state`` and ``reason`` say how that ended.

        Raises:
            NotFound: There is no such dashboard.
        """
        path = f"api/dashboards/{segment(name)}/render"
        asked = decoded(self._api.send("POST", path, body={}, prefer="respond-async"), Dashboard)
        return self._followed(asked, on_progress)

    def _followed(self, asked: Dashboard, on_progress: Callable[[RenderProgress], object] | None) -> Dashboard:
        now = asked
        while now.state == "rendering":
            if on_progress is not None and now.progress is not None:
                on_progress(now.progress)
            time.sleep(LOOK_AGAIN_S)
            now = self.find(asked.name)
        return now

    def find(self, name: str) -> Dashboard:
        """The dashboard of that name.

        Raises:
            NotFound: There is none.
            NotAllowed: There is none, or none for you.
        """
        return self._api.get(f"api/dashboards/{segment(name)}", Dashboard)

    def unpublish(self, name: str, *, confirm: bool = False) -> None:
        """The dashboard is gone, with its page; the notebook stays.

        Raises:
            NotConfirmed: ``confirm`` is not ``True``; nothing was done.
        """
        if not confirm:
            raise NotConfirmed(
                f"whoever watches dashboard {name} will find nothing; "
                "call unpublish(..., confirm=True) when you mean it"
            )
        self._api.send("DELETE", f"api/dashboards/{segment(name)}")

    def address(self, dashboard: Dashboard) -> str:
        """The whole URL of the dashboard's page."""
        return urljoin(self._api.address.url, dashboard.url)

    def voila_address(self, dashboard: Dashboard) -> str:
        """The whole URL at which Voila runs the dashboard, if it is interactive."""
        return urljoin(self._api.address.url, f"voila/render/{quote(dashboard.notebook)}")

    def __repr__(self) -> str:
        return repr(self())

    def _repr_html_(self) -> str:
        return self()._repr_html_()


def _file(notebook: str | PurePath) -> Path | None:
    """The file of this machine that is meant, if one is."""
    if isinstance(notebook, PurePath) and not isinstance(notebook, Path):
        return None
    return Path(notebook) if Path(notebook).is_file() else None


def without_outputs(notebook: Path) -> str:
    """The notebook file's text without what its executions left.

    Raises:
        ClientError: It is no notebook.
    """
    try:
        read = msgspec.json.decode(notebook.read_bytes(), type=dict[str, Any])
        for cell in read["cells"]:
            if cell.get("cell_type") == "code":
                cell["outputs"], cell["execution_count"] = [], None
        read.setdefault("metadata", {}).pop("widgets", None)
    except OSError as error:
        raise ClientError(f"{notebook} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ClientError(f"{notebook} is no notebook of format 4") from None
    return msgspec.json.encode(read).decode()


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
