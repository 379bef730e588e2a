"""Colours: one place decides whether there are any, and each means the same everywhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tasks.lib import console, tools
from tasks.lib.lint import mypy
from tests.conftest import Make
from tests.support.project import Project
from tests.support.terminal import Terminal, plain
from tests.test_house import ROOT, python

COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # SGR, bold and dim too
ASKED = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE")


class Stream:
    def __init__(self, terminal: bool) -> None:
        self.isatty = lambda: terminal


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    return lasting(hosts=1)


@pytest.mark.parametrize(
    ("terminal", "variables", "coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": "0"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"CLICOLOR_FORCE": "1"}, True),
        (False, {"FORCE_COLOR": "0"}, False),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (True, {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
    ],
    ids=str,
)
def test_whether_there_are_any(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, variables: dict[str, str], coloured: bool
) -> None:
    for name in ASKED:
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"TERM": "xterm"} | variables).items():
        monkeypatch.setenv(name, value)
    stream = Stream(terminal)
    assert console.colour(stream) is coloured  # type: ignore[arg-type]
    assert (console.screen(stream).color_system is not None) is coloured  # type: ignore[arg-type]


def test_one_place_decides() -> None:
    decides = re.compile(r"\bConsole\(|x1b\[[0-9;]*m|\b033\[|\[(bold|red|green|yellow|dim)\b")
    ours = [path for path in python() if path.parts[0] in ("tasks", "scripts")]
    found = {str(path) for path in ours if decides.search((ROOT / path).read_text())}
    assert found == {"tasks/lib/console.py"}


def test_each_colour_has_one_meaning() -> None:
    assert (console.GOOD, console.WARNING, console.HINT) == ("green", "yellow", "dim")
    named = re.compile(r"\"(bold )?(green|red|yellow|dim|italic|magenta|blue)\"")
    ours = [path for path in python() if path.parts[0] in ("tasks", "scripts")]
    found = {str(path) for path in ours if named.search((ROOT / path).read_text())}
    assert found == {"tasks/lib/console.py"}


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["xterm", "NO_COLOR", "dumb"],
)
@pytest.mark.parametrize("words", [["circle.status"], ["deploy.logs", "--host=none"]], ids=str)
def test_on_a_terminal(
    project: Project, words: list[str], variables: dict[str, str], coloured: bool
) -> None:
    terminal = Terminal(project, 80, *words, **variables)
    code = terminal.end()
    assert bool(COLOUR.search(terminal.said)) is coloured, terminal.said
    if variables.get("TERM") == "dumb":  # others can at least write a line anew
        assert "\x1b" not in terminal.said
    assert max(map(len, plain(terminal.said))) <= 80 and code in (0, 2)


@pytest.mark.parametrize("force", ["", "1"])
def test_in_a_pipe(project: Project, force: str) -> None:
    said = project.inv("deploy.logs", "--host=none", env={"FORCE_COLOR": force, "NO_COLOR": ""})
    assert said.returncode == 2 and bool(COLOUR.search(said.stderr)) is bool(force), said.stderr


def test_what_a_tool_says_is_read_without_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever forces colours, as CI does, has them forced on each tool, too."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    (tmp_path / "wrong.py").write_text('number: int = ""\n')
    ran = tools.run([sys.executable, "-m", "mypy", "wrong.py"], tmp_path, show=False)
    found = mypy.read(ran)
    assert "\x1b" not in ran.output and len(found.rules) == 1
