"""Lines that belong together become one record, and no line is lost or doubled by it."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vibeworkbench.logs.joining import Bounds, Shape, joined, shape_of

PYTHON = """\
Traceback (most recent call last):
  File "/srv/worker.py", line 3, in <module>
    fetch(url)
    ~~~~~^^^^^
  File "/srv/worker.py", line 9, in fetch
    return 1 / 0
ZeroDivisionError: division by zero
"""
CHAINED = f"""{PYTHON}
During handling of the above exception, another exception occurred:

{PYTHON}
The above exception was the direct cause of the following exception:

{PYTHON}"""
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/srv/a.py", line 1, in <module>
  |     raise group
  | ExceptionGroup: several (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: one
    +------------------------------------
"""
SYNTAX = """\
  File "/srv/a.py", line 1
    def (
        ^
SyntaxError: invalid syntax
"""
JAVA = """\
Exception in thread "main" java.lang.IllegalStateException: no cart
\tat shop.Cart.open(Cart.java:17)
\tat shop.Main.main(Main.java:5)
\tSuppressed: java.io.IOException: closed
\t\tat shop.Cart.close(Cart.java:30)
Caused by: java.io.IOException: timed out
\tat shop.Wire.read(Wire.java:7)
\t... 2 more
"""
NODE = """\
/srv/app.js:7
    throw new TypeError("no cart");
    ^

TypeError: no cart
    at open (/srv/app.js:7:11)
    at Object.<anonymous> (/srv/app.js:10:1) {
  code: 'ECART'
}

Node.js v18.19.0
"""
ONE_LINER = """\
/srv/app.js:1
function open() { throw new TypeError("no cart"); }
                  ^

TypeError: no cart
    at open (/srv/app.js:1:25)
"""
REJECTION = """\
node:internal/process/promises:288
            triggerUncaughtException(err, true /* fromPromise */);
            ^

[UnhandledPromiseRejection: This error originated in a promise] {
  code: 'ERR_UNHANDLED_REJECTION'
}

Node.js v18.19.0
"""
GO = """\
panic: runtime error: index out of range [5] with length 3 [recovered]
\tpanic: again
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48]

goroutine 1 [running]:
main.(*Cart).open(0xc000012120, {0x1, 0x2})
\t/srv/main.go:17 +0x1d
main.main()
\t/srv/main.go:5 +0x1d
created by main.start in goroutine 7
\t/srv/main.go:3 +0x25
exit status 2
"""
RUST = """\
thread 'main' panicked at src/main.rs:2:5:
index out of bounds: the len is 3 but the index is 5
stack backtrace:
   0: rust_begin_unwind
             at /rustc/library/std/src/panicking.rs:645:5
   1: cart::open
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
"""
ANYHOW = """\
Error: cannot open the cart

Caused by:
    0: cannot read
    1: timed out

Location:
    src/main.rs:3:7
"""
TRACES = {
    "python": PYTHON, "chained": CHAINED, "group": GROUP, "syntax": SYNTAX, "java": JAVA, "node": NODE,
    "one-liner": ONE_LINER, "rejection": REJECTION, "go": GO, "rust": RUST, "anyhow": ANYHOW,
}  # fmt: skip
PLAIN = Shape()
HEADED = Shape(headed=True)


def records(text: str, shape: Shape | None = None, **options) -> list[str]:
    content = text.encode()
    options = {"whole": True, **options}
    return [each.decode() for each in joined(content, shape or shape_of(content), **options).records]


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES.keys())
def test_a_trace_is_one_record(trace: str) -> None:
    """Whatever language it is of, and whatever stands around it."""
    assert records(f"before\n{trace}after\n", PLAIN) in (
        ["before", trace.rstrip("\n"), "after"],
        [f"before\n{trace.rstrip()}", "after"],  # one whose first line is indented goes on with the line above
    )
    if not trace.startswith(" "):
        assert records(trace + trace, PLAIN) == [trace.rstrip("\n")] * 2


