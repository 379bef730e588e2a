"""scripts/with-key: a key in an agent that ends with the command, and nowhere else."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/with-key"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    made = {}
    for name, phrase in (("open", ""), ("locked", "a phrase")):
        file = tmp_path_factory.mktemp("keys") / name
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-C", name, "-N", phrase, "-f", str(file)]
        subprocess.run(argv, check=True)
        made[name] = file.read_text()
    return made


def run(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SSH_")}
    return subprocess.run(
        [SCRIPT, *words],
        env={**kept, "HOME": str(home), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("end", ["", "\r\n"], ids=["bare", "windows"])
def test_the_command_has_the_key_in_an_agent_alone(
    keys: dict[str, str], tmp_path: Path, end: str
) -> None:
    key = keys["open"].strip().replace("\n", end or "\n")
    show = 'ssh-add -l; echo "$SSH_AGENT_PID"; env; exit 3'
    done = run(tmp_path, "sh", "-c", show, SSH_KEY=key, SSH_KNOWN_HOSTS="a.example ssh-ed25519 A")
    assert done.returncode == 3, "as the command's"
    listed, agent, *variables = done.stdout.splitlines()
    assert "open (ED25519)" in listed
    assert not [line for line in variables if line.startswith(("SSH_KEY", "SSH_KNOWN_HOSTS"))]
    assert not any(line in done.stdout for line in key.splitlines())
    known = tmp_path / ".ssh/known_hosts"
    assert known.read_text() == "a.example ssh-ed25519 A\n"
    assert known.parent.stat().st_mode & 0o777 == 0o700 and [*known.parent.iterdir()] == [known]
    os.kill(int(agent), signal.SIGTERM)  # it looks every 10 seconds whether the command has ended


@pytest.mark.parametrize(
    ("key", "words", "sentence"),
    [
        ("", ("true",), "SSH_KEY is empty"),
        ("no key", ("true",), "cannot be used"),
        ("locked", ("true",), "cannot be used"),
        ("open", (), "Usage"),
    ],
)
def test_what_cannot_be_is_refused(
    keys: dict[str, str], tmp_path: Path, key: str, words: tuple[str, ...], sentence: str
) -> None:
    done = run(tmp_path, *words, SSH_KEY=keys.get(key, key))
    assert done.returncode == 2 and sentence in done.stderr and done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_hosts_that_are_known_are_not_told_again_and_stay_as_they_are(
    keys: dict[str, str], tmp_path: Path
) -> None:
    known = tmp_path / ".ssh/known_hosts"
    known.parent.mkdir(mode=0o700)
    known.write_text("a.example ssh-ed25519 A")  # without an end of its line
    hosts = "b.example ssh-ed25519 B\r\n# c\n"
    for _ in range(2):
        done = run(tmp_path, "true", SSH_KEY=keys["open"], SSH_KNOWN_HOSTS=hosts)
        assert done.returncode == 0, done.stderr
    lines = known.read_text().splitlines()
    assert list(filter(None, lines)) == [
        "a.example ssh-ed25519 A",
        "b.example ssh-ed25519 B",
        "# c",
    ]
