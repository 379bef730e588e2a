"""What many hosts say alike, told once: the terminal shows kinds of failure, `--json` each host."""

from __future__ import annotations

import re
from typing import Mapping, Sequence

from .hostlist import FEW, by, compact, counted


def kinds(said: Mapping[str, str]) -> list[list[str]]:
    """Return the hosts that say the same, the most hosts first; where hosts are few, each alone.

    The same is what differs only in the host's own name and in numbers (ports, pids, seconds).
    """
    if len(said) <= FEW:
        return [[name] for name in said]
    return [names for _, names in by({name: _without(name, text) for name, text in said.items()})]


def told(said: Mapping[str, str]) -> str:
    """Return all of it as part of one sentence: once what all say, else who says what."""
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return "; ".join(_clause(names, said) for names in kinds(said))


def sentences(said: Mapping[str, str]) -> list[str]:
    """Return sentences that name their host as they are; where hosts are many, one of a kind."""
    few = len(said) <= FEW
    return [said[names[0]] if few else _clause(names, said) for names in kinds(said)]


def shown(said: Mapping[str, str], alike: Mapping[str, str]) -> str:
    """Return output of hosts, each under its name; where there are many, of one for each kind.

    alike: by host what its kind is told by, such as its failure's sentence.
    """
    given = {name: text.strip() for name, text in said.items() if text.strip()}
    if len(given) <= FEW:
        return "\n".join(f"{name}:\n{text}" for name, text in given.items())
    parts = []
    for names in kinds({name: alike[name] for name in given}):
        more = f" (and {_others(names[1:])}, see --json)" if names[1:] else ""
        parts.append(f"{names[0]}{more}:\n{given[names[0]]}")
    return "\n".join(parts)


def _clause(names: Sequence[str], said: Mapping[str, str]) -> str:
    same = len({said[name] for name in names}) == 1
    return f"{counted(names)}{'' if same else ', the first'}: {said[names[0]]}"


def _others(names: Sequence[str]) -> str:
    return f"{len(names)} others: {compact(names)}" if len(names) > FEW else compact(names)


def _without(name: str, text: str) -> str:
    """Return `text` with the host's own name, the parts of it, and all numbers left out."""
    own = [name, *(part for part in re.split(r"[@:\[\]]", name) if part and not part.isdigit())]
    for each in sorted(own, key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(each)}(?![A-Za-z0-9])", "\0", text)
    return re.sub(r"[0-9]+(?:\.[0-9]+)?", "0", text)
