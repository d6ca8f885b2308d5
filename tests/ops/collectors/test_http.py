"""HTTP targets, probed over real sockets."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import gzip
import itertools
import socket
import ssl
import zlib

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.ops.collectors.http import HttpCollector
from vibeworkbench.ops.collectors.http_answer import AnswerReader, BadAnswer
from vibeworkbench.ops.collectors.http_request import address_of, request_of, shown_url
from vibeworkbench.ops.model import LookState
from vibeworkbench.settings import HttpTarget


def answering(body=b"", status="200 OK", headers=(), heard=None):
    """A server that gives every request this answer and notes the requests."""

    async def talk(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        if heard is not None:
            heard.append(request.decode())
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()

    return talk


def saying(raw: bytes):
    """A server that answers with these bytes and closes."""

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()

    return talk


async def silent(reader, writer):
    """Accepts, and never answers."""
    await asyncio.Event().wait()


async def state_of(order_for, target):
    """The observation of one target's probe."""
    look = await HttpCollector().look(order_for(target))
    return look, next(seen for seen in look.observations if seen.metric == "http.state")


async def failure_of(order_for, target):
    """Phase, kind and reason of the failure of one target's probe."""
    look, seen = await state_of(order_for, target)
    assert seen.value == "down"
    assert look.state is LookState.ok
    assert look.covered == frozenset({"http-sweep"}), "what is down hides whether it is slow"
    return seen.attributes["failure"]


def at(port, path="/", **facts):
    """A target on loopback."""
    return HttpTarget(name="shop", url=f"http://127.0.0.1:{port}{path}", **facts)


async def test_a_target_that_answers_as_expected_is_up_with_the_time_of_each_phase(serve, order_for):
    port = await serve(answering(b"hello"))
    look, seen = await state_of(order_for, at(port))
    assert (look.state, look.records, look.covered) == (LookState.ok, 1, frozenset({"http:shop", "http-sweep"}))
    assert seen.value == "up"
    assert set(seen.attributes["phasesMs"]) == {"dns", "connect", "firstByte", "body"}
    assert seen.attributes["totalMs"] == pytest.approx(sum(seen.attributes["phasesMs"].values()), abs=0.01)
    assert seen.attributes["status"] == 200
    assert [one.unit for one in look.observations if one.metric == "http.duration"] == ["milliseconds"]


async def test_every_probe_opens_a_connection_of_its_own(serve, order_for):
    peers = []

    async def talk(reader, writer):
        peers.append(writer.get_extra_info("peername")[1])
        await answering()(reader, writer)

    port = await serve(talk)
    targets = [HttpTarget(name=f"t{number}", url=f"http://127.0.0.1:{port}/{number}") for number in range(7)]
    look = await HttpCollector().look(order_for(*targets))
    assert look.records == 7
    assert len(set(peers)) == 7


async def test_no_more_probes_are_under_way_than_the_settings_allow(serve, order_for):
    under_way, most = 0, 0

    async def talk(reader, writer):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await answering()(reader, writer)
        await reader.read()
        under_way -= 1

    port = await serve(talk)
    targets = [HttpTarget(name=f"t{number}", url=f"http://127.0.0.1:{port}/") for number in range(40)]
    steps = []
    order = order_for(*targets, probes_at_once=4, progress=lambda *step: steps.append(step))
    look = await HttpCollector().look(order)
    assert look.records == 40
    assert most <= 8, "four, and those whose end the server has not yet seen"
    assert steps == [(number, 40) for number in range(1, 41)]


async def test_an_unexpected_status_is_told_and_was_tried_twice(serve, order_for):
    heard = []
    port = await serve(answering(status="503 Service Unavailable", heard=heard))
    _look, seen = await state_of(order_for, at(port))
    assert seen.attributes["failure"]["kind"] == "status"
    assert seen.attributes["failure"]["reason"] == "answers 503 instead of 200"
    assert seen.attributes["attempts"] == len(heard) == 2


async def test_a_failure_that_does_not_come_back_is_none(serve, order_for):
    answers = iter(["500 Broken", "200 OK"])

    async def talk(reader, writer):
        await answering(status=next(answers))(reader, writer)

    _, seen = await state_of(order_for, at(await serve(talk)))
    assert (seen.value, seen.attributes["attempts"]) == ("up", 2)


