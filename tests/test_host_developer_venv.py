"""What is decided about .venv, what is installed of a lock, and how a shell activates it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from tasks.lib.developer import closure, locked, shells, venv
from tasks.lib.developer.venv import Plan, State

GOOD = State(True, version=(3, 11, 2), installed={"a.txt": "1", "b.txt": "2"})


@pytest.mark.parametrize(
    ("state", "wanted", "recreate", "again", "plan"),
    [
        pytest.param(GOOD, {"a.txt": "1"}, False, False, Plan(), id="nothing to do"),
        pytest.param(State(False), {"a.txt": "1"}, False, False, Plan("there is none", ("a.txt",))),
        pytest.param(GOOD, {"a.txt": "1", "b.txt": "3"}, False, False, Plan("", ("b.txt",))),
        pytest.param(GOOD, {"a.txt": "1"}, False, True, Plan("", ("a.txt",)), id="came over it"),
        pytest.param(GOOD, {"a.txt": "1"}, True, False, Plan("it is asked for", ("a.txt",))),
        pytest.param(State(True, "it has no pip"), {}, False, False, Plan("it has no pip")),
    ],
)
def test_what_there_is_to_do(
    state: State, wanted: dict[str, str], recreate: bool, again: bool, plan: Plan
) -> None:
    assert venv.decide(state, wanted, recreate, again) == plan


def stub(root: Path, says: str) -> None:
    """Put a Python into `root`/.venv that says something of itself."""
    python = root / ".venv/bin/python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f"#!/bin/sh\n{says}\n")
    python.chmod(0o755)


@pytest.mark.parametrize(
    ("says", "wrong"),
    [
        ("echo '[[3, 11, 2], \"/site\", true]'", ""),
        ("echo '[[3, 9, 2], \"/site\", true]'", "it is of Python 3.9.2, older than 3.11"),
        ("echo '[[3, 11, 2], \"/site\", false]'", "it has no pip"),
        ("exit 1", "its Python doesn't run"),
    ],
)
def test_what_is_wrong_with_one(tmp_path: Path, says: str, wrong: str) -> None:
    stub(tmp_path, says)
    assert venv.read(tmp_path).wrong == wrong


@pytest.mark.parametrize(
    "line", ["VIRTUAL_ENV='{}'", 'VIRTUAL_ENV="{}"', "  export VIRTUAL_ENV={}"]
)
def test_where_it_was_made_is_what_its_script_says(tmp_path: Path, line: str) -> None:
    stub(tmp_path, "echo '[[3, 11, 2], \"/site\", true]'")
    script = tmp_path / ".venv/bin/activate"
    script.write_text(f'if x; then\nVIRTUAL_ENV=$(cygpath "/x")\nfi\n{line.format("/old/.venv")}\n')
    assert venv.read(tmp_path).wrong == "it was made for /old/.venv"
    other = tmp_path / "link"
    other.symlink_to(tmp_path)
    script.write_text(line.format(other / ".venv") + "\n")
    assert venv.read(tmp_path).wrong == "", "another path to the same place"


def test_what_is_no_directory_and_what_is_not_there(tmp_path: Path) -> None:
    assert venv.read(tmp_path) == State(False)
    (tmp_path / ".venv").touch()
    assert venv.read(tmp_path).wrong == "it is no directory"


def test_a_lock_changes_with_what_it_includes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r sub/b.txt\nx==1\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.txt").write_text("-c ../a.txt\ny==1\n")
    before = venv.digests(tmp_path, ["a.txt"])
    (tmp_path / "sub/b.txt").write_text("y==2\n")
    assert venv.digests(tmp_path, ["a.txt"]) != before
    (tmp_path / "sub/b.txt").unlink()
    with pytest.raises(venv.Failed, match="b.txt can't be read"):
        venv.digests(tmp_path, ["a.txt"])


LOCK = """one==1.0 \\
    --hash=sha256:00
    # via two==2
Two_x[extra]==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:00
two-x==3.0 ; python_full_version >= '3.12' \\
    --hash=sha256:00
three==1 ; sys_platform == 'no-such' \\
    --hash=sha256:00
