"""The layout of a source: the forms that its lines have, in order; a line takes the first that fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zlib import crc32

from vibeworkbench.logs.headers.catalogue import KNOWN, WRAPPERS
from vibeworkbench.logs.headers.forms import Form, Parsed, level_in
from vibeworkbench.logs.headers.learning import learned
from vibeworkbench.logs.headers.pairs import JsonForm, LogfmtForm, json_forms, logfmt_forms
from vibeworkbench.logs.model import Level

SAMPLE = 500
_WRAPPED = 0.9

AnyForm = Form | JsonForm | LogfmtForm


@dataclass(frozen=True, slots=True)
class Layout:
    """How a source writes its lines.

    Attributes:
        forms: The forms of its lines, the one that is tried first in front.
        now: The present when it was learned: dates without a year are read against it.
        wrapper: What stands before every line, put there by another program; ``None`` for nothing.
    """

    forms: tuple[AnyForm, ...]
    now: datetime
    wrapper: AnyForm | None = None

    def parsed(self, line: str, now: datetime | None = None) -> Parsed:
        """The line taken apart; a line that no form fits is all message.

        Args:
            line: The line, or several that belong together.
            now: The present, aware UTC; when the layout was learned, if not given.
        """
        parsed = self._parsed(line, now or self.now)
        return parsed if parsed.level else replace(parsed, level=level_in(parsed.message))

    def _parsed(self, line: str, now: datetime) -> Parsed:
        outer = self.wrapper.parsed(line, now) if self.wrapper else None
        text = outer.message if outer else line
        inner = next((found for form in self.forms if (found := form.parsed(text, now))), None)
        if inner is None:
            return outer or Parsed(None, Level.unknown, line)
        return _joined(outer, inner) if outer else inner

    @property
    def names(self) -> tuple[str, ...]:
        """What its forms are called."""
        return tuple(form.name for form in self.forms)


def _joined(outer: Parsed, inner: Parsed) -> Parsed:
    return replace(
        inner,
        timestamp=inner.timestamp or outer.timestamp,
        level=inner.level or outer.level,
        attributes={**outer.attributes, **inner.attributes},
        form=f"{outer.form} > {inner.form}",
    )


def layouts_of(lines: Sequence[str], now: datetime) -> Layout:
    """The layout that a sample of one source's lines has: known forms first, then those learned from the other lines.

    Args:
        lines: Raw lines of one source, in any order; of more than 500 some from everywhere are looked at.
        now: The present, aware UTC.
    """
    sample = _thinned([line for line in lines if line.strip()])
    wrapper = _wrapper(sample, now)
    if wrapper:
        sample = [found.message for line in sample if (found := wrapper.parsed(line, now))]
    forms: list[AnyForm] = []
    knowns: tuple[AnyForm, ...] = (*json_forms(sample), *logfmt_forms(sample), *KNOWN)
    for known in knowns:
        fitting = [line for line in sample if known.parsed(line, now)]
        if fitting:
            forms.append(known)
            sample = [line for line in sample if not known.parsed(line, now)]
    return Layout((*forms, *learned(sample)), now, wrapper)


def _thinned(lines: list[str]) -> list[str]:
    return [lines[at] for at in spread(len(lines))] if len(lines) > SAMPLE else lines


def spread(count: int) -> list[int]:
    """Which of so many lines are a sample: one of each stretch, at no regular place, for several may take turns."""
    step = max(-(-count // SAMPLE), 1)
    places = (start + crc32(b"%d" % start) % step for start in range(0, count, step))
    return [at for at in places if at < count]


def _wrapper(sample: list[str], now: datetime) -> AnyForm | None:
    for wrapper in WRAPPERS:
        fitting = Counter(wrapper.parsed(line, now) is not None for line in sample)
        if fitting[True] >= _WRAPPED * len(sample) > 0:
            return wrapper
    return None
