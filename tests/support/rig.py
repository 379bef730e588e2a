"""One host without SSH: the agent as a process on this machine, behind the same byte channel."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil

from tasks.lib import agent
from tasks.lib.channel import LocalChannel
from tasks.lib.session import Lost, Session

SUPPORT = Path(__file__).parent
LONG = 60.0  # seconds that a step may take on a busy machine


AGENT = tuple(agent.HOME / f"{name}.py" for name in agent.PARTS)


def parts(files: Sequence[Path] = AGENT) -> dict[str, ModuleType]:
    """The parts of a half as modules, assembled as on a host, by name; the agent's by default."""
    names = [file.stem for file in files]
    before = {name: sys.modules.pop(name, None) for name in names}
    exec(compile(agent.assembled(files, begin=False), "parts.py", "exec"), {"__name__": "parts"})
    found = {name: importlib.import_module(name) for name in names}
    del sys.meta_path[0]
    for name, module in before.items():
        del sys.modules[name]
        if module is not None:
            sys.modules[name] = module
    return found


def until(holds: Callable[[], Any], why: str = "", limit: float = LONG) -> Any:
    """Wait until `holds()` and return what it gave."""
    end = time.monotonic() + limit
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, why or "it did not come to hold"
        time.sleep(0.02)


class Rig:
    """A host's directory at `root`, with what an operator has: sessions, releases and their packs.

    `python` is the interpreter that the host has, `noise` what its login shell prints.
    """

    def __init__(self, base: Path, python: str = sys.executable, noise: str = "") -> None:
        self.base, self.root, self.python, self.noise = base, base / "srv", python, noise
        self.code, self.home = base / "code", base / "home"
        for folder in (self.code, self.home):
            folder.mkdir(parents=True)
        self.mark = f"rig-{secrets.token_hex(8)}"
        path = os.pathsep.join([str(Path(python).parent), os.environ["PATH"]])
        self.env = {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8"}
        self.env["CIRCLE_SANDBOX"] = self.mark  # passed on to all that comes of it
        self.channels: list[LocalChannel] = []
        self.sessions: list[Session] = []
        self.git("init", "-q")
        self.count = 0

    # The operator's side.

    def opener(self) -> LocalChannel:
        """A new connection: the agent's loader at the other end."""
        command = f"{self.noise}\nexec {agent.command(self.python)}"
        self.channels.append(LocalChannel(["/bin/sh", "-c", command], cwd=self.home, env=self.env))
        return self.channels[-1]

    def session(self, run: str = "", lease: float = 20.0, **spec: Any) -> Session:
        """A conversation that is not open yet; with `run`, one about a run of that name."""
        hello: dict[str, Any] = {"root": str(self.root), "adapter": "process"}
        if run:
            hello.update(run=run, spec=self.spec(run, lease=lease, **spec))
        self.sessions.append(Session(self.opener, hello, lease))
        return self.sessions[-1]

    def spec(self, run: str, **more: Any) -> dict[str, Any]:
        said = {"run": run, "kind": "deploy", "who": "t", "app": "demo", "adapter": "process"}
        return {**said, "lease": 20.0, **more}

    def begin(self, run: str = "", lease: float = 20.0, **spec: Any) -> Session:
        """Start a run and return its open session."""
        self.count += 1
        session = self.session(run or f"run-{self.count}", lease, **spec)
        session.open(start=True)
        return session

    def ask(self, do: str, blob: list[bytes] | None = None, **words: Any) -> Any:
        """Ask one question in a session of its own."""
        session = self.session()
        try:
            session.open()
            return session.call(do, LONG, blob=blob, **words)
        finally:
            session.close()

    # Releases.

    def git(self, *words: str, data: bytes = b"") -> bytes:
        done = subprocess.run(
            ["git", *words], cwd=self.code, input=data, capture_output=True, check=True
        )
        return done.stdout

    def tree(self, behaviour: str = "", files: dict[str, str] | None = None) -> str:
        """Write the service's files, and others, as a git tree; returns its id."""
        for each in self.code.iterdir():
            if each.name != ".git":
                shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
        shutil.copy(SUPPORT / "app.py", self.code / "app.py")
        (self.code / "BEHAVIOUR").write_text(behaviour)
        for name, text in (files or {}).items():
            place = self.code / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                place.symlink_to(text[3:])
            else:
                place.write_text(text)
        self.git("add", "-A", "-f")
        return self.git("write-tree").decode().strip()

    def ids(self, tree: str) -> list[str]:
        listed = self.git("rev-list", "--objects", "--no-object-names", tree)
        return listed.decode().split()

    def pack(self, ids: list[str]) -> bytes:
        return self.git("pack-objects", "--stdout", "-q", data="\n".join([*ids, ""]).encode())

    def manifest(self, release: str, tree: str, **more: Any) -> dict[str, Any]:
        said: dict[str, Any] = {"release": release, "app": "demo", "version": release, "tree": tree}
        said.update(commit="0" * 40, directory="", requirements="", python=self.python)
        said.update(
            processes={"web": "python app.py {socket}"}, shared_paths=[], schema="compatible"
        )
        said.update(resources={"memory": "", "cpu": "", "tasks": 0, "files": 0})
        said.update(
            standby=False,
            health="/api/health",
            version_path="/api/version",
            host_header="",
            environment="test",
            host="one",
        )
        return {**said, "start": 30.0, "drain": 5.0, **more}

    def stage(
        self, session: Session, release: str, behaviour: str = "", build: str = "", **more: Any
    ) -> Any:
        """Upload and stage a release; `more` goes over its manifest."""
        tree, again = self.tree(behaviour, more.pop("files", None)), more.pop("again", False)
        manifest = self.manifest(release, tree, **more)
        limits = {"stage": LONG, "hook": LONG, "build": build}
        blob = [self.pack(self.ids(tree))]
        words = {"manifest": manifest, "limits": limits, "again": again}
        return session.call("stage", LONG, blob=blob, **words)

    def switch(self, session: Session, release: str, way: str = "back") -> Any:
        return session.call("switch", LONG, release=release, way=way, facts={})

    def deploy(self, release: str, behaviour: str = "", keep: int = 5, **more: Any) -> None:
        """A whole deploy of one release, to its closing."""
        session = self.begin()
        session.call("facts", LONG)
        self.stage(session, release, behaviour, **more)
        session.call("start", LONG, release=release)
        self.switch(session, release)
        session.call("confirm", LONG)
        assert session.call("close", LONG, keep=keep)["outcome"] == "closed"
        session.close()
        self.unlocked()

    # What became of it.

    @property
    def current(self) -> str:
        link = self.root / "current"
        return os.path.basename(os.readlink(link)) if link.is_symlink() else ""

    def events(self) -> list[str]:
        """What the journal tells, without garbage."""
        found = []
        journal = self.root / "journal.jsonl"
        for line in journal.read_bytes().splitlines() if journal.exists() else []:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line)["event"])
        return found

    def unlocked(self) -> None:
        """Wait until no run holds the host."""
        until(lambda: self.ask("facts")["lock"] is None, "the lock was never given up")

    def healthy(self, release: str) -> bool:
        """Whether a release answers at its own socket as itself."""
        here = os.getcwd()
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            try:
                os.chdir(self.root)  # the path may be too long to be absolute
                link.connect(f"releases/{release}/run/app.sock")
                link.sendall(b"GET /api/version HTTP/1.0\r\n\r\n")
                said = b"".join(iter(lambda: link.recv(4096), b""))
            except OSError:
                return False
            finally:
                os.chdir(here)
        return f'"release": "{release}"'.encode() in said

    def processes(self, name: str = "") -> list[psutil.Process]:
        """Everything that runs because of this host; name: only what is called so."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                made = process.environ().get("CIRCLE_SANDBOX")
                if made == self.mark and name in ("", process.name()):
                    found.append(process)
        return found

    def pid(self, release: str, process: str = "web") -> int:
        record = self.root / "releases" / release / "run" / f"{process}.json"
        return int(json.loads(record.read_text())["pid"])

    def holders(self) -> list[psutil.Process]:
        """The processes that have the lock's file open: a run, its guard and its commands."""
        lock = str(self.root / "lock")
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error, OSError):
                fds = Path(f"/proc/{process.pid}/fd")
                if any(os.readlink(fd) == lock for fd in fds.iterdir()):
                    found.append(process)
        return found

    def agent(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run run/agent.py as a unit on the host does."""
        argv = [self.python, "-I", str(self.root / "run" / "agent.py"), *words]
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=LONG)

    def end(self) -> None:
        """End everything, however it resists."""
        for session in self.sessions:
            session.close()
        for channel in self.channels:
            channel.close()
            channel.process.kill()
            channel.process.wait()
        while left := self.processes():
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, timeout=0.1)


def interpreters() -> Iterator[str]:
    """Every Python that the host's half has to run on and that is here, by its command."""
    own = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for minor in range(9, 15):
        name = f"python3.{minor}"
        if name == own:
            yield sys.executable
            continue
        kept = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}"))
        found = str(kept[-1]) if kept else shutil.which(name)
        # A shim may stand for a version that isn't installed.
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            yield found


def ended(session: Session, limit: float = LONG) -> dict[str, Any]:
    """Wait until the run has ended and return how."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            session.call("beat", limit)
        except Lost as lost:
            return lost.ended
        time.sleep(0.05)
    raise AssertionError("the run did not end")


def loader(python: str) -> list[str]:
    """The loader's command as words."""
    return shlex.split(agent.command(python))
