"""The book of templates: which statement a masked message comes from, the same today and tomorrow.

What is known is never renumbered. A masked text that was given an id keeps it as long as it is remembered, and when it
was forgotten (the memory is bounded) the most specific template that fits it gives the same one again. New texts are
compared with the known templates first; only what fits none is mined, together with the templates of its shape. When
that shows a known template to be a case of a more general statement, then the oldest of the templates concerned is
*widened*: it keeps its id, its text and version change, and it takes what comes from then on. The others stay as they
are, keep the texts they had, and name it as their ``parent``.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from vibeworkbench.logs.mining.columns import LIMITS, Limits, parameters_in, patterns_of
from vibeworkbench.logs.mining.forms import (
    WILD,
    Form,
    Key,
    Shape,
    form_of,
    joined_surfaces,
    key_of,
    shape_of,
    shown,
)

ALGORITHM = "1"
"""Part of every id: another way of mining gives other ids."""
OVERFLOW = "overflow"
"""The id of the template ``<*>`` that takes what is new when the book is full."""
_AT_ONCE, _MOST_COMPARED = 10_000, 5_000
"""New texts that are mined together, and templates of one shape that they are compared with, the newest."""
_MOST_PARAMETERS = 50_000
_BREAK = "\x1f"


@dataclass(frozen=True, slots=True)
class Template:
    """What a statement in somebody's program says, with wildcards for its parameters.

    Attributes:
        id: Stable: it never comes to mean another statement.
        pattern: The text, with U+001F between its atoms. It is what must be kept to restore the template.
        version: From 1, one more each time the text became more general.
        parent: Id of the more general template that was found later and takes new texts; empty when there is none.
    """

    id: str
    pattern: str
    version: int = 1
    parent: str = ""

    @property
    def text(self) -> str:
        """What people read: ``Failed password for <*> from <ip>``."""
        return self.pattern.replace(_BREAK, "")


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a masked message got to its template.

    Attributes:
        masked: The message behind the masks.
        atoms: What it was taken apart into, wildcards as ``<*>``.
        step: How it was found: ``known`` text, ``template`` that fits, ``new`` (it would be mined), or ``overflow``.
        template: The one it belongs to; ``None`` when it is new.
        nearest: The most similar other template, and
        differs: at which of its atoms it differs: (position, the message's, the template's).
    """

    masked: str
    atoms: tuple[str, ...]
    step: str
    template: Template | None
    nearest: Template | None
    differs: tuple[tuple[int, str, str], ...]


@dataclass(slots=True)
class _Shelf:
    """The templates of one shape, and the sets of places where their wildcards stand, the smallest first."""

    ids: dict[Key, str] = field(default_factory=dict)
    places: dict[tuple[int, ...], int] = field(default_factory=dict)

    def put(self, key: Key, template_id: str) -> None:
        self.ids[key] = template_id
        places = tuple(at for at, atom in enumerate(key) if atom == WILD)
        self.places[places] = self.places.get(places, 0) + 1
        self.places = dict(sorted(self.places.items(), key=lambda item: len(item[0])))

    def remove(self, key: Key) -> None:
        del self.ids[key]
        places = tuple(at for at, atom in enumerate(key) if atom == WILD)
        self.places[places] -= 1
        if not self.places[places]:
            del self.places[places]

    def id_of(self, key: Key) -> str | None:
        """The most specific template that fits."""
        found = self.ids.get(key)
        if found is not None:
            return found
        for places in self.places:
            pattern = list(key)
            for at in places:
                pattern[at] = WILD
            found = self.ids.get(tuple(pattern))
            if found is not None:
                return found
        return None


