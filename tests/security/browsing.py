"""The login page as a browser uses it: its form, its cookies, its XSRF token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser

import httpx

from tests.patience import PATIENCE_S
from tests.servers import Server

PASSWORD = "correct horse battery staple"


class Form(HTMLParser):
    """The hidden fields of a page's forms: name → what stands in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A hidden input is sent with the form."""
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden" and (name := given.get("name")):
            self.hidden[name] = given.get("value") or ""


def browser(server: Server, source: str = "127.0.0.1") -> httpx.Client:
    """A client with a cookie jar that calls from this loopback address; it follows no redirect."""
    transport = httpx.HTTPTransport(local_address=source)
    return httpx.Client(base_url=server.url, transport=transport, timeout=PATIENCE_S)


def submit(client: httpx.Client, name: str, password: str, leads_to: str | None = None) -> httpx.Response:
    """The answer to the login form, filled in; with ``""`` for a name it is that for a token."""
    page = client.get("login", params={} if leads_to is None else {"next": leads_to})
    assert page.status_code == 200, page.text
    filled = {"name": name, "password": password} if name else {"token": password}
    hidden = Form(page.text).hidden
    if leads_to is not None:
        hidden["next"] = leads_to  # whoever builds a page that leads to ours writes it himself
    return client.post("login", data={**hidden, **filled})


@contextmanager
def login(server: Server, name: str, password: str = PASSWORD, source: str = "127.0.0.1") -> Iterator[httpx.Client]:
    """A browser in which ``name`` is logged in."""
    with browser(server, source) as client:
        answer = submit(client, name, password)
        assert answer.status_code == 303, answer.text
        yield client


def xsrf(client: httpx.Client) -> dict[str, str]:
    """The header that a page of ours sends with a write."""
    return {"X-XSRFToken": client.cookies["_xsrf"]}


def person(server: Server, name: str, role: str, password: str | None = PASSWORD) -> None:
    """``name`` can log in, and has this role."""
    asked = {"role": role, **({"password": password} if password else {})}
    with server.http() as admin:
        answer = admin.put(f"api/roles/{name}", json=asked)
    assert answer.status_code == 200, answer.text


def session_cookies(client: httpx.Client) -> dict[str, str]:
    """The cookies that vouch for a caller: all but the XSRF token."""
    return {cookie.name: cookie.value or "" for cookie in client.cookies.jar if cookie.name != "_xsrf"}


def replayed(server: Server, cookies: dict[str, str], path: str = "vibeworkbench/api/status") -> httpx.Response:
    """What a thief gets for these cookies."""
    with httpx.Client(base_url=server.url, cookies=cookies, timeout=PATIENCE_S) as thief:
        return thief.get(path)
