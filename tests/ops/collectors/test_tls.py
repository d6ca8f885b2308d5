"""TLS targets, probed over real handshakes."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from vibeworkbench.ops.collectors.tls import TlsCollector, name_fits
from vibeworkbench.ops.model import LookState
from vibeworkbench.settings import TlsTarget


async def hang_up(reader, writer):
    """Shakes hands and says nothing."""


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    """The authority's certificate as a file."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def serve_tls(serve, authority):
    """Serves TLS with a certificate of the authority for these names; keywords are those of ``issue_cert``."""

    async def started(*names, **facts):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names, **facts).configure_cert(context)
        return await serve(hang_up, ssl=context)

    return started


async def looked(order_for, **facts):
    """The look at one target and the state it found."""
    look = await TlsCollector().look(order_for(TlsTarget(**{"name": "shop", "host": "127.0.0.1", **facts})))
    return look, next(seen for seen in look.observations if seen.metric == "tls.state")


async def test_a_good_certificate_is_trusted_and_dated(serve_tls, order_for, ca_file):
    expires_at = datetime.now(UTC) + timedelta(days=40)
    port = await serve_tls("shop.test", not_after=expires_at)
    look, seen = await looked(order_for, port=port, ca_file=ca_file, server_name="shop.test")
    assert (look.state, look.covered, seen.value) == (LookState.ok, frozenset({"tls:shop", "tls-sweep"}), "up")
    facts = seen.attributes
    assert (facts["trusted"], facts["problem"], facts["nameFits"]) == (True, "", True)
    assert facts["daysLeft"] == pytest.approx(40, abs=0.1)
    assert facts["names"] == ["shop.test"]
    assert facts["phasesMs"]["tls"] > 0


async def test_the_server_name_is_asked_for(serve, authority, order_for, ca_file):
    """SNI: one address, a certificate for each name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.test").configure_cert(context)
    asked = []

    def chosen(connection, name, _):
        asked.append(name)
        right = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(right)
        connection.context = right

    context.sni_callback = chosen
    port = await serve(hang_up, ssl=context)
    _, seen = await looked(order_for, port=port, ca_file=ca_file, server_name="shop.test")
    assert asked == ["shop.test"]
    assert seen.attributes["trusted"]


async def test_an_expired_certificate_is_still_read(serve_tls, order_for, ca_file):
    expires_at = datetime.now(UTC) - timedelta(days=3)
    port = await serve_tls("shop.test", not_after=expires_at, not_before=expires_at - timedelta(days=30))
    _, seen = await looked(order_for, port=port, ca_file=ca_file, server_name="shop.test")
    facts = seen.attributes
    assert seen.value == "up"
    assert facts["daysLeft"] == pytest.approx(-3, abs=0.1)
    assert (facts["trusted"], facts["problem"]) == (False, ""), "its age is told by daysLeft alone"


async def test_a_certificate_for_another_name_is_told(serve_tls, order_for, ca_file):
    port = await serve_tls("other.test")
    _, seen = await looked(order_for, port=port, ca_file=ca_file, server_name="shop.test")
    assert not seen.attributes["trusted"]
    assert "shop.test" in seen.attributes["problem"]
    assert seen.attributes["names"] == ["other.test"]


async def test_an_expired_certificate_for_another_name_is_told_twice(serve_tls, order_for, ca_file):
    expires_at = datetime.now(UTC) - timedelta(days=3)
    port = await serve_tls("other.test", not_after=expires_at, not_before=expires_at - timedelta(days=30))
    _, seen = await looked(order_for, port=port, ca_file=ca_file, server_name="shop.test")
    assert seen.attributes["daysLeft"] < 0
    assert "shop.test" in seen.attributes["problem"]


async def test_an_unknown_authority_is_told_and_the_date_is_read(serve_tls, order_for):
    port = await serve_tls("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=40))
    _, seen = await looked(order_for, port=port)
    assert "issuer" in seen.attributes["problem"] or "self" in seen.attributes["problem"]
    assert seen.attributes["daysLeft"] == pytest.approx(40, abs=0.1)


async def test_a_self_signed_certificate_without_names_is_told(serve, order_for, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "nobody")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "own.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    _, seen = await looked(order_for, port=await serve(hang_up, ssl=context))
    assert "self" in seen.attributes["problem"]
    assert (seen.attributes["names"], seen.attributes["commonName"]) == ([], "O=nobody")


async def test_a_port_without_tls_is_down(serve, order_for):
    async def talk(reader, writer):
        await reader.read(1)
        writer.write(b"SSH-2.0-OpenSSH_9\r\n")
        await writer.drain()

    look, seen = await looked(order_for, port=await serve(talk))
    assert (seen.value, seen.attributes["failure"]["phase"]) == ("down", "tls")
    assert look.covered == frozenset({"tls-sweep"}), "an old finding about the certificate stays until it is read again"


async def test_a_port_that_never_shakes_hands_is_down(serve, order_for):
    async def talk(reader, writer):
        await asyncio.Event().wait()

    _, seen = await looked(order_for, port=await serve(talk), timeout_s=0.5)
    assert seen.attributes["failure"]["reason"] == "did not finish the TLS handshake within 0.5 s"


async def test_an_authority_file_of_no_use_is_a_matter_of_settings(order_for, tmp_path):
    (tmp_path / "empty.pem").write_text("nothing")
    for ca_file in (tmp_path / "empty.pem", tmp_path / "missing.pem"):
        look, seen = await looked(order_for, port=9, ca_file=str(ca_file))
        assert seen.attributes["failure"]["kind"] == "settings"
        assert str(tmp_path) not in repr(look), "no path of this machine reaches a client"


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("shop.test", "SHOP.test.", True),
        ("*.test", "shop.test", True),
        ("*.test", "a.shop.test", False),
        ("*.shop.test", "shop.test", False),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("127.0.0.1", "127.0.0.2", False),
        (str(ipaddress.ip_address("10.0.0.1")), "ten.test", False),
    ],
)
def test_names_are_compared_as_browsers_do(pattern, name, fits):
    assert name_fits(pattern, name) is fits
