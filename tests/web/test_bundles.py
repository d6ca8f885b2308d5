"""The front end's files come compressed to whoever takes that, and the same to everybody."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.patience import PATIENCE_S
from tests.servers import Server
from vibeworkbench.web.bundles import takes_gzip

BUNDLE = "static/vibeworkbench/ops.js"

EXTENSION = """
from pathlib import Path
from vibeworkbench.web.bundles import BundleHandler

def _jupyter_server_extension_points():
    return [{"module": "more_bundles"}]

def _load_jupyter_server_extension(app):
    folder = str(Path(__file__).parent / "bundles")
    app.web_app.add_handlers(".*", [(app.base_url + "static/more/(.*)", BundleHandler, {"path": [folder]})])
"""


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server with our bundles and, below ``static/more/``, a file whose compressed neighbour is older than itself."""
    data = tmp_path_factory.mktemp("bundles")
    folder = data / "bundles"
    folder.mkdir()
    (folder / "rebuilt.js").write_text("export default 2;\n")
    (folder / "rebuilt.js.gz").write_bytes(gzip.compress(b"export default 1;\n"))
    os.utime(folder / "rebuilt.js.gz", (0, 0))
    (data / "more_bundles.py").write_text(EXTENSION)
    (data / "config").mkdir()
    (data / "config" / "jupyter_server_config.py").write_text(
        "c.ServerApp.jpserver_extensions = {'more_bundles': True}\n"
    )
    return start_server("", "--no-lab", data=data, environment={"PYTHONPATH": str(data)})


@pytest.fixture
def anybody(server: Server) -> Iterator[httpx.Client]:
    """Somebody who has not logged in."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=PATIENCE_S) as opened:
        yield opened


def test_who_takes_gzip_gets_a_third_of_the_bytes_and_the_same_file(anybody: httpx.Client) -> None:
    """The type is that of the file, and caches are told that there are two forms."""
    plain = anybody.get(BUNDLE, headers={"Accept-Encoding": "identity"})
    compressed = anybody.get(BUNDLE, headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert compressed.content == plain.content
    assert 2 * int(compressed.headers["Content-Length"]) < int(plain.headers["Content-Length"])
    for answer in (plain, compressed):
        assert answer.headers["Content-Type"].endswith("/javascript")
        assert answer.headers["Vary"] == "Accept-Encoding"


def test_an_address_with_a_hash_is_kept_and_one_without_is_asked_again(anybody: httpx.Client) -> None:
    """Whoever asks again is told that nothing has changed."""
    kept = anybody.get(BUNDLE, params={"v": "0123456789ab"})
    assert "max-age" in kept.headers["Cache-Control"]
    asked = anybody.get(BUNDLE)
    assert asked.headers["Cache-Control"] == "no-cache"
    again = anybody.get(BUNDLE, headers={"If-Modified-Since": asked.headers["Last-Modified"]})
    assert again.status_code == 304


def test_a_compressed_file_older_than_its_source_is_not_sent(anybody: httpx.Client) -> None:
    """Whoever builds while working sees what was built."""
    answer = anybody.get("static/more/rebuilt.js")
    assert answer.text == "export default 2;\n"


@pytest.mark.parametrize("path", ["static/vibeworkbench/none.js", "static/vibeworkbench/..%2fops.py"])
def test_nothing_else_is_reached(anybody: httpx.Client, path: str) -> None:
    """Neither what is not there nor what lies beside the folder, whose address is nobody's without a login."""
    assert anybody.get(path).status_code in {401, 403, 404}


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("", False),
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("identity", False),
    ],
)
def test_what_a_client_says_of_gzip(said: str, taken: bool) -> None:
    """Named or meant by the asterisk, and not with weight 0."""
    assert takes_gzip(said) is taken
