"""Files: written whole or not at all, deleted whatever their mode, and told apart by content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import subprocess
from typing import Iterator, Optional


def replace(path: str, text: str, mode: int = 0o600) -> None:
    """Write a file so that a reader sees the old or the new one, and so that it is on disk."""
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


def flush_all(path: str) -> "Optional[subprocess.Popen[bytes]]":
    """Begin to put everything on `path`'s file system on disk; None where it can't be asked for."""
    try:
        quiet = subprocess.DEVNULL
        return subprocess.Popen(["sync", "-f", path], stdin=quiet, stdout=quiet, stderr=quiet)
    except OSError:
        return None


def remove(path: str) -> None:
    """Delete a tree, read-only directories included; what is gone already is no error."""
    if os.path.islink(path):  # never what it points at
        os.unlink(path)
        return
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
    """What a staged file is: link or file, executable or not, and its content.

    "missing" where it can't be read, "other" for what has no content, such as a pipe.
    """
    try:
        if os.path.islink(path):
            return "l" + hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()
        # Without O_NONBLOCK, opening a pipe would wait for its other end.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as source:
            mode, digest = os.fstat(source.fileno()).st_mode, hashlib.sha256()
            if not stat.S_ISREG(mode):
                return "other"
            for chunk in iter(lambda: source.read(1 << 20), b""):
                digest.update(chunk)
            return ("x" if mode & 0o100 else "f") + digest.hexdigest()
    except OSError:
        return "other" if os.path.exists(path) and not os.path.isfile(path) else "missing"
