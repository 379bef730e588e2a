"""`inv test` on projects that nobody here wrote, through their invoke.yaml alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks.lib import journal
from tests.support.foreign import foreign

# What each of them would have in its invoke.yaml: where its code is, and what pytest is given.
SRC = ["-o", "pythonpath=src"]
# Its tests are older than our pytest, and one of them starts a Python that knows no pythonpath.
OLDER = ["-W", "ignore::pytest.PytestRemovedIn10Warning", "--ignore=tests/test_imports.py"]
# These need freezegun, see below.
FROZEN = [f"--ignore=tests/test_itsdangerous/test_{name}.py" for name in ("timed", "url_safe")]
# Most of pytest's start is loading plugins, of which they need none.
QUICK = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@pytest.mark.parametrize(
    ("name", "options", "least"),
    [("click", OLDER, 1200), ("itsdangerous", FROZEN, 60), ("markupsafe", [], 39)],
)
def test_it_is_tested_as_it_was_released(
    tmp_path: Path, name: str, options: list[str], least: int
) -> None:
    project = foreign(name, tmp_path)
    project.configure(test={"options": [*SRC, *options]})
    done = project.inv("test", env=QUICK)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    table = re.search(
        r"^tests +now\npassed +(\d+)\nfailed +0\nerrors +0\nskipped +\d+\nseconds +[\d.]+$",
        done.stdout,
        re.MULTILINE,
    )
    assert table and int(table[1]) >= least
    assert "counts for no commit" not in done.stdout, "its tree is as it was committed"
    last = journal.read(journal.where(project.root))[-1]
    assert (last["outcome"], last["detail"]["passed"]) == ("closed", int(table[1]))


def test_its_coverage_is_measured_where_its_code_is(tmp_path: Path) -> None:
    project = foreign("markupsafe", tmp_path)
    options = [*SRC, "-p", "pytest_cov.plugin"]
    project.configure(test={"options": options, "source": ["markupsafe"], "coverage": 70})
    done = project.inv("test", "--coverage", env=QUICK)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert re.search(r"^markupsafe +7\d(\.\d)? % +70 %$", done.stdout, re.MULTILINE)


def test_what_it_needs_and_is_not_there_is_named(tmp_path: Path) -> None:
    project = foreign("itsdangerous", tmp_path)
    project.configure(test={"options": SRC})
    done = project.inv("test", env=QUICK)
    assert done.returncode == 1
    assert re.search(r"^tests +now\npassed +0\nfailed +0\nerrors +2\n", done.stdout, re.MULTILINE)
    assert "pytest could not read 2 files of tests." in done.stderr
    assert "ModuleNotFoundError: No module named 'freezegun'" in done.stderr
    assert "Runbook: A dependency is missing" in done.stderr
