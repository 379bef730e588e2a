"""How Docker Compose is called, v2 or 1.29, on this machine or by whoever stands in for it."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Mapping, NamedTuple, Protocol, Sequence

from .. import tools
from ..errors import Refused
from . import ports

# In the order in which Compose looks for them.
FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_ASKED = 30.0  # seconds that Docker may take for an answer


class Done(NamedTuple):
    """What a command did: its exit code, and both its streams."""

    code: int
    out: str
    err: str


class Place(Protocol):
    """Where a stack runs: this machine (`Here`), or a host (`telemetry.remote`).

    name: for the reader. asks: by service, the URL that answers 200 while it is well, for those
    whose image can't ask itself.
    """

    @property
    def name(self) -> str: ...

    @property
    def asks(self) -> Mapping[str, str]: ...

    @property
    def words(self) -> tuple[str, ...]:
        """The command of Compose, () without one."""

    def run(self, *argv: str) -> Done:
        """Run a command there and keep what it says. Raises Refused (kind "docker")."""

    def shown(self, *argv: str) -> int:
        """Run a command there, show its lines as they come, and return its exit code."""

    def holder(self, port: int) -> str:
        """Return words for who listens on `port` there, "" where it is free."""

    def lacks(self) -> str:
        """Return why there is nothing to start there, "" where there is a Compose file."""

    def unreadable(self, mounts: Sequence[Mount]) -> str:
        """Return what of the files that are mounted there the containers can't read, "" if none."""


class Mount(NamedTuple):
    """A file or directory of the machine's own that a service is given."""

    service: str
    path: str


class Here:
    """The project's stack on this machine.

    variables: laid over our own environment for Compose, as ports. asks: see Place.
    """

    name = "this machine"

    def __init__(
        self,
        root: Path,
        variables: Mapping[str, str] | None = None,
        asks: Mapping[str, str] | None = None,
    ) -> None:
        self.root, self.asks = root, dict(asks or {})
        self._variables = dict(variables or {})

    def told(self, more: Mapping[str, str]) -> Here:
        """Return the same, told more variables."""
        return Here(self.root, {**self._variables, **more}, self.asks)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Docker's plugin, or the program of its own before that."""
        return compose_words(self.run)

    def run(self, *argv: str) -> Done:
        """See Place."""
        env = tools.environment(self.root, self._variables)
        try:
            done = subprocess.run(
                argv,
                cwd=self.root,
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_ASKED,
                errors="replace",
            )
        except FileNotFoundError:
            return Done(127, "", f"{argv[0]} is not installed")
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Refused(
                f"Docker doesn't answer ({type(error).__name__}): run `docker version`.",
                kind="docker",
            ) from None
        return Done(done.returncode, done.stdout, done.stderr)

    def shown(self, *argv: str) -> int:
        """See Place."""
        return tools.run(argv, self.root, env=self._variables).code

    def holder(self, port: int) -> str:
        """See Place."""
        return "" if ports.free(port) else ports.holder(port)

    def lacks(self) -> str:
        """See Place."""
        if not file(self.root):
            return "there is no docker-compose.yml in this project yet"
        return "" if shutil.which("docker") else "Docker is not installed"

    def unreadable(self, mounts: Sequence[Mount]) -> str:
        """See Place. Containers run as users of their own: what a checkout under `umask 077` has is
        nobody's to read but yours, and a container just ends."""
        if sys.platform != "linux":  # elsewhere Docker's machine translates who it is
            return ""
        wrong = []
        for name, source in mounts:
            path = Path(source)
            if not path.exists():
                wrong.append(f"{name} mounts {path}, which isn't there")
            elif closed := next((each for each in _below(path) if not _open(each)), None):
                wrong.append(f"{name} can't read {closed}: run `chmod -R o+rX {path}`")
        return "; ".join(wrong)


def file(root: Path) -> Path | None:
    """Return the project's Compose file, None without one."""
    return next((root / name for name in FILES if (root / name).is_file()), None)


def compose_words(run: Callable[..., Done]) -> tuple[str, ...]:
    """Return the command of Compose that `run` (a Place's) finds, () without one."""
    for words in (("docker", "compose"), ("docker-compose",)):
        if run(*words, "version").code == 0:
            return words
    return ()


def _below(path: Path) -> Sequence[Path]:
    return (path, *sorted(path.rglob("*"))) if path.is_dir() else (path,)


def _open(path: Path) -> bool:
    mode = path.stat().st_mode
    wanted = 0o005 if stat.S_ISDIR(mode) else 0o004
    return mode & wanted == wanted


class Bound(NamedTuple):
    """A port that the Compose file publishes. address: "" is every address of the machine."""

    service: str
    address: str
    port: int


def config(place: Place) -> dict[str, Any]:
    """Return the Compose file as Compose reads it, every variable filled in. Raises Refused."""
    import yaml

    done = place.run(*place.words, "config")
    if done.code:
        raise Refused(f"Docker Compose doesn't take its file: {why(done)}", kind="compose")
    found: dict[str, Any] = yaml.safe_load(done.out)
    return found


def bound(read: Mapping[str, Any]) -> tuple[Bound, ...]:
    """Return the ports that a file, as `config` returns it, publishes."""
    return tuple(
        each
        for name, service in read.get("services", {}).items()
        for said in service.get("ports") or ()
        if (each := _bound(name, said))
    )


def _bound(name: str, said: Any) -> Bound | None:
    """Return a published port: v2 has a mapping of it, 1.29 words where an address is in it."""
    if isinstance(said, Mapping):
        port = str(said.get("published") or "")
        return Bound(name, str(said.get("host_ip") or ""), int(port)) if port.isdigit() else None
    found = re.fullmatch(r"(?:(.*):)?(\d+):\d+(?:/\w+)?", str(said))
    return Bound(name, (found[1] or "").strip("[]"), int(found[2])) if found else None


def mounted(read: Mapping[str, Any]) -> tuple[Mount, ...]:
    """Return what a file, as `config` returns it, mounts of the machine's own files."""
    found = []
    for name, service in read.get("services", {}).items():
        for said in service.get("volumes") or ():
            if isinstance(said, Mapping):
                source = str(said.get("source", "")) if said.get("type") == "bind" else ""
            else:
                source = str(said).split(":")[0]
            if source.startswith("/"):
                found.append(Mount(name, source))
    return tuple(found)


def why(done: Done) -> str:
    """Return the line that says why a command failed, in a sentence of its own."""
    lines = [line.strip() for line in (done.err or done.out).splitlines() if line.strip()]
    said = lines[-1] if lines else "it says nothing"
    # 1.29 puts all that a service is told into it, and v2 a time before it.
    said = re.sub(r" interpolating .* in (service )", r" in \1", said)
    return re.sub(r'^time="[^"]*" level=\w+ msg="(.*)"$', r"\1", said)
