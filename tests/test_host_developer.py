"""`inv host` on the developer's own machine, as it is typed; real virtual environments."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.developer import Machine


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine on which `inv host` has run, for tests that leave it as it is."""
    machine = Machine(tmp_path_factory.mktemp("developer") / "a project")
    done = machine.inv("host", "--json")
    assert done.returncode == 0, done.stderr
    machine.first = done  # type: ignore[attr-defined]
    return machine


@pytest.fixture
def machine(made: Machine, tmp_path: Path) -> Machine:
    """A machine on which `inv host` has run, for one test: its .venv may be changed."""
    other = Machine.__new__(Machine)
    other.root, other.index = tmp_path / "a project", tmp_path / "index"
    shutil.copytree(made.root, other.root, symlinks=True)
    shutil.copytree(made.index, other.index)
    activate = other.root / ".venv/bin/activate"
    activate.write_text(activate.read_text().replace(str(made.root), str(other.root)))
    return other


def test_the_first_run_makes_it_all(made: Machine) -> None:
    first: subprocess.CompletedProcess[str] = made.first  # type: ignore[attr-defined]
    document = json.loads(first.stdout)
    assert document["outcome"] == "closed" and document["next"] == "inv test"
    assert document["detail"]["locks"] == ["requirements.txt"]
    assert "Making .venv with Python 3." in first.stderr
    assert "Activate it: source .venv/bin/activate\n" in first.stderr
    assert "hollow==1.0" in made.packages()
    (line,) = made.journal()
    assert (line["phase"], line["outcome"], line["detail"]["env"]) == ("host", "closed", "made")


def test_secrets_are_made_up_and_told_to_nobody(made: Machine) -> None:
    first: subprocess.CompletedProcess[str] = made.first  # type: ignore[attr-defined]
    file = made.root / ".env"
    assert file.stat().st_mode & 0o777 == 0o600
    secret, level = file.read_text().splitlines()
    assert level == "LEVEL=info" and len(secret.removeprefix("JWT_SECRET=")) >= 32
    told = first.stdout + first.stderr + (made.root / ".circle/journal.jsonl").read_text()
    assert secret.removeprefix("JWT_SECRET=") not in told
    assert "a random value for JWT_SECRET" in told


def test_the_second_run_does_nothing_and_is_quick(made: Machine) -> None:
    def seconds(*words: str) -> float:
        since = time.perf_counter()
        assert made.inv(*words).returncode == 0
        return time.perf_counter() - since

    before = made.python.lstat(), (made.root / ".env").read_bytes()
    pairs = [(seconds("--list"), seconds("host")) for _ in range(5)]
    assert (made.python.lstat(), (made.root / ".env").read_bytes()) == before
    # `inv --list` is most of it; the figure itself is what tests/benchmarks/hosting.py prints.
    assert statistics.median(second / first for first, second in pairs) < 5


def test_checking_shows_the_validation_and_changes_nothing(made: Machine) -> None:
    lines = len(made.journal())
    checked = made.inv("host", "--check")
    assert checked.returncode == 0, checked.stderr
    rows = [line.rsplit("  ", 1) for line in checked.stdout.splitlines()]
    assert ["Python is 3.11 or newer", "holds"] in [[a.strip(), b.strip()] for a, b in rows[1:-1]]
    assert len(made.journal()) == lines


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--stack",), "there is no docker-compose.yml in this project yet"),
        (("--plan",), "--plan and --admin are for servers"),
        (("--env=sandbox", "--recreate"), "leave `--env` out"),
    ],
)
def test_what_does_not_go_together_is_refused(
    made: Machine, words: tuple[str, ...], says: str
) -> None:
    refused = made.inv("host", *words)
    assert refused.returncode == 2 and says in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_changed_lock_and_a_package_from_elsewhere_are_seen_and_mended(machine: Machine) -> None:
    machine.lock("2.0")
    checked = machine.inv("host", "--check")
    assert checked.returncode == 1 and "hollow is 1.0, not 2.0; run `inv host`" in checked.stderr
    assert machine.inv("host").returncode == 0
    assert "hollow==2.0" in machine.packages()
    # Somebody installs another version by hand.
    pip = [str(machine.python), "-m", "pip", "install", "--quiet", "hollow==1.0"]
    subprocess.run(pip, env=machine.environment(), check=True)
    assert machine.inv("host", "--check").returncode == 1
    assert machine.inv("host").returncode == 0
    assert "hollow==2.0" in machine.packages()


