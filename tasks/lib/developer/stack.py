"""The services beside the developer's own: what docker-compose.yml has, started and waited for."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple, Sequence

from .. import console, tools
from ..errors import NotClosed, Refused

# In the order in which Compose looks for them.
FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
LIMIT = 180.0  # seconds until the services have to be healthy
PAUSE = 0.5  # seconds between two looks
_ASKED = 30.0  # seconds that Docker may take for an answer
_FORMAT = '{"name": {{json .Name}}, "state": {{json .State}}}'


class Service(NamedTuple):
    """A container of the stack. said: "" where it is up, "starting", or else what is wrong."""

    name: str
    said: str


def file(root: Path) -> Path | None:
    """Return the project's Compose file, None without one."""
    return next((root / name for name in FILES if (root / name).is_file()), None)


def missing(root: Path) -> str:
    """Return what keeps the stack from being started, "" where nothing does."""
    if not file(root):
        return "there is no docker-compose.yml in this project yet"
    if not shutil.which("docker"):
        return "Docker is not installed"
    if not _compose(root):
        return "Docker Compose is not installed"
    told = _docker(root, "version", "--format", "{{.Server.Version}}")
    return "" if told.returncode == 0 else f"Docker's daemon doesn't answer: {_last(told.stderr)}"


def services(root: Path) -> tuple[Service, ...]:
    """Return the containers that the Compose file has made, and how each is. Raises Refused."""
    told = _run(root, (*_compose(root), "ps", "--all", "--quiet"))
    ids = told.stdout.split()
    if told.returncode or not ids:
        return ()
    told = _docker(root, "inspect", "--format", _FORMAT, *ids)
    found = (json.loads(line) for line in told.stdout.splitlines() if line.strip())
    return tuple(Service(each["name"].lstrip("/"), _said(each["state"])) for each in found)


def troubled(root: Path) -> str:
    """Return what of the stack is not up, "" where all of it is."""
    found = services(root)
    if not found:
        return "none of them was started"
    return ", ".join(f"{each.name} is {each.said}" for each in found if each.said)


def start(root: Path, limit: float = LIMIT) -> tuple[Service, ...]:
    """Start the stack and return its containers when they are up; limit: seconds for that.

    Raises NotClosed (kind "docker") with the log of one that stopped or didn't become healthy.
    """
    console.say("Starting the services of the Compose file …")
    ran = tools.run((*_compose(root), "up", "--detach"), root)
    if ran.code:
        raise NotClosed(
            "Docker Compose could not start the services: correct what it says above, then run "
            "`inv host --stack` again.",
            kind="docker",
        )
    until = time.monotonic() + limit
    while True:
        found = services(root)
        waiting = [each for each in found if each.said == "starting"]
        wrong = [each for each in found if each.said and each not in waiting]
        if wrong or (waiting and time.monotonic() > until):
            raise _unhealthy(root, wrong or waiting)
        if not waiting:
            return found
        time.sleep(PAUSE)


def _unhealthy(root: Path, wrong: Sequence[Service]) -> NotClosed:
    told = "; ".join(f"{each.name} is {each.said}" for each in wrong)
    log = _run(root, ("docker", "logs", "--tail", "20", wrong[0].name))
    return NotClosed(
        f"The services are not up ({told}): see their logs with "
        f"`docker logs {wrong[0].name}`, then run `inv host --stack` again.",
        kind="docker",
        evidence=f"{log.stdout}{log.stderr}".strip(),
    )


def _said(state: dict[str, object]) -> str:
    """Return what a container's state comes to (`docker inspect`, .State)."""
    health = state.get("Health")
    told = str(health.get("Status", "")) if isinstance(health, dict) else ""
    if state.get("Status") == "running":
        return told if told not in ("", "none", "healthy") else ""
    if state.get("Status") == "exited" and state.get("ExitCode") == 0:
        return ""  # one that had something to do and did it
    if state.get("Status") == "created":
        return "starting"
    return f"{state.get('Status')} (exit code {state.get('ExitCode')})"


def _compose(root: Path) -> tuple[str, ...]:
    """Return the command of Compose: Docker's plugin, or the program of its own before that."""
    if _docker(root, "compose", "version").returncode == 0:
        return ("docker", "compose")
    return ("docker-compose",) if shutil.which("docker-compose") else ()


def _docker(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return _run(root, ("docker", *words))


def _run(root: Path, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv, cwd=root, capture_output=True, text=True, timeout=_ASKED, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(
            f"Docker doesn't answer ({type(error).__name__}): run `docker version`.", kind="docker"
        ) from None


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"
