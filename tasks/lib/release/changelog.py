"""CHANGELOG.md in the form of Keep a Changelog: what is unreleased, and its move under a version.

Only what has to change is changed; everything else stays as its authors wrote it, which a library
that reads the file and writes it anew would not do.
"""

from __future__ import annotations

import re
from typing import NamedTuple

NEW = """# Changelog

What changed, newest first. Versions follow [semantic versioning](https://semver.org).

## [Unreleased]
"""

_HEADING = re.compile(r"^## +(?P<open>\[?)v?(?P<name>[^\]\s]+)\]?.*$", re.MULTILINE)
# Code and comments, in which what looks like a heading is none.
_VERBATIM = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}\1|\Z)|<!--.*?-->", re.M | re.S)
_LINK = re.compile(r"^\[[^\]]+\]:\s", re.MULTILINE)


class Section(NamedTuple):
    """A part of the file: its name (a version, or Unreleased), whether in brackets, its text, and
    where that begins and ends."""

    name: str
    bracketed: bool
    text: str
    start: int
    end: int


def prose(text: str) -> str:
    """Return the text with its code and comments blank, everything else where it was."""
    return _VERBATIM.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def sections(text: str) -> list[Section]:
    """Return the parts of the file, in its own order."""
    plain = prose(text)
    headings = list(_HEADING.finditer(plain))
    links = _LINK.search(plain, headings[-1].end()) if headings else None
    bounds = [each.start() for each in headings[1:]] + [links.start() if links else len(text)]
    return [
        Section(
            each["name"], bool(each["open"]), text[each.end() : end].strip("\r\n"), each.end(), end
        )
        for each, end in zip(headings, bounds)
    ]


def unreleased(text: str) -> str:
    """Return what stands under Unreleased, "" where nothing does."""
    found = _unreleased(text)
    return found.text.strip() if found else ""


def newest(text: str) -> Section | None:
    """Return the part of the newest version, None where the file has none yet."""
    return next((each for each in sections(text) if each.name.lower() != "unreleased"), None)


def moved(text: str, version: str, date: str, said: str, prefix: str = "v") -> str:
    """Return the file with `said` under a heading of the version, and nothing under Unreleased.

    text: as it is, "" for a new one. date: as 2026-11-25. prefix: of tags, for the links at the
    end, where the file has them.
    """
    text = text if text.strip() else NEW
    found = _unreleased(text)
    if found:
        before, after = text[: found.start], text[found.end :]
        bracketed = found.bracketed
    else:  # under the introduction, above the newest version
        first = next(iter(sections(text)), None)
        at = text.rindex("## ", 0, first.start) if first else len(text)
        bracketed = first.bracketed if first else True
        heading = "## [Unreleased]" if bracketed else "## Unreleased"
        before, after = f"{text[:at].rstrip()}\n\n{heading}", text[at:]
    name = f"[{version}]" if bracketed else version
    made = f"{before.rstrip()}\n\n## {name} - {date}\n\n{said.strip()}\n"
    made += f"\n{after}" if after else ""
    return _linked(made, version, prefix)


def merged(parts: list[str]) -> str:
    """Return the notes of several parts as one: what stands under one heading comes together."""
    found: dict[str, list[str]] = {}
    for part in parts:
        headings = list(re.finditer(r"^### +(.*)$", prose(part), re.MULTILINE))
        starts = [0, *(each.end() for each in headings)]
        ends = [*(each.start() for each in headings), len(part)]
        for name, start, end in zip(["", *(each[1] for each in headings)], starts, ends):
            if text := part[start:end].strip("\n"):
                found.setdefault(name.strip(), []).append(text)
    told = ((f"### {name}\n\n" if name else "") + "\n".join(found[name]) for name in found)
    return "\n\n".join(told)


def _unreleased(text: str) -> Section | None:
    return next((each for each in sections(text) if each.name.lower() == "unreleased"), None)


def _linked(text: str, version: str, prefix: str) -> str:
    """Return the file with a link for the version, where Unreleased has one that compares."""
    expression = re.compile(r"^\[unreleased\]:(\s+\S+/compare/)(\S+?)\.\.\.HEAD$", re.I | re.M)
    found = expression.search(text)
    if not found:
        return text
    label, start, last = found[0].split(":")[0], found[1], found[2]
    tag = f"{prefix}{version}"
    lines = f"{label}:{start}{tag}...HEAD\n[{version}]:{start}{last}...{tag}"
    return text[: found.start()] + lines + text[found.end() :]
