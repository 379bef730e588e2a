"""A scratch project: a git repository that has adopted the recipes, with a sandbox of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

import requests
import yaml

ROOT = Path(__file__).resolve().parents[2]
GIT = (
    "git",
    "-c",
    "user.name=t",
    "-c",
    "user.email=t@example.invalid",
    "-c",
    "commit.gpgsign=false",
)

# Quick, and with limits that a test can wait for.
SERVICE: dict[str, Any] = {
    "requirements": "",
    "run": "python app.py {socket}",
    "smoke": [{"path": "/", "status": 200, "text": "hello"}],
    "limits": {"lease": "3s", "start": "20s", "drain": "5s", "step": "20s", "hook": "20s"},
    "thresholds": {"interval": "100ms", "failures": 3, "requests": 1},
}


@dataclass
class Project:
    """A repository at `root`; `hosts` sandbox hosts; `service` over what SERVICE says.

    environment: the sandbox's own part; others: environments beside it; default: which is used;
    sections: whatever else invoke.yaml says.
    """

    root: Path
    hosts: int = 1
    service: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)
    default: str = "sandbox"
    app: str = "demo"
    sections: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")
        # The recipes are the ones under test, by link, so that coverage counts them where they are.
        for name in ("tasks.py", "tasks", "scripts"):
            (self.root / name).symlink_to(ROOT / name)
        exclude = "\n".join(
            ["tasks.py", "tasks", "scripts", ".sandbox", ".circle", "known_hosts", "ssh_config", ""]
        )
        (self.root / ".git" / "info" / "exclude").write_text(exclude)
        self.configure()
        shutil.copy(Path(__file__).with_name("app.py"), self.root / "app.py")
        self.commit("first")

    def configure(self, **service: Any) -> None:
        """Write invoke.yaml; `service` keys over those given before."""
        self.service = {**self.service, **service}
        said = {
            "app": self.app,
            "default_environment": self.default,
            "sandbox": {"hosts": self.hosts, "port": free_port()},
            "service": {**SERVICE, **self.service},
            "incident": {"draft": False},  # their own tests want them
            "environments": {"sandbox": {"watch": "0s", **self.environment}, **self.others},
            **self.sections,
        }
        (self.root / "invoke.yaml").write_text(yaml.safe_dump(said))

    def at(self, number: int = 1, **said: Any) -> dict[str, Any]:
        """An environment as of real servers: a host of the running sandbox by its SSH address."""
        base = self.root / ".sandbox"
        host = json.loads((base / "state.json").read_text())["hosts"][number - 1]
        key = f'Host *\n  IdentityFile "{base / "user_key"}"\n  IdentitiesOnly yes\n'
        (self.root / "ssh_config").write_text(key)
        shutil.copy(base / "known_hosts", self.root / "known_hosts")
        front = f"http://127.0.0.1:{host['front_port']}"
        usual: dict[str, Any] = {
            "path": str(self.host(number)),
            "front": front,
            "url": front,
            "watch": "0s",
        }
        usual |= {"hosts": [f"sandbox@127.0.0.1:{host['ssh_port']}"], "adapter": "process"}
        return {**usual, "ssh_config": str(self.root / "ssh_config"), "gates": [], **said}

    def git(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        """Run git; env: all of its variables (default: this process's)."""
        done = subprocess.run(
            [*GIT, *words], cwd=self.root, check=True, capture_output=True, text=True, env=env
        )
        return done.stdout.strip()

    def commit(self, message: str, behaviour: str = "", **files: str) -> str:
        """Commit everything, with the service's behaviour and other files; returns the commit."""
        (self.root / "BEHAVIOUR").write_text(f"{behaviour}\n")
        for name, text in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def inv(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float = 90,
    ) -> subprocess.CompletedProcess[str]:
        """Run `inv words…` to its end; its output is text."""
        return subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.root,
            env={**self.variables(), **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def popen(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        """Start `inv words…` in a process group of its own."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **more}
        argv = [sys.executable, "-u", "-m", "invoke", *words]
        return subprocess.Popen(
            argv, cwd=self.root, env=self.variables(), start_new_session=True, **pipes
        )

    def document(self, *words: str, code: int = 0, **more: Any) -> dict[str, Any]:
        """Run with --json, expect the exit code, and return the document."""
        done = self.inv(*words, "--json", **more)
        assert done.returncode == code, done.stdout + done.stderr
        told = json.loads(done.stdout)
        assert isinstance(told, dict)
        return told

    def variables(self) -> dict[str, str]:
        return {name: text for name, text in os.environ.items() if not name.startswith("INVOKE_")}

    def host(self, number: int = 1) -> Path:
        """The application's directory on a sandbox host."""
        return self.root / ".sandbox" / f"host{number}" / "srv"

    def current(self, number: int = 1) -> str:
        """The release that is live on a host, "" for none."""
        link = self.host(number) / "current"
        return os.path.basename(os.readlink(link)) if link.is_symlink() else ""

    def env(self, number: int = 1, **values: str) -> None:
        """Put a host's shared/.env in place, in the form in which it is stored there."""
        shared = self.host(number) / "shared"
        shared.mkdir(parents=True, exist_ok=True)
        lines = [f"{name}={json.dumps(value)}\n" for name, value in values.items()]
        (shared / ".env").write_text("".join(lines))

    def releases(self, number: int = 1) -> set[str]:
        """The releases that are on a host."""
        return set(os.listdir(self.host(number) / "releases"))

    def quiet(self) -> None:
        """Wait until what the last run left to do is done: closing, draining, pruning."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            hosts = [self.host(number) for number in range(1, self.hosts + 1)]
            busy = [host for host in hosts if (host / "run" / "run.sock").exists()]
            several = [host for host in hosts if len([*host.glob("releases/*/run/web.json")]) > 1]
            if not busy and not several:
                return
            time.sleep(0.05)
        raise AssertionError(f"still at work: {busy or several}")

    def front(self, path: str = "/", number: int = 1) -> tuple[int, str]:
        """Ask a host's front; status and body."""
        state = json.loads((self.root / ".sandbox" / "state.json").read_text())
        url = f"http://127.0.0.1:{state['hosts'][number - 1]['front_port']}{path}"
        answer = requests.get(url, timeout=20, headers={"Connection": "close"})
        return answer.status_code, answer.text

    def journal(self, number: int = 1) -> list[dict[str, Any]]:
        """A host's journal."""
        path = self.host(number) / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
