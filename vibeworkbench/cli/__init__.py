"""The command line: the verbs of REST through the running server, and ``serve``, ``start`` and ``db`` beside it."""

from vibeworkbench.cli.app import main

__all__ = ["main"]
