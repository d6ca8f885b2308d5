"""What a local shell's environment holds: the server's, without its secrets and what is true of its terminal only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from vibeworkbench.settings import Settings

SECRETS = frozenset({"VIBEWORKBENCH_TOKEN", "JUPYTER_TOKEN", "JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN"})
"""Tokens that open the server itself."""
_OTHER_TERMINAL = frozenset({"COLUMNS", "LINES", "STY", "TERMCAP", "TMUX", "TMUX_PANE", "WINDOW"})
"""True of the terminal that the server was started in."""


def secret_names(settings: Settings) -> frozenset[str]:
    """The environment variables that hold the server's secrets: its tokens, and what a setting ``…_env`` names."""
    return SECRETS | frozenset(_named(settings))


def _named(section: msgspec.Struct) -> Iterator[str]:
    for name in section.__struct_fields__:
        value = getattr(section, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, msgspec.Struct):
                yield from _named(each)
            elif name.endswith("_env") and isinstance(value, str) and value:
                yield value


def shell_environment(
    inherited: Mapping[str, str], wanted: Mapping[str, str], *, secrets: frozenset[str], terminal_id: str, cwd: str
) -> dict[str, str]:
    """The environment of a terminal's shell.

    Args:
        inherited: The server's.
        wanted: What the terminal's creation asked for besides; it wins over the server's.
        secrets: Names that are not inherited.
        terminal_id: The terminal.
        cwd: Where the shell starts.
    """
    kept = {name: value for name, value in inherited.items() if name not in secrets | _OTHER_TERMINAL}
    if not any(kept.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG")):
        kept["LANG"] = "C.UTF-8"
    told = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PWD": cwd}
    return {**kept, **told, **wanted, "VIBEWORKBENCH_TERMINAL_ID": terminal_id}
