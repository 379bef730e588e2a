"""Projects that nobody here wrote: source distributions of well-known ones, with these recipes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

import pytest
import yaml

from .project import GIT, ROOT

# Small, with their tests in the source distribution; version and SHA-256 of its archive.
KNOWN = {
    "click": ("8.3.1", "12ff4785d337a1bb490bb7e9c2b1ee5da3112e94a8622f26a6c77f5d2fc6842a"),
    "itsdangerous": ("2.2.0", "e0050c0b7da1eea53ffaf149c0cfbb5c6e2e2b69c4bef22c81fa6eb73e5f6173"),
    "markupsafe": ("3.0.4", "2e9ad7dd851bf45fab9f75cbff4cb493fee9979e8d8c7c9c3ee119022518edd6"),
}

# Applications, for what needs one: a FastAPI, a Flask and a Django project.
APPLICATIONS = {
    "meeting_roles": ("0.1.0", "e00d062a5806394715aa30a0c5af85828e2289089d2120bdda110a3198643642"),
    "httpbin": ("0.10.4", "6023a5a2e8fb8e91abdd6d34d1f1f455092f97d567c25600e1b48ee1178aa738"),
    "django_debug_toolbar": (
        "8.0.0",
        "cae32d3e441e608f39f3f1ca6b3f028c38d5d04d74c98d8ab96d46022dee3163",
    ),
}


@dataclass
class Foreign:
    """A repository at `root` with one commit; its tools are those of the tests' own Python."""

    root: Path

    def configure(self, **said: Any) -> None:
        """Write invoke.yaml: `said` by section, beside the name of the app. Nothing is committed:
        git has been told to ignore what these recipes put there."""
        (self.root / "invoke.yaml").write_text(yaml.safe_dump({"app": "foreign", **said}))

    def inv(
        self, *words: str, env: Mapping[str, str] | None = None, timeout: float = 90
    ) -> subprocess.CompletedProcess[str]:
        """Run `inv words…` to its end; its output is text."""
        return subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.root,
            env=variables(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )


def variables(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our variables without those that tell Invoke, pytest or coverage how to run, and
    `more`: what is run there is nothing of ours."""
    own = ("INVOKE_", "PYTEST_", "COVERAGE_PROCESS_")
    return {k: v for k, v in os.environ.items() if not k.startswith(own)} | dict(more or {})


def foreign(name: str, directory: Path) -> Foreign:
    """Return the project `name` of KNOWN in `directory`/`name`, made a repository with our tasks.

    Its archive is downloaded once for this user and checked against its hash whenever it is used.
    """
    root = unpacked(name, directory)
    ours = ("tasks.py", "tasks")
    for part in ours:
        (root / part).symlink_to(ROOT / part)
    (root / ".venv").symlink_to(sys.prefix)
    subprocess.run([*GIT, "init", "-q", "-b", "main"], cwd=root, check=True)
    ignored = "\n".join((*ours, "invoke.yaml", ".circle", ".venv", "__pycache__", ""))
    (root / ".git" / "info" / "exclude").write_text(ignored)
    made = Foreign(root)
    made.configure()
    for words in (("add", "-A"), ("commit", "-q", "-m", "As released")):
        subprocess.run([*GIT, *words], cwd=root, check=True)
    return made


def unpacked(name: str, directory: Path) -> Path:
    """Return `directory`/`name`, which has what the archive of that project has."""
    directory.mkdir(parents=True, exist_ok=True)
    with tarfile.open(_archive(name)) as archive:
        archive.extractall(directory, filter="data")
        (directory / archive.getnames()[0].split("/")[0]).rename(directory / name)
    return directory / name


def _archive(name: str) -> Path:
    version, digest = {**KNOWN, **APPLICATIONS}[name]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "circle-of-closure"
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"{name}-{version}.tar.gz"
    with open(cache / "lock", "w") as lock:  # tests may run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (path.is_file() and _digest(path) == digest):
            _download(f"{name}=={version}", digest, cache)
    assert _digest(path) == digest
    return path


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _download(asked: str, digest: str, directory: Path) -> None:
    (directory / "asked.txt").write_text(f"{asked} --hash=sha256:{digest}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-binary", ":all:", "--no-deps"]
    said = ["--disable-pip-version-check", "--require-hashes", "--requirement", "asked.txt"]
    done = subprocess.run(
        [*pip, *said], cwd=directory, env=variables(), capture_output=True, text=True, timeout=110
    )
    if done.returncode:
        pytest.skip(f"{asked} can't be downloaded: {done.stderr.strip().splitlines()[-1:]}")
