"""What the workbench records plays in asciinema's own player: text, sizes, markers, every kind of character."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.patience import PATIENCE_MS, PATIENCE_S
from vibeworkbench.settings import TerminalSettings
from vibeworkbench.terminals.model import Exit, Size
from vibeworkbench.terminals.recordings import Recording
from vibeworkbench.terminals.recordings.shelf import Recordings

pytestmark = [pytest.mark.browser]

PLAYER = Path(__file__).parents[2] / "js" / "node_modules" / "asciinema-player" / "dist" / "bundle"
PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="asciinema-player.css">
<div id="player"></div><script src="asciinema-player.min.js"></script><script>
window.seen = { markers: [], ended: false, errors: [] };
const player = AsciinemaPlayer.create("recording.cast", document.getElementById("player"),
  { speed: 20, terminalFontFamily: "monospace", terminalLineHeight: 1.4, fit: false });
player.addEventListener("marker", ({ label }) => seen.markers.push(label));
player.addEventListener("ended", () => (seen.ended = true));
player.play().catch((error) => seen.errors.push(String(error)));
</script>"""
FLOOD_LINE = b"%063d\n"


@pytest.fixture
async def recordings(tmp_path: Path) -> AsyncIterator[Recordings]:
    """Recordings in a folder of their own."""
    opened = await Recordings(tmp_path, TerminalSettings(), {}).open()
    yield opened
    await opened.close()


@pytest.fixture
async def play(recordings: Recordings, browser: Any) -> AsyncIterator[Any]:
    """Opens a page that plays a terminal's recording, as it is now, to its end."""
    files = {"/": PAGE.encode(), "/recording.cast": b""}
    for name in ("asciinema-player.css", "asciinema-player.min.js"):
        files[f"/{name}"] = (PLAYER / name).read_bytes()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        body = files.get(request.split(b" ")[1].decode())
        status = b"404 Not Found" if body is None else b"200 OK"
        kind = b"text/css" if b".css " in request else b"text/javascript" if b".js " in request else b"text/html"
        writer.write(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: %s\r\n\r\n" % (status, kind) + (body or b""))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    page = await browser.new_page()

    async def open_(terminal_id: str) -> Any:
        files["/recording.cast"] = b"".join([piece async for piece in recordings.download(terminal_id)])
        await page.goto(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await page.wait_for_function("seen.ended || seen.errors.length", timeout=PATIENCE_MS)
        assert await page.evaluate("seen.errors") == []
        return page

    yield open_
    await page.close()
    server.close()
    await asyncio.wait_for(server.wait_closed(), PATIENCE_S)


def say(kept: Recording, text: bytes, offset: int) -> int:
    """The terminal said this, in pieces that respect no character; the offset after it."""
    for at in range(0, len(text), 7):
        kept.output(text[at : at + 7], offset + at)
    return offset + len(text)


async def test_a_session_plays(recordings: Recordings, play: Any) -> None:
    """Wide characters, emoji, broken bytes, returned carriages, colours, a resize, a hold, a new shell and an exit."""
    kept = recordings.of("abc", title="Build")
    kept.began("one", Size(20, 70))
    kept.output(b"only in the first shell\r\n", 0)
    kept.ended(Exit(1))
    await asyncio.sleep(0.05)  # players say nothing of a marker at the very beginning
    kept.began("two", Size(20, 70))
    offset = say(kept, "漢字 🎉 e\u0301\r\n".encode(), 0)
    offset = say(kept, b"broken \xff\xe6\xbc end\r\n", offset)
    offset = say(kept, b"10 %\r100 %\r\n", offset)
    offset = say(kept, b"token=\x1b[31mhunter2hunter2\x1b[0m\r\n", offset)
    kept.marked("held by ada")
    kept.resized(Size(24, 90))
    offset = say(kept, b"\x1b[24;80Hat the edge", offset)
    kept.marked("resumed")
    kept.ended(Exit(0))
    page = await play("abc")
    screen = page.locator(".ap-term")
    for said in ("漢字", "🎉", "broken \ufffd\ufffd end", "100 %", "token=•••", "at the edge"):
        await expect(screen).to_contain_text(said, timeout=PATIENCE_MS)
    for gone in ("hunter2", "only in the first shell"):
        await expect(screen).not_to_contain_text(gone)
    assert await page.evaluate("seen.markers") == ["new shell", "held by ada", "resumed"]


async def test_a_flood_of_20_mb_plays(recordings: Recordings, play: Any) -> None:
    """Its last line is on the screen."""
    kept = recordings.of("abc")
    kept.began("one", Size(24, 80))
    offset = 0
    for first in range(0, 20_000_000 // 64, 1_000):
        chunk = b"".join(FLOOD_LINE % number for number in range(first, first + 1_000)).replace(b"\n", b"\r\n")
        kept.output(chunk, offset)
        offset += len(chunk)
        if kept.problem:  # pragma: no cover - where the disk is slow
            await recordings.kept()
        await asyncio.sleep(0)
    await recordings.kept()
    kept.output(b"the end\r\n", offset)
    lines = [piece async for piece in recordings.download("abc")]
    assert json.loads(b"".join(lines).splitlines()[-1])[2].endswith("the end\r\n")
    page = await play("abc")
    await expect(page.locator(".ap-term")).to_contain_text("the end", timeout=PATIENCE_MS)
