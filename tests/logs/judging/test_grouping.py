"""Which trouble a record tells of: the same one wherever and whenever it happens, and another for another."""

from __future__ import annotations

import pytest

from tests.logs.judging import traces
from vibeworkbench.logs.judging.grouping import group_of
from vibeworkbench.logs.judging.ownership import is_in_app
from vibeworkbench.logs.judging.stacks import trace_of
from vibeworkbench.logs.masks import masked


def of(message, template="t1", **attributes):
    """The group of a record."""
    return group_of(message, template, {name.replace("_", "."): value for name, value in attributes.items()}, masked)


def test_a_python_crash_is_the_same_in_another_folder_on_other_lines_with_another_page(tmp_path):
    """Directories, line numbers and messages do not count; what was said before the trace neither."""
    one = of(traces.python(tmp_path / "one", "7"))
    other = of("Job 12 failed\n" + traces.python(tmp_path / "two" / "src", "8", above="\n" * 40), template="t2")
    assert one.key == other.key
    assert one.by == "stack:1"
    assert one.title == "RuntimeError: no configuration in page <number> in work"
    assert one.frames == (
        "RuntimeError:",
        "job.py work",
        "job.py <module>",
        "json.decoder.JSONDecodeError:",
        "job.py parse",
        "job.py work",
    )


def test_a_python_recursion_is_the_same_wherever_it_breaks_off(tmp_path):
    """Two functions that call each other overflow in either."""
    one, other = (of(traces.python(tmp_path, "deep", start)) for start in "01")
    assert one.key == other.key
    assert one.frames == ("RecursionError:", "job.py even", "job.py odd", "job.py <module>")
    assert of(traces.python(tmp_path, "7")).key != one.key


def test_all_parts_of_a_python_exception_group_count(tmp_path):
    """The group first, then its parts with their causes."""
    frames = of(traces.python(tmp_path, "group")).frames
    types = [line for line in frames if line.endswith(":")]
    assert types == ["ExceptionGroup:", "RuntimeError:", "json.decoder.JSONDecodeError:", "KeyError:"]


def test_a_node_crash_is_the_same_in_another_folder(tmp_path):
    """With its cause, without Node's own frames."""
    one = of(traces.node(tmp_path / "one", "7"))
    other = of(traces.node(tmp_path / "two", "8", above="\n\n"))
    assert one.key == other.key
    assert one.frames[:4] == ("Error:", "job.js work", "SyntaxError:", "job.js Fetcher.get")
    assert one.title == "Error: cannot fetch page <number> in work"


def test_java_causes_count_and_what_is_suppressed_does_not():
    """Lambdas and generated classes lose their numbers; the run time's frames do not count."""
    group = of(traces.JAVA)
    assert group.frames == (
        "java.lang.IllegalStateException:",
        "com.acme.Chain work",
        "com.acme.Chain main",
        "java.lang.NumberFormatException:",
        "com.acme.Chain lambda$fetch",
        "com.acme.Chain fetch",
    )
    assert of(traces.JAVA.replace("$0(", "$17(").replace(":4)", ":99)")).key == group.key
    assert of(traces.JAVA_SUPPRESSED).frames == (
        "java.io.IOException:",
        "com.acme.Store write",
        "com.acme.DiskFull:",
        "com.acme.Disk put",
    )


def test_only_the_goroutine_that_failed_counts():
    """Neither the run time's frames, nor installed modules, nor other goroutines; what panicked before does."""
    group = of(traces.GO)
    assert group.frames == (
        "panic:",
        "github.com/acme/shop/fetch (*Fetcher).Get",
        "main work",
        "main main",
        "panic:",
    )
    assert group.title == "panic: gave up in (*Fetcher).Get"


def test_rust_panics_with_and_without_backtrace():
    """Hashes and closures' numbers do not count; without a backtrace the file is all there is."""
    assert of(traces.RUST).frames == ("panic:", "m::W::go::{closure}", "m::W::go", "m::main")
    assert of(traces.RUST).title.startswith("panic: index out of bounds: the len is <number>")
    assert of(traces.RUST_BARE).frames == ("panic:", "fetch.rs")
    assert of(traces.RUST_OLD).key == of(traces.RUST_BARE).key
    assert of(traces.RUST_OLD).title == "panic: no such page in fetch.rs"


