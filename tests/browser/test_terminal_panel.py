"""The terminal panel in a real Chromium before a real server: one types, others watch, nothing is lost."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import ROOT, Reader, publish
from tests.patience import LONG_S, PATIENCE_S

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(LONG_S)]

NOTEBOOK = ROOT / "notebooks" / "dashboards" / "terminals.ipynb"
HOST = """async ([terminal, light, token]) => {
  Object.defineProperty(document, Symbol.for("vibeworkbench.token"), { value: token });
  Object.assign(document.body.dataset, { vibeworkbenchBaseUrl: "/", jpThemeLight: light });
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  const given = { title: "Terminals", height: "", read_only: false, terminal };
  const model = { get: (name) => given[name], on() {}, off() {} };
  window.undo = (await import("/static/vibeworkbench/terminal.js")).default.render({ model, el });
}"""
"""What JupyterLab and Voila are to a panel, without their weight and with a token; Lab has a test of its own below."""

CUT_S = 20
NUMBERS = 12_000
"""So many that they are not all told yet when the cut is over."""

FULL_SCREEN = """
import curses

def main(screen):
    curses.curs_set(0)
    keys = ""
    while True:
        rows, columns = screen.getmaxyx()
        screen.erase()
        screen.addstr(0, 0, f"board {columns}x{rows}", curses.A_REVERSE)
        screen.addstr(rows - 2, 2, f"keys: {keys}")
        screen.refresh()
        key = screen.getch()
        if key == ord("q"):
            return
        keys = (keys + chr(key))[-20:] if 32 <= key < 127 else keys

curses.wrapper(main)
"""
COUNTING = """
import sys, time
for number in range(int(sys.argv[1])):
    print(f"number {number:06d} " + "\\u00e9x" * 20, flush=True)
    time.sleep(0.002)
print("all told", flush=True)
"""
READING = """
import hashlib, os, sys, termios, tty
before = termios.tcgetattr(0)
tty.setraw(0)
print("reads", flush=True)
said, left = hashlib.sha256(), int(sys.argv[1])
while left:
    some = os.read(0, min(left, 65536))
    said.update(some)
    left -= len(some)
termios.tcsetattr(0, termios.TCSADRAIN, before)
print("got", said.hexdigest()[:20], flush=True)
"""
PAINTING = """
import sys, time
sys.stdout.write("\\x1b[?1049h\\x1b[2;1H\\x1b[1;33mpainted once\\x1b[0m \\u2502 \\U0001f600")
for number in range(250):
    sys.stdout.write("\\x1b[6;20H%07d" % number * 80)
    sys.stdout.flush()
    time.sleep(0.02)
