"""Markers are found in comments, and only there."""

from __future__ import annotations

import json
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.ops.collectors.marker_files import FILE_BYTES, marked_files
from vibeworkbench.ops.collectors.markers import is_known, markers_of


def said(path, text):
    """Word, text and line of each marker."""
    return [(marker.word, marker.text, marker.line) for marker in markers_of(path, text.encode())]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.py", "x = 1  # TODO: tidy", [("TODO", "tidy", 1)]),
        ("a.py", "x = 'TODO: no'\ny = \"# FIXME no\"", []),
        ("a.py", '"""TODO: a docstring is no comment."""\n# FIXME(ada) yes', [("FIXME", "yes", 2)]),
        ("a.py", "s = '''\n# TODO no\n'''\n#TODO yes", [("TODO", "yes", 4)]),
        ("a.py", "# the TODO list is long\n# a BUG-free day, XXXX", []),
        ("a.py", "# see below. TODO(ada): later", [("TODO", "later", 1)]),
        ("a.py", "todo = 1  # todo lower case is prose", []),
        ("a.ts", "const a = `// TODO no`; // HACK yes", [("HACK", "yes", 1)]),
        ("a.ts", "/**\n * first\n * @TODO - second\n */", [("TODO", "second", 3)]),
        ("a.c", "/* FIXME: never closed", [("FIXME", "never closed", 1)]),
        ("a.c", 'char *s = "/* TODO no */"; /* BUG 12 */ int x; // XXX', [("BUG", "12", 1), ("XXX", "", 1)]),
        ("a.rs", "fn f<'a>(x: &'a str) {} // TODO yes", [("TODO", "yes", 1)]),
        ("a.sh", "echo ${#TODO} '#TODO no'\n# XXX yes", [("XXX", "yes", 2)]),
        ("Makefile", "all:  # TODO: everything", [("TODO", "everything", 1)]),
        ("a.ini", "; TODO one\nkey = # TODO no", [("TODO", "one", 1)]),
        ("a.sql", "select '-- TODO no'; -- TODO yes", [("TODO", "yes", 1)]),
        ("a.lua", "--[[ TODO one\nHACK two ]]", [("TODO", "one", 1), ("HACK", "two", 2)]),
        ("a.md", "TODO no\n<!-- TODO yes -->", [("TODO", "yes", 2)]),
        (
            "a.vue",
            "<!-- TODO one -->\n<script>\n// see https://a.test/ TODO: two",
            [("TODO", "one", 1), ("TODO", "two", 3)],
        ),
        ("a.tex", "50\\% TODO: no\n% FIXME yes", [("FIXME", "yes", 2)]),
        ("a.el", '(a "; TODO no") ; TODO yes', [("TODO", "yes", 1)]),
        ("a.bin", "# TODO nobody knows its comments", []),
    ],
)
def test_a_marker_stands_in_a_comment(path, text, expected):
    assert said(path, text) == expected


def test_a_marker_is_known_by_its_text_and_its_turn_whatever_its_line():
    before = markers_of("a.py", b"# TODO: one\n# TODO: one\n# TODO: two\n")
    after = markers_of("a.py", b"\n\n\n# TODO: one\nx = 1\n# TODO:   one\n\n# TODO: two\n")
    assert [(one.text, one.occurrence) for one in before] == [("one", 0), ("one", 1), ("two", 0)]
    assert [(one.text, one.occurrence) for one in after] == [(one.text, one.occurrence) for one in before]
    assert [one.line for one in after] == [4, 6, 8]


def test_who_is_kept_apart_from_what():
    (marker,) = markers_of("a.py", b"# FIXME (ada): mend it")
    assert (marker.who, marker.text) == ("ada", "mend it")


def test_notebooks_are_read_by_cell():
    cells = [
        {"cell_type": "markdown", "source": ["TODO no\n", "<!-- TODO words -->"]},
        {"cell_type": "code", "source": "x = 1\n# FIXME code", "outputs": [{"text": "# TODO no"}]},
        {"cell_type": "raw", "source": "# TODO no"},
    ]
    found = markers_of("a.ipynb", json.dumps({"cells": cells, "metadata": {}}).encode())
    assert [(one.word, one.text, one.cell, one.line) for one in found] == [
        ("TODO", "words", 1, 2),
        ("FIXME", "code", 2, 2),
    ]
    assert markers_of("a.ipynb", b"no notebook # TODO") == ()


@given(st.binary(max_size=300), st.sampled_from(["a.py", "a.ts", "a.lua", "a.md", "a.vue", "a.ipynb", "a.ini"]))
def test_no_bytes_at_all_break_the_reader(noise, path):
    assert is_known(path)
    for marker in markers_of(path, noise + b" /* # TODO x"):
        assert marker.line >= 1


def test_a_long_line_of_quotes_is_read_in_linear_time():
    """A minified file; with a lexer that tries again and again this does not end."""
    assert said("a.js", "'\\" * 200_000 + "\n// TODO yes")[-1:] == [("TODO", "yes", 2)]


def test_only_regular_text_files_of_sensible_size_inside_the_tree_are_read(tmp_path):
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    tree.mkdir()
    outside.mkdir()
    (outside / "secret.py").write_text("# TODO secret")
    (tree / "good.py").write_text("# TODO good")
    (tree / "huge.py").write_text("# TODO huge\n" + "#" * FILE_BYTES)
    (tree / "binary.py").write_bytes(b"# TODO binary\0")
    (tree / "link.py").symlink_to(outside / "secret.py")
    (tree / "folder").symlink_to(outside)
    os.mkfifo(tree / "pipe.py")
    names = ["good.py", "huge.py", "binary.py", "link.py", "folder/secret.py", "pipe.py", "gone.py", "good.unknown"]
    found = marked_files(tree, names, threading.Event())
    assert (list(found.marked), found.read, found.complete) == (["good.py"], 1, True)


def test_reading_stops_when_told_to(tmp_path):
    stop = threading.Event()
    stop.set()
    assert not marked_files(tmp_path, ["a.py"], stop).complete