@pytest.mark.parametrize("trace", [PYTHON, CHAINED, JAVA, NODE, GO, RUST])
def test_a_trace_belongs_to_the_error_that_announces_it(trace: str) -> None:
    """Below an error with a header it is part of the error; below calm words it is a crash of its own."""
    failed, ready = "2026-11-22 10:00:00,1 ERROR cannot fetch", "2026-11-22 10:00:01,1 INFO ready"
    text = f"{ready}\n{failed}\n{trace}{ready}\n{trace}"
    trace = trace.rstrip("\n")
    assert records(text) == [ready, f"{failed}\n{trace}", ready, trace]


def test_an_error_without_time_announces_a_traceback() -> None:
    """``ERROR:root:...`` and what Python says above tracebacks that nobody caught."""
    text = f"INFO:root:ready\nERROR:root:no cart\n{PYTHON}Exception in thread Thread-1 (run):\n{PYTHON}"
    trace = PYTHON.rstrip("\n")
    assert records(text) == [
        "INFO:root:ready", f"ERROR:root:no cart\n{trace}", f"Exception in thread Thread-1 (run):\n{trace}",
    ]  # fmt: skip


def test_an_access_line_announces_nothing() -> None:
    """The page may be called what it likes; the server's word about the exception is the announcement."""
    access = '127.0.0.1 - - [22/Nov/2026 10:00:00] "GET /error HTTP/1.1" 200 -'
    said = "Exception occurred during processing of request from ('127.0.0.1', 46540)"
    assert records(f"{access}\n{PYTHON}") == [access, PYTHON.rstrip("\n")]
    assert records(f"{access}\n{said}\n{PYTHON}") == [access, f"{said}\n{PYTHON}".rstrip("\n")]


def test_lines_without_header_go_on_where_lines_have_headers() -> None:
    """A statement over several lines is one message; the next header ends it."""
    text = "2026-11-22T10:00:00Z INFO query\nSELECT *\nFROM cart\n2026-11-22T10:00:01Z INFO done\n"
    assert records(text) == ["2026-11-22T10:00:00Z INFO query\nSELECT *\nFROM cart", "2026-11-22T10:00:01Z INFO done"]


def test_a_line_with_a_level_is_no_part_of_another() -> None:
    """Also where the others have a time, too."""
    text = "2026-11-22T10:00:00Z ERROR no\n[INFO] yes\nWARNING: well\n"
    assert records(text, HEADED) == text.splitlines()


def test_an_exception_s_message_may_hold_a_time() -> None:
    """What follows the frames is the exception, whatever it looks like."""
    header = "2026-11-22 10:00:00 ERROR no\n"
    trace = PYTHON.replace("division by zero", "nothing at 10:15:00")
    assert records(header + trace + header) == [(header + trace).rstrip("\n"), header.rstrip("\n")]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a\nb\nc\n", 3),
        ("a\n  b\n\tc\nd\n", 2),
        ("a\n\n\nb\n   \n", 2),
        ("a {\n  b\n}\nc\n}\n", 3),
        ("  a\n  b\n    c\n", 2),
        ("    at a.b(c)\n    at a.c(d)\nCaused by: x\n    at y\n", 1),
        ("a\r\n  b\r\nc\r\n", 2),
        ("panic: x\nplain\n", 2),
        ("thread 'a' panicked at b\nmessage\nnote: run\nplain\n", 2),
        ("Error: a\nError: b\n", 2),
        ("ValueError: a\nValueError: b\n", 2),
        ("\n\n", 0),
        ("", 0),
        ("no end", 1),
    ],
)
def test_how_many_records_lines_make(text: str, count: int) -> None:
    assert len(records(text, PLAIN)) == count


@pytest.mark.parametrize(
    ("text", "headed"),
    [
        ("2026-11-22 10:00:00 INFO a\n", True),
        ("Nov 22 10:00:00 host app[1]: a\nNov 22 10:00:01 host app[1]: b\n", True),
        ("[10:00:00] a\nb\n", True),
        ("[10:00:00] a\nb\nc\n", False),
        ('127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1\n', False),
        ('{"ts": "2026-11-22T10:00:00Z"}\n', False),
        ("INFO ready\n", False),
        (f"2026-11-22 10:00:00 ERROR a\n{PYTHON}{JAVA}", True),
        ("", False),
    ],
)
def test_the_shape_of_a_source(text: str, headed: bool) -> None:
    """Told by most of its lines; those of traces do not count, and lines that are whole need no header."""
    assert shape_of(text.encode()) == Shape(headed=headed)


