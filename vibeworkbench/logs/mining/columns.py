"""Which atoms of similar forms are parameters. Pure: forms in, patterns out.

Three questions are asked of forms of one shape (as many atoms, the same punctuation at the same places):

1. *Looks*: forms that are equal but for atoms that look like parameters are one.
2. *One column*: forms that are equal but for one atom are one when it takes enough values. How many are enough depends
   on how the values look; a word must take several, or stand where a wildcard was seen.
3. *Roots*: forms that share most words, and differ in words that nearly every one of them has for itself, are one. It
   is the idea of Brain's tree (the longest combination of words that occur equally often is the root of a template;
   rarer words below it are parameters when there are many of them), asked of distinct forms instead of lines.

Source: Yu et al., Brain: Log Parsing With Bidirectional Parallel Tree, IEEE TSC 2023.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from vibeworkbench.logs.mining.forms import WILD, Key, Likeness, is_telling, likeness_of, words_of

_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """How much must speak for a parameter; one setting for every system.

    Attributes:
        words: Values that a column of plain words takes at least.
        telling: The same where the message begins, since there verbs stand, and when values are words that say what
            happens.
        names: The same when each value is a qualified name.
        beside_wild: Words that forms share at least, for a word to be the parameter that a wildcard shows there.
        beside_known: The same, for a word that is a parameter elsewhere.
        root_forms: Forms that share a root at least.
        root_ratio: Of a form's words the part that the root has at least.
    """

    words: int = 4
    telling: int = 8
    names: int = 2
    beside_wild: int = 1
    beside_known: int = 2
    root_forms: int = 4
    root_ratio: float = 0.5


LIMITS = Limits()


def patterns_of(keys: Iterable[Key], known: Container[str] = (), limits: Limits = LIMITS) -> dict[Key, Key]:
    """For each form its pattern, in which the parameters are ``<*>``; forms of one statement have the same.

    Args:
        keys: Distinct forms of one shape.
        known: Words that are parameters elsewhere.
        limits: How much must speak for a parameter.
    """
    found = {key: key for key in keys}
    if len(found) > 1:
        _rewrite(found, by_looks(found))
        for _ in range(_ROUNDS):
            columns = _rewrite(found, by_column(set(found.values()), known, limits))
            roots = _rewrite(found, by_roots(set(found.values()), limits))
            if not columns and not roots:
                break
    return found


def _rewrite(found: dict[Key, Key], step: Mapping[Key, Key]) -> bool:
    if step:
        for key, pattern in found.items():
            found[key] = step.get(pattern, pattern)
    return bool(step)


def parameters_in(patterns: Mapping[Key, Key]) -> Iterator[str]:
    """The words that are parameters of these forms: values of columns that vary, in quotes, after an equals sign."""
    for key, pattern in patterns.items():
        for at, (atom, likeness) in enumerate(zip(key, likeness_of(key), strict=True)):
            if likeness in _WORDS and at and pattern[at] == WILD:
                yield atom
            elif likeness is Likeness.weak and "<" not in atom:
                yield atom.strip("\"'")


_WORDS = (Likeness.word, Likeness.qualified)


def by_looks(keys: Iterable[Key]) -> dict[Key, Key]:
    """Forms that differ only in atoms that look like parameters, rewritten."""
    alike: defaultdict[Key, list[Key]] = defaultdict(list)
    for key in keys:
        looks = likeness_of(key)
        if len(key) > 1:
            rest = tuple(WILD if look >= Likeness.weak else atom for atom, look in zip(key, looks, strict=True))
            alike[rest].append(key)
    return {key: merged(group) for group in alike.values() if len(group) > 1 for key in group}


def merged(group: list[Key]) -> Key:
    """One key for several of one length: what differs is a wildcard."""
    return tuple(column[0] if len(set(column)) == 1 else WILD for column in zip(*group, strict=True))


def by_column(keys: Iterable[Key], known: Container[str], limits: Limits) -> dict[Key, Key]:
    """Forms that differ in one atom that takes enough values, rewritten."""
    columns: defaultdict[tuple[int, int], list[Key]] = defaultdict(list)
    for key in keys:
        hashes = list(map(hash, enumerate(key)))
        whole = sum(hashes)
        for at, likeness in enumerate(likeness_of(key)):
            if likeness:
                columns[whole - hashes[at], at].append(key)
    wild: defaultdict[Key, set[int]] = defaultdict(set)
    for (_, at), members in columns.items():
        if len(members) > 1 and _varies(members, at, known, limits):
            for key in members:
                if key[at] != WILD:
                    wild[key].add(at)
    return {key: tuple(WILD if at in places else atom for at, atom in enumerate(key)) for key, places in wild.items()}


def _varies(keys: list[Key], at: int, known: Container[str], limits: Limits) -> bool:
    likeness = {likeness_of(key)[at] for key in keys}
    shared = words_of(keys[0]) - (likeness_of(keys[0])[at] in _WORDS)
    if shared < 1:
        return False
    if Likeness.wild in likeness:
        return shared >= limits.beside_wild
    if Likeness.word not in likeness:
        return len(keys) >= (limits.names if Likeness.qualified in likeness else 2)
    if not at or _tells([key[at] for key in keys]):
        return len(keys) >= limits.telling
    if len(keys) >= limits.words:
        return True
    return shared >= limits.beside_known and 2 * sum(key[at] in known for key in keys) >= len(keys)


def by_roots(keys: Iterable[Key], limits: Limits) -> dict[Key, Key]:
    """Forms that share most words and differ in rare ones, rewritten."""
    keys = list(keys)
    often = Counter((at, atom) for key in keys for at, atom in enumerate(key))
    groups: defaultdict[Key, list[Key]] = defaultdict(list)
    for key in keys:
        root = _root(key, often, limits)
        kept = words_of(root)
        if kept > 1 and kept >= limits.root_ratio * words_of(key):
            groups[root].append(key)
    return {
        key: root
        for root, group in groups.items()
        if len(group) >= limits.root_forms and _scattered(root, group)
        for key in group
        if key != root
    }


def _root(key: Key, often: Mapping[tuple[int, str], int], limits: Limits) -> Key:
    """The atoms that occur often at their place; the others are wildcards, if they may be."""
    return tuple(
        atom if not look or often[at, atom] >= limits.root_forms else WILD
        for at, (atom, look) in enumerate(zip(key, likeness_of(key), strict=True))
    )


def _scattered(root: Key, group: list[Key]) -> bool:
    """Whether each column that is no root's takes many values, and none of them says what happens."""
    for at in (at for at, atom in enumerate(root) if atom == WILD):
        values = [key[at] for key in group if key[at] != WILD]
        if values and (2 * len(set(values)) < len(values) or _tells(values)):
            return False
    return True


def _tells(values: Iterable[str]) -> bool:
    """Whether most of the words say what happens."""
    telling = [is_telling(value) for value in values]
    return 2 * sum(telling) > len(telling)
