"""The project's pages as a Markdown parser sees them: links, anchors, blocks, and what is typed."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from invoke.parser import Parser
from invoke.program import Program
from markdown_it import MarkdownIt
from markdown_it.token import Token

import tasks
from tasks.lib.circle.markdown import anchor

ROOT = Path(__file__).resolve().parents[2]
SHELLS = ("sh", "bash", "")
RUNNABLE = "runnable"  # the second word of a block's first line; GitHub shows none of them
_SAID = re.compile(r"(?:[A-Z_]+=\S+ +)*(?:\.venv/bin/)?inv +(?=[a-z-])")


class Block(NamedTuple):
    """A block of code: its language, what else its first line says, its text and first line."""

    language: str
    said: tuple[str, ...]
    text: str
    line: int

    @property
    def code(self) -> int | None:
        """The exit code that a runnable block ends with, as `sh runnable exit=1` says it."""
        if RUNNABLE not in self.said:
            return None
        return next((int(word[5:]) for word in self.said if word.startswith("exit=")), 0)


def every() -> list[Path]:
    """Return README.md and all pages of docs/."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name(page: Path) -> str:
    """Return what a page is called in the tests' names."""
    return str(page.relative_to(ROOT))


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    """Return what a page consists of, as GitHub would read it."""
    return tuple(MarkdownIt("commonmark").enable("table").parse(page.read_text()))


def _inline(page: Path) -> Iterator[Token]:
    for token in tokens(page):
        yield from token.children or ()


def links(page: Path) -> list[str]:
    """Return where the links and images of a page lead."""
    found = (token.attrGet("href") or token.attrGet("src") for token in _inline(page))
    return [str(place) for place in found if place]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives a page's headings: the second of a name gets -1."""
    found: set[str] = set()
    for opened, inside in zip(tokens(page), tokens(page)[1:]):
        if opened.type != "heading_open":
            continue
        text = "".join(token.content for token in inside.children or ())
        first, number = anchor(text), 0
        while (f"{first}-{number}" if number else first) in found:
            number += 1
        found.add(f"{first}-{number}" if number else first)
    return found


def blocks(page: Path) -> list[Block]:
    """Return the blocks of code of a page."""
    found = []
    for token in tokens(page):
        if token.type == "fence" and token.map:
            language, *said = token.info.split() or [""]
            found.append(Block(language, tuple(said), token.content, token.map[0] + 1))
    return found


def lines(page: Path, runnable: bool = False) -> list[str]:
    """Return the lines of a page's blocks of commands, or of those that are runnable alone."""
    found = []
    for block in blocks(page):
        if block.language in SHELLS and not (runnable and block.code is None):
            said = block.text.replace("\\\n", " ").splitlines()
            # A block that names no language may be a drawing.
            found += [line for line in said if block.language or _SAID.match(line)]
    return [line for line in found if line]


def typed(line: str) -> list[list[str]]:
    """Return the calls of `inv` in a line of shell, each as the words that follow."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.commenters, lexer.whitespace_split = "#", True
    calls: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;<>"):
            calls.append([])
        else:
            calls[-1].append(word)
    return [_words(call) for call in calls if _words(call)]


def _words(call: list[str]) -> list[str]:
    while call and re.fullmatch(r"[A-Z_]+=.*", call[0]):
        call = call[1:]
    return call[1:] if call and Path(call[0]).name == "inv" else []


def mentioned(page: Path) -> list[list[str]]:
    """Return the calls of `inv` in a page's sentences, where they name a task."""
    spans = (token.content for token in _inline(page) if token.type == "code_inline")
    return [call for span in spans if _SAID.match(span) for call in typed(span)]


@cache
def _parser() -> Parser:
    # Invoke empties the tasks' help as it reads it, and others want it, too.
    contexts = copy.deepcopy(tasks.ns).to_contexts()
    return Parser(initial=Program().initial_context, contexts=contexts)


def parse(words: Sequence[str]) -> None:
    """Have Invoke itself read a command. Raises its ParseError where it can't."""
    _parser().parse_argv(list(words))
