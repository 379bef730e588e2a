"""The phase test: what it rests on, running pytest, and what holds afterwards."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple

from .. import console, evidence, journal, project, tools
from ..declare import Outcome
from ..errors import Interrupted, Refused
from ..release import lineage
from . import choice as choosing
from . import report as reporting
from . import results
from .choice import Choice, Files
from .report import Report
from .rows import SLOW

if TYPE_CHECKING:
    from ..settings import Settings
    from .settings import Testing


class World(NamedTuple):
    """What a run of the tests rests on.

    paths: of the suite that was chosen. lacks: pytest's plugins that the choice needs and pytest
    doesn't have. commits: HEAD and those before it that have the same code, as for
    `evidence.inherited`. report: how the run ended, where there was one.
    """

    root: Path
    testing: Testing
    choice: Choice
    paths: tuple[str, ...]
    pytest: Path | None
    lacks: tuple[str, ...]
    commits: tuple[str, ...]
    entries: tuple[Mapping[str, Any], ...]
    report: Report | None = None


def read(root: Path, settings: Settings, choice: Choice) -> World:
    """Return the world. Raises Refused where there is no such suite."""
    testing = settings.test
    if choice.brief and choice.failed:
        raise Refused("--check looks at every test: leave --failed out, or --check.")
    paths = choosing.paths(testing, root, choice.suite)
    pytest = tools.find(root, "pytest")
    lacks = _lacks(pytest, choice) if pytest else ()
    if "xdist" in lacks:
        console.warn("pytest-xdist is not installed, so the tests run one after the other")
        choice = choice._replace(parallel=False)
    entries = tuple(journal.read(journal.where(root)))
    commit = project.commit(root)
    commits = lineage.commits(root, settings.release, commit) if commit else ()
    return World(root, testing, choice, paths, pytest, lacks, commits, entries)


def _lacks(pytest: Path, choice: Choice) -> tuple[str, ...]:
    """Return which of the plugins that are needed the Python of `pytest` doesn't have."""
    wanted = ["xdist"] * choice.parallel + ["pytest_cov"] * choice.coverage
    python = shutil.which("python", path=str(pytest.parent))
    if not (wanted and python):
        return ()
    code = (
        "import importlib.util as u, sys; print(*[n for n in sys.argv[1:] if not u.find_spec(n)])"
    )
    said = subprocess.run([python, "-c", code, *wanted], capture_output=True, text=True)
    return tuple(said.stdout.split())


def isolated(world: World) -> str:
    """Probe: the tests have a virtual environment."""
    return "" if tools.commands(world.root).is_dir() else "there is no .venv here"


def installed(world: World) -> str:
    """Probe: there is a pytest, with what the choice needs of it."""
    if world.pytest is None:
        return "there is no pytest in .venv or the PATH"
    return "pytest-cov, which measures coverage, is not installed" * ("pytest_cov" in world.lacks)


def linted(world: World) -> str:
    """Probe: the code has been linted; outside of a repository, the last time that it was."""
    if world.commits:
        found = evidence.inherited(world.entries, "lint", world.commits) is not None
    else:
        told = [entry.get("outcome") for entry in world.entries if entry.get("phase") == "lint"]
        found = told[-1:] == ["closed"]
    return "" if found else "lint has not closed for it"


def passes(world: World) -> str:
    """Probe: every test of the run passed."""
    wrong = world.report and reporting.trouble(world.report, {})
    if not wrong or wrong.kind in reporting.MEASURED:
        return ""
    return " ".join([str(wrong), *wrong.evidence.splitlines()])


def reaches(world: World) -> str:
    """Probe: the tests reach as much of the code as they should."""
    lacking = world.report.lacking if world.report else ()
    return reporting.reached(lacking)


def seen(world: World) -> World:
    """Run the tests and return the world with the report; for `--check`, which has no procedure.

    Raises what keeps pytest from an answer: Interrupted, and Refused where it could not begin.
    """
    if wrong := installed(world):
        raise Refused(f"inv test can't look: {wrong}; run `inv host`, or `pip install` it.")
    report = run(world)
    wrong_way = reporting.trouble(report, {})
    if isinstance(wrong_way, (Interrupted, Refused)):
        raise wrong_way
    return world._replace(report=report)


def test(world: World, show: bool) -> Outcome:
    """Run the tests, tell what was found and return it. show: the coverage report, in a browser.

    Raises what `reporting.trouble` makes of it.
    """
    report = run(world)
    before = reporting.last(world.entries, report.part)
    found = reporting.detail(report, before)
    reporting.show(report, found, before)
    if report.seconds >= world.testing.slow and not world.choice.parallel:
        console.say(f"Runbook: {SLOW.issue} → {SLOW.solution}")
    if world.choice.coverage:
        _html(world.root / "htmlcov" / "index.html", show)
    if wrong := reporting.trouble(report, found):
        raise wrong
    return Outcome(found)


def _html(page: Path, show: bool) -> None:
    import webbrowser

    if page.is_file():
        console.say(f"Line by line: {page.relative_to(page.parents[1])}")
        if show and not webbrowser.open(page.as_uri()):
            console.warn(f"no browser could be started; open {page}")


def run(world: World) -> Report:
    """Run pytest on the reader's terminal and return how that ended."""
    from . import measured

    assert world.pytest is not None, "a prerequisite"
    choice = world.choice
    with tempfile.TemporaryDirectory(prefix="inv-test-") as place:
        files = choosing.files(choice, world.testing, world.root, Path(place))
        words = choosing.words(choice, world.testing, world.paths, files)
        argv, env = [str(world.pytest), *words], _variables(choice, Path(place))
        with contextlib.suppress(OSError):
            files.junit.unlink()  # the reader's own, of the run before
        ran = _ran(argv, world.root, env, files)
        found = results.read(files.junit)
        said = ""
        if ran.code == reporting.USAGE:  # nothing has begun, so that it can be asked once more
            said = tools.run(argv, world.root, env=env, show=False).output
        reached = measured.read(files.coverage, world.testing) if choice.coverage else ()
    return Report(ran.code, ran.seconds, found, reached, choice.chosen, choice.part, said)


def _variables(choice: Choice, place: Path) -> dict[str, str | None]:
    """Return what pytest is told by variables: the service under test tells nobody anything, what
    is only measured or looked at leaves nothing behind, and one measures."""
    said: dict[str, str | None] = {"ENABLE_TELEMETRY": "false"}
    if choice.coverage:
        said |= {"COVERAGE_PROCESS_CONFIG": None, "COVERAGE_PROCESS_START": None}
        said["COVERAGE_FILE"] = str(place / ".coverage")
    if choice.brief:
        said["PYTHONDONTWRITEBYTECODE"] = "1"
    return said


def _ran(argv: list[str], root: Path, env: Mapping[str, str | None], files: Files) -> tools.Ran:
    try:
        return tools.attached(argv, root, env=env)
    except KeyboardInterrupt:
        raise reporting.interrupted(results.read(files.junit)) from None
    except OSError as error:  # as that of a .venv that was moved: its commands name the old place
        raise Refused(
            f"{argv[0]} can't be run ({error.strerror}): make .venv anew, `inv host --recreate`.",
            kind="prerequisite",
        ) from None
