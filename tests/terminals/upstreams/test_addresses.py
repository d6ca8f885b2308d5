"""Addresses of upstreams, however they are said, and what may be sent to them."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.errors import InvalidInput
from vibeworkbench.terminals.upstreams.addresses import Address, address_of, authorization_of, basic_of


@pytest.mark.parametrize(
    ("url", "secure"),
    [("ws://a.test/", False), ("http://a.test/", False), ("wss://a.test/", True), ("https://a.test/", True)],
)
def test_four_schemes_mean_two_ways(url: str, secure: bool):
    """Whichever is said, sockets and REST are both reached in that way."""
    address = address_of(url)
    assert address.secure is secure
    assert address.socket() == ("wss://a.test/" if secure else "ws://a.test/")
    assert address.http("/api/status") == ("https://a.test/api/status" if secure else "http://a.test/api/status")


def test_a_scheme_may_be_shouted():
    """Schemes know no case (RFC 3986, 3.1)."""
    assert address_of("WSS://A.test/x").socket() == "wss://A.test/x"


@pytest.mark.parametrize(
    "url",
    [
        *("", " ", "/", "ws:", "ws://", "ws:///path", "a.test", "a.test:80/x", "//a.test/", "://a.test/", "ws:a.test"),
        *("ftp://a.test/", "file:///etc/passwd", "unix:///run/x.sock", "javascript:x", "wss+x://a.test/", "ws //a"),
    ],
)
def test_what_is_no_web_address_is_refused_with_the_schemes_that_would_do(url: str):
    """Whoever reads the refusal knows what to write."""
    with pytest.raises(InvalidInput, match=r"ws://, wss://, http:// or https://|no URL") as refused:
        address_of(url)
    assert refused.value.attributes["field"] == "url"


@pytest.mark.parametrize(
    "url",
    [
        *("ws://a.test:port/", "ws://a.test:65536/", "ws://a.test:-1/", "ws://[::1/", "ws://[a.test]/", "ws://]/"),
        *(
            "ws://a.test/a b",
            "ws://a.test/\n",
            "ws://a.te\tst/",
            "\x00ws://a.test/",
            "ws://a.test/\x7f",
            "ws://a.test/\u200b",
        ),
        *(" ws://a.test/", "ws://a.test/ ", "ws://a.test/\u2028x", "ws://a.test/\u202e"),
    ],
)
def test_what_no_parser_or_another_one_would_read_is_refused(url: str):
    """Blanks and characters that are not seen are forgiven by some parsers, and then mean something else."""
    with pytest.raises(InvalidInput, match=r"no URL|neither a name"):
        address_of(url)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "a..b",
            ".",
            "..",
            f"{'a' * 64}.test",
            "ü..x",
            "xn--ä",
            "a\\b",
            "a|b",
            '"',
            "<a>",
            "a%41",
            "a^b",
            "a,b",
            "a;b",
        ),
        *("[v1.x]", "[::1%lo]%"),
    ],
)
def test_a_host_that_nobody_could_look_up_is_refused(host: str):
    """It would fail at each attempt, somewhere below, with an error that nobody expects."""
    with pytest.raises(InvalidInput, match=r"neither a name nor an IP address|no URL"):
        address_of(f"ws://{host}/")


@pytest.mark.parametrize(
    "host", ["a_b.test", "a.test.", "bücher.test", "xn--bcher-kva.test", "127.1", "A-1", "1.2.3.4.5"]
)
def test_a_host_that_somebody_may_know_is_taken_as_it_was_said(host: str):
    """Names are not ours to judge."""
    assert address_of(f"ws://{host}:81/").netloc == f"{host}:81"


@pytest.mark.parametrize(
    ("netloc", "is_loopback"),
    [
        *(
            ("localhost", True),
            ("LOCALHOST:8888", True),
            ("127.0.0.1", True),
            ("127.9.9.9:1", True),
            ("[::1]:8888", True),
        ),
        *(
            ("[::1]", True),
            ("[0:0:0:0:0:0:0:1]:1", True),
            ("[2001:db8::1]:443", False),
            ("[::]", False),
            ("0.0.0.0", False),
        ),
        *(("localhost.evil.test", False), ("127.0.0.1.evil.test", False), ("notlocalhost", False), ("10.0.0.1", False)),
        *(("localhost.", False), ("127.1", False), ("2130706433", False), ("169.254.169.254", False)),
    ],
)
def test_this_machine_is_known_by_its_addresses_and_its_one_name(netloc: str, is_loopback: bool):
    """What only might be this machine is none: a token would go over an open network."""
    address = address_of(f"ws://{netloc}/x")
    assert address.is_loopback is is_loopback
    assert address.socket() == f"ws://{netloc}/x"
    assert address.http("/y") == f"http://{netloc}/y"


@pytest.mark.parametrize(
    "url",
    [
        *("ws://ana@a.test/", "ws://ana:secret@a.test/", "wss://:secret@a.test/", "ws://@a.test/", "ws://a@b@c.test/"),
        "ws://a.test\\@127.0.0.1/",
    ],
)
def test_a_url_with_a_name_or_password_is_refused(url: str):
    """It would be stored and shown; the refusal names the way that is not."""
    with pytest.raises(InvalidInput, match="tokenEnv") as refused:
        address_of(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "query",
    [
        *(
            "token=x",
            "TOKEN=x",
            "token",
            "token=",
            "a=1&access_token=x",
            "a=1;token=x",
            "%74oken=x",
            "to%6Ben=x",
            "apikey=x",
        ),
        *(
            "api_key=x",
            "api_Key=x",
            "password=x",
            "passwd=x",
            "client_secret=x",
            "auth=x",
            "Authorization=x",
            "a&token",
        ),
    ],
)
def test_a_url_with_a_secret_in_its_query_is_refused(query: str):
    """However it is written, and although it is empty."""
    with pytest.raises(InvalidInput, match="tokenEnv"):
        address_of(f"wss://a.test/ws?{query}")


@pytest.mark.parametrize("url", ["ws://a.test/#token=x", "ws://a.test/ws?a=1#x"])
def test_nothing_follows_a_hash(url: str):
    """A WebSocket's URL has no fragment (RFC 6455, 3), and what is sent nowhere would be stored all the same."""
    with pytest.raises(InvalidInput, match="#"):
        address_of(url)


