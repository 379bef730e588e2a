"""Files: written whole or not at all, deleted whatever their mode, and told apart by content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from typing import Iterator


def replace(path: str, text: str, mode: int = 0o600) -> None:
    """Write a file so that a reader sees the old or the new one; it is on disk when this returns."""
    spare = "%s.%d.new" % (path, os.getpid())
    with contextlib.suppress(FileNotFoundError):
        os.unlink(spare)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with open(os.open(spare, flags, mode), "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(spare, mode)
        os.rename(spare, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(spare)
        raise
    flush_directory(os.path.dirname(path))


def flush_directory(path: str) -> None:
    """Make the names in a directory durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: str) -> None:
    """Delete a tree, read-only directories included; what is gone already is no error."""
    for folder, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            os.chmod(folder, 0o700)
    shutil.rmtree(path, ignore_errors=True)


def parents(path: str) -> Iterator[str]:
    """`path` and the directories above it, up to the root."""
    while True:
        yield path
        if path == os.path.dirname(path):
            return
        path = os.path.dirname(path)


def fingerprint(path: str) -> str:
    """What a staged file is: link or file, executable or not, and its content; "missing" where it can't be read."""
    if os.path.islink(path):
        return "l" + hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()
    try:
        with open(path, "rb") as source:
            kind = "x" if os.fstat(source.fileno()).st_mode & 0o100 else "f"
            return kind + hashlib.sha256(source.read()).hexdigest()
    except OSError:
        return "missing"