def test_one_that_is_broken_is_told_and_made_anew_only_when_asked_for(machine: Machine) -> None:
    machine.python.unlink()
    machine.python.symlink_to("/nowhere/python3.10")
    for words in ((), ("--check",)):
        refused = machine.inv("host", *words)
        assert refused.returncode == (1 if words else 2)
        assert "its Python doesn't run; run `inv host --recreate`" in refused.stderr
    assert machine.python.is_symlink()


def test_one_that_was_moved_is_told(machine: Machine) -> None:
    moved = machine.root.rename(machine.root.parent / "moved")
    machine.root = moved
    refused = machine.inv("host")
    assert refused.returncode == 2 and "it was made for" in refused.stderr


def test_it_can_be_made_anew_by_the_inv_that_lives_in_it(machine: Machine) -> None:
    (machine.root / ".venv/mark").touch()
    machine.lock("2.0")
    made = machine.inv("host", "--recreate", "--json", inside=True)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["outcome"] == "closed"
    started = (machine.root / ".venv/started").read_text().splitlines()
    assert "-m invoke host --json" in started, "it went on in the new one"
    assert not (machine.root / ".venv/mark").exists() and "hollow==2.0" in machine.packages()
    assert machine.journal()[-1]["outcome"] == "closed"
    assert not list(machine.root.glob(".venv-*"))


def test_where_making_it_anew_fails_the_old_one_is_back(machine: Machine) -> None:
    lock = (machine.root / "requirements.txt").read_text()
    (machine.root / "requirements.txt").write_text(lock.replace("sha256:", "sha256:0000")[:-5])
    (machine.root / ".venv/mark").touch()
    failed = machine.inv("host", "--recreate", inside=True)
    assert failed.returncode == 1 and "Installing the packages failed" in failed.stderr
    assert "Runbook: A package fits no hash of its lock" in failed.stderr
    assert (machine.root / ".venv/mark").exists() and not list(machine.root.glob(".venv-*"))
    assert machine.journal()[-1]["outcome"] == "troubled"


def test_a_service_with_requirements_of_its_own_is_installed_beside(machine: Machine) -> None:
    from tests.support.developer import wheel

    (machine.root / "invoke.yaml").write_text("service: {requirements: service.txt}\n")
    wheel(machine.index, "1.5", "served")
    (machine.root / "service.txt").write_text("served>=1\n")
    assert machine.inv("host").returncode == 0
    assert {"served==1.5", "hollow==1.0"} <= set(machine.packages().split())
    # It must not take away what inv's lock has.
    wheel(machine.index, "3.0")
    (machine.root / "service.txt").write_text("served>=1\nhollow>=2\n")
    failed = machine.inv("host")
    assert failed.returncode == 1
    assert "Runbook: The service wants other versions than inv" in failed.stderr
    assert "hollow==1.0" in machine.packages()


def test_a_package_that_cannot_be_built_leads_to_its_row(machine: Machine) -> None:
    source = machine.root.parent / "needy"
    source.mkdir()
    (source / "setup.py").write_text("raise SystemExit('fatal error: Python.h: No such file')\n")
    (machine.root / "invoke.yaml").write_text("service: {requirements: service.txt}\n")
    (machine.root / "service.txt").write_text(f"{source}\n")
    failed = machine.inv("host")
    assert failed.returncode == 1 and "python3-dev" in failed.stderr
    assert failed.stderr.rstrip().endswith("Next: inv host")


def test_a_python_that_will_not_do_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "fresh")
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\necho 3 9 2\n")
    old.chmod(0o755)
    refused = machine.inv("host", PYTHON=str(old))
    assert refused.returncode == 2 and "is Python 3.9.2" in refused.stderr
    assert "Runbook: It is the wrong Python" in refused.stderr
    refused = machine.inv("host", PYTHON="/nowhere/python")
    assert refused.returncode == 2 and "/nowhere/python doesn't run" in refused.stderr
    assert not (machine.root / ".venv").exists() and not (machine.root / ".env").exists()


def test_one_of_another_python_is_told(machine: Machine) -> None:
    newer = machine.root.parent / "python4"
    newer.write_text("#!/bin/sh\necho 4 0 0\n")
    newer.chmod(0o755)
    refused = machine.inv("host", PYTHON=str(newer))
    assert refused.returncode == 2 and "is 4.0.0; run `inv host --recreate`" in refused.stderr
