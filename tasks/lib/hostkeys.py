"""
Which host keys are trusted: OpenSSH's known_hosts files, the user's and the project's own, read
together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from paramiko import PKey

KNOWN, UNKNOWN, CHANGED = "known", "unknown", "changed"


@dataclass(frozen=True)
class Entry:
    """A line of a known_hosts file: its marker ("" or "@revoked"), key, and where it stands."""

    marker: str
    key: PKey
    where: str


def entries(files: Sequence[Path], name: str) -> list[Entry]:
    """
    Find what the files say about a host (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT; no wildcards, no
    certificates).

    files: those that exist are read; name: `host` or `[host]:port`, in lower case. Returns the
    entries in order.
    """
    # Only a line that concerns the host is read to its key: files hold a line for every host.
    return [
        Entry(line.marker, key, f"{path}:{line.number}")
        for path in files
        for line in _lines(path)
        if any(_same(each, name) for each in line.names) and (key := line.key()) is not None
    ]


def judge(files: Sequence[Path], name: str, key: PKey) -> str:
    """
    Return KNOWN, UNKNOWN (nothing is said about the host) or CHANGED (other keys are, or this one
    is revoked).
    """
    found = entries(files, name)
    if any(each.marker == "@revoked" and each.key == key for each in found):
        return CHANGED
    trusted = [each.key for each in found if not each.marker]
    if key in trusted:
        return KNOWN
    return CHANGED if trusted else UNKNOWN


def kinds(files: Sequence[Path], name: str) -> list[str]:
    """
    Return the signature algorithms to ask a host for first, so that it shows the key that is known
    (RFC 8332).
    """
    found: list[str] = []
    for each in entries(files, name):
        kind = each.key.get_name()
        found += ["rsa-sha2-512", "rsa-sha2-256"] if kind == "ssh-rsa" else [kind]
    return list(dict.fromkeys(found))


def fingerprint(key: PKey) -> str:
    """Return what `ssh-keygen -l` shows: the key's type and its SHA256 fingerprint."""
    return f"{key.get_name()} {key.fingerprint}"


def trust(path: Path, name: str, key: PKey) -> None:
    """
    Write a host's key into a known_hosts file, in the place of those that the file has for it (what
    it says is revoked stays so).

    path: the file, made when missing; name: as in `entries`. Another process sees the old file or
    the new one.
    """
    kept = []
    old = (line for line in _lines(path) if name in line.names and not line.marker)
    stale = {line.number for line in old if line.key() is not None}
    if path.exists():
        lines = path.read_text().splitlines()
        kept = [line for number, line in enumerate(lines, 1) if number not in stale]
    kept.append(f"{name} {key.get_name()} {key.get_base64()}")
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.write_text("\n".join(kept) + "\n")
    os.replace(fresh, path)


class _Line(NamedTuple):
    number: int
    marker: str
    names: list[str]
    text: str

    def key(self) -> PKey | None:
        """Read the key; None where it is garbled: that trusts nobody."""
        from paramiko import SSHException
        from paramiko.hostkeys import HostKeyEntry, InvalidHostKey

        try:
            entry = HostKeyEntry.from_line(self.text, self.number)
        except (SSHException, InvalidHostKey, ValueError):
            return None
        return None if entry is None else entry.key


def _lines(path: Path) -> Iterator[_Line]:
    """Yield the lines that have the shape of one with a key."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return
    for number, line in enumerate(lines, 1):
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) < 3 or fields[0].startswith("#") or marker not in ("", "@revoked"):
            continue
        yield _Line(number, marker, fields[0].split(","), " ".join(fields[:3]))


def _same(known: str, name: str) -> bool:
    """Compare a name of a known_hosts line, which may be hashed, with a host's."""
    from paramiko import HostKeys

    if not known.startswith("|1|"):
        return known.lower() == name
    try:
        return HostKeys.hash_host(name, known) == known
    except (ValueError, AssertionError, IndexError):
        return False
