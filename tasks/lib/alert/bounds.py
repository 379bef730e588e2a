"""The threshold of a rule: what it measures, and which value makes it true."""

from __future__ import annotations

import re
from typing import Iterable, NamedTuple

# What is within quotes, braces or brackets says nothing of how the whole is joined.
_INSIDE = re.compile(r'"(?:[^"\\]|\\.)*"|\{[^{}]*\}|\[[^\[\]]*\]')
_GROUP = re.compile(r"\([^()]*\)")
_JOINED = re.compile(r"\b(and|or|unless)\b|[<>]|[=!]=")
_BOUND = re.compile(
    r"(?P<left>.*\S)\s*(?P<op>>=|<=|==|!=|>|<)\s*(?P<at>-?[\d.]+(?:e[+-]?\d+)?)", re.S
)


class Bound(NamedTuple):
    """`expression` `op` `at`: true of what is beyond it. op: one of > >= < <= == !=."""

    expression: str
    op: str
    at: float

    @property
    def upward(self) -> bool:
        """Whether more is worse."""
        return self.op in (">", ">=")

    @property
    def movable(self) -> bool:
        """Whether another threshold would make more or less of it."""
        return self.op not in ("==", "!=")

    def holds(self, value: float) -> bool:
        """Tell whether `value` is beyond the threshold."""
        return {
            ">": value > self.at,
            ">=": value >= self.at,
            "<": value < self.at,
            "<=": value <= self.at,
            "==": value == self.at,
            "!=": value != self.at,
        }[self.op]

    def worst(self, values: Iterable[float]) -> float:
        """Return the value that is furthest beyond it, or nearest to it; NaN is no value."""
        known = [value for value in values if value == value]
        return (max if self.upward else min)(known, default=float("nan"))


def split(expression: str) -> Bound | None:
    """Return the bound of a rule's expression, None where it is not one comparison with a number:
    what is joined by and, or, unless, or compared twice, measures no one thing."""
    found = _BOUND.fullmatch(expression.strip())
    if not found:
        return None
    left = _INSIDE.sub("", found["left"])
    while (less := _GROUP.sub("", left)) != left:
        left = less
    if _JOINED.search(left) or "(" in left or ")" in left:
        return None
    return Bound(found["left"], found["op"], float(found["at"]))
