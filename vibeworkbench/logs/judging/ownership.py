"""Whose code a frame is: the program's own, or a library's, the language's, a framework's. Pure.

A trouble is known by the program's own frames: how a framework came to call them changes with its version. What is
asked here are the places where each language keeps what is installed, and no names of programs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_INSTALLED: Mapping[str, re.Pattern[str]] = {
    "python": re.compile(
        r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python\d[\d.]*t?[/\\]|^<frozen |[/\\]Lib[/\\]"
    ),
    "java": re.compile(
        r"^(?:java|javax|jdk|sun|com\.sun|jakarta|kotlin|kotlinx|scala|groovy|clojure|akka|reactor|rx|junit|okhttp3|retrofit2"
        r"|org\.(?:apache|springframework|hibernate|eclipse|jboss|junit|codehaus|gradle|slf4j|postgresql|xnio|wildfly|reactivestreams)"
        r"|io\.(?:netty|undertow|vertx|micrometer|grpc|reactivex|ktor|quarkus|micronaut)"
        r"|com\.(?:fasterxml|google\.(?:common|inject|protobuf)|zaxxer|mysql|netflix))\."
    ),
    "node": re.compile(r"[/\\]node_modules[/\\]|^node:|^internal/|^<anonymous>$|^native$|^index 0$"),
    "go": re.compile(r"/pkg/mod/|/vendor/|^/usr/(?:local/|lib/)?go[\d.-]*/src/"),
    "rust": re.compile(r"^/rustc/|[/\\]\.cargo[/\\]|[/\\]rustlib[/\\]|[/\\]library[/\\](?:std|core|alloc)[/\\]"),
}
"""Language → what the place of a frame of installed code looks like."""

_RUNTIME: Mapping[str, re.Pattern[str]] = {
    "go": re.compile(
        r"^(?:panic|archive|bufio|bytes|compress|container|context|crypto|database|debug|encoding|errors|expvar|flag|fmt"
        r"|hash|html|image|internal|io|iter|log|maps|math|mime|net|os|plugin|reflect|regexp|runtime|slices|sort|strconv"
        r"|strings|sync|syscall|testing|text|time|unicode|unsafe)(?:[./(]|$)"
    ),
    "rust": re.compile(
        r"^(?:<?(?:std|core|alloc|backtrace|tokio|futures\w*|rayon\w*)::|_?_?rust_|_+|main$|<unknown>"
        r"|clone3?$|start_thread$|<.* as (?:std|core|alloc)::)"
    ),
}
"""Language → what the functions of its run time are called, where the place does not say it."""


def is_in_app(language: str, place: str, function: str) -> bool:
    """Whether a frame is the program's own.

    Args:
        language: As :func:`vibeworkbench.logs.judging.stacks.trace_of` names it.
        place: The file with its directories, or the qualified class.
        function: The function's full name.
    """
    path, _, call = place.partition("\x1f")
    if _INSTALLED[language].search(path):
        return False
    runtime = _RUNTIME.get(language)
    return runtime is None or not runtime.match(call or function)