async def test_what_was_posted_is_not_posted_twice(serve, order_for):
    heard = []
    port = await serve(answering(status="500 Broken", heard=heard))
    _, seen = await state_of(order_for, at(port, method="POST"))
    assert seen.value == "down"
    assert len(heard) == 1
    assert "Content-Length: 0" in heard[0]


async def test_redirects_are_not_followed_and_told_without_their_query(serve, order_for):
    port = await serve(answering(status="302 Found", headers=["Location: https://a:b@else.test/login?token=s3cret"]))
    _, seen = await state_of(order_for, at(port))
    assert seen.attributes["failure"]["reason"] == "answers 302 instead of 200 (redirects are not followed)"
    assert seen.attributes["location"] == "https://else.test/login?…"


async def test_a_missing_text_is_told(serve, order_for):
    failure = await failure_of(order_for, at(await serve(answering(b"all is lost")), body_contains="all is well"))
    assert failure == {"phase": "answer", "kind": "content", "reason": 'lacks "all is well" in its answer'}


async def test_a_text_is_found_in_the_charset_that_the_answer_names(serve, order_for):
    talk = answering("grün".encode("latin-1"), headers=["Content-Type: text/plain; charset=iso-8859-1"])
    _, seen = await state_of(order_for, at(await serve(talk), body_contains="grün"))
    assert seen.value == "up"


@pytest.mark.parametrize(
    ("body", "expected", "reason"),
    [
        (b'{"a": {"b": ["x", 1]}}', {"a.b.1": 1}, None),
        (b'{"status": "sad"}', {"status": "ok"}, 'has "sad" at "status" instead of "ok"'),
        (b'{"on": 1}', {"on": True}, 'has 1 at "on" instead of true'),
        (b'{"other": 1}', {"status": "ok"}, 'lacks "status" in its JSON'),
        (b"<html>", {"status": "ok"}, "answers with a body that is no JSON"),
        (b"[" * 60_000, {"status": "ok"}, "answers with a body that is no JSON"),
        (b" " * 70_000, {"status": "ok"}, "answers more than 64 KiB, too much to be read as JSON"),
    ],
)
async def test_json_values_are_compared(serve, order_for, body, expected, reason):
    _, seen = await state_of(order_for, at(await serve(answering(body)), json_equals=expected))
    assert seen.attributes.get("failure", {}).get("reason") == reason


