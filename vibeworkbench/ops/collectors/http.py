"""HTTP targets: each is asked over a connection of its own, because that is what its next new user will meet.

Redirects are not followed: where a target is expected to redirect, expect the 3xx status. Proxies of the environment
are ignored. At most 64 KiB of a body are read.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any, ClassVar

from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.collectors.connecting import Resolver
from vibeworkbench.ops.collectors.http_answer import AnswerReader, BadAnswer
from vibeworkbench.ops.collectors.http_exchange import exchanged
from vibeworkbench.ops.collectors.http_expectations import BODY_BYTES, unmet
from vibeworkbench.ops.collectors.http_request import Address, address_of, request_of, shown_url
from vibeworkbench.ops.collectors.probing import Attempt, Failure, Outcome, Phases, again, tried
from vibeworkbench.ops.collectors.sweeping import Probed, probed, sweep
from vibeworkbench.ops.model import Look
from vibeworkbench.settings import HttpTarget

AGENT = "vibeworkbench-probe"
"""User agent of a probe, so that a target's owner knows who asks."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """TLS contexts shared by the probes of one look; making one reads the system's authorities and takes a while."""

    trusting: ssl.SSLContext | None
    blind: ssl.SSLContext | None


class HttpCollector:
    """Asks every HTTP target and measures name lookup, connect, TLS handshake, first byte and the whole."""

    name: ClassVar[str] = "http"
    kinds: ClassVar[frozenset[str]] = frozenset({"http"})
    type: ClassVar[str] = "availability"

    async def look(self, order: LookOrder) -> Look:
        """One probe of each target, all that fit into the deadline."""
        targets = [target for target in order.targets if isinstance(target, HttpTarget)]
        contexts = await asyncio.to_thread(_contexts, targets)
        resolver = Resolver()

        async def probe(target: HttpTarget) -> Probed:
            return await _probed(target, resolver, contexts.trusting if target.verify_tls else contexts.blind)

        return await sweep(order, self.name, targets, probe)


def _contexts(targets: list[HttpTarget]) -> Contexts:
    """The contexts that these targets need."""
    wanted = {target.verify_tls for target in targets if target.url[:6].lower() == "https:"}
    trusting = ssl.create_default_context() if True in wanted else None
    blind = None
    if False in wanted:
        blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    return Contexts(trusting, blind)


async def _probed(target: HttpTarget, resolver: Resolver, tls: ssl.SSLContext | None) -> Probed:
    """The target probed."""
    try:
        address = address_of(target.url)
    except ValueError:
        failure = Failure("settings", "settings", "has a URL that is no http or https address")
        outcome = Outcome(Attempt(failure), Phases(), 0)
    else:

        def repeats(failure: Failure) -> bool:
            sent = failure.phase not in ("dns", "connect", "tls")
            return again(failure) and not (sent and target.method == "POST")  # what was posted is not posted twice

        outcome = await tried(
            lambda phases: _attempt(target, address, resolver, tls, phases), target.timeout_s, repeats=repeats
        )
    told = {"url": shown_url(target.url), "method": target.method, "slowAfterMs": target.slow_after_s * 1e3}
    return probed("http", target.name, outcome, told)


async def _attempt(
    target: HttpTarget, address: Address, resolver: Resolver, tls: ssl.SSLContext | None, phases: Phases
) -> Attempt:
    """One try."""
    reader = AnswerReader(request_of(target.method, address, AGENT), limit_bytes=BODY_BYTES)
    try:
        await exchanged(address, reader, resolver=resolver, tls=tls if address.secure else None, phases=phases)
    except BadAnswer as error:
        return Attempt(Failure(phases.current, "protocol", str(error)), _facts(reader))
    return Attempt(unmet(target, reader), _facts(reader))


def _facts(answer: AnswerReader) -> dict[str, Any]:
    """What is worth keeping of an answer."""
    if not answer.status:
        return {}
    facts: dict[str, Any] = {"status": answer.status, "bodyBytes": len(answer.body), "cut": answer.cut}
    location = answer.headers.get("location", "")
    return facts | ({"location": shown_url(location)[:200]} if location else {})
