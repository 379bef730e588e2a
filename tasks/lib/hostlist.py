"""Many hosts in few words: `web[1-20].example.com`, as cluster tools write them."""

from __future__ import annotations

import re
from collections import Counter
from typing import Hashable, Iterator, Mapping, Sequence, TypeVar

FEW = 3  # names that are simply told

_NUMBER = re.compile(r"([0-9]+)")

T = TypeVar("T", bound=Hashable)
Pattern = tuple[str, str]  # what stands before the number that differs, and what behind it


def compact(names: Sequence[str]) -> str:
    """Return `names` with commas between them; of more than three, those that differ in one number
    are told as one: `db1, web[1-20,23].example.com`."""
    if len(names) <= FEW:
        return ", ".join(names)
    shared = Counter(pattern for name in names for pattern, _ in _patterns(name))
    groups: dict[Pattern | str, list[str]] = {}
    for name in names:
        known = list(_patterns(name))
        best = max(known, key=lambda each: shared[each[0]], default=None)
        alone = best is None or shared[best[0]] == 1
        key, number = (name, "") if best is None or alone else best
        groups.setdefault(key, []).append(number)
    return ", ".join(_written(key, numbers) for key, numbers in groups.items())


def counted(names: Sequence[str]) -> str:
    """Return `compact(names)`, with how many they are where that isn't seen at once."""
    return f"{len(names)} hosts: {compact(names)}" if len(names) > FEW else compact(names)


def by(said: Mapping[str, T], alone: bool = False) -> list[tuple[T, list[str]]]:
    """Return each thing that hosts say and the hosts that say it, the most hosts first.

    alone: each host by itself, in their order.
    """
    if alone:
        return [(what, [name]) for name, what in said.items()]
    groups: dict[T, list[str]] = {}
    for name, what in said.items():
        groups.setdefault(what, []).append(name)
    return sorted(groups.items(), key=lambda each: len(each[1]), reverse=True)


def between(values: Sequence[float | None], shape: str, shift: int = 0) -> str:
    """Return the least and the most of what hosts have, `0.10 to 0.52`, once where they agree.

    shape: how one is written; shift: bits to leave out, 20 for bytes as MiB. "?" where none says.
    """
    known = sorted(value for value in values if value is not None)
    told = [shape.format(int(value) >> shift if shift else value) for value in known]
    return "?" if not told else told[0] if told[0] == told[-1] else f"{told[0]} to {told[-1]}"


def _patterns(name: str) -> Iterator[tuple[Pattern, str]]:
    """Yield a name's numbers, each with what is around it."""
    for found in _NUMBER.finditer(name):
        yield (name[: found.start()], name[found.end() :]), found[0]


def _written(key: Pattern | str, numbers: Sequence[str]) -> str:
    if isinstance(key, str):
        return key
    if len(numbers) == 1:
        return f"{key[0]}{numbers[0]}{key[1]}"
    return f"{key[0]}[{','.join(_ranges(numbers))}]{key[1]}"


def _ranges(numbers: Sequence[str]) -> Iterator[str]:
    """Yield `8`, `10-12`: runs of numbers of one width, leading zeros as they are."""
    ordered = sorted(set(numbers), key=lambda each: (int(each), len(each)))
    first = last = ordered[0]
    for each in [*ordered[1:], ""]:
        padded = each.startswith("0") or last.startswith("0")
        if each and int(each) == int(last) + 1 and (not padded or len(each) == len(last)):
            last = each
            continue
        yield first if first == last else f"{first}-{last}"
        first = last = each
