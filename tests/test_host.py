"""`inv host`, `inv host.down`, `inv host.trust`, as an operator types them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from tests.lib.sshd import Sshd, World

ROOT = Path(__file__).resolve().parents[1]


class Project:
    """A project of its own that uses these recipes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        for name in ("tasks.py", "tasks"):
            (root / name).symlink_to(ROOT / name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.configure()

    def configure(self, text: str = "") -> None:
        sandbox = f"sandbox: {{port: {self.port}}}\n"
        (self.root / "invoke.yaml").write_text(f"app: thing\n{sandbox}{text}")

    def inv(self, *words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.root,
            input=answer,
            capture_output=True,
            text=True,
            timeout=110,
            env=os.environ | {"HOME": str(self.root / "home"), "NO_COLOR": "1"},
        )

    def journal(self) -> list[dict[str, object]]:
        file = self.root / ".circle" / "journal.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path / "a project")
    yield made
    made.inv("host.down", "--env=sandbox")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.stop()


def test_the_sandbox_starts_says_where_and_ends(project: Project) -> None:
    started = project.inv("host", "--env=sandbox")
    assert started.returncode == 0, started.stderr
    assert f"http://127.0.0.1:{project.port}" in started.stdout
    assert started.stdout.splitlines()[-1] == "Next: inv deploy --env=sandbox"
    assert project.inv("host", "--env=sandbox", "--check").returncode == 0
    again = project.inv("host", "--env=sandbox", "--json")
    document = json.loads(again.stdout)
    assert document["detail"]["hosts"]["host1"]["front"] == f"http://127.0.0.1:{project.port}"
    ended = project.inv("host.down", "--env=sandbox")
    assert ended.returncode == 0 and "1 processes ended" in ended.stdout
    assert not (project.root / ".sandbox").exists()
    assert [entry["outcome"] for entry in project.journal()] == ["closed"] * 3


def test_checking_it_when_it_does_not_run_changes_nothing_and_fails(project: Project) -> None:
    checked = project.inv("host", "--env=sandbox", "--check")
    assert checked.returncode == 1
    assert "host1 not running" in checked.stderr and "inv host --env=sandbox" in checked.stderr
    assert not (project.root / ".sandbox").exists() and not (project.root / ".circle").exists()


def test_another_port_is_told(project: Project) -> None:
    with socket.create_server(("127.0.0.1", project.port)):
        started = project.inv("host", "--env=sandbox")
    assert started.returncode == 0
    assert f"port {project.port} is taken" in started.stderr


@pytest.mark.parametrize("word", ["--plan", "--admin=root"])
def test_what_is_for_servers_is_refused_for_the_sandbox(project: Project, word: str) -> None:
    said = project.inv("host", "--env=sandbox", word)
    assert said.returncode == 2 and "inv host --env=sandbox" in said.stderr
    assert not (project.root / ".sandbox").exists()


@pytest.mark.parametrize("words", [(), ("--env=production",)], ids=["no name", "a server's"])
def test_only_the_sandbox_can_be_ended(project: Project, words: tuple[str, ...]) -> None:
    said = project.inv("host.down", *words)
    assert said.returncode == 2 and "inv host.down --env=sandbox" in said.stderr


def staging(project: Project, server: Sshd) -> None:
    project.configure(
        "environments:\n  staging:\n"
        f"    hosts: ['deploy@127.0.0.1:{server.port}']\n    ssh_config: ''\n"
    )


def test_a_host_is_trusted_after_a_yes_and_then_known(project: Project, world: World) -> None:
    server = world.serve(known=False)
    staging(project, server)
    trusted = project.inv("host.trust", "--env=staging", answer="yes\n")
    assert trusted.returncode == 0, trusted.stderr
    assert f"ssh-ed25519 {server.key.get_fingerprint()}: unknown." in trusted.stdout
    assert trusted.stdout.endswith("Next: inv deploy --env=staging --plan\n")
    assert (project.root / "known_hosts").read_text().split() == server.line().split()[:3]
    again = project.inv("host.trust", "--env=staging")
    assert again.returncode == 0 and ": known." in again.stdout


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        pytest.param("no\n", 1, "is not trusted", id="a no"),
        pytest.param("y\n", 1, "is not trusted", id="half a yes"),
        pytest.param("", 2, "add `--yes`", id="nobody"),
    ],
)
def test_without_a_yes_nothing_is_written(
    project: Project, world: World, answer: str, code: int, says: str
) -> None:
    staging(project, world.serve(known=False))
    refused = project.inv("host.trust", "--env=staging", answer=answer)
    assert refused.returncode == code and says in refused.stderr
    assert not (project.root / "known_hosts").exists()


def test_a_changed_key_is_refused_loudly_until_it_is_to_be_replaced(
    project: Project, world: World
) -> None:
    server = world.serve(known=False)
    staging(project, server)
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    known = project.root / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {other}")
    refused = project.inv("host.trust", "--env=staging", "--yes")
    assert refused.returncode == 2 and "HAS CHANGED" in refused.stderr
    assert server.key.get_fingerprint() in refused.stderr
    assert project.inv("host.trust", "--env=staging", "--yes", "--replace").returncode == 0
    assert known.read_text().split() == server.line().split()[:3]


def test_a_revoked_key_is_refused_whatever_is_said(project: Project, world: World) -> None:
    server = world.serve(known=False)
    staging(project, server)
    known = project.root / "known_hosts"
    known.write_text(f"@revoked {server.line()}")
    refused = project.inv("host.trust", "--env=staging", "--yes", "--replace")
    assert refused.returncode == 2 and "@revoked" in refused.stderr
    assert "@revoked" in known.read_text()


def test_the_sandbox_needs_no_trust(project: Project) -> None:
    project.inv("host", "--env=sandbox")
    said = project.inv("host.trust", "--env=sandbox")
    assert said.returncode == 0 and ": known." in said.stdout
    assert not (project.root / "known_hosts").exists()
