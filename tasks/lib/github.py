"""GitHub, as far as a release needs it: which repository it is, and the release as it shows it.

https://docs.github.com/en/rest has the paths and what they answer.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple, Sequence
from urllib.parse import quote, urlsplit

import msgspec

from .errors import Refused
from .gh import Gh
from .git import Git

_NAME = re.compile(r"/?([\w.-]+/[\w.-]+?)(\.git)?/?", re.ASCII)
_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^@/:]+):(?P<path>[^/].*|/[^/].*)")
_WEB = ("http", "https", "git")
# A file of another name is renamed when it is attached.
_ATTACHED = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.+-]*[A-Za-z0-9_+-])?")


def repository(root: Path, remote: str) -> str:
    """Return what gh calls the repository behind a git remote, HOST/OWNER/NAME; "" where it is
    neither on github.com nor on GH_HOST.

    remote: a name or an address, and what git makes of it (`url.*.insteadOf`). Raises Refused.
    """
    url = Git(root)("ls-remote", "--get-url", "--end-of-options", remote).decode().strip()
    place, port, path, ssh = _parts(url)
    name = _NAME.fullmatch(path)
    own = os.environ.get("GH_HOST", "").lower()
    if not (place and name):
        return ""
    for host in filter(None, ("github.com", own)):
        alike = host.partition(":")[0] if ssh else host
        if (place if ssh else f"{place}{port}") == alike:
            return f"{host}/{name[1]}"
    return ""


def _parts(url: str) -> tuple[str, str, str, bool]:
    """Return host, ":port" or "", path, and whether it is reached by SSH; what is no such address
    has no host."""
    if "://" not in url:
        found = _SCP.fullmatch(url)
        return (_known(found["host"]), "", found["path"], True) if found else ("", "", "", False)
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), f":{parts.port}" if parts.port else ""
    except ValueError:
        return "", "", "", False
    if parts.scheme in ("ssh", "git+ssh", "ssh+git"):
        return _known(host), "", parts.path, True
    if parts.scheme not in _WEB:
        return "", "", "", False
    return "github.com" if host == "www.github.com" else host, port, parts.path, False


def _known(host: str) -> str:
    """Return the host that ssh connects to for this name: it may be one of the user's own making
    (ssh_config(5), HostName), and GitHub has a second for where port 22 is closed."""
    host = host.lower()
    if "." not in host and not host.startswith("-"):
        try:
            argv = ["ssh", "-G", host]
            said = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return host
        lines = (line.partition(" ") for line in said.stdout.splitlines())
        host = next((value for key, _, value in lines if key == "hostname"), host).lower()
    return "github.com" if host == "ssh.github.com" else host


def missing(root: Path, repository: str) -> str:
    """Return "" where gh is there and has a login for the repository's host, else a clause that
    names the command."""
    return Gh(root, repository).missing()


class Asset(msgspec.Struct):
    """An attached file, as the API tells it. digest: only newer servers have it."""

    id: int
    name: str
    size: int
    state: str
    digest: str | None = None


class Release(msgspec.Struct):
    """A release, as the API tells it."""

    id: int
    tag_name: str
    html_url: str
    upload_url: str
    draft: bool
    prerelease: bool
    name: str | None = None
    body: str | None = None
    assets: list[Asset] = []


class Object(msgspec.Struct):
    """What a reference stands for."""

    sha: str


class Reference(msgspec.Struct):
    """A reference of git, as the API tells it."""

    object: Object


class Draft(NamedTuple):
    """A release as it is to be on GitHub.

    version: its tag. notes: in Markdown. draft: whether it is left for somebody to publish; what is
    published stays so. latest: whether it is the one that is shown first. attachments: files, as
    globs from the project's directory.
    """

    version: str
    title: str
    notes: str
    draft: bool = False
    prerelease: bool = False
    latest: bool = True
    attachments: tuple[str, ...] = ()


def attachments(root: Path, patterns: Sequence[str]) -> tuple[Path, ...]:
    """Return the files that globs stand for; hidden ones only where a glob says so.

    Raises Refused, with a clause, for one that fits no file and for files that GitHub would not
    take as they are.
    """
    found: dict[str, Path] = {}
    for pattern in patterns:
        fitting = [root / each for each in glob.glob(pattern, root_dir=root, recursive=True)]
        files = [each for each in fitting if each.is_file()]
        if not files:
            raise Refused(f"no file fits {pattern}", kind="attachments")
        for file in files:
            if not _ATTACHED.fullmatch(file.name):
                why = f"GitHub would rename {file.name!r}: letters, digits and _ . + - stay"
                raise Refused(why, kind="attachments")
            if found.setdefault(file.name, file) != file:
                raise Refused(f"two files are called {file.name}", kind="attachments")
    return tuple(found[name] for name in sorted(found))


def publish(root: Path, repository: str, draft: Draft) -> Release:
    """Bring the release on GitHub to what `draft` says, and return it. Safe to repeat.

    It stays a draft, which nobody sees, until all is attached. Raises Refused (kinds: see `gh`),
    also where an attachment is missing here, and where GitHub doesn't have the tag that this clone
    has: it would make one of its own.
    """
    files = attachments(root, draft.attachments)
    gh = Gh(root, repository)
    _same_tag(gh, draft.version)
    wanted = {"name": draft.title, "body": draft.notes, "prerelease": draft.prerelease}
    found = _found(gh, draft.version)
    if found is None:
        new = {"tag_name": draft.version, "draft": True, **wanted}
        found = gh.api("releases", Release, method="POST", body=new)
    _attach(gh, found, files)
    wanted["draft"] = draft.draft and found.draft
    if any(_plain(getattr(found, name)) != _plain(value) for name, value in wanted.items()):
        if not (wanted["draft"] or draft.prerelease):  # neither can be the latest
            wanted["make_latest"] = str(draft.latest).lower()
        found = gh.api(f"releases/{found.id}", Release, method="PATCH", body=wanted)
    return found


def _plain(value: Any) -> Any:
    """Return what is told with line ends as they are here: a browser writes others."""
    value = "" if value is None else value
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else value


def _same_tag(gh: Gh, tag: str) -> None:
    own = Git(gh.root)("rev-parse", "--verify", "--end-of-options", f"refs/tags/{tag}")
    try:
        there = gh.api(f"git/ref/tags/{quote(tag)}", Reference).object.sha
    except Refused as error:
        if error.kind != "absent":
            raise
        there = ""
    if there != own.decode().strip():
        lacks = "has another tag" if there else "has no tag"
        raise Refused(f"{gh.host} {lacks} {tag} in {gh.name}: `inv release --check`", kind="tag")


def _found(gh: Gh, tag: str) -> Release | None:
    """Return the release of a tag, a draft where there is no other; None for none."""
    try:
        return gh.api(f"releases/tags/{quote(tag)}", Release)
    except Refused as error:
        if error.kind != "absent":
            raise
    return next((each for each in gh.listed("releases", Release) if each.tag_name == tag), None)


def _attach(gh: Gh, release: Release, files: Sequence[Path]) -> None:
    """Attach what is missing, half there or of another content; what else is attached stays."""
    there = {each.name: each for each in release.assets}
    for file in files:
        old = there.get(file.name)
        if old and _same(gh, old, file):
            continue
        if old:
            gh.delete(f"releases/assets/{old.id}")
        url = release.upload_url.partition("{")[0]
        gh.upload(f"{url}?name={quote(file.name)}", file)


def _same(gh: Gh, asset: Asset, file: Path) -> bool:
    if asset.state != "uploaded" or asset.size != file.stat().st_size:
        return False
    with file.open("rb") as content:
        own = hashlib.file_digest(content, "sha256").hexdigest()
    if asset.digest:
        return asset.digest == f"sha256:{own}"
    there = gh.content(f"releases/assets/{asset.id}")  # an older server: look for oneself
    return hashlib.sha256(there).hexdigest() == own


def published(root: Path, repository: str, version: str) -> Release | None:
    """Return the release of the tag `version` where everybody sees it. Raises Refused."""
    found = _found(Gh(root, repository), version)
    return found if found and not found.draft else None


def lacking(root: Path, repository: str, version: str, draft: bool = False) -> str:
    """Return what the release of the tag `version` lacks on GitHub, "" for nothing.

    draft: whether one that nobody has published yet will do. Raises Refused.
    """
    gh = Gh(root, repository)
    found = _found(gh, version)
    if found is None:
        return f"{gh.name} has no release {version} on {gh.host}"
    if found.draft and not draft:
        return f"{version} is only a draft on {gh.host}"
    half = [each.name for each in found.assets if each.state != "uploaded"]
    return f"of {version} {', '.join(half)} did not arrive whole on {gh.host}" if half else ""
