"""What several commands take: the server, ``--json``, instants, a yes, a command that is meant when none is named."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from vibeworkbench.client import Workbench, connect

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="JSON for programs, named as in REST.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@contextmanager
def workbench(ctx: click.Context) -> Iterator[Workbench]:
    """The server that is meant."""
    with connect(ctx.find_root().obj) as found:
        yield found


class Instant(click.ParamType[datetime]):
    """An instant: RFC 3339 (without an offset: UTC), or a time from now such as ``2h``.

    Args:
        ahead: Whether a time from now is ahead (for ``--until``) and not past.
    """

    name = "WHEN"

    def __init__(self, *, ahead: bool = False) -> None:
        self._sign = 1 if ahead else -1

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The aware instant that ``value`` means."""
        if isinstance(value, datetime):
            return value
        span = re.fullmatch(r"(\d+)([smhdw])", value)
        if span:
            return datetime.now(UTC) + self._sign * timedelta(**{_UNITS[span[2]]: int(span[1])})
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither an instant such as 2026-05-04T12:00:00Z nor a time such as 2h", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


class WithDefault(click.Group):
    """A group whose first command is meant when none is named: ``issues --json`` is ``issues list --json``."""

    default = "list"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, with the default command before options that are not the group's."""
        if not args or (args[0].startswith("-") and args[0] not in {"-h", "--help"}):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


def confirm(question: str, *, yes: bool) -> None:
    """Somebody has said yes.

    Raises:
        UsageError: Nobody can be asked.
        Abort: Somebody has said no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Say --yes: there is nobody to ask.")
    click.confirm(question, abort=True, err=True)