async def test_head_brings_no_body_and_is_told_so(serve, order_for):
    port = await serve(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"))
    _, seen = await state_of(order_for, at(port, method="HEAD"))
    assert seen.value == "up"
    failure = await failure_of(order_for, at(port, method="HEAD", body_contains="x"))
    assert failure["kind"] == "settings"


async def test_a_body_without_end_is_read_up_to_64_kib(serve, order_for):
    async def talk(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    _, seen = await state_of(order_for, at(await serve(talk)))
    assert (seen.value, seen.attributes["bodyBytes"], seen.attributes["cut"]) == ("up", 65536, True)


async def test_a_compressed_bomb_unpacks_no_further_than_64_kib(serve, order_for):
    bomb = gzip.compress(bytes(50_000_000))
    port = await serve(answering(bomb, headers=["Content-Encoding: gzip"]))
    _, seen = await state_of(order_for, at(port))
    assert (seen.attributes["bodyBytes"], seen.attributes["cut"]) == (65536, True)


@pytest.mark.parametrize(("coding", "packed"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_compressed_body_is_unpacked_though_nobody_asked_for_it(serve, order_for, coding, packed):
    port = await serve(answering(packed(b"all is well"), headers=[f"Content-Encoding: {coding}"]))
    _, seen = await state_of(order_for, at(port, body_contains="all is well"))
    assert seen.value == "up"


async def test_an_unknown_coding_matters_only_where_the_body_does(serve, order_for):
    port = await serve(answering(b"\x0b\x02", headers=["Content-Encoding: br"]))
    _, seen = await state_of(order_for, at(port))
    assert seen.value == "up"
    failure = await failure_of(order_for, at(port, body_contains="x"))
    assert failure["reason"] == "answers in the coding br, which probes cannot read"


@pytest.mark.parametrize(
    ("said", "phase", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "body", "answers, but not in HTTP/1"),
        (b"HTTP/1.1 abc\r\n\r\n", "body", "answers with a status line that is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nA: b", "body", "closed the connection in the middle of its headers"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            "body",
            "closed the connection in the middle of its answer",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -9\r\n\r\n", "body", "answers with a Content-Length that is no number"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "body",
            "answers with a chunk that has no size",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnope",
            "body",
            "answers with a compressed body that cannot be unpacked",
        ),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000, "body", "sends more than 64 KiB of headers"),
        (b"", "first byte", "closed the connection without an answer"),
        (b"HTTP/1.1 103 Hints\r\n\r\n", "body", "closed the connection without an answer"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "body", "answers, but not in HTTP/1"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "body", "answers with a header line that is not HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "body",
            "answers with two lengths that contradict each other",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "body",
            "answers in a Transfer-Encoding other than chunked",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000,
            "body",
            "sends a line between chunks that has no end",
        ),
        (b"HTTP/1.1 100\r\n\r\n" * 9000, "body", "sends interim answers without end"),
        (b"HTTP/1.1 200 OK\r\nA:" + b" " * 3000 + b"\0\r\n\r\n", "body", "sends headers padded with blanks"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA:" + b"\r\n " * 1000 + b"\0\r\n\r\n",
            "body",
            "sends headers padded with blanks",
        ),
    ],
)
async def test_what_is_not_http_is_told(serve, order_for, said, phase, reason):
    failure = await failure_of(order_for, at(await serve(saying(said))))
    assert failure == {"phase": phase, "kind": "protocol", "reason": reason}


async def test_a_banner_of_another_protocol_is_told_at_once(serve, order_for):
    """A mail server that greets and waits is not waited for until the time is over."""

    async def talk(reader, writer):
        writer.write(b"220 mail.test ESMTP\r\n")
        await silent(reader, writer)

    failure = await failure_of(order_for, at(await serve(talk), timeout_s=600))
    assert failure["reason"] == "answers, but not in HTTP/1"


async def test_what_breaks_http_in_a_rarer_way_is_told_in_the_librarys_words(serve, order_for):
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz"
    failure = await failure_of(order_for, at(await serve(saying(said))))
    assert failure["kind"] == "protocol"
    assert failure["reason"].startswith("breaks HTTP: malformed chunk footer")


async def test_a_switch_to_a_protocol_that_nobody_asked_for_is_no_answer(serve, order_for):
    said = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    failure = await failure_of(order_for, at(await serve(saying(said)), expect_status=(101,)))
    assert failure["reason"] == "answers 101, a switch to a protocol that nobody asked for"


async def test_a_refused_connection_is_told(order_for, free_port):
    failure = await failure_of(order_for, at(free_port))
    assert failure == {"phase": "connect", "kind": "refused", "reason": "refuses connections"}


async def test_a_reset_is_told(serve, order_for):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    failure = await failure_of(order_for, at(await serve(talk)))
    assert failure == {"phase": "first byte", "kind": "reset", "reason": "accepts the connection and drops it"}


async def test_silence_is_told_with_its_phase(serve, order_for):
    failure = await failure_of(order_for, at(await serve(silent), timeout_s=0.5))
    assert failure["phase"] == "first byte"
    assert failure["reason"] == "accepted the connection and answered nothing within 0.5 s"


async def test_a_body_that_drips_is_no_answer(serve, order_for):
    async def talk(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
        await silent(reader, writer)

    failure = await failure_of(order_for, at(await serve(talk), timeout_s=1.0))
    assert failure["phase"] == "body"
    assert failure["reason"] == "began to answer and did not finish within 1 s"


async def test_a_name_that_does_not_exist_is_told(order_for):
    failure = await failure_of(order_for, HttpTarget(name="shop", url="http://no-such-host.invalid/", timeout_s=30))
    assert (failure["phase"], failure["kind"]) == ("dns", "name")


async def test_dead_name_servers_cost_the_probe_its_time_limit_and_nobody_a_thread(order_for, monkeypatch):
    """The C library cannot be interrupted: a lookup that hangs is left behind, the sweep goes on."""
    import threading

    released, real = threading.Event(), socket.getaddrinfo

    def hanging(host, port, *args, **options):
        if host == "dead.test" and not options.get("flags"):
            released.wait()
        return real(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    try:
        failure = await failure_of(order_for, HttpTarget(name="shop", url="http://dead.test/", timeout_s=0.05))
    finally:
        released.set()
    assert failure == {"phase": "dns", "kind": "timeout", "reason": "was not found by DNS within 0.05 s"}


async def test_a_url_that_cannot_be_meant_is_told(order_for):
    for url in ("ftp://a.test/", "http://", "http://a.test:99999/", "nonsense", "http://a b/"):
        failure = await failure_of(order_for, HttpTarget(name="shop", url=url))
        assert failure["kind"] == "settings"


async def test_credentials_are_sent_and_never_shown(serve, order_for):
    heard = []
    port = await serve(answering(heard=heard))
    look, seen = await state_of(
        order_for, HttpTarget(name="shop", url=f"http://ada:pass%40word@127.0.0.1:{port}/x?key=s3cret#f")
    )
    assert seen.attributes["url"] == f"http://127.0.0.1:{port}/x?…"
    assert "word" not in repr(look)
    assert "s3cret" not in repr(look)
    assert f"Authorization: Basic {base64.b64encode(b'ada:pass@word').decode()}" in heard[0]
    assert heard[0].startswith("GET /x?key=s3cret HTTP/1.1\r\n")


async def test_proxies_of_the_environment_are_ignored(serve, order_for, monkeypatch, free_port):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port}")
    _, seen = await state_of(order_for, at(await serve(answering())))
    assert seen.value == "up"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def tls_server(authority):
    """A server context with a certificate for localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


async def test_a_trusted_https_target_is_up_with_the_time_of_its_handshake(
    serve, order_for, authority, tls_server, monkeypatch
):
    port = await serve(answering(), ssl=tls_server)
    with authority.cert_pem.tempfile() as ca_file:
        monkeypatch.setenv("SSL_CERT_FILE", ca_file)
        _, seen = await state_of(order_for, HttpTarget(name="shop", url=f"https://localhost:{port}/"))
    assert seen.value == "up"
    assert seen.attributes["phasesMs"]["tls"] > 0


async def test_a_long_answer_over_tls_comes_whole(serve, order_for, tls_server):
    port = await serve(answering(b"x" * 60_000 + b"end"), ssl=tls_server)
    target = HttpTarget(name="shop", url=f"https://localhost:{port}/", verify_tls=False, body_contains="xend")
    _, seen = await state_of(order_for, target)
    assert (seen.value, seen.attributes["bodyBytes"]) == ("up", 60_003)


async def test_an_untrusted_certificate_is_told_and_can_be_accepted(serve, order_for, tls_server):
    port = await serve(answering(), ssl=tls_server)
    url = f"https://localhost:{port}/"
    failure = await failure_of(order_for, HttpTarget(name="shop", url=url))
    assert (failure["phase"], failure["kind"]) == ("tls", "certificate")
    assert failure["reason"].startswith("shows a certificate that is not trusted: ")
    _, seen = await state_of(order_for, HttpTarget(name="shop", url=url, verify_tls=False))
    assert seen.value == "up"


async def test_https_to_a_port_without_tls_is_told(serve, order_for):
    async def talk(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    port = await serve(talk)
    failure = await failure_of(order_for, HttpTarget(name="shop", url=f"https://127.0.0.1:{port}/", verify_tls=False))
    assert (failure["phase"], failure["kind"]) == ("tls", "tls")


async def test_a_handshake_that_hangs_is_told(serve, order_for):
    port = await serve(silent)
    target = HttpTarget(name="shop", url=f"https://127.0.0.1:{port}/", verify_tls=False, timeout_s=0.5)
    failure = await failure_of(order_for, target)
    assert failure["reason"] == "did not finish the TLS handshake within 0.5 s"


async def test_targets_that_the_deadline_leaves_out_are_not_covered(serve, order_for):
    up, hanging = await serve(answering()), await serve(silent)
    targets = [HttpTarget(name="good", url=f"http://127.0.0.1:{up}/")]
    targets += [HttpTarget(name=f"h{n}", url=f"http://127.0.0.1:{hanging}/", timeout_s=60) for n in range(5)]
    look = await HttpCollector().look(order_for(*targets, deadline_s=2.0))
    assert look.state is LookState.partial
    assert look.covered == frozenset({"http:good", "http-sweep"})
    assert look.reason == "the time ran out after 1 of 6 targets"
    none = await HttpCollector().look(order_for(*targets[1:], deadline_s=0.1))
    assert (none.state, none.covered) == (LookState.timed_out, frozenset({"http-sweep"}))


async def test_a_sweep_over_some_targets_proves_nothing_about_the_whole(serve, order_for):
    """A scan of one target must not resolve that the sweep over all of them was incomplete."""
    port = await serve(answering())
    look = await HttpCollector().look(order_for(at(port), narrowed=True))
    assert (look.state, look.covered) == (LookState.ok, frozenset({"http:shop"}))


async def test_trouble_of_this_side_says_nothing_about_the_target(order_for, free_port, monkeypatch):
    def full(*args, **options):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", full)
    look, seen = await state_of(order_for, at(free_port))
    monkeypatch.undo()
    assert seen.value == "unknown"
    assert (look.state, look.covered) == (LookState.partial, frozenset({"http-sweep"}))
    assert look.reason == "this server can open no more connections: too many open files"


@pytest.fixture
def free_port():
    """A port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def reading(url="http://a.test/", method="GET", limit_bytes=65536):
    """A reader of the answer to a request."""
    return AnswerReader(request_of(method, address_of(url), "agent"), limit_bytes=limit_bytes)


CHUNKED = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
    b"5;x=y\r\nhello\r\n1\r\n \r\n6\r\nworld!\r\n0\r\nT: x\r\n\r\n"
)


@given(st.lists(st.integers(1, len(CHUNKED) - 1)))
def test_an_answer_reads_the_same_however_it_is_cut_into_pieces(cuts):
    reader = reading()
    edges = [0, *sorted(set(cuts)), len(CHUNKED)]
    for start, end in itertools.pairwise(edges):
        reader.feed(CHUNKED[start:end])
    assert (reader.status, bytes(reader.body), reader.complete) == (200, b"hello world!", True)
    assert reader.headers["x-a"] == "b"


@given(st.binary(max_size=400))
def test_no_bytes_at_all_break_the_reader(noise):
    for start in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        reader = reading(limit_bytes=100)
        try:
            reader.feed(start + noise)
            reader.finish()
        except BadAnswer:
            continue
        assert reader.complete
        assert len(reader.body) <= 100


def test_blanks_in_a_body_are_no_padding_of_headers():
    reader = reading()
    reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4000\r\n" + b" " * 0x4000 + b"\r\n0\r\n\r\n")
    assert (reader.complete, len(reader.body)) == (True, 0x4000)


def test_an_address_that_cannot_stand_in_a_request_is_refused():
    address = dataclasses.replace(address_of("http://a.test/"), request_target="/a b")
    with pytest.raises(ValueError, match="target"):
        request_of("GET", address, "agent")


def test_a_body_of_countless_tiny_chunks_is_cut():
    reader = reading()
    reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20_000)
    assert reader.complete
    assert reader.cut


@given(st.text(max_size=60))
def test_no_url_smuggles_a_line_into_the_request(text):
    try:
        request = reading(f"http://a.test/{text}").request_bytes
    except ValueError:
        return
    assert request.count(b"\r\n") == 7
    assert b"\n" not in request.replace(b"\r\n", b"")


def test_addresses_are_read_off_urls():
    six = address_of("https://[::1]:8443")
    assert (six.secure, six.host, six.port, six.request_target) == (True, "::1", 8443, "/")
    assert b"Host: [::1]:8443\r\n" in reading("https://[::1]:8443").request_bytes
    assert address_of("http://bücher.test/ä b?q=ü").host == "xn--bcher-kva.test"
    assert address_of("http://bücher.test/ä b?q=ü").request_target == "/%C3%A4%20b?q=%C3%BC"
    assert shown_url("http://ada:secret@[::1]:80/x?token=1#f") == "http://[::1]:80/x?…"
    assert shown_url("http://a.test:port/") == ""
    assert shown_url("/login?next=1") == "/login"
