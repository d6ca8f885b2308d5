"""Pages draw formulas and ask no host but the server: in Voila and in JupyterLab, from cells and from widgets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.browser.conftest import publish
from tests.patience import LONG_S, PATIENCE_S

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(LONG_S)]

SAID = r"$\frac{1}{2}$"
CODE = f"""
from IPython.display import Math, display
from ipywidgets import HTMLMath
display(Math(r"\\frac{{3}}{{4}}"), HTMLMath(r"{SAID}"))
"""
NOTEBOOK = {
    "cells": [
        {"id": "text", "cell_type": "markdown", "metadata": {}, "source": f"A half is {SAID}."},
        {"id": "code", "cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": CODE},
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
DRAWN = """() => [...document.querySelectorAll("mjx-container mjx-mfrac")]
  .filter((fraction) => fraction.getBoundingClientRect().height > 10).length"""
FONTS = (
    """() => [...document.fonts].filter((font) => font.family.startsWith("MJX") && font.status === "loaded").length"""
)


@pytest.fixture
def formulas(start_server: Any, tmp_path: Any) -> Any:
    """A server with a notebook of formulas."""
    (tmp_path / "formulas.ipynb").write_text(json.dumps(NOTEBOOK))
    return start_server(data=tmp_path)


def kernel_answered(page: Any) -> asyncio.Future[None]:
    """Done when the page's kernel has answered over its socket: a cell that is run before is silently not run.

    Lab shows the kernel as idle as soon as REST says so, which is earlier.
    """
    answered = asyncio.get_running_loop().create_future()

    def received(frame: str | bytes) -> None:
        text = frame if isinstance(frame, bytes) else frame.encode()
        if b"kernel_info_reply" in text and not answered.done():
            answered.set_result(None)

    page.on("websocket", lambda socket: socket.on("framereceived", received))
    return answered


async def test_voila_draws_formulas(formulas: Any, reader: Any) -> None:
    """Those of text, of results and of widgets, in MathJax's own fonts; the reader went nowhere else."""
    await asyncio.to_thread(publish, formulas, wait=False, notebook="formulas.ipynb", interactive=True)
    person = await reader(formulas)
    await person.page.goto(f"{person.url}voila/render/formulas.ipynb?token={person.token}")
    await person.page.wait_for_function(f"({DRAWN})() === 3")
    await person.page.wait_for_function(f"({FONTS})() > 0")


async def test_lab_draws_formulas(formulas: Any, reader: Any) -> None:
    """The same notebook, run in JupyterLab."""
    person = await reader(formulas)
    kernel = kernel_answered(person.page)
    await person.page.goto(f"{person.url}lab/tree/formulas.ipynb?token={person.token}")
    await asyncio.wait_for(kernel, PATIENCE_S)
    await person.page.locator(".jp-Notebook .jp-CodeCell").first.click()
    await person.page.keyboard.press("Shift+Enter")
    await person.page.wait_for_function(f"({DRAWN})() === 3")
    await person.page.wait_for_function(f"({FONTS})() > 0")