@pytest.mark.parametrize("query", ["a=1", "a=1&b=2", "a", "a=%20", "a=;b=2", "name=t%C3%B6ken"])
def test_any_other_query_goes_with_sockets_and_not_with_rest(query: str):
    """It is the socket's."""
    address = address_of(f"ws://a.test/x/ws?{query}")
    assert address.socket() == f"ws://a.test/x/ws?{query}"
    assert address.socket("/other") == f"ws://a.test/other?{query}"
    assert address.http("/x/token") == "http://a.test/x/token"


def test_what_we_say_ourselves_is_added_to_the_query():
    """Beside the one that was said, if any."""
    assert address_of("ws://127.0.0.1/a?b=c").socket(resumes="1") == "ws://127.0.0.1/a?b=c&resumes=1"
    assert address_of("ws://127.0.0.1/a").socket(resumes="1") == "ws://127.0.0.1/a?resumes=1"


@pytest.mark.parametrize(
    ("said", "path", "folder", "root"),
    [
        ("", "/", "/", "/"),
        ("/", "/", "/", "/"),
        ("/ws", "/ws", "/", "/ws/"),
        ("/prefix/ws", "/prefix/ws", "/prefix/", "/prefix/ws/"),
        ("/user/ana/", "/user/ana/", "/user/ana/", "/user/ana/"),
        ("//ws", "//ws", "//", "//ws/"),
    ],
)
def test_paths_are_folders_and_roots(said: str, path: str, folder: str, root: str):
    """A prefix is kept; a root ends with a slash."""
    address = address_of(f"ws://a.test{said}")
    assert (address.path, address.folder, address.root) == (path, folder, root)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/terminals/websocket/1", ("/", "1")),
        ("/user/ana/terminals/websocket/build_2", ("/user/ana/", "build_2")),
        ("/terminals/websocket/1/terminals/websocket/2", ("/terminals/websocket/1/", "2")),
        ("/terminals/websocket/", None),
        ("/terminals/websocket/1/", None),
        ("/terminals/websocket/a-b", None),
        ("/terminals/websocket/a%2Fb", None),
        ("/api/terminals/1", None),
        ("/xterminals/websocket/1", None),
        ("/", None),
    ],
)
def test_the_socket_of_a_jupyter_terminal_says_root_and_name(path: str, found: tuple[str, str] | None):
    """Jupyter's names are words; anything else is not its."""
    assert address_of(f"ws://a.test{path}").jupyter == found


def test_an_enormous_address_is_an_address():
    """What may be too long, the request's own limit says."""
    path = "/a" * 500_000
    assert address_of(f"ws://a.test{path}?{'b=1&' * 100_000}").path == path


def test_without_a_token_nothing_is_sent():
    """No header, not an empty one."""
    assert authorization_of("") == {}


@pytest.mark.parametrize(
    ("token", "header"),
    [
        ("0123abcd", "token 0123abcd"),
        ("ana:pass word", "Basic YW5hOnBhc3Mgd29yZA=="),
        ("ana:", "Basic YW5hOg=="),
        (":", "Basic Og=="),
        ("a:b:c", "Basic YTpiOmM="),
    ],
)
def test_a_colon_makes_a_token_a_name_and_a_password(token: str, header: str):
    """Jupyter's tokens have none."""
    assert authorization_of(token) == {"Authorization": header}


@given(st.text(st.characters(codec="utf-8")))
def test_a_credential_can_be_read_again(credential: str):
    """Also one that is not ASCII."""
    assert base64.b64decode(basic_of(credential)).decode() == credential


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str):
    """There is no third way."""
    for url in (text, f"ws://{text}", f"wss://a.test/{text}", f"http://a.test:{text}/"):
        with suppress(InvalidInput):
            assert isinstance(address_of(url), Address)
