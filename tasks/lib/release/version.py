"""Which version is next. Pure: what it rests on is given, and semver has the arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Mapping, NamedTuple

from ..errors import Refused

if TYPE_CHECKING:
    from semver import Version

BUMPS = ("major", "minor", "patch")


class Asked(NamedTuple):
    """What the command line says: see the task's help. `force` is the reason.

    draft: whether what is published is for its own people only.
    """

    version: str = ""
    bump: str = ""
    pre: str = ""
    force: str = ""
    reviewed_by: str = ""
    draft: bool = False


class Known(NamedTuple):
    """What a next version has to fit to.

    released: versions in the history of what is released. taken: the tags of the clone and the
    remote, each with where it is. written: the version in each file that has a semantic one, which
    may be the next one already. suggested: what the commits say, with the prefix of tags.
    """

    released: tuple[Version, ...]
    taken: Mapping[str, str]
    written: Mapping[str, Version]
    suggested: str


def parse(text: str, prefix: str = "") -> Version:
    """Return the semantic version that `text` is, with or without `prefix`.

    Raises Refused (kind "version").
    """
    from semver import Version

    bare = text.removeprefix(prefix)
    try:
        return Version.parse(bare)
    except ValueError:
        raise Refused(
            f"{text!r} is not a semantic version (MAJOR.MINOR.PATCH, as {prefix}1.4.0 or"
            f" {prefix}1.4.0-rc.1): `git tag --list '{prefix}*'` shows those that exist.",
            kind="version",
        ) from None


def sound(asked: Asked, prefix: str) -> None:
    """Raise Refused (kind "version") where what is asked for is no version, or contradicts
    itself."""
    if asked.version:
        parse(asked.version, prefix)
    for name, text in (("--force", asked.force), ("--reviewed-by", asked.reviewed_by)):
        if text and not text.strip():
            raise Refused(f"{name} is blank: say why, or who, since the tag keeps it.")
    if asked.version and (asked.bump or asked.pre):
        raise Refused("--version says it all: leave out --bump and --pre.", kind="version")
    if asked.bump and asked.bump not in BUMPS:
        raise Refused(
            f"--bump should be {', '.join(BUMPS[:-1])} or {BUMPS[-1]}, not {asked.bump!r}:"
            " `inv release --help`.",
            kind="version",
        )
    if asked.pre and not (asked.pre.isascii() and asked.pre.isalpha()):
        raise Refused(
            f"--pre should be a word such as rc, not {asked.pre!r}: `inv release --help`.",
            kind="version",
        )


def versions(tags: Iterable[str], prefix: str) -> dict[str, Version]:
    """Return the tags that are releases, the oldest version first, each with its version."""
    from semver import Version

    found = {
        tag: Version.parse(tag.removeprefix(prefix))
        for tag in tags
        if tag.startswith(prefix) and Version.is_valid(tag.removeprefix(prefix))
    }
    return dict(sorted(found.items(), key=lambda item: item[1]))


def final(found: Iterable[Version]) -> Version | None:
    """Return the highest version that is no pre-release."""
    return max((each for each in found if not each.prerelease), default=None)


def following(asked: Asked, known: Known, prefix: str) -> Version:
    """Return the version to release.

    asked: as `sound` has found it. Raises Refused (kind "version" or "taken") where what is asked
    for exists or goes backwards.
    """
    if asked.version:
        new = parse(asked.version, prefix)
    else:
        new = _target(asked, known, prefix)
        new = _candidate(new, asked.pre, known, prefix) if asked.pre else new
    _free(new, known, prefix)
    return new


def label(version: Version) -> str:
    """Return what kind of pre-release it is: `rc` of 1.4.0-rc.2, "" for none."""
    return (version.prerelease or "").split(".")[0]


def _target(asked: Asked, known: Known, prefix: str) -> Version:
    """Return the final version that the way leads to."""
    from semver import Version

    last, nothing = final(known.released), Version(0)
    written = max(known.written.values(), default=nothing).finalize_version()
    if asked.bump:
        base = last or written
        return Version.parse(str(getattr(base, f"bump_{asked.bump}")()))
    if not last and written > nothing:
        return written  # never released: what the files say has waited for it
    begun = max(known.released, default=nothing)  # a pre-release promised its version
    return max(parse(known.suggested, prefix), begun.finalize_version(), written)


def _candidate(target: Version, word: str, known: Known, prefix: str) -> Version:
    numbers = [
        int(parts[1])
        for each in versions(known.taken, prefix).values()
        if each.finalize_version() == target
        and len(parts := (each.prerelease or "").split(".")) == 2
        and parts[0] == word
        and parts[1].isdigit()
    ]
    return target.replace(prerelease=f"{word}.{max(numbers, default=0) + 1}")


def _free(new: Version, known: Known, prefix: str) -> None:
    if place := known.taken.get(f"{prefix}{new}"):
        raise Refused(
            f"The tag {prefix}{new} exists already ({place}), and a version never moves: take the"
            " next one, `inv release`.",
            kind="taken",
        )
    last = max(known.released, default=None)
    if last and new <= last:
        raise Refused(
            f"{prefix}{new} would go backwards: {prefix}{last} is released; `inv release` takes"
            " the next one.",
            kind="version",
        )
    for path, written in known.written.items():
        # A candidate of what a file says already is on its way there.
        if new.finalize_version() < written.finalize_version():
            raise Refused(
                f"{prefix}{new} would go backwards: {path} says {written} already.", kind="version"
            )
