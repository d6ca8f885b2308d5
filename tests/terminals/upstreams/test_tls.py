"""Upstreams behind TLS: whose certificate is believed, what is said of the others, and what goes out before."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.patience import PATIENCE_S
from tests.terminals.upstreams.scripted_peer import PROTOCOLS, Call, Protocol, ScriptedPeer, failure_of
from vibeworkbench.errors import InvalidInput, Unavailable, UpstreamFailed
from vibeworkbench.settings import Settings
from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.upstreams import Place
from vibeworkbench.terminals.upstreams.peer import Limits
from vibeworkbench.terminals.upstreams.websocket import WebsocketSpec, WebsocketUpstream

TOKEN = "a-token-that-nobody-else-may-hear"
PATIENT = Limits(answer_s=PATIENCE_S, keep_alive_s=PATIENCE_S, silent_s=PATIENCE_S)
Making = Callable[[str, str], WebsocketUpstream]


@pytest.fixture
def authority() -> trustme.CA:
    """Who signs the certificates."""
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of authorities that the server's environment names."""
    path = tmp_path / "authorities.pem"
    authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Making:
    """Makes an upstream that has a token."""
    monkeypatch.setenv("TLS_TOKEN", TOKEN)

    def make(url: str, protocol: str) -> WebsocketUpstream:
        spec = WebsocketSpec(url=url, protocol=protocol, token_env="TLS_TOKEN")
        upstream = WebsocketUpstream(spec, Place("t1", tmp_path, tmp_path, Settings()))
        upstream.limits = PATIENT
        return upstream

    return make


@pytest.fixture(params=PROTOCOLS, ids=lambda protocol: protocol.name)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    """Each of the three."""
    return request.param


def write(path: Path, *authorities: trustme.CA) -> None:
    """The file names these."""
    path.write_bytes(b"".join(each.cert_pem.bytes() for each in authorities))


def showing(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """A server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def serve(call: Call, protocol: Protocol) -> None:
    """A shell that prints a word."""
    await call.greet(protocol)
    await call.listen()


def peer_of(protocol: Protocol, certificate: trustme.LeafCert) -> ScriptedPeer:
    """A server with this certificate."""
    return ScriptedPeer(protocol, [lambda call: serve(call, protocol)], showing(certificate))


async def works(upstream: WebsocketUpstream) -> None:
    """The shell's word is read."""
    async with asyncio.timeout(PATIENCE_S):
        connection = await upstream.connect(Size(), None)
        assert await connection.read() == b"printed"
        await connection.close(end=False)


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_of_a_known_authority_is_believed(
    make: Making, protocol: Protocol, authority: trustme.CA
) -> None:
    """REST and sockets both go over TLS, and bear the token there."""
    async with peer_of(protocol, authority.issue_cert("127.0.0.1")) as peer:
        await works(make(peer.url, protocol.name))
    assert all(call.headers["authorization"] == f"token {TOKEN}" for call in peer.calls)


async def test_a_certificate_of_an_unknown_authority_is_refused_before_anything_is_said(
    make: Making, protocol: Protocol, authority: trustme.CA, trusted: Path
) -> None:
    """The reason says what to do; once that is done, it works without a new start."""
    other = trustme.CA()
    async with peer_of(protocol, other.issue_cert("127.0.0.1")) as peer:
        upstream = make(peer.url, protocol.name)
        error = await failure_of(upstream)
        assert isinstance(error, UpstreamFailed)
        assert "not trusted" in error.message
        assert "SSL_CERT_FILE" in error.message
        assert peer.heard == []
        write(trusted, authority, other)
        await works(upstream)


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_for_another_name_is_refused(
    make: Making, protocol: Protocol, authority: trustme.CA
) -> None:
    """A file of authorities would not help, and it is not what the reason names."""
    async with peer_of(protocol, authority.issue_cert("other.test")) as peer:
        error = await failure_of(make(peer.url, protocol.name))
    assert isinstance(error, UpstreamFailed)
    assert "an address that the certificate names" in error.message
    assert peer.heard == []


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_that_has_expired_is_refused(
    make: Making, protocol: Protocol, authority: trustme.CA
) -> None:
    """It is the other side's to mend."""
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    async with peer_of(protocol, authority.issue_cert("127.0.0.1", not_after=past)) as peer:
        error = await failure_of(make(peer.url, protocol.name))
    assert isinstance(error, UpstreamFailed)
    assert "renewed there" in error.message
    assert peer.heard == []


async def test_a_server_without_tls_hears_no_token(make: Making, protocol: Protocol) -> None:
    """It hears TLS's first message, and what it answers is no TLS."""
    heard = bytearray()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(65_536))
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    error = await failure_of(make(f"wss://127.0.0.1:{port}{protocol.path}", protocol.name))
    server.close()
    assert isinstance(error, Unavailable)
    assert "cannot be reached" in error.message
    assert heard
    assert TOKEN.encode() not in heard


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_a_token_goes_to_another_machine_by_tls_only(make: Making, scheme: str) -> None:
    """Such a terminal is not even made."""
    with pytest.raises(InvalidInput, match="wss://"):
        make(f"{scheme}://other.test/ws", "auto")
