"""Which lines of a log tell of an error: by their level where they have one, else by their words.

`grep -i error`, as the runbook's page has it, also counts `GET /error 200` and `0 errors`.
"""

from __future__ import annotations

import json
import re
from typing import Iterable, NamedTuple

BAD = frozenset(("ERROR", "CRITICAL", "FATAL", "ALERT", "EMERGENCY", "PANIC"))
_KEYS = ("level", "levelname", "severity", "severity_text", "log.level", "lvl")
_TEXTS = ("message", "msg", "event", "body")
# A level is written in capitals, or as `level=error`; anything else is a word of the message.
_LEVEL = re.compile(
    r"\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|ALERT|EMERGENCY|PANIC)\b"
    r"|\b(?:level|severity)=\"?(\w+)"
)
_WORDS = re.compile(r"(?i:\b(?:error|critical|fatal|panic)\b)|\b[A-Z]\w*(?:Error|Exception)\b")
_NONE = re.compile(r"\b(?:no|0|without) (?:\w+ )?errors?\b", re.I)
LONGEST = 300  # characters of an error that are shown
_TRACE = "Traceback (most recent call last):"


class Found(NamedTuple):
    """number: errors among the lines; last: what the newest of them says, "" for none."""

    number: int = 0
    last: str = ""


def errors(lines: Iterable[str]) -> Found:
    """Return the errors in `lines`, the oldest first.

    Python's traceback belongs to the line before it, and together they count once: what is told of
    it is its last line, which names the exception.
    """
    count, last, inside, before = 0, "", False, False
    for line in lines:
        if inside:
            inside = line.startswith((" ", "\t")) or not line.strip() or line == _TRACE
            last = last if inside else line.strip()
            before = inside and before
        elif line.strip() == _TRACE:
            count += not before
            last, inside = line.strip(), True
        elif before := _bad(line):
            count, last = count + 1, _text(line)
    return Found(count, last if len(last) <= LONGEST else f"{last[:LONGEST]} …")


def _bad(line: str) -> bool:
    if level := _level(line):
        return level in BAD
    return bool(_WORDS.search(_NONE.sub("", line)))


def _level(line: str) -> str:
    if (said := _object(line)) is not None:
        return next((str(said[key]).upper() for key in _KEYS if said.get(key)), "INFO")
    found = _LEVEL.search(line)
    return (found[1] or found[2]).upper() if found else ""


def _text(line: str) -> str:
    said = _object(line) or {}
    return next((str(said[key]) for key in _TEXTS if said.get(key)), line.strip())


def _object(line: str) -> dict[str, object] | None:
    if not line.startswith("{"):
        return None
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
