"""The operator's own journal: what was done from this clone, one JSON object a line."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import getpass
import json
import os
import socket
import time
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from .moment import iso
from .plain import dumps
from .project import PROJECT

VERSION = 1  # of a line's form: it rises when a key comes to mean something else (docs/journal.md)
BLOCK = 500  # lines that are decoded at once; those with a torn one among them, one by one
MANY = 20_000  # lines of which looking through them for garbage takes a noticeable time


def where(root: Path | None = None) -> Path:
    """Return the path of the journal of the project at `root` (default: the recipes' own)."""
    return (root or PROJECT) / ".circle" / "journal.jsonl"


def append(entry: Mapping[str, Any], path: Path | None = None) -> None:
    """Add `entry` to the journal at `path` (default: `where()`), durably.

    `v`, `at` (UTC) and `who` are filled in where the entry has none. A line that a killed run or a
    full disk left half written is closed first, so that this one stands on its own. Raises OSError.
    """
    path = path or where()
    prepare(path.parent)
    line = dumps({"v": VERSION, "at": iso(time.time()), "who": who(), **entry}).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # two phases may end at once
        end = os.fstat(descriptor).st_size
        torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
        _write(descriptor, b"\n" + line if torn else line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not end:
        _flush(path.parent)


def _write(descriptor: int, line: bytes) -> None:
    """Write all of `line`: of one write the system may take less than it was given."""
    while line:
        line = line[os.write(descriptor, line) :]


def _flush(directory: Path) -> None:
    """Put the name of a new file in `directory` on disk, too."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prepare(directory: Path) -> None:
    """Make the journal's directory, and have git ignore it also in a project whose .gitignore
    doesn't know it: writing a line must not make a clean tree differ."""
    directory.mkdir(parents=True, exist_ok=True)
    ignore = directory / ".gitignore"
    if directory.name == ".circle" and not ignore.exists():
        ignore.write_text("*\n")


class Content(NamedTuple):
    """What a journal has.

    entries: what can be read, the oldest first. newer: how many lines a newer version of the
    recipes wrote, in a form that this one would misread. garbled: how many are torn or no objects.
    """

    entries: list[dict[str, Any]]
    newer: int
    garbled: int


def read(path: Path | None = None) -> list[dict[str, Any]]:
    """Return the journal's entries, the oldest first, without lines that are torn or garbled, or
    that a newer version of the recipes wrote."""
    return content(path).entries


def content(path: Path | None = None, mentioning: Sequence[str] = ()) -> Content:
    """Return what the journal at `path` (default: `where()`) has.

    mentioning: plain words of ASCII, such as hashes; with any, of the lines that have one of them
    anywhere alone: decoding the others would cost ten times as much.
    """
    try:
        text = (path or where()).read_bytes()
    except FileNotFoundError:
        return Content([], 0, 0)
    lines = _mentioning(text, mentioning) if mentioning else list(filter(None, text.split(b"\n")))
    with _uncollected(keeping=len(lines) > MANY):
        blocks = (lines[at : at + BLOCK] for at in range(0, len(lines), BLOCK))
        values = [value for block in blocks for value in _block(block)]
        objects = [value for value in values if isinstance(value, dict)]
        entries = [each for each in objects if each.get("v", VERSION) == VERSION]
    return Content(entries, len(objects) - len(entries), len(lines) - len(objects))


def _mentioning(text: bytes, words: Sequence[str]) -> list[bytes]:
    """Return the lines that have one of the words, in their order; the others are not even cut."""
    found: dict[int, bytes] = {}
    for word in map(str.encode, words):
        at = text.find(word)
        while at >= 0:
            begin, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
            end = len(text) if end < 0 else end
            found[begin] = text[begin:end]
            at = text.find(word, end)
    return [found[begin] for begin in sorted(found)]


@contextlib.contextmanager
def _uncollected(keeping: bool) -> Iterator[None]:
    """Look for no garbage meanwhile: there is none, and looking takes longer than all the rest.

    keeping: don't look through what was made here later, either.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if keeping:
            gc.freeze()
        if collecting:
            gc.enable()


def _block(lines: list[bytes]) -> list[Any]:
    from msgspec import json as quick  # not for `inv --list`

    try:
        found: list[Any] = quick.Decoder().decode_lines(b"\n".join(lines))
    except (ValueError, RecursionError):  # one is torn, or has what JSON has and msgspec hasn't
        found = []
    return found if len(found) == len(lines) else [_value(line) for line in lines]


def _value(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):  # also what isn't UTF-8
        return None


def who() -> str:
    """Return who is at work here, as user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
