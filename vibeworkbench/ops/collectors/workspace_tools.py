"""The tools that look at a workspace's code: where each is found, how it is asked, and how its answer reads.

A tool is run as the workspace has it, without fixing anything and with its caches in a scratch folder. ESLint and the
TypeScript compiler run code of the workspace (configuration, plugins): name only workspaces that you trust.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from vibeworkbench.ops.collectors.code_problems import CodeProblem
from vibeworkbench.ops.collectors.programs import Ran
from vibeworkbench.ops.collectors.sarif import sarif_problems

_PYTHON_FOLDERS = (".venv/bin", "venv/bin")
_NODE_FOLDERS = ("node_modules/.bin",)
_BROKEN_PYTHON = ("invalid-syntax", "E999", "F821")
_ESLINT_CONFIG = re.compile(r"eslint\.config\.[cm]?[jt]s|\.eslintrc(\.(js|cjs|json|ya?ml))?")
_TSC_LINE = re.compile(r"(?:(?P<file>[^\s(][^(]*)\((?P<line>\d+),\d+\): )?error (?P<rule>TS\d+): (?P<message>.*)")
_PIP_LINE = re.compile(
    r"(?:The package `(?P<uv>[^`]+)`|(?P<pip>[\w.-]+) \S+) (?:requires|has requirement|is not supported)"
)
_PATH = re.compile(r"(?<![\w./-])/(?:[^\s/:'\"]+/)+")


@dataclass(frozen=True, slots=True)
class Found:
    """What a tool found; ``incomplete`` is why it did not look at everything, empty when it did."""

    problems: tuple[CodeProblem, ...]
    incomplete: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a tool's command is made of.

    Attributes:
        folder: The workspace.
        files: Its tracked files, relative.
        scratch: An empty folder for caches.
    """

    folder: Path
    files: Collection[str]
    scratch: Path


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool.

    Attributes:
        applies: Whether the workspace has anything for it.
        command: The whole command, or None where the tool is not installed for the workspace.
        read: What it found, from how it ended; None when that is no answer. Raises ValueError when the output is not
            what the tool promises.
        tracked_only: Whether its problems are about files, of which only tracked ones count.
    """

    applies: Callable[[Asked], bool]
    command: Callable[[Asked], list[str] | None]
    read: Callable[[Ran], Found | None]
    tracked_only: bool = True


def installed(folder: Path, name: str, places: Iterable[str]) -> str | None:
    """The program's path: in the workspace's own places first, else on the search path; None when it is nowhere."""
    for place in places:
        program = folder / place / name
        if program.is_file() and os.access(program, os.X_OK):
            return str(program)
    return shutil.which(name)


def failure_text(done: Ran, asked: Asked) -> str:
    """Why a tool failed: how it ended and the last line it said, without paths of this machine."""
    ending = f"was killed by signal {-done.code}" if done.code and done.code < 0 else f"ended with code {done.code}"
    lines = [line.strip() for line in done.errors.splitlines() if line.strip()]
    said = lines[-1] if lines else done.output[-300:].decode(errors="replace").strip().rpartition("\n")[2]
    for own in (asked.scratch, asked.folder, asked.folder.resolve()):
        said = said.replace(f"{own}/", "").replace(str(own), ".")
    return f"{ending}: {_PATH.sub('…/', said)[:200]}" if said else ending


def _has_python(asked: Asked) -> bool:
    return any(file.endswith((".py", ".pyi")) for file in asked.files)


def _ruff_command(asked: Asked) -> list[str] | None:
    program = installed(asked.folder, "ruff", _PYTHON_FOLDERS)
    return (program and [program, "check", "--output-format=sarif", "--no-cache", "--no-fix", "--quiet", "."]) or None


def _ruff_found(done: Ran) -> Found | None:
    """Ruff calls every rule an error; here only code that cannot run is one."""
    if done.code not in (0, 1):
        return None
    return Found(
        tuple(
            problem if problem.rule in _BROKEN_PYTHON else replace(problem, level="warning")
            for problem in sarif_problems(done.output)
        )
    )


def _mypy_command(asked: Asked) -> list[str] | None:
    program = installed(asked.folder, "mypy", _PYTHON_FOLDERS)
    if program is None:
        return None
    command = [program, "--output=json", "--no-error-summary", f"--cache-dir={asked.scratch / 'mypy'}"]
    python = _python_of(asked.folder)
    if python is not None and Path(program).parent != python.parent:
        command.append(f"--python-executable={python}")
    return command if _mypy_knows_its_files(asked.folder) else [*command, "."]


def _mypy_knows_its_files(folder: Path) -> bool:
    """Whether mypy's configuration says what to check. Source: mypy's documentation, "The mypy configuration file"."""
    for name in ("mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg"):
        try:
            text = (folder / name).read_text("utf-8")
            if name == "pyproject.toml":
                section = tomllib.loads(text).get("tool", {}).get("mypy", {})
            else:
                parser = configparser.RawConfigParser()
                parser.read_string(text)
                section = dict(parser["mypy"]) if parser.has_section("mypy") else {}
        except (OSError, ValueError, configparser.Error):
            continue
        if section:
            return bool({"files", "packages", "modules"} & set(section))
    return False


class _MypyLine(msgspec.Struct):
    file: str
    line: int
    message: str
    severity: str
    code: str | None = None


def _mypy_found(done: Ran) -> Found | None:
    """Mypy ends with 1 for type errors; with 2 when it gave up, for instance at the first file that does not parse."""
    lines = [line for line in done.output.splitlines() if line.startswith(b"{")]
    problems = tuple(
        CodeProblem(said.file, max(said.line, 0), said.code or "misc", said.message)
        for said in (msgspec.json.decode(line, type=_MypyLine) for line in lines)
        if said.severity == "error"
    )
    if done.code in (0, 1):
        return Found(problems)
    return Found(problems, "gave up at code that it cannot read") if done.code == 2 and problems else None


def _eslint_command(asked: Asked) -> list[str] | None:
    program = installed(asked.folder, "eslint", _NODE_FOLDERS)
    return (program and [program, "--format=json", "--no-color", "--no-error-on-unmatched-pattern", "."]) or None


class _EslintMessage(msgspec.Struct, rename="camel"):
    message: str
    severity: int
    rule_id: str | None = None
    line: int | None = None
    fatal: bool = False


class _EslintFile(msgspec.Struct, rename="camel"):
    file_path: str
    messages: list[_EslintMessage] = []


def _eslint_found(done: Ran) -> Found | None:
    """ESLint ends with 1 when it found errors. Severity 2 is an error, 1 a warning."""
    if done.code not in (0, 1):
        return None
    problems = []
    for raw in msgspec.json.decode(done.output, type=list[msgspec.Raw]):  # one at a time: see sarif_problems
        file = msgspec.json.decode(raw, type=_EslintFile)
        for said in file.messages:
            level = "error" if said.fatal else "warning" if said.severity > 1 else "note"
            problems.append(CodeProblem(file.file_path, said.line or 0, said.rule_id or "parse", said.message, level))
    return Found(tuple(problems))


def _tsc_command(asked: Asked) -> list[str] | None:
    program = installed(asked.folder, "tsc", _NODE_FOLDERS)
    if program is None:
        return None
    # a file of build state is unavoidable for composite projects, so every project gets one, in the scratch folder
    state = f"{asked.scratch / 'tsc.tsbuildinfo'}"
    return [
        program,
        "-p",
        "tsconfig.json",
        "--noEmit",
        "--pretty",
        "false",
        "--incremental",
        "--tsBuildInfoFile",
        state,
    ]


def _tsc_found(done: Ran) -> Found | None:
    """The compiler ends with 1 or 2 when there are errors; one without a file is about the project itself."""
    if done.code not in (0, 1, 2):
        return None
    said = [match for line in done.output.decode(errors="replace").splitlines() if (match := _TSC_LINE.match(line))]
    problems = tuple(
        CodeProblem(match["file"], int(match["line"]), match["rule"], match["message"])
        for match in said
        if match["file"]
    )
    project = next((f"{match['rule']}: {_PATH.sub('…/', match['message'])}" for match in said if not match["file"]), "")
    if done.code and not said:
        return None
    return Found(problems, f"could not read the project: {project[:200]}" if project else "")


def _python_of(folder: Path) -> Path | None:
    """The interpreter of the workspace's virtual environment, if it has one."""
    pythons = (folder / place / "python" for place in _PYTHON_FOLDERS)
    return next((python for python in pythons if os.access(python, os.X_OK)), None)


