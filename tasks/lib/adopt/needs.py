"""What an application is installed with: found in its files, and locked by uv.

uv (https://docs.astral.sh/uv/pip/compile/) reads requirements files and pyproject.toml alike, locks
for every platform at once, and runs none of the application's code where its dependencies are
written down.
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence

from .. import tools
from ..errors import Refused

SERVICE = "requirements-service"
TOOLS = "requirements-tools"
OWN = "tasks/requirements.txt"
ASKED = "tasks/requirements.in"  # what that is made of

# Where requirements usually are, the likeliest first; .in is what .txt was made of.
_FILES = (
    "requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/base.txt",
    "requirements.in",
    "requirements/base.in",
)
_DEVELOP = (
    "requirements-dev.txt",
    "dev-requirements.txt",
    "requirements_dev.txt",
    "requirements/dev.txt",
    "requirements/test.txt",
    "test-requirements.txt",
)
_PROJECTS = ("pyproject.toml", "setup.cfg", "setup.py")
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")
_PARTS = ("dev", "test", "tests", "testing")
LIMIT = 300.0  # seconds: a package that is built takes long
_CHECKS = ("black", "flake8", "pytest", "pytest-cov")


class Needs(NamedTuple):
    """What is to be locked, and with what held.

    sources: files of the repository that name what the service needs. develop: the same for its
    tests; parts: options of uv for them. pinned: `name==version` of locks that pip can't read.
    """

    sources: tuple[str, ...]
    develop: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()


def find(root: Path) -> Needs:
    """Return what the repository at `root` says of its requirements; () where it says nothing."""
    sources = [name for name in _FILES if (root / name).is_file()][:1]
    project = toml(root / "pyproject.toml")
    complete = "project" in project or "poetry" in project.get("tool", {})
    projects = [name for name in _PROJECTS if (root / name).is_file()]
    projects = [name for name in projects if name != "pyproject.toml" or complete]
    develop = [name for name in _DEVELOP if (root / name).is_file()][:1]
    pinned = sorted(pin for name in _LOCKS for pin in pins(toml(root / name)))
    pinned += _pipenv(root / "Pipfile.lock")
    if not sources:
        sources = projects[:1]
    parts = _parts(project) if projects[:1] == ["pyproject.toml"] and not develop else ()
    return Needs(
        tuple(sources),
        tuple(develop or (["pyproject.toml"] if parts else [])),
        parts,
        tuple(pinned),
    )


def _parts(project: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the options that choose what its tests need: extras and groups of usual names."""
    extras = project.get("project", {}).get("optional-dependencies", {})
    groups = project.get("dependency-groups", {})
    options = [f"--extra={each}" for each in _PARTS if each in extras]
    return tuple(options + [f"--group={each}" for each in _PARTS if each in groups])


def checks(root: Path, django: bool) -> list[str]:
    """Return the packages that the code is checked with."""
    hooks = ["pre-commit"] if (root / ".pre-commit-config.yaml").is_file() else []
    return [*_CHECKS, *(["pytest-django"] if django else []), *hooks]


def toml(file: Path) -> dict[str, Any]:
    """Return what a TOML file says, {} where there is none that can be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def pins(lock: Mapping[str, Any]) -> list[str]:
    """Return `name==version` of each package that a lock (uv's, Poetry's) has one version of."""
    versions: dict[str, set[str]] = {}
    for each in lock.get("package", lock.get("packages", [])):
        local = {"editable", "virtual", "directory"} & set(each.get("source", {}) or {})
        if isinstance(each, dict) and each.get("version") and not local:
            versions.setdefault(str(each["name"]), set()).add(str(each["version"]))
    return sorted(f"{name}=={one}" for name, (one, *more) in versions.items() if not more)


def _pipenv(file: Path) -> list[str]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))["default"]
        return sorted(
            f"{name}{each['version']}" for name, each in told.items() if "version" in each
        )
    except (OSError, ValueError, KeyError, TypeError):
        return []


def names(lock: str) -> frozenset[str]:
    """Return the packages of a requirements file, by their normal names."""
    found = re.findall(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)", lock, re.MULTILINE)
    return frozenset(re.sub(r"[-_.]+", "-", name).lower() for name in found)


def text(purpose: str, file: str, sources: Sequence[str], more: Sequence[str], how: str) -> str:
    """Return a file of requirements: what it includes, and packages beside it.

    purpose: a sentence. file: its name without the ending. how: the command that locks it again.
    """
    included = [f"-r {each}" for each in sources if each.endswith((".txt", ".in"))]
    lines = [f"# {purpose}", f"# {file}.txt is made of it by", f"#   {how}", *included, *more]
    return "\n".join(lines) + "\n"


def command(sources: Sequence[str], file: str, held: Sequence[str], parts: Sequence[str]) -> str:
    """Return the command that locks `file`.in, as it can be pasted."""
    projects = [each for each in sources if not each.endswith((".txt", ".in"))]
    words = ["uv pip compile --universal --generate-hashes --no-emit-index-url", *parts, *projects]
    return " ".join([*words, f"{file}.in", *(f"-c {each}" for each in held), f"-o {file}.txt"])


def program(root: Path) -> Path:
    """Return uv, of this clone's .venv or of PATH. Raises Refused."""
    found = tools.find(root, "uv")
    if not found:
        raise Refused(
            "uv, which locks what it needs, is missing: run `scripts/setup --dev` here.",
            kind="uv",
        )
    return found


def lock(
    uv: Path,
    root: Path,
    asked: str,
    sources: Sequence[str],
    held: Sequence[Path],
    parts: Sequence[str],
) -> str:
    """Return the lock, with hashes, of requirements and of what `sources` name.

    root: a copy of the repository, in which packages may be built. asked: the requirements, as the
    text of a file at its top. held: files of versions to keep to. Raises Refused (kind "lock").
    """
    from ..developer import venv

    projects = [each for each in sources if not each.endswith((".txt", ".in"))]
    argv = [str(uv), "pip", "compile", "--universal", "--generate-hashes", "--no-emit-index-url"]
    argv += ["--no-header", "--no-annotate", "--quiet", "--python-version"]
    argv += [venv.dotted(venv.OLDEST), *parts, *projects, "-"]
    argv += [word for each in held for word in ("-c", str(each))]
    try:
        done = subprocess.run(
            argv, cwd=root, input=asked, capture_output=True, text=True, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        raise Refused(
            f"uv had not locked it after {LIMIT:g} seconds: see that the package index answers.",
            kind="lock",
        ) from None
    if done.returncode:
        raise Refused(
            "What the application needs can't be locked as it is written down: mend that, "
            "or name files that can with --requirements.",
            kind="lock",
            evidence=done.stderr.strip()[-2000:],
        )
    return done.stdout
