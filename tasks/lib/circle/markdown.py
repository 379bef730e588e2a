"""Text as GitHub's Markdown: what is only text stays text, and what is code stays code."""

from __future__ import annotations

import re
from typing import Iterable, Sequence

# What would be read as markup; an underscore within a word is none.
_MARKUP = re.compile(r"[\\*<\[\]]|(?<!\w)_|_(?!\w)")


def text(said: str) -> str:
    """Return a sentence, in one line, with nothing of it read as markup but `backticks`."""
    parts = " ".join(said.split()).split("`")
    return "`".join(
        part if index % 2 else _MARKUP.sub(r"\\\g<0>", part) for index, part in enumerate(parts)
    )


def code(command: str) -> str:
    """Return `command` as code within a line."""
    return f"`{command}`"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose cells are Markdown, an empty line behind it."""
    lines = [columns, ["---"] * len(columns), *rows]
    return [
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines
    ] + [""]


def steps(said: Iterable[str]) -> list[str]:
    """Return the lines of a numbered list, an empty line behind it."""
    return [f"{number}. {text(each)}" for number, each in enumerate(said, 1)] + [""]


def anchor(heading: str) -> str:
    """Return what GitHub calls a heading (its text, without markup) in an address."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
