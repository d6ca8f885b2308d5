"""``docs/reference``, written from the code: settings, commands, collectors and checks, errors, REST.

With ``--check`` nothing is written; each page that differs from the code is named and the exit code is 1.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

import vibeworkbench
from vibeworkbench import errors, settings
from vibeworkbench.cli.app import vibeworkbench as command_line
from vibeworkbench.ops.checks import load_checks
from vibeworkbench.ops.collectors import load_collectors
from vibeworkbench.settings import (
    Settings,
    access,
    dashboards,
    logs,
    ops,
    rooms,
    storage,
    targets,
    terminals,
    voila,
    web,
    whole,
)
from vibeworkbench.web import openapi
from vibeworkbench.workbench import Workbench

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
WRITTEN_BY = "Written by `make reference` from the code; change it there.\n"


def main() -> None:
    """Every page is as the code says, or (with ``--check``) those that are not are named."""
    checking = "--check" in sys.argv[1:]
    stale = [name for name, page in PAGES.items() if differs(REFERENCE / name, page(), write=not checking)]
    if checking and stale:
        print(*(f"docs/reference/{name}: differs from the code: run make reference" for name in stale), sep="\n")
        sys.exit(1)


def differs(path: Path, text: str, *, write: bool) -> bool:
    """Whether the file holds something else; afterwards it does not, if ``write``."""
    same = path.exists() and path.read_text() == text
    if not same and write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return not same


SETTINGS = (storage, rooms, targets, ops, dashboards, logs, terminals, web, access, voila, whole)
"""The modules of the settings, in the order of the page."""


def settings_page() -> str:
    """Every table of the settings file: key, type, default and meaning."""
    lines = ["# Settings", "", WRITTEN_BY, inspect.getdoc(settings) or "", ""]
    nodes = (node for each in SETTINGS for node in ast.parse(inspect.getsource(each)).body)
    for node in nodes:
        if isinstance(node, ast.ClassDef) and node.name != "Section":
            lines += [f"## {node.name}", "", ast.get_docstring(node) or "", "", *settings_table(node), ""]
    return "\n".join(lines)


def settings_table(node: ast.ClassDef) -> Iterator[str]:
    """The rows of one class of settings."""
    yield from ("| key | type | default | meaning |", "|---|---|---|---|")
    for field, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(field, ast.AnnAssign):
            continue
        told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        meaning = inspect.cleandoc(str(after.value.value)).replace("\n", " ") if told else ""  # type: ignore[union-attr]
        default = f"`{ast.unparse(field.value)}`" if field.value else "needed"
        name, kind = ast.unparse(field.target), ast.unparse(field.annotation)
        yield f"| `{name}` | `{cell(kind)}` | {cell(default)} | {cell(meaning)} |"


def commands_page() -> str:
    """Every command with its options."""
    return "\n".join(["# Commands", "", WRITTEN_BY, *command_lines(command_line, "vibeworkbench")])


def command_lines(command: click.Command, path: str) -> Iterator[str]:
    """The help of a command, then that of the commands below it."""
    context = click.Context(command, info_name=path, max_content_width=100)
    yield from (f"## {path}", "", "```text", command.get_help(context).rstrip(), "```", "")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None, name
            yield from command_lines(below, f"{path} {name}")


def checks_page() -> str:
    """Every built-in collector and check."""
    lines = [
        "# Collectors and checks",
        "",
        WRITTEN_BY,
        "## Collectors",
        "",
        "| name | targets | type | what it does |",
        "|---|---|---|---|",
    ]
    for collector in load_collectors().collectors:
        kinds = ", ".join(sorted(collector.kinds)) or "none needed"
        lines.append(f"| `{collector.name}` | {kinds} | {collector.type} | {cell(first_sentence(type(collector)))} |")
    lines += ["", "## Checks", "", "| id | judges | type | severity | tags | what to do |", "|---|---|---|---|---|---|"]
    for check in load_checks().checks:
        tags, judged = ", ".join(sorted(check.tags)), ", ".join(sorted(check.judged))
        lines.append(
            f"| `{check.id}` | {judged} | {check.type} | {check.severity.name} | {tags} | {cell(check.hint)} |"
        )
    return "\n".join([*lines, ""])


def errors_page() -> str:
    """Every failure that has a name, and what it becomes at each edge."""
    tree = inspect.getdoc(errors) or ""
    lines = ["# Errors", "", WRITTEN_BY, "```text", tree, "```", "", "| code | meaning |", "|---|---|"]
    classes = [each for each in vars(errors).values() if inspect.isclass(each)]
    kinds = [each for each in classes if issubclass(each, errors.WorkbenchError)]
    lines += [f"| `{each.code}` | {cell(first_sentence(each))} |" for each in kinds]
    return "\n".join([*lines, ""])


def openapi_document() -> str:
    """The OpenAPI document of all routes, as a server answers it."""
    return json.dumps(routes_document(), indent=2, ensure_ascii=False) + "\n"


def rest_page() -> str:
    """Every address with its method, role and meaning; ``openapi.json`` has the bodies."""
    lines = ["# REST", "", WRITTEN_BY, "Bodies and answers: [openapi.json](openapi.json).", ""]
    lines += ["| method | path | what it does |", "|---|---|---|"]
    for path, methods in routes_document()["paths"].items():
        for method, said in methods.items():
            if isinstance(said, dict) and "responses" in said:
                lines.append(f"| {method.upper()} | `{path}` | {cell(said.get('summary', ''))} |")
    return "\n".join([*lines, ""])


def routes_document() -> dict[str, Any]:
    """The OpenAPI document of a workbench with all defaults."""
    with tempfile.TemporaryDirectory() as folder:
        workbench = Workbench.open(Settings(), Path(folder))
        try:
            return openapi.document(workbench.routes(), version=vibeworkbench.__version__)
        finally:
            workbench.database.close()


def first_sentence(kind: type) -> str:
    """The first paragraph of a class's docstring."""
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")


def cell(text: str) -> str:
    """A text that stands in one cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "commands.md": commands_page,
    "checks.md": checks_page,
    "errors.md": errors_page,
    "rest.md": rest_page,
    "openapi.json": openapi_document,
}

if __name__ == "__main__":
    main()
