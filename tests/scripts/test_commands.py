"""The commands in scripts/, each in a directory of its own whose name has a space."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKER = "tasks/lib/developer/venv.py"
Result = subprocess.CompletedProcess[str]
HALF = "import os, subprocess, sys\nfrom tasks.half import half\n\n"
# A process in another directory, which covers the other branch and is then ended by TERM.
ENDED = "import os; from tasks.half import half; half(False); os.kill(os.getpid(), 15)"
ELSEWHERE = (
    "half(True); env = {**os.environ, 'PYTHONPATH': os.getcwd()}; "
    f"subprocess.run([sys.executable, '-c', '{ENDED}'], cwd='/', env=env)"
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return the root of a clone that has the scripts and nothing else yet."""
    root = tmp_path / "a clone"
    for name in ("scripts/setup", "scripts/test", "scripts/deploy.sh", MAKER):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    return root


def run(*command: Path | str, cwd: Path, **environ: str) -> Result:
    """Run a command and return what it said; nothing of this test run's measuring goes with it."""
    ours = ("COV", "PYTEST")  # what these tests are run with is not for those that they run
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return subprocess.run(
        command, cwd=cwd, env={**kept, **environ}, capture_output=True, text=True, check=False
    )


def executable(path: Path, text: str) -> None:
    """Write a script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def package(directory: Path, version: str) -> str:
    """Make a package that holds nothing, and return the lock that asks for it."""
    directory.mkdir(exist_ok=True)
    info = f"hollow-{version}.dist-info"
    wheel = directory / f"hollow-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: hollow\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return f"hollow=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


class TestSetup:
    """scripts/setup makes .venv as the lock says, once."""

    def test_once_and_again(self, clone: Path, tmp_path: Path) -> None:
        index = tmp_path / "index"
        index.mkdir()
        environ = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": index.as_uri(), "PYTHON": sys.executable}

        def setup(*options: str) -> Result:
            return run(clone / "scripts/setup", *options, cwd=tmp_path, **environ)

        def has() -> str:
            python = clone / ".venv/bin/python"
            return run(python, "-m", "pip", "freeze", cwd=tmp_path).stdout

        lock = clone / "requirements.txt"
        lock.write_text(package(index, "1.0"))
        made = setup()
        assert (made.returncode, made.stdout) == (0, "")
        assert "Making .venv with Python 3." in made.stderr
        assert "hollow==1.0" in has()
        assert (setup().stderr, setup().returncode) == ("", 0)

        # A changed lock is installed into the same environment.
        lock.write_text(package(index, "2.0"))
        assert "Making" not in (changed := setup()).stderr
        assert (changed.returncode, "hollow==2.0" in has()) == (0, True)

        # The tests' lock holds the other's packages too: neither is then installed again.
        (clone / "requirements-dev.txt").write_text(lock.read_text())
        assert "requirements-dev.txt" in setup("--dev").stderr
        assert (setup("--dev").stderr, setup().stderr) == ("", "")

        # What does not fit its hash is refused, and not taken for installed the next time.
        good = package(index, "3.0")
        lock.write_text(good.replace("sha256:", "sha256:" + "0" * 64)[: len(good)])
        for _ in range(2):
            refused = setup()
            assert refused.returncode == 2
            assert "Installing the packages failed" in refused.stderr.splitlines()[-1]
        assert "hollow==2.0" in has()

        # Commands in .venv name its directory: in a clone that was moved it is made anew.
        lock.write_text(good)
        moved = clone.rename(tmp_path / "moved")
        elsewhere = run(moved / "scripts/setup", cwd=tmp_path, **environ)
        assert elsewhere.returncode == 0
        assert "Making .venv" in elsewhere.stderr
        assert f"{moved}/.venv" in (moved / ".venv/bin/pip").read_text().replace("\\", "")

    @pytest.mark.parametrize(
        ("environ", "sentence"),
        [
            ({"PYTHON": "/nowhere/python"}, "PYTHON=/nowhere/python is not a Python of at least"),
            ({"PYTHON": "false"}, "PYTHON=false is not a Python of at least version 3.11"),
            ({"PYTHON": ""}, "Python 3.11 or newer is missing"),
        ],
    )
    def test_without_python(
        self, clone: Path, tmp_path: Path, environ: dict[str, str], sentence: str
    ) -> None:
        commands = tmp_path / "bin"
        commands.mkdir()
        for name in ("cat", "cmp", "dirname"):
            (commands / name).symlink_to(str(shutil.which(name)))
        executable(commands / "python3", "#!/bin/sh\nexit 1\n")  # as one that is too old
        (clone / "requirements.txt").touch()
        refused = run(clone / "scripts/setup", cwd=tmp_path, **environ, PATH=str(commands))
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith(sentence)
        assert len(refused.stderr.splitlines()) == 1
        assert not (clone / ".venv").exists()

    def test_an_option_that_it_lacks(self, clone: Path) -> None:
        refused = run(clone / "scripts/setup", "--production", cwd=clone)
        assert (refused.returncode, refused.stderr.split()[0]) == (2, "Usage:")


class TestTest:
    """scripts/test runs the suite, or what it is asked for."""

    @pytest.fixture
    def clone(self, clone: Path) -> Path:
        """Return a clone that is set up, with one task of which a test covers one branch of two."""
        executable(clone / "scripts/setup", "#!/bin/sh\n")
        (clone / MAKER).unlink()
        executable(clone / ".venv/bin/python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        shutil.copy(ROOT / "pyproject.toml", clone)
        (clone / "tasks/half.py").write_text(
            "def half(whole: bool) -> int:\n    if whole:\n        return 2\n    return 1\n"
        )
        (clone / "tests").mkdir()
        return clone

    @pytest.mark.parametrize(
        ("test", "status", "said"),
        [
            pytest.param("assert half(True) == 2", 1, "less than fail-under=90", id="uncovered"),
            pytest.param("assert half(True) == 2; half(False)", 0, "100%", id="covered"),
            pytest.param(ELSEWHERE, 0, "100%", id="covered by another process"),
            pytest.param("assert half(True) == half(False)", 1, "1 failed", id="a test fails"),
        ],
    )
    def test_the_whole_suite(
        self, clone: Path, tmp_path: Path, test: str, status: int, said: str
    ) -> None:
        (clone / "tests/test_half.py").write_text(f"{HALF}def test_it() -> None:\n    {test}\n")
        ran = run(clone / "scripts/test", cwd=tmp_path)
        assert (ran.returncode, said in ran.stdout) == (status, True), ran.stdout + ran.stderr
        assert not list(clone.glob(".coverage.*"))

    def test_a_part_of_it(self, clone: Path, tmp_path: Path) -> None:
        test = "def test_a() -> None:\n    pass\n\ndef test_b() -> None:\n    assert False\n"
        (clone / "tests/test_two.py").write_text(test)
        ran = run(clone / "scripts/test", "-k", "test_a or nowhere", "-q", cwd=tmp_path)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "1 passed, 1 deselected" in ran.stdout


class TestDeploy:
    """scripts/deploy.sh is the runbook's name for two commands of inv."""

    @pytest.mark.parametrize(
        ("given", "inv"),
        [
            (["staging"], ["deploy", "--env=staging"]),
            (["production"], ["deploy", "--env=production"]),
            (["production", "--version=v1 2"], ["deploy", "--env=production", "--version=v1 2"]),
            (["production", "--rollback"], ["rollback", "--env=production"]),
            (["production", "--rollback", "--yes"], ["rollback", "--env=production", "--yes"]),
        ],
    )
    def test_what_it_runs(
        self, clone: Path, tmp_path: Path, given: list[str], inv: list[str]
    ) -> None:
        executable(clone / "scripts/setup", "#!/bin/sh\n")
        executable(clone / ".venv/bin/python", "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 3\n")
        ran = run(clone / "scripts/deploy.sh", *given, cwd=tmp_path)
        assert ran.stdout.splitlines() == ["-m", "invoke", *inv]
        assert ran.returncode == 3  # inv's own

    @pytest.mark.parametrize("given", [[], ["--rollback"], [""]])
    def test_without_an_environment_it_does_nothing(self, clone: Path, given: list[str]) -> None:
        refused = run(clone / "scripts/deploy.sh", *given, cwd=clone)
        assert (refused.returncode, refused.stderr.split()[0]) == (2, "Usage:")