def _pip_command(asked: Asked) -> list[str] | None:
    """``pip check`` in the workspace's virtual environment; environments made by uv have no pip and are asked by uv."""
    python = _python_of(asked.folder)
    if python is None:
        return None
    if any(python.parent.parent.glob("lib/python*/site-packages/pip/__main__.py")):
        return [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "check"]
    uv = installed(asked.folder, "uv", _PYTHON_FOLDERS)
    return (uv and [uv, "pip", "check", "--no-cache", "--offline", "--no-config", "--python", str(python)]) or None


def _pip_found(done: Ran) -> Found | None:
    """Both end with 1 when requirements are broken: pip says which on its output, uv on its error output."""
    lines = [*done.output.decode(errors="replace").splitlines(), *done.errors.splitlines()]
    said = [(match, line.strip()) for line in lines if (match := _PIP_LINE.match(line.strip()))]
    if done.code not in (0, 1) or (done.code == 1 and not said):
        return None
    return Found(
        tuple(CodeProblem(match["uv"] or match["pip"], 0, "dependency-conflict", line) for match, line in said)
    )


TOOLS = {
    "ruff": Tool(_has_python, _ruff_command, _ruff_found),
    "mypy": Tool(_has_python, _mypy_command, _mypy_found),
    "eslint": Tool(
        lambda asked: any(_ESLINT_CONFIG.fullmatch(file) for file in asked.files), _eslint_command, _eslint_found
    ),
    "tsc": Tool(lambda asked: "tsconfig.json" in asked.files, _tsc_command, _tsc_found),
    "pip-check": Tool(lambda asked: _python_of(asked.folder) is not None, _pip_command, _pip_found, tracked_only=False),
}
"""The tools by the names they have in the settings; ``markers`` is none, it is read here."""
