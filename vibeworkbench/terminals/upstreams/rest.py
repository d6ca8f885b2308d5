"""What an upstream's REST answers: in time, in size, and over TLS that was verified; or the reason why not."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from vibeworkbench.errors import Unavailable, UpstreamFailed
from vibeworkbench.terminals.upstreams.trust import untrusted

ANSWER_BYTES: Final = 2**20
"""Largest answer: a terminal is described in a hundred bytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An upstream's answer.

    Attributes:
        status: HTTP's.
        said: The body, decoded; ``None`` where it is empty or no JSON.
    """

    status: int
    said: Any


async def answer(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    tls: ssl.SSLContext | None,
    answer_s: float,
    body: Any = None,
) -> Answer:
    """What the upstream answers; redirects are not followed, they would carry the token away.

    Args:
        method: HTTP's.
        url: What is asked.
        headers: Sent with the request.
        tls: For ``https``.
        answer_s: How long the whole answer may take.
        body: Sent as JSON; ``None`` sends nothing.

    Raises:
        Unavailable: It cannot be reached, or the answer does not come in time.
        UpstreamFailed: Its certificate is not trusted, or its answer is too large.
    """
    verify: ssl.SSLContext | bool = tls or False  # without TLS there is nothing to verify
    try:
        async with (
            asyncio.timeout(answer_s),
            httpx.AsyncClient(headers=dict(headers), verify=verify, timeout=answer_s, trust_env=False) as client,
            client.stream(method, url, json=body) as response,
        ):
            return Answer(response.status_code, _meant(await _body(response)))
    except (TimeoutError, httpx.TimeoutException):
        raise Unavailable("The upstream does not answer in time.") from None
    except httpx.HTTPError as error:
        distrust = _certificate_error(error)
        if distrust is not None:
            raise untrusted(distrust) from None
        raise Unavailable(f"The upstream cannot be reached ({type(error).__name__}).") from None
    except httpx.InvalidURL:
        raise UpstreamFailed("The upstream's address names no machine.") from None


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > ANSWER_BYTES:
            raise UpstreamFailed(f"The upstream's answer has more than {ANSWER_BYTES} bytes.")
    return bytes(body)


def _meant(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """What TLS said, below what two libraries made of it."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error
