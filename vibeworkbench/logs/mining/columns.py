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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vibeworkbench.logs.mining.forms import WILD, Key, Likeness, likeness_of, words_of

_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """How much must speak for a parameter; one setting for every system.

    Attributes:
        words: Values that a column of plain words takes at least.
        first_words: The same where the message begins: there verbs stand.
        names: The same when each value is a qualified name.
        beside_wild: Words that forms share at least, for a word to be the parameter that a wildcard shows there.
        root_forms: Forms that share a root at least.
        root_ratio: Of a form's words the part that the root has at least.
    """

    words: int = 4
    first_words: int = 8
    names: int = 3
    beside_wild: int = 3
    root_forms: int = 4
    root_ratio: float = 0.6


LIMITS = Limits()


def patterns_of(keys: Iterable[Key], limits: Limits = LIMITS) -> dict[Key, Key]:
    """For each form its pattern, in which the parameters are ``<*>``; forms of one statement have the same.

    Args:
        keys: Distinct forms of one shape.
        limits: How much must speak for a parameter.
    """
    found = {key: key for key in keys}
    if len(found) < 2:
        return found
    _rewrite(found, by_looks(found))
    for _ in range(_ROUNDS):
        step = by_column(set(found.values()), limits)
        _rewrite(found, step)
        roots = by_roots(set(found.values()), limits)
        _rewrite(found, roots)
        if not step and not roots:
            break
    return found


def _rewrite(found: dict[Key, Key], step: Mapping[Key, Key]) -> None:
    if step:
        for key, pattern in found.items():
            found[key] = step.get(pattern, pattern)


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


def by_column(keys: Iterable[Key], limits: Limits) -> dict[Key, Key]:
    """Forms that differ in one atom that takes enough values, rewritten."""
    columns: defaultdict[tuple[int, int], list[tuple[Key, int]]] = defaultdict(list)
    for key in keys:
        hashes = [hash((at, atom)) for at, atom in enumerate(key)]
        whole = sum(hashes)
        for at, likeness in enumerate(likeness_of(key)):
            if likeness:
                columns[whole - hashes[at], at].append((key, at))
    wild: defaultdict[Key, set[int]] = defaultdict(set)
    for (_, at), members in columns.items():
        if len(members) > 1 and _varies([key for key, _ in members], at, limits):
            for key, _ in members:
                if key[at] != WILD:
                    wild[key].add(at)
    return {key: tuple(WILD if at in places else atom for at, atom in enumerate(key)) for key, places in wild.items()}


def _varies(keys: list[Key], at: int, limits: Limits) -> bool:
    likeness = {likeness_of(key)[at] for key in keys}
    shared = words_of(keys[0]) - (likeness_of(keys[0])[at] in (Likeness.word, Likeness.qualified))
    if shared < 1:
        return False
    if Likeness.wild in likeness:
        return shared >= limits.beside_wild
    if Likeness.word not in likeness:
        return len(keys) >= (limits.names if Likeness.qualified in likeness else 2)
    return len(keys) >= (limits.words if at else limits.first_words)


def by_roots(keys: Iterable[Key], limits: Limits) -> dict[Key, Key]:
    """Forms that share most words and differ in rare ones, rewritten."""
    keys = list(keys)
    often = Counter((at, atom) for key in keys for at, atom in enumerate(key))
    groups: defaultdict[Key, list[Key]] = defaultdict(list)
    for key in keys:
        looks = likeness_of(key)
        root = tuple(
            atom if not looks[at] or often[at, atom] >= limits.root_forms else WILD for at, atom in enumerate(key)
        )
        kept = words_of(root)
        if kept >= limits.root_ratio * words_of(key) and kept > 1:
            groups[root].append(key)
    return {
        key: root
        for root, group in groups.items()
        if len(group) >= limits.root_forms and _scattered(root, group)
        for key in group
        if key != root
    }


def _scattered(root: Key, group: list[Key]) -> bool:
    """Whether each column that is no root's takes many values."""
    return all(
        2 * len({key[at] for key in group}) >= len(group)
        for at, atom in enumerate(root)
        if atom == WILD and any(key[at] != WILD for key in group)
    )
