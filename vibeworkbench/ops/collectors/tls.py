"""TLS targets: is the certificate trusted, does it carry the name, and how long is it valid.

A certificate that is not trusted must still be read, most of all an expired one: then a second handshake that verifies
nothing fetches it. Nothing is sent over that connection. Of the chain only the server's own certificate is dated.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from cryptography import x509
from cryptography.x509.oid import NameOID

from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.collectors.connecting import Resolver, opened
from vibeworkbench.ops.collectors.probing import Attempt, Failure, Outcome, Phases, tried
from vibeworkbench.ops.collectors.sweeping import Probed, probed, sweep
from vibeworkbench.ops.model import Look
from vibeworkbench.settings import TlsTarget

_EXPIRED = 10
"""X509_V_ERR_CERT_HAS_EXPIRED. Source: OpenSSL, x509_vfy.h."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verifying handshake said: ``code`` and ``message`` are OpenSSL's, 0 and empty for a trusted one."""

    certificate: x509.Certificate | None
    code: int = 0
    message: str = ""


class TlsCollector:
    """Shakes hands with every TLS target and reads its certificate."""

    name: ClassVar[str] = "tls"
    kinds: ClassVar[frozenset[str]] = frozenset({"tls"})
    type: ClassVar[str] = "availability"

    async def look(self, order: LookOrder) -> Look:
        """One probe of each target, all that fit into the deadline."""
        targets = [target for target in order.targets if isinstance(target, TlsTarget)]
        contexts = await asyncio.to_thread(_contexts, {target.ca_file for target in targets})
        resolver = Resolver()

        async def probe(target: TlsTarget) -> Probed:
            return await _probed(target, resolver, contexts[target.ca_file])

        return await sweep(order, self.name, targets, probe)


def _contexts(ca_files: set[str]) -> dict[str, ssl.SSLContext | None]:
    """A verifying context for each authority file, the empty one for the system's; None for a file of no use."""
    contexts: dict[str, ssl.SSLContext | None] = {}
    for ca_file in ca_files:
        try:
            contexts[ca_file] = ssl.create_default_context(cafile=ca_file or None)
        except OSError:  # no such file, no permission, or no certificate in it (an SSLError)
            contexts[ca_file] = None
    return contexts


async def _probed(target: TlsTarget, resolver: Resolver, context: ssl.SSLContext | None) -> Probed:
    """The target probed."""
    if context is None:
        failure = Failure("settings", "settings", "has a CA file that cannot be read as PEM certificates")
        outcome = Outcome(Attempt(failure), Phases(), 0)
    else:
        trusting = context
        outcome = await tried(lambda phases: _attempt(target, resolver, trusting, phases), target.timeout_s)
    told = {
        "host": target.host,
        "port": target.port,
        "serverName": target.server_name or target.host,
        "warnDays": target.warn_days,
        "criticalDays": target.critical_days,
    }
    return probed("tls", target.name, outcome, told)


async def _attempt(target: TlsTarget, resolver: Resolver, context: ssl.SSLContext, phases: Phases) -> Attempt:
    """One try: a handshake that verifies and, when it does not trust, one that only reads."""
    name = target.server_name or target.host
    try:
        verdict = Verdict(await _certificate(target, resolver, context, phases))
    except ssl.SSLCertVerificationError as error:
        blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
        found = await _certificate(target, resolver, blind, phases)
        verdict = Verdict(found, error.verify_code, error.verify_message)
    if verdict.certificate is None:
        return Attempt(Failure("tls", "tls", "shows no certificate that can be read"))
    return Attempt(None, facts_of(verdict, verdict.certificate, name, datetime.now(UTC)))


async def _certificate(
    target: TlsTarget, resolver: Resolver, context: ssl.SSLContext, phases: Phases
) -> x509.Certificate | None:
    """The server's certificate after a handshake with the context; None when it cannot be parsed."""
    phases.enter("dns")
    connection = await opened(resolver, target.host, target.port, phases)
    phases.enter("tls")
    try:
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol, sock=connection, ssl=context, server_hostname=target.server_name or target.host
        )
    except BaseException:
        connection.close()
        raise
    try:
        shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(shown) if shown else None
    except ValueError:
        return None
    finally:
        transport.abort()


def facts_of(verdict: Verdict, certificate: x509.Certificate, name: str, now: datetime) -> Mapping[str, Any]:
    """What a certificate says, as JSON-able facts.

    ``problem`` is why it is not trusted, apart from having expired, which ``daysLeft`` tells; OpenSSL names only the
    first trouble it meets, so the name is compared here as well.
    """
    expires_at = certificate.not_valid_after_utc
    names = names_of(certificate)
    fits = any(name_fits(pattern, name) for pattern in names)
    problem = "" if verdict.code == _EXPIRED and expires_at <= now else verdict.message
    if not problem and not fits:
        problem = f"it is not for {name}"
    return {
        "expiresAt": expires_at.isoformat(),
        "daysLeft": round((expires_at - now).total_seconds() / 86400, 3),
        "trusted": verdict.code == 0,
        "problem": problem,
        "verifyCode": verdict.code,
        "nameFits": fits,
        "names": list(names[:20]),
        "issuer": _common_name(certificate.issuer),
        "commonName": _common_name(certificate.subject),
    }


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and addresses that a certificate is for. The common name is not one: RFC 9525 §2."""
    try:
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    addresses = (str(address) for address in listed.get_values_for_type(x509.IPAddress))
    return (*listed.get_values_for_type(x509.DNSName), *addresses)


def name_fits(pattern: str, name: str) -> bool:
    """Whether a certificate's name covers a server name; a wildcard is the whole left-most label: RFC 9525 §6.3."""
    try:
        return ipaddress.ip_address(pattern) == ipaddress.ip_address(name)
    except ValueError:
        pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if pattern.startswith("*."):
        return "." in name and name.partition(".")[2] == pattern[2:]
    return pattern == name


def _common_name(name: x509.Name) -> str:
    """The common name, or what there is instead."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()
