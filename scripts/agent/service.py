"""A release as something that runs: its commands, environment and health, its start and its end."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shlex
import subprocess
import threading
import time
from typing import Any, Dict, Iterator, List, Optional

from disk import fingerprint, replace
from hiding import forms, hide
from host import Host
from keeper import born, keeper
from listening import Launch, handed
from probe import ask, names, waiting
from wire import Failure

# What of the host's own environment a service and its hooks get; all else is the release's own.
PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TZ|TMPDIR|XDG_RUNTIME_DIR|CIRCLE_SANDBOX"
    r"|PIP_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|\w+_proxy|\w+_PROXY"
)


class Service:
    """What a host does with its releases. `drafts`: manifests of what is still being staged."""

    def __init__(self, host: Host, adapter: str = "auto") -> None:
        self.host, self.keeper = host, keeper(host, adapter)
        self.drafts: Dict[str, Dict[str, Any]] = {}

    def said(self, release: str) -> Dict[str, Any]:
        """The release's manifest. Raises Failure when it isn't complete."""
        manifest = self.host.manifest(release) or self.drafts.get(release)
        if manifest is None:
            raise Failure("damaged", "%s is not complete on this host" % (release or "no release"))
        return manifest

    # Commands and their surroundings.

    def read_env(self, *parts: str) -> Dict[str, str]:
        """The canonical form of an environment file: KEY=, then a JSON string, a line each."""
        values = {}
        with contextlib.suppress(OSError):
            with open(self.host.path(*parts), encoding="utf-8") as source:
                for line in source:
                    key, _, value = line.rstrip("\n").partition("=")
                    with contextlib.suppress(ValueError):
                        values[key] = str(json.loads(value))
        return values

    def own_env(self, release: str) -> Dict[str, str]:
        """The release's .env; keys that were rotated since come from the newest one."""
        own, now = self.read_env("releases", release, ".env"), self.read_env("shared", ".env")
        for key in self.host.read_json("shared", ".rotated.json") or []:
            if key in now:
                own[key] = now[key]
        return own

    def rotation(self) -> str:
        """A digest of what was rotated, "" for nothing."""
        now, keys = self.read_env("shared", ".env"), self.host.read_json("shared", ".rotated.json")
        said = json.dumps(sorted((key, now.get(key)) for key in keys or []))
        return hashlib.sha256(said.encode()).hexdigest() if keys else ""

    def began(self, release: str) -> Any:
        """The rotation that a release's newest instance was started with."""
        return self.host.read_json("releases", release, "run", "rotation.json") or ""

    def outdated(self, release: str) -> bool:
        """Does an instance that is not live, and may be restarted, have what was rotated since?"""
        return release != self.host.current() and self.began(release) != self.rotation()

    def environment(self, release: str) -> Dict[str, str]:
        manifest = self.said(release)
        env = {key: value for key, value in os.environ.items() if PASSED.fullmatch(key)}
        venv = [self.host.path("venvs", manifest["venv"], "bin")] if manifest["venv"] else []
        env.update(PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1")
        env.update(self.own_env(release))
        # Who it is, and that its own packages come first, is not for a file to change.
        env["PATH"] = os.pathsep.join(venv + [env.get("PATH", os.defpath)])
        env.update(RELEASE_ID=release, VERSION=manifest["version"], COMMIT=manifest["commit"])
        where = {"ENVIRONMENT": manifest.get("environment"), "HOST_NAME": manifest.get("host")}
        env.update({key: value for key, value in where.items() if value})
        return env

    def command(self, release: str, text: str) -> Launch:
        """A configured command: split as a shell would, given to none."""
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise Failure("host", "%r is no command: %s" % (text, error)) from None
        if not words:
            raise Failure("host", "an empty command can't be run")
        return self.surround(release, words)

    def surround(self, release: str, words: List[str]) -> Launch:
        """A command's words in the release's directory and environment.

        The socket and the interpreter are filled in.
        """
        manifest, base = self.said(release), self.host.release(release)
        cwd, env = os.path.join(base, manifest["directory"]), self.environment(release)
        env["SOCKET"] = os.path.relpath(os.path.join(base, "run", "app.sock"), cwd)
        argv = [word.replace("{socket}", env["SOCKET"]) for word in words]
        if argv and argv[0] in ("python", "python3") and not manifest["venv"]:
            argv[0] = manifest["interpreter"]
        return argv, cwd, env

    def launch(self, release: str, process: str) -> Launch:
        """What starts a process of the release, its socket's place cleared."""
        if process == "web":
            with contextlib.suppress(OSError):
                os.unlink(self.host.release(release, "run", "app.sock"))
            if self.began(release) != self.rotation():
                with contextlib.suppress(
                    OSError
                ):  # a full disk must not keep anything from going back
                    place = self.host.release(release, "run", "rotation.json")
                    replace(place, json.dumps(self.rotation()))
        launch = self.command(release, self.said(release)["processes"][process])
        return handed(launch) if process == "web" else launch

    def secrets(self, release: str) -> List[str]:
        """The values of the environment files, in all the forms that are hidden."""
        return forms([*self.own_env(release).values(), *self.read_env("shared", ".env").values()])

    def hide(self, release: str, text: str) -> str:
        """`text` without the values of the environment files."""
        return hide(text, self.secrets(release))

    def tail(self, release: str, process: str = "web", lines: int = 20) -> List[str]:
        """The newest lines that the release logged, secrets hidden."""
        command = self.keeper.log_command(release, process, lines, False)
        shown = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        return self.hide(release, shown.decode("utf-8", "replace"))[-16000:].splitlines()[-lines:]

    # State.

    def running(self, beside: bool = False) -> Dict[str, List[str]]:
        """The processes that are alive, by release; `beside`: without the web ones."""
        known = [(name, self.host.manifest(name) or {}) for name in self.host.releases()]
        asked = [(name, process) for name, said in known for process in said.get("processes", ())]
        asked = [each for each in asked if each[1] != "web"] if beside else asked
        found: Dict[str, List[str]] = {}
        for name, process in self.keeper.living(asked):
            found.setdefault(name, []).append(process)
        return found

    def unhealthy(self, release: str, limit: float = 5.0) -> str:
        """ "" when the release answers its health check and names itself, else what is wrong."""
        said, sock = self.said(release), os.path.join("releases", release, "run", "app.sock")
        try:
            status, body = ask(sock, said["health"], said["host_header"], limit)
            if status == 429:  # throttled, not down
                return ""
            if not 200 <= status < 300:
                return "%s answered %d: %s" % (said["health"], status, body[:200])
            if said["version_path"]:
                status, body = ask(sock, said["version_path"], said["host_header"], limit)
                if status != 200 or not names(body, release):
                    return "%s answered %d and does not name %s" % (
                        said["version_path"],
                        status,
                        release,
                    )
        except (OSError, ValueError) as error:
            return "no answer at its socket: %s" % error
        return ""

    def damage(self, release: str) -> str:
        """ "" when every staged file is as it was, else the first that isn't."""
        if self.host.manifest(release) is None:
            return ".release.json"
        try:
            with open(self.host.release(release, ".files"), encoding="utf-8") as source:
                for line in source:
                    digest, _, name = line.rstrip("\n").partition(" ")
                    if fingerprint(self.host.release(release, json.loads(name))) != digest:
                        return str(json.loads(name))
        except (OSError, ValueError) as error:
            return ".files (%s)" % error
        venv = self.said(release).get("venv")
        if venv and not os.path.exists(self.host.path("venvs", venv, ".complete")):
            return "venvs/%s" % venv
        return ""

    # Starting and stopping.

    @contextlib.contextmanager
    def claim(self, release: str) -> Iterator[None]:
        """Starting and stopping one release exclude each other.

        Beyond the lock: a drain outlives its run's lock.
        """
        path = self.host.release(release, "run", "claim")
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def start(
        self, release: str, lost: Optional[threading.Event] = None, keep: bool = False
    ) -> bool:
        """Bring a release up and wait until it answers as itself; True when it already did.

        `keep`: leave it to its keeper when it doesn't, as at boot, where what it needs may come up
        later. Raises Failure.
        """
        said = self.said(release)
        with self.claim(release):  # waits for a stop or a start that has begun
            if self.keeper.alive(release, "web"):
                if self.ready(release):
                    return True
                self.keeper.stop(release, "web", said["drain"])
            self._stays(release)
            self.keeper.start(release, "web", self.launch(release, "web"))
            self._await(release, said["start"], lost, keep)
            return False

    def ready(self, release: str) -> bool:
        """Whether an instance runs that may serve as it is; calls off a stop that has not begun.

        Under the release's claim.
        """
        self._stays(release)
        up = self.keeper.up(release, "web")
        return up and not self.outdated(release) and not self.unhealthy(release)

    def _stays(self, release: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.host.release(release, "run", "leaving"))

    def _await(self, release: str, limit: float, lost: Any, keep: bool) -> None:
        first, until = self.keeper.pid(release, "web"), time.monotonic() + limit
        birth = born(first) if first else None  # looked at often: systemd would take its time
        while True:
            wrong = self.unhealthy(release)
            if not wrong:
                # Who may reach the socket is decided by the directories above it.
                os.chmod(os.path.join("releases", release, "run", "app.sock"), 0o666)
                return
            kind, text = "", ""
            if first is None or birth is None or born(first) != birth:  # or began again
                kind, text = "start", "%s ended before it answered" % release
            elif time.monotonic() > until:
                kind = "health"
                text = "%s was not healthy after %g s: %s" % (release, limit, wrong)
            elif lost is not None and lost.is_set():
                kind, text = "lease", "the operator was gone while %s started" % release
            if kind:
                evidence = "\n".join(self.tail(release))
                if not keep:
                    self.keeper.stop(release, "web", 1.0)
                raise Failure(kind, self.hide(release, text), evidence)
            time.sleep(0.01)

    def mark(self, release: str) -> None:
        """Say that a release is to be stopped; `start` takes that back."""
        with contextlib.suppress(OSError):
            open(self.host.release(release, "run", "leaving"), "a", encoding="utf-8").close()

    def drain(self, release: str, since: float) -> None:
        """Stop a marked release: a second after the switch, and when nobody waits to be accepted.

        `since`: when the switch was, in monotonic seconds.
        """
        manifest = self.host.manifest(release)
        if manifest is None:
            return
        time.sleep(max(0.0, since + 1.0 - time.monotonic()))
        until = time.monotonic() + manifest["drain"]
        while waiting() and time.monotonic() < until:
            time.sleep(0.02)
        with self.claim(release):
            marked = os.path.exists(self.host.release(release, "run", "leaving"))
            if marked and self.host.current() != release:
                for process in manifest["processes"]:
                    self.keeper.stop(release, process, manifest["drain"])

    def trim_logs(self) -> None:
        """Bound the logs that no journal of the system keeps for us."""
        if self.keeper.kind == "systemd":
            return
        for release, processes in self.running().items():
            for process in processes:
                self.keeper.trim(release, process)
