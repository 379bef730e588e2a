"""The types of what the configuration says of releases, and what is unsound in it."""

from __future__ import annotations

import re
from typing import Iterator

from ..strict import Strict

_REFERENCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+./-]*")
_PREFIX = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_+./-]*)?")


class Release(Strict, frozen=True):
    """How a version is released.

    branch: the only one that is released from. prefix: what a tag's name has before the version.
    files: those that hold the version, by path, each with the text it stands in there, such as
    `__version__ = "{version}"`; "" is what is usual in a file of that name. changelog: the file in
    the form of Keep a Changelog, "" for none. review: whether every change has to be approved.
    draft: whether it is published on GitHub for its own people only. attachments: files that are
    published with it, by path, with * and the like.
    """

    branch: str = "main"
    prefix: str = "v"
    files: dict[str, str] = {}
    changelog: str = "CHANGELOG.md"
    review: bool = True
    draft: bool = False
    attachments: tuple[str, ...] = ()


def faults(release: Release) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key path, what was expected, and the value."""
    from ..sound import relative
    from .files import usual

    below = "a path relative to the project, without .."
    if not (_REFERENCE.fullmatch(release.branch) and relative(release.branch)):
        yield "branch", "the name of a branch", release.branch
    if not _PREFIX.fullmatch(release.prefix) or ".." in release.prefix:
        yield "prefix", "what a tag can begin with, such as v", release.prefix
    if release.changelog and not relative(release.changelog):
        yield "changelog", below, release.changelog
    for path in release.attachments:
        if not relative(path):
            yield "attachments", "a list of paths relative to the project, without ..", path
    for path, pattern in release.files.items():
        if not relative(path):
            yield "files", below, path
        elif pattern.count("{version}") != 1 and (pattern or not usual(path)):
            expected = "the text that the version stands in, with {version} once"
            yield f"files.{path}", expected, pattern
