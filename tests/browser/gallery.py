"""Published pages of every kind of content, and a person before one of them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import Reader, publish

WIDGETS = '''
import anywidget, traitlets, ipywidgets as w
from IPython.display import display

class Counter(anywidget.AnyWidget):
    _esm = """
    export default {
      initialize({ model }) { model.set("ready", true); },
      render({ model, el }) {
        const button = el.appendChild(document.createElement("button"));
        button.className = "counter";
        const said = () => ["count", "ready"].map((name) => model.get(name)).concat(model.get("raw").byteLength);
        const draw = () => (button.textContent = said().join(" "));
        button.onclick = () => { model.set("count", model.get("count") + 1); model.save_changes(); model.send({}); };
        model.on("change:count", draw);
        draw();
      },
    };
    """
    _css = ".counter { color: rgb(1, 2, 3); }"
    count = traitlets.Int(7).tag(sync=True)
    ready = traitlets.Bool(False).tag(sync=True)
    raw = traitlets.Bytes(b"abc").tag(sync=True)
'''
CONTROLS = """
counter, slider, bar, text = Counter(), w.IntSlider(3, max=9), w.IntProgress(3, max=9), w.IntText(0)
w.jslink((slider, "value"), (bar, "value"))
w.jslink((slider, "value"), (text, "value"))
output = w.Output()
with output:
    print("captured")
    display(w.HTML("<b class=inner>inside</b>"))
display(w.Tab([w.VBox([slider, bar, text]), output], titles=["Sliders", "Captured"]))
display(w.Button(description="Restart"), w.Play(), counter)
"""
ONLY_ANYWIDGETS = "display(Counter(layout=w.Layout(width='50%')))"
HOSTILE = """
from IPython.display import HTML, Javascript
display(HTML("<p id=text onclick='document.body.dataset.ran=1'>text</p><script>document.body.dataset.ran=1</script>"))
display(HTML("<img src=x onerror='document.body.dataset.ran=1'><svg onload='document.body.dataset.ran=1'></svg>"))
display(Javascript("document.body.dataset.ran = 1"))
display(HTML("<img src=https://elsewhere.example/a.png><link rel=stylesheet href=https://elsewhere.example/a.css>"))
display(HTML("<style>@import 'https://elsewhere.example/b.css'; p { color: rgb(4, 5, 6) }</style>"))
"""
EVALUATING = """
class Evaluating(anywidget.AnyWidget):
    _esm = '''
    const evaluated = () => { try { return new Function("return 'evaluated'")(); } catch { return "refused"; } };
    export default { render({ el }) { el.classList.add("evaluated"); el.textContent = evaluated(); } };
    '''
display(Evaluating())
"""
COMPANY = """
child = Counter(count=3)
class Parent(anywidget.AnyWidget):
    _esm = '''
    export default async () => ({
      async render({ model, el, host, experimental }) {
        const child = await host.getWidget(model.get("partner"));
        await child.render({ el });
        const seen = await host.getModel(model.get("partner"));
        const same = await model.widget_manager.get_model(model.get("partner").split(":")[1]);
        const said = el.appendChild(document.createElement("p"));
        const answer = await experimental.invoke("ask", {}).catch(() => "nobody answers");
        const draw = () => (said.textContent = `child at ${seen.get("count")} and ${same.get("count")}, ${answer}`);
        seen.on("change:count", draw);
        draw();
      },
    });
    '''
    partner = traitlets.Unicode().tag(sync=True)
display(Parent(partner=f"anywidget:{child.model_id}"))
"""
WAITING = """
import pathlib, time
while not pathlib.Path({path!r}).exists():
    time.sleep(0.05)
"""
TALL = "display(w.HTML('<div style=\"height: 4000px\">tall</div>'))"
FIGURES = """
import plotly.graph_objects as go
display(go.Figure(go.Scatter(y=[1, 3, 2])))
display(go.FigureWidget(go.Bar(y=[1, 2, 3])))
"""
BROKEN_PROMISES = """
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  (window.violations ??= []).push(`${violatedDirective} ${blockedURI}`));
"""
PAGES = {
    "anywidgets": (WIDGETS, ONLY_ANYWIDGETS),
    "company": (WIDGETS, COMPANY),
    "controls": (WIDGETS, CONTROLS),
    "evaluating": (WIDGETS, EVALUATING),
    "figures": (FIGURES,),
    "hostile": (WIDGETS, HOSTILE, ONLY_ANYWIDGETS),
    "tall": (WIDGETS, TALL),
}


def publish_pages(server: Any, *names: str) -> None:
    """The server has these pages; it renders several at the same time."""

    def one(name: str) -> None:
        publish(server, notebook=f"{name}.ipynb", content=notebook(*PAGES[name]))

    with ThreadPoolExecutor(len(names)) as threads:
        for done in [threads.submit(one, name) for name in names]:
            done.result()


def notebook(*sources: str) -> str:
    """The text of a notebook with these code cells."""
    cells = [
        {
            "id": f"c{number}",
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


async def opened(person: Reader, name: str, *, asked: str = "", connected: str = "Live") -> Any:
    """The page in this person's browser, connected as its frame says; every broken promise of its policy is noted."""
    await person.page.add_init_script(BROKEN_PROMISES)
    await person.page.goto(f"{person.url}vibeworkbench/dashboards/{name}?token={person.token}{asked}")
    await expect(person.page.locator("#vw-connection")).to_contain_text(connected)
    return person.page
