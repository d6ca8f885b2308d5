"""The command and its edge: what goes wrong becomes a sentence on stderr and an exit code.

Exit codes: 0 ok, 1 failed, 2 usage, 3 refused, 4 unreachable, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from vibeworkbench import errors
from vibeworkbench.cli.output import warn
from vibeworkbench.client.errors import ClientError, NotLoggedIn, Refused, ServerFailed, Unavailable

USAGE, INTERRUPTED = 2, 130

_COMMANDS = {
    "start": "start the server, look at this machine once, and stay",
    "serve": "run the server alone",
    "scan": "look at everything, or at what is new",
    "issues": "list issues, and do something about one",
    "targets": "what scans look at beside this machine",
    "schedules": "scans on a clock",
    "logs": "search and follow logs, see their templates, send lines",
    "containers": "how containers stand, what they use and say",
    "terminal": "shells that many share: open, watch, drive, play",
    "rooms": "rooms in use, and what is said in them",
    "dashboards": "notebooks as pages that many watch",
    "agent": "bring what another machine's containers and files say to a workbench",
    "token": "tokens: who holds one may come in",
    "roles": "people and their roles",
    "audit": "who came in, who was refused, who changed rights",
    "status": "how the server is, and who you are to it",
    "doctor": "look for what keeps the workbench from working",
    "db": "the database's tables: their version, and bringing them up to date",
}


class _NobodyReadsError(Exception):
    """Whoever read the output is gone. Click would end the process with 1 if it saw the error of the pipe itself."""


class Commands(click.Group):
    """The commands by name; the module of one is loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, in the order in which a newcomer needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"vibeworkbench.cli.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """What the command answers."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _NobodyReadsError from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line for each command, without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--url", metavar="URL", help="The server's root; else VIBEWORKBENCH_URL, else the one that runs here.")
@click.version_option(package_name="vibeworkbench", message="vibeworkbench %(version)s")
@click.pass_context
def vibeworkbench(ctx: click.Context, url: str | None) -> None:
    """The ops workbench from the shell.

    Every command but start, serve and db asks a running server: the one that --url or VIBEWORKBENCH_URL names (its
    token in VIBEWORKBENCH_TOKEN), else the newest that runs on this machine.

    \b
    vibeworkbench start                 # a server with JupyterLab, and a first scan
    vibeworkbench scan                  # look at everything, see what is wrong
    vibeworkbench issues                # what is open, worst first
    vibeworkbench rooms tail ops-monitor-broadcast main

    Exit codes: 0 ok, 1 failed, 2 usage, 3 refused, 4 unreachable.
    """
    ctx.obj = url


def run(args: Sequence[str]) -> int:
    """The exit code of the command that ``args`` mean."""
    as_json = "--json" in args
    try:
        given = vibeworkbench.main(list(args), prog_name="vibeworkbench", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        _say(as_json, error.format_message(), _usage_body(error))
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        warn("interrupted")
        return INTERRUPTED
    except ClientError as error:
        _say(as_json, _sentence(error), error.body())
        return error.exit_code
    except errors.WorkbenchError as error:
        _say(as_json, error.message, {"error": {"code": error.code, "message": error.message}})
        return _exit_code(error)
    except (_NobodyReadsError, BrokenPipeError):
        # The reader has had enough, as in `... | head`. What Python still wants to flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return given if isinstance(given, int) else 0


def main() -> None:
    """The command ``vibeworkbench`` has run and this process has ended with its exit code."""
    sys.exit(run(sys.argv[1:]))


def _say(as_json: bool, sentence: str, body: dict[str, Any]) -> None:
    if as_json:
        click.echo(msgspec.json.encode(body).decode(), err=True)
    else:
        warn(sentence)


def _sentence(error: ClientError) -> str:
    if not isinstance(error, Refused):
        return error.message
    if isinstance(error, NotLoggedIn):
        return f"{error.message} VIBEWORKBENCH_TOKEN holds it."
    allowed = error.details.get("allowed")
    choices = [str(each) for each in allowed] if isinstance(allowed, list) else []
    is_said = all(each in error.message for each in choices)
    choice = "" if is_said else f" (allowed: {', '.join(choices)})"
    is_ours = isinstance(error, ServerFailed | Unavailable)
    quoted = f" [request {error.request_id}]" if error.request_id and is_ours else ""
    return f"{error.message}{choice}{quoted}"


def _usage_body(error: click.ClickException) -> dict[str, Any]:
    param = getattr(error, "param", None)
    body: dict[str, Any] = {"code": "usage", "message": error.format_message()}
    if param is not None:
        body["details"] = {"field": param.name}
    return {"error": body}


def _exit_code(error: errors.WorkbenchError) -> int:
    table = {errors.InvalidInput: 2, errors.NotAllowed: 3, errors.Unavailable: 4}
    return table.get(type(error), 1)