sys.stdout.write("\\x1b[8;1Hall painted")
sys.stdout.flush()
sys.stdin.readline()
sys.stdout.write("\\x1b[?1049l")
"""
ATTEMPTS = """() => {
  window.attempts = new Set();
  const look = () => {
    const said = document.querySelector("[data-hop=program]")?.textContent.match(/attempt (\\d+)/);
    if (said) window.attempts.add(Number(said[1]));
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
"""Each attempt that stands on the page, however shortly."""


@pytest.fixture(scope="module")
def server(start_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server with the terminals page, some programs, and shells that end with it."""
    data = tmp_path_factory.mktemp("data")
    shutil.copy(NOTEBOOK, data)
    for name, text in {"board": FULL_SCREEN, "counting": COUNTING, "reading": READING, "painting": PAINTING}.items():
        (data / f"{name}.py").write_text(text)
    token = secrets.token_hex(16)
    known = {"VIBEWORKBENCH_TOKEN": token, "FAR_TOKEN": token}  # it reaches its own terminals as another server would
    settings = "[terminals]\nsurvive_s = 0\nfree_after_s = 3600.0\n"  # who drives stays so, however slow the machine
    started = replace(start_server(settings, data=data, environment=known), token=token)
    publish(started, notebook="terminals.ipynb", interactive=True)
    return started


@pytest.fixture
def terminal(server: Any) -> Any:
    """A terminal with a shell that knows where the programs are; it ends with the test."""
    shell = {"kind": "local", "command": ["/bin/sh"], "cwd": str(server.data), "env": {"PS1": "ready> "}}
    with server.http() as admin:
        made = admin.post("api/terminals", json={"upstream": shell, "name": "Common"})
        assert made.status_code == 201, made.text
        yield made.json()["terminalId"]
        admin.delete(f"api/terminals/{made.json()['terminalId']}")


def granted(server: Any, terminal: str, role: str, right: str = "") -> str:
    """The text of a new token of this role, with this right on the terminal."""
    with server.http() as admin:
        made = admin.post("api/tokens", json={"role": role, "name": f"{role} {right}", "scope": []}).json()
        if right:
            grant = {"identity": f"token:{made['id']}", "right": right}
            answer = admin.put(f"api/terminals/{terminal}/members", json=grant)
            assert answer.is_success, answer.text
    return str(made["token"])


@dataclass
class Heard:
    """What one page got and sent on terminals' sockets.

    Attributes:
        bytes: Offset → the byte that came for it, since the page last began anew.
        doubled: Bytes that came for an offset that the page had already.
        begun: How it was told, each time, from where to go on; all but ``resume`` let the page begin anew.
        typed: What was sent as input.
        said: Control messages that were sent, by type.
    """

    bytes: dict[int, int] = field(default_factory=dict)
    doubled: int = 0
    begun: list[str] = field(default_factory=list)
    typed: list[bytes] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def listen(self, page: Any) -> Heard:
        """From now on."""
        page.on("websocket", self._opened)
        return self

    def _opened(self, socket: Any) -> None:
        if "terminal-server" not in socket.url:
            return
        at = [0]

        def received(frame: str | bytes) -> None:
            if isinstance(frame, str):
                message = json.loads(frame)
                if message["type"] == "sync":
                    at[0] = message["offset"]
                    self.begun.append(message["kind"])
                    if message["kind"] != "resume":  # an unasked screen, before what it asked for
                        self.bytes.clear()
                return
            for byte in frame:
                self.doubled += at[0] in self.bytes
                self.bytes[at[0]] = byte
                at[0] += 1

        def sent(frame: str | bytes) -> None:
            if isinstance(frame, str):
                self.said.append(json.loads(frame)["type"])
            else:
                self.typed.append(frame)

        socket.on("framereceived", received)
        socket.on("framesent", sent)


async def opened(reader: Any, server: Any, terminal: str, *, token: str = "", **how: Any) -> Reader:
    """Somebody with the terminal before them, where typing is possible."""
    light = how.pop("light", "true")
    person: Reader = await reader(server, how.pop("url", None), token, **how)
    await person.page.goto(f"{person.url}static/vibeworkbench/terminal.js")  # a page of the server with nothing on it
    await person.page.evaluate(HOST, [terminal, light, person.token])
    await person.page.locator(".xterm-rows").wait_for()
    return person


async def watching(reader: Any, server: Any, terminal: str, *, token: str = "", **how: Any) -> Reader:
    """Somebody with the terminal before them on the published page."""
    person: Reader = await reader(server, token=token or granted(server, terminal, "viewer", "watch"), **how)
    await person.page.goto(f"{person.url}vibeworkbench/dashboards/terminals?token={person.token}&terminal={terminal}")
    await person.page.locator(".xterm-rows").wait_for()
    return person


def rows(person: Reader) -> Any:
    """What stands on the person's screen."""
    return person.page.locator(".xterm-rows")


async def connected(person: Reader) -> None:
    """There is who takes what the person types."""
    for hop in await person.page.locator("[data-hop]").all():
        await expect(hop).to_contain_text("connected")


async def type_in(person: Reader, text: str) -> None:
    """The person types it and Enter, once there is who takes it."""
    await connected(person)
    await person.page.locator(".xterm-helper-textarea").focus()
    await person.page.keyboard.type(text)
    await person.page.keyboard.press("Enter")


def run(program: str, *arguments: object) -> str:
    """The command that runs one of the programs."""
    return " ".join([sys.executable, f"{program}.py", *map(str, arguments)])


async def test_one_types_in_full_screen_programs_while_another_watches(reader: Any, server: Any, terminal: str) -> None:
    """Who watches sees every key, in the size of who types; whatever they press stays in their browser."""
    driver = await opened(reader, server, terminal)
    viewer = await reader(
        server, token=granted(server, terminal, "viewer", "watch"), viewport={"width": 700, "height": 700}
    )
    heard = Heard().listen(viewer.page)
    address = f"{viewer.url}vibeworkbench/dashboards/terminals?token={viewer.token}&terminal={terminal}"
    await viewer.page.goto(address)
    await expect(viewer.page.locator(".vw-watching")).to_contain_text("for reading")
    await type_in(driver, run("board"))
    await expect(rows(viewer)).to_contain_text("keys:")
    size = (await driver.page.locator(".vw-tty-foot").inner_text()).split()[0]
    await expect(rows(viewer)).to_contain_text("board " + size.replace("\u00d7", "x"))
    await driver.page.keyboard.type("hello")
    await expect(rows(viewer)).to_contain_text("keys: hello")

    await viewer.page.locator(".xterm-helper-textarea").focus()
    await viewer.page.keyboard.type("intruder")
    await viewer.page.keyboard.press("Control+C")
    await driver.page.keyboard.type(" again")
    await expect(rows(viewer)).to_contain_text("keys: hello again")
    await driver.page.keyboard.type("q")
    await expect(rows(viewer)).to_contain_text("ready>")
    assert heard.typed == []
    assert set(heard.said) <= {"ack", "ping", "resume"}

    if shutil.which("vim"):
        await type_in(driver, "vim -u NONE -N draft.txt")
        await expect(rows(viewer)).to_contain_text("draft.txt")
        await driver.page.keyboard.type("iwritten together")
        await driver.page.keyboard.press("Escape")
        await expect(rows(viewer)).to_contain_text("written together")
        await type_in(driver, ":wq")
        await expect(rows(viewer)).to_contain_text("ready>")
        assert (server.data / "draft.txt").read_text() == "written together\n"
    if shutil.which("htop"):
        await type_in(driver, "HTOPRC=htoprc htop")  # its own settings, which it writes at its end
        await expect(rows(viewer)).to_contain_text("Load average")
        await expect(rows(viewer)).to_contain_text("F5Tree")
        await driver.page.keyboard.press("F5")
        await expect(rows(viewer)).to_contain_text("F5List")
        await driver.page.keyboard.type("q")
        await expect(rows(viewer)).to_contain_text("ready>")


async def test_who_comes_late_sees_what_was_painted_long_before(reader: Any, server: Any, terminal: str) -> None:
    """The screen is the others' to the last cell, however much the program has said since it painted it."""
    driver = await opened(reader, server, terminal)
    await type_in(driver, run("painting"))
    await expect(rows(driver)).to_contain_text("all painted")
    late = await watching(reader, server, terminal)
    await expect(rows(late)).to_contain_text("all painted")
    await expect(rows(late)).to_contain_text("painted once")
    seen = "() => [...document.querySelectorAll('.xterm-rows > div')].map((row) => row.textContent.trimEnd())"
    assert await late.page.evaluate(seen) == await driver.page.evaluate(seen)
    await driver.page.keyboard.press("Enter")
    again = re.compile(r"ready>.*ready>", re.DOTALL)
    await expect(rows(driver)).to_contain_text(again)
    await expect(rows(late)).to_contain_text(again)
    assert await late.page.evaluate(seen) == await driver.page.evaluate(seen), "the shell's screen stood behind it"


async def test_who_was_cut_off_goes_on_without_a_lost_or_doubled_byte(
    reader: Any, server: Any, terminal: str, network_to: Callable[[Any], Any]
) -> None:
    """The way of one is cut for a third of a minute while a program prints; both hops say how they stand."""
    network = await network_to(server)
    cut: Reader = await reader(server, network.url, granted(server, terminal, "viewer", "watch"))
    heard = Heard().listen(cut.page)
    await cut.page.goto(f"{cut.url}vibeworkbench/dashboards/terminals?token={cut.token}&terminal={terminal}")
    await cut.page.locator(".xterm-rows").wait_for()
    driver = await opened(reader, server, terminal)
    own = cut.page.locator("[data-hop=you]")
    await expect(own).to_contain_text("connected")
    await type_in(driver, run("counting", NUMBERS))
    await expect(rows(cut)).to_contain_text("number 00")
    cut.network_is_cut = True
    before = len(heard.begun)
    network.cut()
    await expect(own).to_contain_text("attempt 2")
    await asyncio.sleep(CUT_S)
    network.mend()
    await expect(own).to_contain_text("connected")
    await expect(rows(cut)).to_contain_text("all told")
    await expect(rows(driver)).to_contain_text("all told")
    said = bytes(heard.bytes[at] for at in sorted(heard.bytes))
    assert (min(heard.bytes), max(heard.bytes)) == (0, len(said) - 1)
    assert heard.doubled == 0
    assert set(heard.begun[before:]) == {"resume"}
    for number in range(NUMBERS):
        assert said.count(f"number {number:06d}".encode()) == 1


async def test_the_keyboard_and_the_program_change_hands(reader: Any, server: Any, terminal: str) -> None:
    """Asked for, kept, handed over; held with why, and let go on; what cannot be typed is said."""
    owner = await opened(reader, server, terminal)
    other = await opened(reader, server, terminal, token=granted(server, terminal, "operator"))
    await expect(owner.page.locator(".vw-driver")).to_contain_text("You have the keyboard")
    await connected(other)
    await expect(other.page.locator(".vw-driver")).to_contain_text("has the keyboard")
    await other.page.locator(".xterm-helper-textarea").focus()
    await other.page.keyboard.type("x")
    await expect(other.page.locator(".vw-notice")).to_contain_text("has the keyboard")
    await other.page.get_by_role("button", name="Ask for it").click()
    await owner.page.get_by_role("button", name="Keep it").click()
    await expect(other.page.get_by_role("button", name="Ask for it")).to_be_visible()
    await other.page.get_by_role("button", name="Ask for it").click()
    await owner.page.get_by_role("button", name="Hand it over").click()
    await expect(other.page.locator(".vw-driver")).to_contain_text("You have the keyboard")
    await type_in(other, "echo from the $((1 + 1))nd")
    await expect(rows(owner)).to_contain_text("from the 2nd")

    await other.page.get_by_role("button", name="Hold the program, for everybody").click()
    await other.page.get_by_label("Why").fill("let us look")
    await other.page.get_by_role("button", name="Hold it").click()
    await expect(owner.page.locator(".vw-tty-held")).to_contain_text("let us look")
    await other.page.locator(".xterm-helper-textarea").focus()
    await other.page.keyboard.type("y")
    await expect(other.page.locator(".vw-notice")).to_contain_text("held")
    await owner.page.get_by_role("button", name="Let it go on").click()
    await expect(other.page.locator(".vw-tty-held")).to_have_count(0)

    with server.http() as admin:
        task = {"taskId": "t7", "reason": "it drops a table", "reviewId": "r1"}
        admin.post(f"api/terminals/{terminal}/hil", json={**task, "state": "review"}).raise_for_status()
        await expect(owner.page.locator(".vw-tty-hil")).to_contain_text("it drops a table")
        await expect(owner.page.get_by_role("link", name="Open the review")).to_have_attribute("href", re.compile("r1"))
        admin.post(f"api/terminals/{terminal}/hil", json={**task, "state": "resumed"}).raise_for_status()
    await expect(owner.page.locator(".vw-tty-hil")).to_have_count(0)


async def test_a_megabyte_is_pasted_whole_once_somebody_said_so(reader: Any, server: Any, terminal: str) -> None:
    """In pieces, as fast as the program reads; a selection is copied by its keys."""
    text = "".join(f"line {number:05d} {'z' * 40}\n" for number in range(19_000))
    owner = await opened(reader, server, terminal)
    await type_in(owner, run("reading", len(text)))
    await expect(rows(owner)).to_contain_text("reads")
    await owner.page.evaluate(
        """(text) => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", text);
          const paste = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
          document.querySelector(".xterm-helper-textarea").dispatchEvent(paste);
        }""",
        text,
    )
    await expect(owner.page.locator(".vw-tty-paste")).to_contain_text("19,000 lines")
    await expect(owner.page.locator(".vw-tty-paste pre")).to_contain_text("line 00002")
    await owner.page.get_by_role("button", name="Paste", exact=True).click()
    await expect(rows(owner)).to_contain_text(
        f"got {hashlib.sha256(text.replace(chr(10), chr(13)).encode()).hexdigest()[:20]}"
    )
    await expect(owner.page.locator(".vw-tty-paste")).to_have_count(0)


async def test_a_view_is_held_a_word_found_and_a_recording_played(reader: Any, server: Any, terminal: str) -> None:
    """Holding my view holds nobody else; what waited comes; the keyboard gets out again."""
    owner = await opened(reader, server, terminal)
    page = owner.page
    await type_in(owner, "echo first thing")
    await expect(rows(owner)).to_contain_text("first thing")
    await page.get_by_role("button", name="Hold my view").click()
    with server.http() as admin:
        before = admin.get(f"api/terminals/{terminal}").json()["head"]
    await expect(page.locator(".vw-tty-foot")).to_contain_text("Your view is held")
    other = await opened(reader, server, terminal)
    await other.page.get_by_role("button", name="Take it").click()
    await expect(other.page.locator(".vw-driver")).to_contain_text("You have the keyboard")
    await type_in(other, "echo second thing")
    await expect(rows(other)).to_contain_text("second thing")
    await expect(page.locator(".vw-tty-waits")).to_contain_text("wait.")
    await expect(rows(owner)).not_to_contain_text("second")
    with server.http() as admin:
        assert admin.get(f"api/terminals/{terminal}").json()["head"] > before
    await page.get_by_role("button", name="Show what comes").click()
    await expect(rows(owner)).to_contain_text("second thing")

    await page.keyboard.press("Control+Shift+F")
    await page.get_by_label("Search the terminal").fill("thing")
    await expect(page.locator(".vw-tty-search [role=status]")).to_contain_text("of 4")
    await page.keyboard.press("Escape")
    await expect(page.locator(".xterm-helper-textarea")).to_be_focused()
    await page.keyboard.press("Control+Shift+X")
    await expect(page.locator(".vw-tty-tools button").first).to_be_focused()

    await page.get_by_role("button", name="Show the recording").click()
    place = page.get_by_label("Place in the recording")
    await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()  # it has come to its end
    await expect(rows(owner)).to_contain_text("second thing")
    await place.fill("0")
    await expect(rows(owner)).not_to_contain_text("first")
    await page.get_by_role("button", name="Play", exact=True).click()
    await expect(rows(owner)).to_contain_text("second thing")
    await page.get_by_role("button", name="Back to live").click()
    await type_in(other, "echo third thing")
    await expect(rows(owner)).to_contain_text("third thing")


async def test_who_has_no_right_is_told_so_and_the_end_of_a_program_is_shown(
    reader: Any, server: Any, terminal: str
) -> None:
    """Instead of an empty screen; and from the list a new one begins."""
    stranger: Reader = await reader(server, token=granted(server, terminal, "viewer"))
    stranger.network_is_cut = True  # the refusal is an error on the console
    address = f"{stranger.url}vibeworkbench/dashboards/terminals?token={stranger.token}&terminal={terminal}"
    await stranger.page.goto(address)
    await expect(stranger.page.get_by_text("This terminal is not open to you")).to_be_visible()
    await stranger.page.get_by_role("button", name="All terminals").click()
    await expect(stranger.page.get_by_text("No terminal is open to you")).to_be_visible()

    owner = await opened(reader, server, terminal)
    await type_in(owner, "exit 3")
    await expect(owner.page.locator(".vw-tty-ended")).to_contain_text("Exit code 3")
    await owner.page.get_by_role("button", name="Begin a new one").click()
    await expect(owner.page.locator(".vw-tty-ended")).to_have_count(0)
    await type_in(owner, "echo alive $((2 + 3))")
    await expect(rows(owner)).to_contain_text("alive 5")


async def test_a_terminal_in_a_notebook_is_the_program_s_and_not_the_notebook_s(reader: Any, server: Any) -> None:
    """In JupyterLab, from the list: keys that are Lab's shortcuts elsewhere are typed, and cells stay."""
    person: Reader = await reader(server)
    page = person.page
    kernel = person._kernel_answered()
    await page.goto(f"{person.url}lab/tree/terminals.ipynb?token={person.token}")
    await asyncio.wait_for(kernel, PATIENCE_S)
    await page.locator(".jp-Notebook .jp-CodeCell").first.click()
    await page.keyboard.press("Shift+Enter")
    await page.get_by_role("button", name="New terminal").click()
    await page.get_by_label("Name", exact=True).fill("Of Lab")
    await page.get_by_role("button", name="Open", exact=True).click()
    await page.locator(".vw-terminal .xterm-rows").wait_for()
    cells = await page.locator(".jp-Notebook .jp-Cell").count()
    await type_in(person, "echo dd aa bb $((40 + 2))")
    await expect(rows(person)).to_contain_text("dd aa bb 42")
    assert await page.locator(".jp-Notebook .jp-Cell").count() == cells
    await page.locator(".vw-back").click()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="End Of Lab").click()
    await expect(page.get_by_role("button", name="End Of Lab")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_panel_is_readable_in_every_light_and_width(
    reader: Any, server: Any, terminal: str, tmp_path: Path, scheme: Any
) -> None:
    """Nothing stands out of the page, on a wide screen and on a phone."""
    painted = "printf '\\033[1;34mblue \\033[32mgreen \\033[31mred \\033[0m\\033[7m reverse \\033[0m\\n'"
    for width in (1180, 390):
        person = await watching(reader, server, terminal, color_scheme=scheme, viewport={"width": width, "height": 800})
        owner = await opened(reader, server, terminal)
        await type_in(owner, f"clear; {painted}; ls -la --color=always")
        await expect(rows(person)).to_contain_text("board.py")
        await person.page.screenshot(path=tmp_path / f"terminal-{scheme}-{width}.png")
        over = await person.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0
        await owner.page.evaluate("window.undo()")
        await expect(owner.page.locator(".vw-panel")).to_have_count(0)


async def test_in_voila_one_types_as_in_a_notebook(reader: Any, server: Any, terminal: str) -> None:
    """With the login cookie of the page; the address names the terminal."""
    person: Reader = await reader(server)
    await person.page.goto(f"{person.url}voila/render/terminals.ipynb?token={person.token}&terminal={terminal}")
    await person.page.locator(".xterm-rows").wait_for()
    await expect(person.page.locator(".vw-driver")).to_contain_text("You have the keyboard")
    await type_in(person, "echo in voila $((40 + 2))")
    await expect(rows(person)).to_contain_text("in voila 42")


async def test_every_attempt_to_reach_a_lost_program_is_seen_by_all(
    reader: Any, server: Any, terminal: str, network_to: Callable[[Any], Any]
) -> None:
    """The way between the workbench and a terminal elsewhere is cut; the reader's own way is well meanwhile."""
    network = await network_to(server)
    there = f"{network.url.replace('http', 'ws', 1)}vibeworkbench/parties/terminal-server/{terminal}"
    upstream = {"kind": "websocket", "url": there, "tokenEnv": "FAR_TOKEN"}
    with server.http() as admin:
        made = admin.post("api/terminals", json={"upstream": upstream, "name": "Far"})
    assert made.status_code == 201, made.text
    far = made.json()["terminalId"]
    owner = await opened(reader, server, far)
    viewer = await watching(reader, server, far)
    hops = [person.page.locator("[data-hop=program]") for person in (owner, viewer)]
    await expect(hops[0]).to_contain_text("remote server")
    await expect(hops[1]).to_contain_text("connected")
    await type_in(owner, "echo far $((1 + 1))")
    await expect(rows(viewer)).to_contain_text("far 2")
    for person in (owner, viewer):
        await person.page.evaluate(ATTEMPTS)
    network.cut()
    for hop in hops:
        await expect(hop).to_contain_text(re.compile(r"attempt ([2-9]|10)"))
    await expect(hops[1].get_by_role("button")).to_have_count(0)
    await expect(owner.page.locator("[data-hop=you]")).to_contain_text("connected")
    await type_in(owner, "lost")
    await expect(owner.page.locator(".vw-notice")).to_contain_text("nothing was typed")
    network.mend()
    retry = hops[0].get_by_role("button", name="Retry now")
    if await retry.count():
        await retry.click()
    for hop in hops:
        await expect(hop).not_to_contain_text("attempt")
    seen, also = [await person.page.evaluate("[...window.attempts]") for person in (owner, viewer)]
    assert seen == also == list(range(1, len(seen) + 1))
    await type_in(owner, "echo again $((2 + 2))")
    await expect(rows(viewer)).to_contain_text("again 4")
    await expect(rows(viewer)).not_to_contain_text("lost")
    with server.http() as admin:
        admin.delete(f"api/terminals/{far}")
