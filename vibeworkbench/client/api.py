"""The REST side of the client: one place that asks, decodes and names what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from vibeworkbench.client.discovery import Address
from vibeworkbench.client.errors import ClientError, Misunderstood, Refused, Unreachable, refusal

T = TypeVar("T")
Query = Mapping[str, str | int | None]

PAGE_ITEMS = 200


class Answer(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What the server answers. Fields that a newer server adds are passed over; missing or wrong ones are refused."""


class Api:
    """Asks the server and gives back typed answers. Usable from any thread; blocks only the caller."""

    def __init__(self, address: Address, *, timeout_s: float = 30.0) -> None:
        self.address = address
        self._http = httpx.Client(
            headers=headers(address), timeout=httpx.Timeout(timeout_s, connect=5.0), trust_env=not address.is_loopback
        )

    def get(self, path: str, answer: type[T], query: Query | None = None) -> T:
        """The answer to a GET of ``path`` (below ``…/vibeworkbench/``), decoded as ``answer``."""
        return decoded(self.send("GET", path, query=query), answer)

    def post(self, path: str, answer: type[T], body: Mapping[str, Any] | None = None) -> T:
        """The answer to a POST of ``body`` as JSON."""
        return decoded(self.send("POST", path, body=body or {}), answer)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        prefer: str = "",
    ) -> httpx.Response:
        """The server's successful response.

        Raises:
            Unreachable: No answer.
            Refused: An answer with an error; the subclass says which kind.
        """
        content = None if body is None else msgspec.json.encode(body)
        extra = {"Prefer": prefer} if prefer else {}
        if content is not None:
            extra["Content-Type"] = "application/json"
        params = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            response = self._http.request(
                method, self.address.http(path), content=content, params=params, headers=extra
            )
        except httpx.HTTPError as error:
            raise unreachable(self.address, error) from None
        if not response.is_success:
            raise refused(response)
        return response

    def pages(self, path: str, item: type[T], query: Query | None = None, limit: int | None = None) -> Iterator[T]:
        """Every item of a list, page after page, at most ``limit``."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            size = None if left is None else min(left, PAGE_ITEMS)
            page = self.get(path, Page[item], {**(query or {}), "limit": size, "cursor": cursor})  # type: ignore[valid-type]
            yield from page.items
            left = None if left is None else left - len(page.items)
            cursor = page.next_cursor
            if not cursor:
                return

    def page(self, path: str, item: type[T], query: Query | None = None, limit: int = PAGE_ITEMS) -> Page[T]:
        """The first ``limit`` items of a list, with the cursor at which REST goes on; ``None`` when these are all."""
        taken: list[T] = []
        cursor: str | None = None
        while len(taken) < limit:
            size = min(limit - len(taken), PAGE_ITEMS)
            found = self.get(path, Page[item], {**(query or {}), "limit": size, "cursor": cursor})  # type: ignore[valid-type]
            taken += found.items
            cursor = found.next_cursor
            if not cursor:
                break
        return Page(items=taken, next_cursor=cursor)

    def close(self) -> None:
        """The connections are closed; asking again is an error."""
        self._http.close()


class Page(msgspec.Struct, Generic[T], frozen=True, rename="camel", kw_only=True):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = None


def segment(name: str) -> str:
    """A name as one segment of a URL path."""
    return quote(name, safe="")


def headers(address: Address) -> dict[str, str]:
    """The headers that open the server. The token never stands in a URL, where logs would keep it."""
    if not (address.token.isascii() and address.token.isprintable()):
        raise ClientError("the token holds characters that no token has; was it copied whole?")
    return {"Authorization": f"token {address.token}"} if address.token else {}


def decoded(response: httpx.Response, answer: type[T]) -> T:
    """The body of a response as ``answer``.

    Raises:
        Misunderstood: It is something else; the sentence names the field.
    """
    try:
        return msgspec.json.decode(response.content, type=answer)
    except msgspec.MsgspecError as error:
        raise Misunderstood(
            f"the answer to {response.request.method} {response.request.url.path} cannot be read: {error}; "
            "client and server may be of different versions"
        ) from None


def refused(response: httpx.Response) -> Refused:
    """The failure that a response with an error status stands for."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    error = body.get("error") if isinstance(body, dict) else None
    found = error if isinstance(error, dict) else {}
    status = 401 if response.is_redirect else response.status_code
    said = found.get("details")
    details = dict(said) if isinstance(said, dict) else {}
    wait = response.headers.get("Retry-After", "")
    return refusal(status)(
        str(found.get("message") or _sentence(status, body)),
        status=status,
        code=str(found.get("code") or _WORDS.get(status, "failed")),
        details={**details, "retryAfterS": float(wait)} if wait.isdigit() else details,
        request_id=str(found.get("requestId") or ""),
    )


_WORDS = {401: "not-logged-in", 403: "not-allowed", 404: "not-found"}


def _sentence(status: int, body: object) -> str:
    if status == 401:
        return "not logged in: the server did not accept the token; check VIBEWORKBENCH_TOKEN"
    if status == 403:
        return "refused: the token is missing, wrong, or lacks the right"
    if status == 404:
        return "the server knows no such address; is the workbench extension on there?"
    said = body.get("message") if isinstance(body, dict) else None
    return f"the server answered {status}{f': {said}' if said else ''}"


def unreachable(address: Address, error: Exception) -> Unreachable:
    """The failure of an address that gives no answer, with its URL and without its token."""
    why = "it took too long to answer" if isinstance(error, httpx.TimeoutException) else "it does not answer"
    return Unreachable(
        f"{address.url}: {why}; is the workbench running there? `vibeworkbench start` starts one, "
        "`vibeworkbench doctor` looks for the cause"
    )
