"""Tools as they are found and run: real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.lib import console, tools


def tool(path: Path, says: str, code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {says}\nexit {code}\n")
    path.chmod(0o755)
    return path


def test_the_virtual_environments_tool_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tool(tmp_path / "elsewhere" / "checker", "other")
    monkeypatch.setenv("PATH", f"{other.parent}:{os.environ['PATH']}")
    assert tools.find(tmp_path, "checker") == other
    own = tool(tools.commands(tmp_path) / "checker", "own")
    assert tools.find(tmp_path, "checker") == own
    assert tools.find(tmp_path, "no-such-checker") is None
    # What a tool starts by name is the environment's, too.
    assert tools.run(["checker"], tmp_path).output == "own\n"
    assert tools.run(["sh", "-c", "checker"], tmp_path).output == "own\n"


def test_what_a_tool_says_is_shown_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    says = "import sys; print('one\\x1b[2J'); print('two', file=sys.stderr); sys.exit(3)"
    ran = tools.run([sys.executable, "-u", "-c", says], tmp_path, env={"MORE": "1"})
    assert (ran.code, ran.output) == (3, "one\x1b[2J\ntwo\n") and ran.seconds > 0
    assert capsys.readouterr().out == "one\\x1b[2J\ntwo\n"
    assert tools.run([sys.executable, "-c", says], tmp_path, show=False).code == 3
    assert capsys.readouterr().out == ""
    with pytest.raises(FileNotFoundError):
        tools.run(["no-such-checker"], tmp_path)


def test_one_on_the_terminal_speaks_where_we_do(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tools.attached(["sh", "-c", "echo here; exit 4"], tmp_path).code == 4
    assert capfd.readouterr().out == "here\n"
    console.set_json(True)
    try:
        tools.attached(["echo", "there"], tmp_path)
    finally:
        console.set_json(False)
    assert capfd.readouterr() == ("", "there\n")


def test_ctrl_c_while_the_tool_starts_ends_when_it_has(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys; from pathlib import Path; from tasks.lib import tools\n"
        "class Slow(subprocess.Popen):\n"
        "    def __init__(self, *words, **about):\n"
        "        super().__init__(*words, **about)\n"
        "        os.kill(os.getpid(), 2)\n"
        "subprocess.Popen = Slow\n"
        "tools.run(['sh', '-c', 'sleep 0.3; touch done'], Path(sys.argv[1]))\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True)
    assert done.returncode == -signal.SIGINT and (tmp_path / "done").exists(), done.stderr


def test_ctrl_c_ends_when_the_tool_has(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tasks.lib import tools\n"
        "tool = 'trap \"sleep 0.3; touch done; exit\" INT; touch begun; sleep 9 & wait'\n"
        "tools.run(['sh', '-c', tool], Path(sys.argv[1]))\n"
    )
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=root,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not (tmp_path / "begun").exists():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) != 0 and (tmp_path / "done").exists()


def test_several_at_once_are_told_in_their_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each waits for what the other writes, which only those that run at once can."""
    wait = "touch {0}; while [ ! -e {1} ]; do sleep 0.01; done; seq 50000; exit {2}"
    argvs = [["sh", "-c", wait.format("a", "b", 3)], ["sh", "-c", wait.format("b", "a", 0)]]
    first, second = tools.together(argvs, tmp_path)
    assert (first.code, second.code) == (3, 0) and first.argv == tuple(argvs[0])
    assert first.output == second.output and first.output.endswith("\n50000\n")
    assert first.seconds > 0 and capsys.readouterr().out == ""


def test_none_of_several_is_left_behind(tmp_path: Path) -> None:
    argvs: list[list[str]] = [["sh", "-c", "echo $$ > first; exec sleep 60"], ["no-such-checker"]]
    with pytest.raises(FileNotFoundError):
        list(tools.together(argvs, tmp_path))
    argvs[1] = ["true"]
    (tmp_path / "first").unlink(missing_ok=True)
    several = tools.together([argvs[1], argvs[0]], tmp_path)
    assert next(several).code == 0
    while not (tmp_path / "first").exists() or not (tmp_path / "first").read_text():
        pass
    several.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "first").read_text()), 0)
