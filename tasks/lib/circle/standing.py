"""Where a commit stands: of each phase what is known, by this clone's journal and by tags.

    found = standing(root, commit, settings.release)
    found["lint"].state                              # "closed", "troubled", "left", "none"
    found["deploy"].environments["staging"].state    # the same, of one environment

`inv circle.status` adds what the hosts' journals say; see `hosts`.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Iterable, Mapping, NamedTuple, Sequence

from .. import evidence, journal

if TYPE_CHECKING:
    from ..release.settings import Release

PHASES = (
    "lint",
    "host",
    "test",
    "preaggregate",
    "release",
    "deploy",
    "rollback",
    "monitor",
    "visualize",
    "alert",
)
# What is said of code is said of every commit that has the same, as one that only names a version.
OF_CODE = PHASES[: PHASES.index("release")]

CLOSED, TROUBLED, LEFT, NONE = "closed", "troubled", "left", "none"
ABBREVIATED = 7  # characters of a commit that a release's id has


class Stand(NamedTuple):
    """What is known of one phase, the newest.

    state: CLOSED, TROUBLED (ran and did not close), LEFT (deployed, and rolled back from since) or
    NONE (nothing is known). at: when it ended, UTC, RFC 3339; "" where that isn't known. who:
    user@host. seconds: how long it took, None where that isn't known. environment: "" for none.
    source: "journal", a tag, or hosts. why: of what did not close, in a sentence; of what was
    forced, past which gates and the reason. release: of a deploy or rollback. environments: the
    same for each environment that something is known of.
    """

    state: str = NONE
    at: str = ""
    who: str = ""
    seconds: float | None = None
    environment: str = ""
    source: str = ""
    why: str = ""
    release: str = ""
    environments: Mapping[str, Stand] = MappingProxyType({})

    @property
    def closed(self) -> bool:
        """Whether it closed, and nothing newer says otherwise."""
        return self.state == CLOSED


def standing(root: Path, commit: str, release: Release | None = None) -> dict[str, Stand]:
    """Return of each of PHASES, in the circle's order, what is known of it for `commit`.

    root: the project's directory. commit: a full hash. release: the configuration of releases, by
    which commits that share their code are told (None: its defaults). The newest line that says
    anything decides, as in `evidence`; what the journal knows nothing of, a tag's trailers may.
    Raises Refused where git fails.
    """
    return stands(root, commit, release).stands


class Known(NamedTuple):
    """What is known of a commit. newer: how many lines of the journal that mention it a newer
    version of the recipes wrote, which this one can't read."""

    stands: dict[str, Stand]
    newer: int


def stands(root: Path, commit: str, release: Release | None = None) -> Known:
    """Return `standing`, and what could not be read for it. Raises Refused."""
    from ..release import lineage
    from ..release.settings import Release as Defaults

    about = release or Defaults()
    row = lineage.commits(root, about, commit)
    read = journal.content(journal.where(root), [each[:ABBREVIATED] for each in row])
    return Known(with_tags(root, row, told(read.entries, row), about.prefix), read.newer)


def told(entries: Sequence[Mapping[str, Any]], row: Sequence[str]) -> dict[str, Stand]:
    """Return what a journal's entries say of each phase; row: the commit, and before it, nearest
    first, those that it shares its code with."""
    found = {}
    for phase in PHASES:
        lines: list[Mapping[str, Any]] = []
        for commit in row if phase in OF_CODE else row[:1]:
            lines = [e for e in entries if _about(e, phase, commit)]
            if lines:
                break
        found[phase] = stand(lines, entries)
    return found


def stand(lines: Sequence[Mapping[str, Any]], entries: Sequence[Mapping[str, Any]]) -> Stand:
    """Return what the lines of one phase say, the oldest first; entries: all there are, in which a
    rollback from what they deployed is looked for."""
    each = [_said(line, entries) for line in lines]
    environments = {one.environment: one for one in each if one.environment}
    return each[-1]._replace(environments=environments) if each else Stand()