def test_system_frames_count_when_they_are_alone():
    """A trace without a frame of the program's own is grouped by all of them."""
    text = 'Traceback (most recent call last):\n  File "/usr/lib/python3.11/runpy.py", line 1, in run\nOSError: no'
    assert of(text).frames == ("OSError:", "runpy.py run")
    assert "no frame is the program's own" in of(text).told[1]


def test_a_fingerprint_decides_before_everything(tmp_path):
    """A text or a list of texts; an empty one decides nothing."""
    crash = traces.python(tmp_path, "7")
    assert of(crash, fingerprint="disk").key == of("whatever", fingerprint="disk").key
    assert of(crash, fingerprint=["disk", 1]).key != of(crash, fingerprint="disk").key
    assert of(crash, fingerprint=" ").by == "stack:1"
    assert of(crash, fingerprint=[]).by == "stack:1"


def test_opentelemetrys_attributes_are_read(tmp_path):
    """The stack among them counts as one in the message; without it, type and masked message."""
    crash = traces.python(tmp_path, "7")
    assert of("job failed", exception_stacktrace=crash).key == of(crash).key
    one = of("job failed", exception_type="IOError", exception_message="page 7")
    assert one.key == of("other", template="t2", exception_type="IOError", exception_message="page 12").key
    assert (one.by, one.title) == ("exception:1", "IOError: page <number>")
    assert of("job failed", exception_type="IOError", exception_message="disk").key != one.key
    assert of("job failed", exception_type="IOError").title == "IOError"


def test_the_template_decides_at_last():
    """With the reasons why nothing else did."""
    group = of("cannot fetch page 7")
    assert (group.key, group.by) == ("template:t1", "template")
    assert group.told == ("no stack trace", "no exception", "so its template decides")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "see you at (home)",
        "    at the end of the day",
        "goroutine 1 [running]:\nmain.main()",
        "Traceback (most recent call last):\n",
        "Traceback (most recent call last):\nno frame\nValueError: x",
        "the thread panicked at noon",
        "exception.\n\tat com.acme.Chain.work(Chain.java:4",
    ],
)
def test_what_is_no_trace_is_none(text):
    """Words of traces alone make none."""
    assert trace_of(text) is None


def test_frames_are_bounded():
    """A stack of thousands of calls costs no more than one of a thousand."""
    java = "java.lang.Error\n" + "\n".join(f"\tat a.B.c{n}(B.java:1)" for n in range(9000))
    node = "Error: x\n" + "\n".join(f"    at f{n} (/a/b.js:1:{n})" for n in range(9000))
    assert {len(trace_of(text).outermost.frames) for text in (java, node)} == {2000}


@pytest.mark.parametrize(
    ("language", "place", "function", "own"),
    [
        ("python", "/srv/app/lib/jobs/fetch.py", "get", True),
        ("python", "/srv/app/.venv/lib/python3.12/site-packages/x/y.py", "get", False),
        ("python", "C:\\Python312\\Lib\\json\\decoder.py", "get", False),
        ("python", "<frozen importlib._bootstrap>", "get", False),
        ("java", "com.acme.Shop", "buy", True),
        ("java", "org.springframework.web.Servlet", "doGet", False),
        ("node", "/srv/app/node_modules/express/lib/router.js", "next", False),
        ("node", "node:internal/process/task_queues", "process", False),
        ("node", "/srv/app/src/router.js", "next", True),
        ("go", "/home/ada/go/src/shop/cmd/main.go\x1fmain.main", "main", True),
        ("go", "/srv/vendor/github.com/x/y.go\x1fgithub.com/x.Y", "Y", False),
        ("rust", "/home/ada/.cargo/registry/src/x/lib.rs", "x::y", False),
        ("rust", "./src/main.rs", "shop::main", True),
        ("rust", "", "tokio::runtime::task::poll", False),
    ],
)
def test_whose_code_a_frame_is(language, place, function, own):
    """Where languages keep what is installed says it."""
    assert is_in_app(language, place, function) is own
