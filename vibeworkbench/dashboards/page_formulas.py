"""TeX formulas as MathML, which browsers draw by themselves: no page waits for a program from elsewhere. Pure."""

from __future__ import annotations

import html
import re
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element

_MOST_CHARACTERS = 5_000
_DELIMITED = re.compile(
    r"\s*(?:\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$]+)\$|\\\[(?P<bracket>.+?)\\\]|\\\((?P<paren>.+?)\\\))\s*", re.DOTALL
)
_ENVIRONMENT = re.compile(r"\s*\\begin\{[a-zA-Z]+\*?\}.*\\end\{[a-zA-Z]+\*?\}\s*", re.DOTALL)


def formula(tex: str, *, is_block: bool) -> str | None:
    """The MathML of a formula, or ``None`` when it cannot be had: its source then is the most readable form.

    Args:
        tex: The formula without its delimiters.
        is_block: Whether it stands on lines of its own.
    """
    if len(tex) > _MOST_CHARACTERS:
        return None
    try:
        drawn = convert_to_element(tex, display="block" if is_block else "inline")
    except Exception:  # noqa: BLE001 - border: a converter that raises anything at formulas that it did not foresee
        return None
    if not _clean(drawn):
        return None
    drawn.set("title", tex.strip())
    return tostring(drawn, encoding="unicode", short_empty_elements=False)


def formulas(text: str) -> str:
    """The HTML of an output of TeX: one formula with or without delimiters, else its source."""
    found = _DELIMITED.fullmatch(text)
    if found is not None:
        is_block = found["inline"] is None and found["paren"] is None
        drawn = formula(next(each for each in found.groups() if each is not None), is_block=is_block)
    else:
        drawn = formula(text, is_block=True) if _ENVIRONMENT.fullmatch(text) else None
    return drawn or source(text)


def source(text: str) -> str:
    """The HTML that shows TeX as it was written."""
    return f'<code class="vw-tex">{html.escape(text.strip())}</code>'


def _clean(drawn: Element) -> bool:
    r"""Whether every command was understood; texts and attributes hold nothing but what is drawn.

    The converter leaves entities in texts, does not escape anything, and makes links of ``\href``.
    """
    for each in drawn.iter():
        each.text = html.unescape(each.text) if each.text else each.text
        each.attrib.pop("href", None)
        if each.text is not None and each.text.startswith("\\") and len(each.text) > 1:
            return False
    return True
