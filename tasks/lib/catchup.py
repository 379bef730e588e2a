"""Hosts that lack a release which closed on the others: it is made again there, from this clone.

As it is on the others: the same release id, manifest and files, whose tree git has to have. What is
a host's own stays so: its environment file, its shared paths, its venv.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Mapping, Sequence

from msgspec import structs

from . import upload
from .errors import Refused
from .fleet import Fleet, Member
from .git import Git
from .hostlist import counted
from .parcel import Parcel
from .session import Value
from .server.settings import Resources
from .settings import Environment
from .source import Source

OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What a host finds out by itself when it makes a release complete, and its own name.
OWN = ("adapter", "interpreter", "venv", "host")
# What releases from before lack, as hosts read it.
BEFORE = {"standby": False, "environment": "", "resources": structs.asdict(Resources())}


def bring(
    fleet: Fleet,
    environment: Environment,
    root: Path,
    remote: str,
    whole: Sequence[Member],
    lacking: Sequence[Member],
    release: str,
) -> None:
    """Make `release` complete on the hosts that lack it, as it is on those that have it whole.

    root: the clone; remote: where it could be fetched from. Raises Refused where this clone can't
    make it, HostErrors where a host can't. Nothing that is live is touched.
    """
    limit = environment.limits.step
    manifest = agreed(fleet.call("manifest", limit, whole, release=release))
    names = counted([member.name for member in lacking])
    source = found(Git(root), manifest, remote, environment.name, names)
    with Parcel(root, source, (), manifest["directory"]) as parcel:
        ids = [upload.identifiers(parcel)]
        facts = fleet.each(lambda m: m.session.call("facts", limit, blob=ids), lacking)
        missing = {name: fact["missing"] for name, fact in facts.items()}
        upload.stage(fleet, lacking, environment, parcel, missing, manifest, again=True)


def agreed(manifests: Mapping[str, Value]) -> Value:
    """Return what all hosts say of the release, but what is each one's own.

    One host alone is not believed against another. Raises Refused.
    """
    said = [{k: v for k, v in {**BEFORE, **m}.items() if k not in OWN} for m in manifests.values()]
    if any(each != said[0] for each in said):
        raise Refused(
            f"The hosts {', '.join(manifests)} don't have the same under the name of"
            f" {said[0].get('release')}: look at its .release.json there.",
            kind="damaged",
        )
    return said[0]


def found(git: Git, manifest: Value, remote: str, environment: str, lacking: str) -> Source:
    """Return the release's source in this clone. Raises Refused where it isn't the same here."""
    commit, tree, version = (str(manifest.get(key)) for key in ("commit", "tree", "version"))
    what = f"{version} ({commit[:7]}), which {lacking} would have to get from this clone"
    if not OBJECT.fullmatch(commit) or not OBJECT.fullmatch(tree):
        raise Refused(f"The hosts name no commit of {what}.", kind="damaged")
    try:
        git("cat-file", "-e", f"{commit}^{{commit}}", fetch=False)
    except Refused:
        shallow = git("rev-parse", "--is-shallow-repository").strip() == b"true"
        words = f"--unshallow {remote}" if shallow else f"{remote} {commit}"
        raise Refused(
            f"This clone has no commit of {what}: `git fetch {words}`, then roll back again.",
            kind="version",
        ) from None
    ours = git("rev-parse", f"{commit}^{{tree}}").decode().strip()
    if ours != tree:
        raise Refused(
            f"{version} ({commit[:7]}) was deployed with files that git doesn't have (`include`),"
            f" so {lacking} can't get it from this clone. Put it up again as a new release:"
            f" `inv deploy --env={environment} --version={version}`.",
            kind="version",
        )
    return Source(version, commit, tree, False, (), "")
