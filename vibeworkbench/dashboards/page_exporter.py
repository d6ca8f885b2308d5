"""nbconvert with our template: cells and outputs in JupyterLab's markup, Markdown with formulas that need no script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.exporters import TemplateExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from vibeworkbench.dashboards.page_formulas import formula, source
from vibeworkbench.dashboards.page_frame import TEMPLATE, TEMPLATES
from vibeworkbench.dashboards.page_markup import shown


def cells_page(notebook: NotebookNode, told: Mapping[str, Any]) -> str:
    """The page of a notebook whose outputs have one form each; ``told`` is what the template says beside the cells."""
    exporter = _Exporter(extra_template_basedirs=[str(TEMPLATES)])  # type: ignore[no-untyped-call]
    body, _resources = exporter.from_notebook_node(notebook, {"published": dict(told)})
    return body


class _Exporter(TemplateExporter):
    """Not nbconvert's own for HTML: that one parses and rewrites the whole page, to ends that our template serves."""

    file_extension = ".html"
    output_mimetype = "text/html"
    template_name = TEMPLATE
    exclude_input = True
    exclude_input_prompt = True
    exclude_output_prompt = True

    def default_filters(self) -> Iterator[tuple[str, Any]]:
        """nbconvert's, with Markdown of our own, and outputs in the one form that they were left."""
        yield from super().default_filters()  # type: ignore[no-untyped-call]
        yield "markdown2html", markdown
        yield "filter_data_type", forms
        yield "highlight_code", Highlight2HTML()

    def _init_preprocessors(self) -> None:
        """None, not even those of the template that ours is based on: the notebook is as it is to be shown."""
        self._preprocessors = []

    def _init_resources(self, resources: dict[str, Any]) -> dict[str, Any]:
        theirs = super()._init_resources(resources)  # type: ignore[no-untyped-call]
        return {**theirs, "should_sanitize_html": False}


def forms(output: Mapping[str, Any]) -> list[str]:
    """The one form that the output has."""
    return list(output)


@pass_context
def markdown(context: Context, text: str) -> str:
    """The HTML of Markdown in a cell or an output; attachments are part of it."""
    cell = context.get("cell") or {}
    renderer = _Renderer(escape=False, exclude_anchor_links=True, attachments=cell.get("attachments") or {})
    return shown(MarkdownWithMath(renderer=renderer).render(text))


class _Renderer(IPythonRenderer):
    """Formulas become MathML; those that cannot stay readable as they were written."""

    def block_math(self, body: str) -> str:
        return formula(body, is_block=True) or source(f"$${body}$$")

    def inline_math(self, body: str) -> str:
        return formula(body, is_block=False) or source(f"${body}$")

    def latex_environment(self, name: str, body: str) -> str:
        written = f"\\begin{{{name}}}{body}\\end{{{name}}}"
        return formula(written, is_block=True) or source(written)

    def _embed_image_or_attachment(self, src: str) -> str:
        missing = src.startswith("attachment:") and src.removeprefix("attachment:") not in self.attachments
        return "" if missing else super()._embed_image_or_attachment(src)