def test_the_last_record_is_kept_until_it_is_whole() -> None:
    """More may belong to it; blank lines after it do not hide where it begins."""
    text = b"a\nb\n  c\n\n"
    assert joined(text, PLAIN, whole=False).records == [b"a"]
    assert joined(text, PLAIN, whole=False).kept == 2
    assert joined(text, PLAIN, whole=True) == joined(b"a\nb\n  c", PLAIN, whole=True).__class__([b"a", b"b\n  c"], 9)


def test_a_record_ends_at_its_bounds() -> None:
    """What goes on after that is a record of its own, and is not cut to single lines."""
    frames = "".join(f"\tat a.b(C.java:{number})\n" for number in range(25))
    found = records(f"x.Error: y\n{frames}", PLAIN, bounds=Bounds(lines=10), whole=False)
    assert [each.count("\n") + 1 for each in found] == [10, 10]
    found = records(f"x.Error: y\n{frames}", PLAIN, bounds=Bounds(bytes=100))
    assert max(len(each) for each in found) <= 100


LINES = st.lists(
    st.one_of(
        st.sampled_from(sorted({line for trace in TRACES.values() for line in trace.split("\n")})),
        st.sampled_from(
            ["2026-11-22 10:00:00 INFO a", "2026-11-22 10:00:00 ERROR a", "", "  ", "b", "}", "Node.js v1"]
        ),
        st.text("\t\r 0}:E", max_size=4),
        st.text(st.characters(blacklist_characters="\n", blacklist_categories=["Cs"]), max_size=20),
    ),
    max_size=60,
)
BOUNDS = st.sampled_from([Bounds(), Bounds(lines=4), Bounds(bytes=60)])


@given(LINES, st.booleans(), BOUNDS)
def test_no_line_is_lost_or_doubled(lines: list[str], headed: bool, bounds: Bounds) -> None:
    """The records' lines are the content's, but for blank ones; each record keeps to its bounds."""
    content = "".join(f"{line}\n" for line in lines).encode()
    found = joined(content, Shape(headed), whole=True, bounds=bounds)
    assert found.kept == len(content)
    assert stripped(b"\n".join(found.records)) == stripped(content)
    assert all(each.count(b"\n") < bounds.lines for each in found.records)
    assert all(len(each) <= bounds.bytes or b"\n" not in each for each in found.records)
    assert all(each.strip(b" \t\r\n") for each in found.records)


def stripped(content: bytes) -> list[bytes]:
    return [line.rstrip(b"\r") for line in content.split(b"\n") if line.strip(b" \t\r")]


@given(LINES, st.booleans(), BOUNDS, st.lists(st.integers(0, 60), max_size=12))
@example(["", "", "", "\t\tat shop.Cart.close(Cart.java:30)", "0\r"], False, Bounds(), [5])
def test_reading_in_parts_finds_the_same_records(
    lines: list[str], headed: bool, bounds: Bounds, cuts: list[int]
) -> None:
    """However the reads fall, a kept record is read again with what follows."""
    content = "".join(f"{line}\n" for line in lines).encode()
    once = joined(content, Shape(headed), whole=True, bounds=bounds).records
    parts, at = list[bytes](), 0
    for cut in sorted(cuts):
        upto = len("".join(f"{line}\n" for line in lines[:cut]).encode())
        found = joined(content[at:upto], Shape(headed), whole=False, bounds=bounds)
        parts, at = parts + found.records, at + found.kept
    parts += joined(content[at:], Shape(headed), whole=True, bounds=bounds).records
    assert parts == once


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_have_records(content: bytes, headed: bool) -> None:
    """What is no text has a shape and records, too."""
    shape_of(content)
    found = joined(content, Shape(headed), whole=False)
    assert 0 <= found.kept <= len(content)


def test_lines_are_given_as_they_are() -> None:
    """Nothing of a record is dropped or reformatted; only the end of its last line is."""
    text = textwrap.dedent("""\
        a
          b

          c
        d
    """)
    assert records(text, PLAIN) == ["a\n  b\n\n  c", "d"]