"""


@pytest.mark.parametrize(("python", "two"), [((3, 11, 9), "2.0"), ((3, 12, 0), "3.0")])
def test_the_versions_of_a_lock(python: tuple[int, ...], two: str) -> None:
    assert locked.versions(LOCK, python) == {"one": "1.0", "two-x": two}


def test_what_is_installed_against_what_is_locked(tmp_path: Path) -> None:
    for name in ("one-1.0", "Two_x-2.0.1", "more-1"):
        (tmp_path / f"{name}.dist-info").mkdir()
    found = locked.installed(tmp_path)
    assert found == {"one": "1.0", "two-x": "2.0.1", "more": "1"}
    wanted = {"one": "1", "two-x": "2.0", "three": "3"}
    assert locked.compared(wanted, found) == ("three is missing", "two-x is 2.0.1, not 2.0")


POSIX, WINDOWS = PurePosixPath("/a b/.venv"), PureWindowsPath(r"C:\it's\.venv")


@pytest.mark.parametrize(
    ("shell", "place", "line"),
    [
        ("bash", PurePosixPath(".venv"), "source .venv/bin/activate"),
        ("zsh", POSIX, "source '/a b/.venv/bin/activate'"),
        ("dash", POSIX, ". '/a b/.venv/bin/activate'"),
        ("fish", POSIX, "source '/a b/.venv/bin/activate.fish'"),
        ("tcsh", POSIX, "source '/a b/.venv/bin/activate.csh'"),
        ("pwsh", POSIX, "& '/a b/.venv/bin/Activate.ps1'"),
        ("", POSIX, "source '/a b/.venv/bin/activate'"),
        ("powershell", WINDOWS, r"& 'C:\it''s\.venv\Scripts\Activate.ps1'"),
        ("", WINDOWS, r"& 'C:\it''s\.venv\Scripts\Activate.ps1'"),
        ("cmd", PureWindowsPath(r"C:\a b"), r'"C:\a b\Scripts\activate.bat"'),
        ("bash", PureWindowsPath(".venv"), "source .venv/Scripts/activate"),
    ],
)
def test_the_line_that_activates_it(shell: str, place: PurePath, line: str) -> None:
    windows = isinstance(place, PureWindowsPath)
    assert shells.activation(shell, place, windows) == line
    python = venv.interpreter(place, windows)
    assert python.parts[-2:] == (("Scripts", "python.exe") if windows else ("bin", "python"))


# Debian has no package of the last one.
SHELLS = ["bash", "dash", "zsh", "fish", "tcsh", *filter(shutil.which, ["pwsh"])]


@pytest.mark.parametrize("shell", SHELLS)
def test_shells_that_are_here_read_it(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    place = tmp_path / "it's a place" / ".venv"
    file = shells.activation(shell, Path("x")).rpartition("/")[2].rstrip("'")
    (place / "bin").mkdir(parents=True)
    (place / "bin" / file).write_text("echo activated\n")
    line = shells.activation(shell, place)
    done = subprocess.run([shell, "-c", line], capture_output=True, text=True)
    assert done.stdout == "activated\n", done.stderr


@pytest.mark.parametrize(
    ("ancestors", "login", "shell"),
    [
        (["inv", "fish", "bash"], "/bin/bash", "fish"),
        (["python", "-zsh", "login"], "", "zsh"),
        (["make"], "/usr/bin/tcsh", "tcsh"),
        (["powershell.exe"], "", "powershell"),
        (["cron"], "", ""),
    ],
)
def test_the_shell_is_the_nearest_above(ancestors: list[str], login: str, shell: str) -> None:
    assert shells.current(ancestors, login) == shell
    assert all(isinstance(name, str) for name in shells.above())


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("fatal error: Python.h: No such file or directory", "build"),
        ("error: subprocess-exited-with-error", "build"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "hash"),
        ("ERROR: No matching distribution found for x==1", "network"),
        ("Cannot install a and b because these have conflicting dependencies.", "conflict"),
        ("OSError: [Errno 28] No space left on device", "disk"),
        ("something else", "install"),
    ],
)
def test_a_failure_of_pip_has_a_kind(output: str, kind: str) -> None:
    assert closure.kind(output) == kind


@pytest.mark.parametrize("begun", [False, True], ids=["not begun", "incomplete"])
def test_one_that_a_killed_run_left_aside_is_back(tmp_path: Path, begun: bool) -> None:
    (tmp_path / "a.txt").write_text("")
    stub(tmp_path, "echo '[[3, 11, 2], \"/site\", true]'")
    stamp = venv.digests(tmp_path, ["a.txt"])
    (tmp_path / ".venv" / venv.STAMP).write_text(str(stamp).replace("'", '"'))
    os.rename(tmp_path / ".venv", tmp_path / venv.ASIDE)
    if begun:
        stub(tmp_path, "echo '[[3, 11, 2], \"/site\", false]'")
    venv.main(["--root", str(tmp_path), "--lock", "a.txt"])
    assert venv.read(tmp_path).installed == stamp and not (tmp_path / venv.ASIDE).exists()
