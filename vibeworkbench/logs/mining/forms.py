"""The form of a masked message: its words one by one, each with how much it looks like a parameter. Pure.

``user=<number> from "a b" took 3`` is read as atoms; a run of wildcards (a list of any length) is one atom, so is what
stands in quotes. Messages of one statement in somebody's program have forms that differ in few atoms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from vibeworkbench.logs.masks import NAMES

WILD = "<*>"
MOST_ATOMS = 160
"""Atoms of one form; what comes after them is one wildcard."""

_ANY = "<(?:" + "|".join(NAMES) + r"|\*)>"
_PLAIN = r"[^ \t\r\n\f\v,;|(){}\[\]\"'=:<>#]"
_ATOM = re.compile(
    rf"(?P<quoted>(?<![A-Za-z0-9])(?P<mark>[\"'])[^\"']{{1,200}}(?P=mark)(?![A-Za-z0-9]))"
    rf"|(?P<literal>\[(?:[\"'][^\[\]{{}}]{{0,400}})?\]|\{{(?:[\"'](?:[^\[\]{{}}]|[\[{{][^\[\]{{}}]{{0,200}}[\]}}]){{0,400}})?\}})"
    rf"|(?P<object>(?<==)[A-Za-z_][A-Za-z0-9_.$]{{0,60}}(?:\([^()\n]{{0,200}}\)|\{{[^{{}}\n]{{0,200}}\}}|\[[^\[\]\n]{{0,200}}\]))"
    rf"|\.{{2,}}"
    rf"|(?P<wild>(?:(?!\.\.){_PLAIN})*{_ANY}(?:(?!\.\.){_PLAIN}|{_ANY})*)"
    rf"|(?:(?!\.\.){_PLAIN})+|\S"
)
_LISTED, _TIGHT = frozenset(",;|"), frozenset(",;|:#")
"""What may stand between wildcards of one list; the second, when there is no space."""
_SWITCHES = frozenset(("true", "false", "yes", "no", "on", "off"))
"""Values that decide what a message means more often than they are its parameter."""
_HEXADECIMAL = re.compile(r"[a-fA-F]{0,4}(?:<number>[a-fA-F]{0,4})+")
_COMPARED = frozenset("=!<>")
_LONGEST_LIST = 60
_WILD_IN = re.compile(_ANY)
_NUMBERED = re.compile(r"[A-Za-z_-]*[A-Za-z]<number>[A-Za-z_-]*")
_COMPOUND = re.compile(r"[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)+")
_TELLING = re.compile(r"[A-Za-z-]{2,}(?:ed|ing)|[A-Z][A-Z_-]+")
_QUALIFIED = re.compile(r"[^.]+\.[^.]+\.[^.]")


class Likeness(IntEnum):
    """How much an atom looks like a parameter."""

    punctuation = 0
    word = 1
    qualified = 2
    weak = 3
    wild = 4


Key = tuple[str, ...]
"""The atoms of a form; a wildcard is ``<*>`` whatever its name."""

Shape = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """A masked message, taken apart.

    Attributes:
        key: The atoms, wildcards as ``<*>``: equal keys are one form.
        surface: How each atom was written, with the space before it, as templates show it.
    """

    key: Key
    surface: tuple[str, ...]


def form_of(text: str) -> Form:
    """The form of a masked message."""
    key: list[str] = []
    surface: list[str] = []
    end = 0
    for found in _ATOM.finditer(text):
        if len(key) >= MOST_ATOMS:
            _append(key, surface, WILD, " <*>")
            break
        atom = found.group()
        written = f" {atom}" if found.start() > end and key else atom
        end = found.end()
        _append(key, surface, _key_atom(atom), written)
    return Form(tuple(key), tuple(surface))


def _key_atom(atom: str) -> str:
    """A numbered word like ``eth<number>`` stays what it is; all else that holds a wildcard is one."""
    return WILD if "<" in atom and _WILD_IN.search(atom) and not _NUMBERED.fullmatch(atom) else atom


def _append(key: list[str], surface: list[str], atom: str, written: str) -> None:
    if "<" in atom and (atom == WILD or _NUMBERED.fullmatch(atom)):
        start = _list_start(key, surface, written)
        if start is not None:
            key[start] = WILD
            surface[start] = _joined_list(surface[start:], written)
            del key[start + 1 :], surface[start + 1 :]
            return
    elif atom == ")" and key[-3:] == [WILD, "(", WILD]:
        surface[-3] = _joined_list(surface[-3:], written)
        del key[-2:], surface[-2:]
        return
    key.append(atom)
    surface.append(written)


def _list_start(key: list[str], surface: list[str], written: str) -> int | None:
    """Where the list begins that a wildcard at the end would continue: equal kinds, with commas or spaces between."""
    at = len(key) - 1
    tight = not written.startswith(" ")
    while at > 0 and key[at] in (_TIGHT if tight else _LISTED):
        tight = tight and not surface[at].startswith(" ")
        at -= 1
    if at < 0 or (key[at] != WILD and not _NUMBERED.fullmatch(key[at])):
        return None
    last = surface[at].rsplit(" ", 1)[-1].rsplit(",", 1)[-1]
    return at if _kind(last) == _kind(written.strip()) else None


@lru_cache(maxsize=10_000)
def _kind(written: str) -> str:
    """What a wildcard is, as far as elements of one list have it in common."""
    if _NUMBERED.fullmatch(written):
        return "numbered"
    return _HEXADECIMAL.sub("<number>", written.replace("<hex>", "<number>"))


def _joined_list(before: list[str], written: str) -> str:
    whole = "".join((*before, written))
    return whole if len(whole) <= _LONGEST_LIST else before[0]


@lru_cache(maxsize=50_000)
def likeness_of(key: Key) -> tuple[Likeness, ...]:
    """How much each atom of a form looks like a parameter."""
    return tuple(_likeness(key, at) for at in range(len(key)))


@lru_cache(maxsize=50_000)
def words_of(key: Key) -> int:
    """How many plain words and names a form has."""
    return sum(likeness in (Likeness.word, Likeness.qualified) for likeness in likeness_of(key))


def _likeness(key: Key, at: int) -> Likeness:
    alone = _likeness_alone(key[at])
    if alone in (Likeness.punctuation, Likeness.wild):
        return alone
    if at == 0:
        return Likeness.word if _COMPOUND.fullmatch(key[0]) else alone
    if key[at - 1] == "=" and at > 1 and key[at - 2] not in _COMPARED:
        return Likeness.word if key[at].lower() in _SWITCHES else Likeness.weak
    if key[at - 1] == ":" and at > 1 and at == len(key) - 1 and not is_telling(key[at]):
        return Likeness.weak
    return alone


@lru_cache(maxsize=200_000)
def _likeness_alone(atom: str) -> Likeness:
    if atom == WILD:
        return Likeness.wild
    if len(atom) > 1 and atom[0] in "\"'[{":
        return Likeness.weak
    if not any(character.isalnum() for character in atom):
        return Likeness.punctuation
    if is_telling(atom):
        return Likeness.word
    if "/" in atom or "\\" in atom or _NUMBERED.fullmatch(atom) or _COMPOUND.fullmatch(atom):
        return Likeness.weak
    if _QUALIFIED.match(atom):
        return Likeness.qualified if atom.islower() else Likeness.weak
    return Likeness.word


def is_telling(atom: str) -> bool:
    """Whether a word says what happens, rather than to whom: a switch, a participle, a name in capitals.

    Somebody who is ``started`` is not somebody who is ``stopped``, and ``NEW`` is not ``READY``.
    """
    return atom.lower() in _SWITCHES or _TELLING.fullmatch(atom) is not None


def joined_surfaces(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """How a template shows the atoms of two forms of one pattern."""
    return one if one == other else tuple(map(_joined_surface, one, other))


def _joined_surface(one: str, other: str) -> str:
    if one == other or other.strip() == WILD:
        return one if one == other else other
    space = " " if one.startswith(" ") and other.startswith(" ") else ""
    one, other = one.strip(), other.strip()
    if one == other:
        return space + one
    if one[0] == other[0] and one[0] in "\"'" and one[-1:] == other[-1:] == one[0] and len(one) > 1:
        return f"{space}{one[0]}{WILD}{one[0]}"
    return space + WILD


def key_of(surface: tuple[str, ...]) -> Key:
    """The key of a form whose atoms are written like that."""
    return tuple(_key_atom(atom.lstrip(" ")) for atom in surface)


def shape_of(key: Key) -> Shape:
    """What forms must have in common to be one statement's: the number of atoms and where which punctuation stands."""
    looks = likeness_of(key)
    return len(key), *((at, atom) for at, atom in enumerate(key) if not looks[at])


def shown(pattern: Key, surface: tuple[str, ...]) -> tuple[str, ...]:
    """The surface with a wildcard wherever the pattern has one."""
    return tuple(
        written if atom != WILD or _WILD_IN.search(written) else (" " if written[0] == " " else "") + WILD
        for atom, written in zip(pattern, surface, strict=True)
    )