class TemplateBook:
    """All templates, and the masked texts that are known. Not for several threads at once.

    ``templates`` and ``changed()`` are what a store keeps: one row for each template (``id``, ``pattern``, ``version``,
    ``parent``; ``text`` follows from the pattern), and one for each masked text with its template's id. Given both
    again, the book goes on where it was; given the templates alone, it finds the same ids.

    Attributes:
        templates: By id, the oldest first.
    """

    def __init__(
        self,
        templates: Iterable[Template] = (),
        masked: Mapping[str, str] | None = None,
        *,
        most_templates: int = 50_000,
        most_masked: int = 500_000,
        limits: Limits = LIMITS,
    ) -> None:
        """A new book, or one that goes on.

        Args:
            templates: What ``templates`` held, the oldest first.
            masked: Masked texts with their template's ids.
            most_templates: When there are so many, what is new goes to the template ``overflow``, whose text is
                ``<*>``; what fits a known template is not concerned.
            most_masked: When so many texts are remembered, the oldest tenth is forgotten.
            limits: How much must speak for a parameter.
        """
        self.templates: dict[str, Template] = {}
        self._most_templates, self._most_masked, self._limits = most_templates, most_masked, limits
        self._shelves: defaultdict[Shape, _Shelf] = defaultdict(_Shelf)
        self._surfaces: dict[str, tuple[str, ...]] = {}
        self._ages: dict[str, int] = {}
        self._parameters: set[str] = set()
        self._changed: dict[str, None] = {}
        for template in templates:
            self._put(template, tuple(template.pattern.split(_BREAK)))
        self._masked = dict(masked or {})
        self._new_masked: dict[str, str] = {}
        self._changed.clear()

    def match(self, masked: Sequence[str], counts: Sequence[int] | None = None) -> list[str]:
        """The template's id of each masked text, in order; what is new has been mined.

        Args:
            masked: Masked texts, see :mod:`vibeworkbench.logs.masks`; distinct ones, since each costs time.
            counts: How often each occurred. Mining does not depend on it; a store counts lines with it.

        Raises:
            ValueError: There are not as many counts as texts.
        """
        if counts is not None and len(counts) != len(masked):
            raise ValueError(f"{len(counts)} counts for {len(masked)} texts")
        unknown = [text for text in dict.fromkeys(masked) if text not in self._masked]
        if unknown:
            found: dict[str, str] = {}
            for start in range(0, len(unknown), _AT_ONCE):
                found.update(self._found(unknown[start : start + _AT_ONCE]))
            answer = [self._masked.get(text) or found[text] for text in masked]
            self._remember(found)
            return answer
        return [self._masked[text] for text in masked]

    def changed(self) -> tuple[list[Template], dict[str, str]]:
        """Templates that are new or differ, and masked texts that are new, since this was last asked."""
        templates = [self.templates[template_id] for template_id in self._changed]
        masked, self._new_masked = self._new_masked, {}
        self._changed.clear()
        return templates, masked

    def explain(self, masked: str) -> Explanation:
        """How this masked text gets to its template; nothing is changed by asking."""
        form = form_of(masked)
        shelf = self._shelves.get(shape_of(form.key), _Shelf())
        known = self._masked.get(masked)
        found = known or shelf.id_of(form.key)
        step = "known" if known else "template" if found else "new"
        if found is None and len(self.templates) >= self._most_templates:
            found, step = OVERFLOW, "overflow"
        nearest, differs = self._nearest(form.key, shelf, found)
        return Explanation(masked, form.key, step, self.templates.get(found or ""), nearest, differs)

    def _nearest(
        self, key: Key, shelf: _Shelf, but: str | None
    ) -> tuple[Template | None, tuple[tuple[int, str, str], ...]]:
        def apart(other: Key) -> tuple[tuple[int, str, str], ...]:
            return tuple((at, mine, its) for at, (mine, its) in enumerate(zip(key, other, strict=True)) if mine != its)

        others = [(apart(other), template_id) for other, template_id in shelf.ids.items() if template_id != but]
        if not others:
            return None, ()
        differs, nearest = min(others, key=lambda other: len(other[0]))
        return self.templates[nearest], differs

    def _found(self, unknown: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        new: defaultdict[Shape, dict[Key, list[tuple[str, Form]]]] = defaultdict(dict)
        for text in unknown:
            form = form_of(text)
            shape = shape_of(form.key)
            template_id = self._shelves[shape].id_of(form.key)
            if template_id is None:
                new[shape].setdefault(form.key, []).append((text, form))
            else:
                found[text] = template_id
                self._show(template_id, form)
        patterns = {shape: self._patterns(shape, forms) for shape, forms in new.items()}
        for shape, forms in new.items():
            found.update(self._mined(shape, forms, patterns[shape]))
        return found

    def _patterns(self, shape: Shape, forms: Iterable[Key]) -> dict[Key, Key]:
        """The patterns of new forms and of the newest templates of their shape; what varies there is remembered."""
        known = islice(reversed(self._shelves[shape].ids), _MOST_COMPARED)
        patterns = patterns_of((*known, *forms), limits=self._limits)
        if len(self._parameters) < _MOST_PARAMETERS:
            self._parameters.update(parameters_in(patterns))
        return patterns

    def _mined(
        self, shape: Shape, forms: Mapping[Key, list[tuple[str, Form]]], patterns: Mapping[Key, Key]
    ) -> dict[str, str]:
        """Ids for forms that fit no template; templates of their shape may be widened."""
        known = dict(self._shelves[shape].ids)
        final = patterns_of(set(patterns.values()), self._parameters, self._limits)
        groups: defaultdict[Key, list[Key]] = defaultdict(list)
        for key, pattern in patterns.items():
            groups[final[pattern]].append(key)
        found: dict[str, str] = {}
        for pattern, members in groups.items():
            fresh = [entry for key in members for entry in forms.get(key, ())]
            if fresh:
                ids = sorted((known[key] for key in members if key in known), key=self._ages.__getitem__)
                template_id = self._template_for(pattern, ids, [form for _, form in fresh])
                found.update(dict.fromkeys((text for text, _ in fresh), template_id))
        return found

    def _template_for(self, pattern: Key, ids: Sequence[str], forms: Sequence[Form]) -> str:
        surface = forms[0].surface
        for form in forms[1:]:
            surface = joined_surfaces(surface, form.surface)
        surface = shown(pattern, surface)
        if not ids:
            return self._new(surface)
        first, *others = ids
        self._widen(first, joined_surfaces(self._surfaces[first], surface), pattern)
        for other in others:
            if not self.templates[other].parent:
                self._change(replace(self.templates[other], parent=first))
        return first

    def _new(self, surface: tuple[str, ...]) -> str:
        if len(self.templates) >= self._most_templates:
            if OVERFLOW not in self.templates:
                self.templates[OVERFLOW] = Template(OVERFLOW, WILD)
                self._changed[OVERFLOW] = None
            return OVERFLOW
        pattern = _BREAK.join(surface)
        template_id = id_of(pattern)
        while template_id in self.templates:  # its first text was the same, but it became more general
            template_id = id_of(template_id)
        self._put(Template(template_id, pattern), surface)
        return template_id

    def _put(self, template: Template, surface: tuple[str, ...]) -> None:
        self._ages[template.id] = len(self._ages)
        self._surfaces[template.id] = surface
        self._change(template)
        key = key_of(surface)
        if template.id != OVERFLOW:
            self._shelves[shape_of(key)].put(key, template.id)

    def _show(self, template_id: str, form: Form) -> None:
        """The text of a template becomes as general as this form, which fits it, needs."""
        before = self._surfaces[template_id]
        surface = joined_surfaces(before, form.surface)
        if surface != before:
            self._surfaces[template_id] = surface
            self._change(_rewritten(self.templates[template_id], surface))

    def _widen(self, template_id: str, surface: tuple[str, ...], pattern: Key) -> None:
        """The template becomes as general as the pattern and takes what fits it from now on."""
        before = self._surfaces[template_id]
        surface = shown(pattern, surface)
        if surface != before:
            shelf = self._shelves[shape_of(pattern)]
            shelf.remove(key_of(before))
            shelf.put(pattern, template_id)
            self._surfaces[template_id] = surface
            self._change(_rewritten(self.templates[template_id], surface))

    def _change(self, template: Template) -> None:
        self.templates[template.id] = template
        self._changed[template.id] = None

    def _remember(self, found: Mapping[str, str]) -> None:
        self._masked.update(found)
        self._new_masked.update(found)
        if len(self._masked) > self._most_masked:
            forgotten = len(self._masked) - self._most_masked * 9 // 10
            for text in list(islice(self._masked, forgotten)):
                del self._masked[text]
                self._new_masked.pop(text, None)


def _rewritten(template: Template, surface: tuple[str, ...]) -> Template:
    return replace(template, pattern=_BREAK.join(surface), version=template.version + 1)


def id_of(pattern: str) -> str:
    """The id of a template that is new, from its pattern as it is first known: 16 hexadecimal digits."""
    return hashlib.sha256(f"{ALGORITHM}\n{pattern}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
