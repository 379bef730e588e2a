"""GitHub, as far as a release needs it: where the remote is elsewhere, nothing of it is asked."""

from __future__ import annotations

from pathlib import Path


def repository(root: Path, remote: str) -> str:
    """Return the repository's name on GitHub, "" where the remote is elsewhere."""
    return ""


def unreviewed(root: Path, repository: str, since: str, until: str) -> list[str]:
    """Return what nobody has approved of, in words."""
    return []


def missing(root: Path) -> str:
    """Return what keeps GitHub from being asked, "" for nothing."""
    return ""


def lacking(root: Path, repository: str, version: str) -> str:
    """Return what is wrong with the published release, "" for nothing."""
    return ""
