"""Stack traces of real programs: some are run here, others were recorded: their language may not be installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PYTHON = """
import json, sys, asyncio

def parse(text):
    return json.loads(text)

def work(page):
    try:
        parse("{" + page)
    except ValueError as error:
        raise RuntimeError(f"no configuration in page {page}") from error

def even(n):
    return odd(n + 1)

def odd(n):
    return even(n + 1)

async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(first())
        group.create_task(second())

async def first():
    raise KeyError("page")

async def second():
    work("7")

match sys.argv[1]:
    case "deep": even(int(sys.argv[2]))
    case "group": asyncio.run(main())
    case page: work(page)
"""

NODE = """
class Fetcher { async get(page) { JSON.parse("{" + page); } }
async function work(page) {
  try { await new Fetcher().get(page); }
  catch (error) { throw new Error(`cannot fetch page ${page}`, { cause: error }); }
}
work(process.argv[2]);
"""

JAVA = """Exception in thread "main" java.lang.IllegalStateException: cannot fetch abc
\tat com.acme.Chain.work(Chain.java:4)
\tat com.acme.Chain.main(Chain.java:6)
Caused by: java.lang.NumberFormatException: For input string: "abc"
\tat java.base/java.lang.NumberFormatException.forInputString(NumberFormatException.java:67)
\tat java.base/java.lang.Integer.parseInt(Integer.java:668)
\tat com.acme.Chain.lambda$fetch$0(Chain.java:3)
\tat java.base/java.util.ArrayList.forEach(ArrayList.java:1511)
\tat com.acme.Chain.fetch(Chain.java:3)
\t... 2 more
"""

JAVA_SUPPRESSED = """java.io.IOException: closed
\tat com.acme.Store.write(Store.java:9)
\tSuppressed: java.lang.RuntimeException: also
\t\tat com.acme.Store.close(Store.java:12)
Caused by: com.acme.DiskFull
\tat com.acme.Disk$$EnhancerBySpringCGLIB$$1a2b.put(<generated>)
"""

RUST = """
thread 'main' (19989) panicked at m.rs:1:73:
index out of bounds: the len is 2 but the index is 5
stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   1: core::panicking::panic_fmt
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/panicking.rs:80:14
   2: <usize as core::slice::index::SliceIndex<[T]>>::index
   3: m::W::go::{{closure}}
   4: <core::slice::iter::Iter<T> as core::iter::traits::iterator::Iterator>::fold
   5: m::W::go::h0123456789abcdef
             at ./src/m.rs:1:60
   6: m::main
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
"""

RUST_BARE = """thread 'main' panicked at src/fetch.rs:12:5:
no such page
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
"""

RUST_OLD = "thread 'main' panicked at 'no such page', src/fetch.rs:12:5"

GO = """panic: runtime error: index out of range [5] with length 3 [recovered]
\tpanic: gave up

goroutine 1 [running]:
testing.tRunner.func1.2({0x4f1e20, 0xc0000a6000})
\t/usr/local/go/src/testing/testing.go:1632 +0x230
panic({0x4f1e20?, 0xc0000a6000?})
\t/usr/local/go/src/runtime/panic.go:785 +0x132
github.com/acme/shop/fetch.(*Fetcher).Get(...)
\t/home/ada/shop/fetch/fetch.go:18
main.work.func1({0x0, 0x0})
\t/home/ada/shop/main.go:8 +0x1d
github.com/gin-gonic/gin.(*Context).Next(0xc0000b2000)
\t/home/ada/go/pkg/mod/github.com/gin-gonic/gin@v1.9.1/context.go:174 +0x2b
main.main()
\t/home/ada/shop/main.go:4 +0x18

goroutine 18 [select]:
main.other()
\t/home/ada/shop/other.go:4 +0x18
exit status 2
"""


def python(folder: Path, *arguments: str, above: str = "") -> str:
    """What the Python program prints that fails; ``above`` stands over its first line."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "job.py"
    program.write_text(above + PYTHON)
    return _failed([sys.executable, str(program), *arguments])


def node(folder: Path, *arguments: str, above: str = "") -> str:
    """What the Node program prints that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "job.js"
    program.write_text(above + NODE)
    return _failed([str(Path(sys.executable).parent / "node"), str(program), *arguments])


def _failed(command: list[str]) -> str:
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode
    return ended.stderr