def _about(entry: Mapping[str, Any], phase: str, commit: str) -> bool:
    return (entry.get("phase"), entry.get("commit")) == (phase, commit) and evidence.tells(entry)


def _said(line: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> Stand:
    detail, seconds = evidence.detail(line), line.get("seconds")
    state = CLOSED if line.get("outcome") == "closed" else TROUBLED
    if state == CLOSED and line.get("phase") == "deploy" and _left(line, entries):
        state = LEFT
    return Stand(
        state,
        str(line.get("at") or ""),
        str(line.get("who") or ""),
        float(seconds) if isinstance(seconds, (int, float)) else None,
        evidence.environment(line),
        "journal",
        str(detail.get("error", "")) if state == TROUBLED else forced(detail),
        str(detail.get("release") or ""),
    )


def forced(said: Mapping[str, Any]) -> str:
    """Return past which gates something was forced, and why; "" where it was not.

    said: the detail of a line, or a run as the hosts' journals tell of it.
    """
    gates, reason = said.get("forced"), said.get("reason")
    if not isinstance(gates, list) or not gates:
        return ""
    return f"forced past {', '.join(map(str, gates))}: {reason or 'no reason was given'}"


def _left(line: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a later rollback left what a line deployed, and nothing has gone back to it."""
    release, where = evidence.detail(line).get("release"), evidence.environment(line)
    left = False
    after = entries[next(at for at, each in enumerate(entries) if each is line) + 1 :]
    for entry in after:
        said = evidence.detail(entry)
        rolled = (entry.get("phase"), entry.get("outcome")) == ("rollback", "closed")
        if rolled and evidence.environment(entry) == where and release:
            if release in (said.get("from"), said.get("release")):
                left = said.get("from") == release
    return left


def with_tags(
    root: Path, row: Sequence[str], found: Mapping[str, Stand], prefix: str
) -> dict[str, Stand]:
    """Return `found` with what the tags on the commits say of what nothing else is known of, or
    nothing newer: that is how a machine without the journal of the release sees it.

    prefix: what a version's tag begins with. Raises Refused.
    """
    by, more = _tags(root, row), dict(found)
    for phase in OF_CODE:
        own = found[phase]
        since = own.at if own.state == TROUBLED else ""
        if not own.closed and (said := evidence.carried(root, phase, by, since)):
            value, _, tag = said.rpartition(", as ")
            at = value.partition(" ")[2]
            more[phase] = Stand(CLOSED, at, source=tag.removesuffix(" says"))
    here = [tag for tag, each in by.items() if each.commit == row[0]]
    versions = [tag for tag in here if _version(tag, prefix)]
    if versions and more["release"].state in (NONE, TROUBLED):
        tag = versions[-1]
        more["release"] = Stand(CLOSED, by[tag].at, by[tag].who, source=tag, release=tag)
    return more


class _Tag(NamedTuple):
    commit: str
    at: str
    who: str


def _tags(root: Path, row: Iterable[str]) -> dict[str, _Tag]:
    """Return the annotated tags on the commits, the oldest first."""
    from ..git import Git

    form = (
        "%(objecttype)%00%(*objectname)%00%(refname:strip=2)%00%(taggername)%00%(taggerdate:unix)"
    )
    points = [f"--points-at={commit}" for commit in row]
    listed = Git(root)(
        "for-each-ref", "--sort=taggerdate", f"--format={form}", *points, "refs/tags"
    )
    found = {}
    for line in listed.decode("utf-8", "surrogateescape").split("\n")[:-1]:
        kind, commit, name, who, at = line.split("\0")
        if kind == "tag":
            found[name] = _Tag(commit, _moment(at), who)
    return found


def _moment(seconds: str) -> str:
    from ..moment import iso

    return iso(float(seconds)) if seconds else ""


def _version(tag: str, prefix: str) -> bool:
    from ..release.version import versions

    return bool(versions([tag], prefix))
