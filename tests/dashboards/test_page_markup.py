"""Outputs' HTML without what a page does not run or load, and formulas without a script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_markdown_cell

from tests.dashboards.making_pages import Read, display, page_of
from vibeworkbench.dashboards.page_formulas import formula, formulas
from vibeworkbench.dashboards.page_markup import EMBEDDED, SCRIPTED, shown

TABLE = """<style type="text/css">#T th { color: red }</style>
<table border="1" class='dataframe'><tr><TD colspan=2>&nbsp;1 &lt; 2 &#8211;<br/></TD></tr></table>"""
PIECES = [
    *("<p>", "</p>", "text", "<script", ">", "</script>", "<!--", "-->", '"', "'", "/>", '<p title="'),
    *("<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<a href='java\nscript:alert(1)'>", "<title>"),
    *("<iframe srcdoc='<script>'>", "</iframe>", "<style>", "</style>", "<base href=//x>", "<object data=//x>"),
    *("<meta http-equiv=refresh content=0>", "<link rel=stylesheet href=//x>", "<textarea>", "</textarea>"),
    *("<template>", "<noscript>", "</noscript>", "&lt;script&gt;", "<![CDATA[", "]]>", "<?php"),
]
LOADING = {"base", "embed", "frame", "iframe", "link", "meta", "object", "script"}


@pytest.mark.parametrize(
    "markup",
    [
        TABLE,
        '<svg viewBox="0 0 9 9"><linearGradient id="g"></linearGradient><path d="M0 0"/></svg>',
        '<a href="https://example.org/?a=1&amp;b=2" download>link</a>',
        '<a href="data:text/csv;base64,YQ==" download="a.csv">table</a>',
        '<img src="data:image/png;base64,YQ==" alt="a">',
        "<p>1 &lt; 2 &copy; text</p>",
        '<style>@import url("data:text/css,a")</style>x'.replace('@import url("data:text/css,a")', "p { color: red }"),
    ],
)
def test_what_is_harmless_stays_as_it_was_written(markup: str) -> None:
    """Character by character, but for the case of end tags."""
    assert shown(markup).lower() == markup.lower()


@pytest.mark.parametrize(
    ("markup", "left"),
    [
        ('<p onclick="alert(1)" class="a">x</p>', '<p class="a">x</p>'),
        ("x<script>alert('</p>')</script>y", "xy"),
        ("<a href=' java\tscript:alert(1)'>x</a>", "<a>x</a>"),
        ('x<link rel="stylesheet" href="//example.org/a.css"><meta http-equiv="refresh">', "x"),
        ('<base href="https://example.org/">x', "x"),
        ("x<!-- a comment -->", "x"),
        ('<p data-vw-model="1">x</p>', "<p>x</p>"),
        ("<style>@import 'https://example.org/a.css'; p { background: url(//example.org/a.png) }</style>x",
         "<style> p { background:  }</style>x"),
        ('<video src="https://example.org/a.mp4" controls></video>', "<video controls></video>"),
    ],
)  # fmt: skip
def test_what_would_run_or_load_is_left_out(markup: str, left: str) -> None:
    """The rest stays."""
    assert shown(markup) == left


def test_pictures_of_other_hosts_leave_their_text() -> None:
    """A reader knows that something is missing, and what."""
    assert "not part of this page: the map" in shown('<img src="https://example.org/a.png" alt="the map">')


@pytest.mark.parametrize(
    ("markup", "note"),
    [("<div id='plot'></div><script>draw()</script>", SCRIPTED), ("<iframe src='//example.org'></iframe>", EMBEDDED)],
)
def test_an_output_of_which_nothing_is_left_says_why(markup: str, note: str) -> None:
    """Instead of a hole in the page."""
    assert note in shown(markup)


def test_a_script_beside_something_visible_is_left_out_silently() -> None:
    """What it did for the text is rarely missed."""
    assert SCRIPTED not in shown("<table><tr><td>1</td></tr></table><script>sort()</script>")


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_no_markup_gets_a_script_through(markup: str) -> None:
    """However it is broken."""
    for tag, attributes in Read(shown(markup)).tags:
        assert tag not in LOADING
        assert not any(name.startswith("on") for name in attributes)
        assert "script:" not in "".join((attributes.get("href") or "").split())


def test_formulas_of_text_and_outputs_are_drawn_without_a_script() -> None:
    """As MathML, in the line or on a line of their own."""
    cell = new_markdown_cell("A half is $\\frac{1}{2}$.\n\n$$ x^2 $$\n\n\\begin{align} a &= b \\end{align}")
    html = page_of(display(latex="$\\displaystyle \\sqrt{x}$"), cells=[cell]).html.decode()
    assert html.count("<math") == 4
    assert html.count('display="block"') == 2
    assert "<mfrac>" in html
    assert "<msqrt>" in html


@pytest.mark.parametrize("tex", [r"\unknown{x}", r"\left( x", "", "{" * 3_000, "x" * 6_000, r"x_1_2"])
def test_a_formula_that_cannot_be_drawn_stays_readable(tex: str) -> None:
    """As it was written."""
    assert formula(tex, is_block=False) is None
    assert page_of(cells=[new_markdown_cell(r"so $\unknown{x}$")]).html.decode().count(r"$\unknown{x}$") == 1


def test_a_formula_holds_no_markup_and_no_link() -> None:
    """The converter escapes nothing, and makes links."""
    drawn = formula(r"\text{<script>alert(1)</script> a & b} \href{javascript:alert(1)}{x}", is_block=False)
    assert drawn is not None
    assert {tag for tag, _attributes in Read(drawn).tags} <= {"math", "mrow", "mtext", "mi", "mo", "mn", "mstyle"}
    assert "href" not in drawn.partition("title=")[0]


@pytest.mark.parametrize("text", ["$$x$$", "$x$", r"\[x\]", r"\(x\)", r"\begin{matrix}x\end{matrix}"])
def test_an_output_of_tex_is_a_formula_in_any_delimiters(text: str) -> None:
    """SymPy's and IPython's among them."""
    assert formulas(text).startswith("<math")


def test_an_output_of_latex_that_is_no_formula_is_shown_as_it_is() -> None:
    """A table of LaTeX is not drawn by anybody."""
    assert formulas("see \\textbf{this} <b>") == '<code class="vw-tex">see \\textbf{this} &lt;b&gt;</code>'
