"""Whether a notebook changed, and what it calls itself."""

from __future__ import annotations

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from vibeworkbench.dashboards.notebook import source_of


def _bytes(made):
    return nbformat.writes(made).encode()


def _notebook(*cells):
    return new_notebook(cells=[*cells])


def test_outputs_and_counts_are_no_change():
    """A notebook that was executed in JupyterLab is not rendered again for that."""
    plain = _notebook(new_code_cell("1 + 1", id="a"))
    executed = _notebook(new_code_cell("1 + 1", id="a", execution_count=7, metadata={"execution": {"t": "now"}}))
    executed.cells[0].outputs = [new_output("stream", text="two")]
    executed.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    assert source_of(_bytes(plain)).digest == source_of(_bytes(executed)).digest


@pytest.mark.parametrize(
    "changed",
    [
        _notebook(new_code_cell("1 + 2", id="a")),
        _notebook(new_markdown_cell("1 + 1", id="a")),
        _notebook(new_code_cell("1 + 1", id="a", metadata={"tags": ["hide"]})),
        _notebook(new_code_cell("1 +", id="a"), new_code_cell(" 1", id="b")),
    ],
)
def test_code_kind_and_settings_of_a_cell_are(changed):
    """Everything on which a render depends counts."""
    plain = _notebook(new_code_cell("1 + 1", id="a"))
    assert source_of(_bytes(plain)).digest != source_of(_bytes(changed)).digest


def test_a_source_in_lines_is_the_same_source():
    """Files hold texts as lists of lines."""
    made = json.loads(_bytes(_notebook(new_code_cell("a = 1\nb = 2", id="a"))))
    whole = json.loads(json.dumps(made))
    whole["cells"][0]["source"] = "a = 1\nb = 2"
    assert source_of(json.dumps(made).encode()).digest == source_of(json.dumps(whole).encode()).digest


@pytest.mark.parametrize(
    ("markdown", "title"),
    [
        ("# Shop *today*", "Shop today"),
        ("text\n\n# [Shop](https://shop.example) #\nmore", "Shop"),
        ("## only a smaller one", ""),
        ("", ""),
    ],
)
def test_the_first_heading_is_the_title(markdown, title):
    """Without its markup."""
    assert source_of(_bytes(_notebook(new_markdown_cell(markdown, id="a")))).title == title


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"cells": 1}', b'{"cells": [], "nbformat": 3}', b"\xff\xfe", b"[" * 5000],
)
def test_what_is_no_notebook_is_said_to_be_none(content):
    """Half-written files are."""
    with pytest.raises(ValueError, match="format"):
        source_of(content)


def test_a_stated_title_is_the_title() -> None:
    """As nbconvert and Voila take it from the metadata; a title that is none leaves the heading."""
    cell = new_markdown_cell("# Heading", id="a")
    stated = _notebook(cell)
    stated.metadata["title"] = " Night shift "
    assert source_of(_bytes(stated)).title == "Night shift"
    assert source_of(_bytes(stated)).digest != source_of(_bytes(_notebook(cell))).digest
    stated.metadata["title"] = 4
    assert source_of(_bytes(stated)).title == "Heading"
