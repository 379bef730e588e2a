"""The board on a terminal: in its place, in 80 columns, and gone without a trace."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest

from tasks.lib.telemetry import names
from tests.conftest import Make
from tests.support import watched
from tests.support.project import Project
from tests.support.terminal import Terminal, plain

OTHER, BACK = "\x1b[?1049h", "\x1b[?1049l"  # the terminal's other screen (xterm's ctlseqs, DECSET)
HOME = "\x1b[H"


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    made = lasting(hosts=1)
    made.git("tag", "v1.2.3-rc.1.with-a-name-that-goes-on-and-on-and-on")
    made.document("deploy", "--version=v1.2.3-rc.1.with-a-name-that-goes-on-and-on-and-on")
    return made


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """50 instances of which four are down, too many errors, and a gap in the past."""
    past = watched.recently()
    gap = past.start + 300, past.start + 900
    rate = lambda at: None if gap[0] < at < gap[1] else at % 600  # noqa: E731
    down = {names.UP: 46.0, names.INSTANCES: 50.0}
    watched.well(past, 0, but={names.ERROR_RATIO: 0.05, names.RATE: None, names.UP: None})
    past.add(names.RATE, rate, job="demo")
    for name, value in down.items():
        past.add(name, value, job="pi-forge")
    for number in range(50):
        is_up = float(number not in (3, 7, 8, 30))
        past.add("up", is_up, job="pi-forge", instance=f"web{number}.example.com:8000")
    with watched.known(tmp_path_factory.mktemp("bad"), past) as found:
        yield found


@pytest.mark.parametrize("columns", [80, 45, 200])
def test_it_is_drawn_again_in_its_place_and_ctrl_c_leaves_it(
    project: Project, bad: dict[str, str], columns: int
) -> None:
    terminal = Terminal(project, columns, "monitor", INVOKE_MONITOR_REFRESH="1s", **bad)
    terminal.until("OUT OF BOUNDS", times=3)
    assert terminal.end(signal.SIGINT) == 0, "leaving is no failure"
    said = terminal.said
    assert said.count(OTHER) == said.count(BACK) == 1 and "Traceback" not in said
    drawn, left = said.split(BACK)
    assert drawn.count(HOME) >= 2
    lines = plain(left)
    assert max(map(len, lines)) <= columns
    told = " ".join(lines)
    assert "OUT OF BOUNDS" in told and "46 of 50" in told, "the last board stays"
    assert project.current() in "".join(lines), "a release cut short is of no use"
    assert lines[-1].endswith("inv rollback --env=sandbox")
    assert ("last 30m" in told) == (columns > 45)
    rate = next(line for line in lines if line.startswith("requests/s"))
    assert columns == 45 or re.search(r"[▁-█]+ +[▁-█]+", rate), "a gap in the past is one"


def test_what_is_wrong_is_explained_on_the_board(project: Project, bad: dict[str, str]) -> None:
    terminal = Terminal(project, 80, "monitor", INVOKE_MONITOR_REFRESH="1s", **bad)
    terminal.until("4 of 50 are down: web[3,7-8,30].example.com:8000")
    assert "OUT error ratio is 5 %, over 1 %" in " ".join(plain(terminal.said))
    assert terminal.end(signal.SIGINT) == 0


def test_nothing_known_is_a_board_too(project: Project) -> None:
    away = watched.variables(watched.NOWHERE)
    terminal = Terminal(project, 80, "monitor", INVOKE_MONITOR_REFRESH="1s", **away)
    terminal.until("NOT KNOWN", times=2)
    assert terminal.end(signal.SIGINT) == 0
    assert "inv monitor.doctor --env=sandbox" in terminal.said


@pytest.mark.parametrize(("variable", "colours"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_once_on_a_terminal(
    project: Project, bad: dict[str, str], variable: dict[str, str], colours: bool
) -> None:
    terminal = Terminal(project, 80, "monitor", "--once", **bad, **variable)
    assert terminal.end() == 1
    assert OTHER not in terminal.said
    assert bool(re.search(r"\x1b\[[0-9;]*3[1-6]m", terminal.said)) == colours
    assert "sandbox is out of bounds: error ratio, instances up." in terminal.said
