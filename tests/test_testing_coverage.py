"""`inv test --coverage` with a real pytest-cov: thresholds, critical paths, the report."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.bench import Bench

Said = pytest.CaptureFixture[str]
PAY = "def pay(n):\n    if n:\n        return 1\n    return 0\n"


pytestmark = pytest.mark.usefixtures("apart")


def test_what_the_tests_reach_is_read_back(bench: Bench, capfd: Said) -> None:
    """shop.py has four lines of which one is not reached."""
    assert bench.inv(coverage=True) == 0
    said = capfd.readouterr().out
    assert re.search(r"^shop\.py +4 +1 +75% +3$", said, re.M), "the missing line is listed"
    assert re.search(r"^coverage of +reached +at least\nshop +75 % +60 %$", said, re.M)
    assert "Line by line: htmlcov/index.html" in said
    assert (bench.path / "htmlcov" / "index.html").is_file()
    assert bench.git("status", "--porcelain") == "", "measuring leaves nothing to commit"
    assert bench.last()["detail"]["coverage"] == [{"of": "shop", "percent": 75.0, "threshold": 60}]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"coverage": 80}, "75 % of shop where 80 % are needed"),
        ({"critical": {"*shop.py": 75.1}}, "75 % of *shop.py where 75.1 % are needed"),
        ({"critical": {"pay/*": 10}}, "nothing of pay/* where 10 % are needed"),
    ],
    ids=["whole", "critical", "critical that is not there"],
)
def test_too_little_does_not_close(
    bench: Bench, capfd: Said, settings: dict[str, Any], sentence: str
) -> None:
    assert bench.inv(coverage=True, settings=settings) == 1
    said = capfd.readouterr().err
    assert f"The tests pass, and reach too little: {sentence}." in said
    assert "Runbook: The tests reach too little" in said
    assert said.endswith("Next: inv test --coverage\n")
    assert bench.inv(coverage=True, check=True, settings=settings) == 1
    assert f"the tests reach enough of the code: {sentence}; run" in capfd.readouterr().err


def test_code_that_is_not_there_is_told_with_the_key_that_names_it(
    bench: Bench, capfd: Said
) -> None:
    assert bench.inv(coverage=True, settings={"source": ["pay"]}) == 1
    said = capfd.readouterr().err
    assert "Nothing of pay was measured: name its directory or package in invoke.yaml" in said
    assert bench.inv(coverage=True, check=True, settings={"source": ["pay"]}) == 1
    assert "every test passes:" not in capfd.readouterr().err


def test_a_critical_path_is_held_above_its_own(bench: Bench, capfd: Said) -> None:
    test = "from pay import pay\n\n\ndef test_pay():\n    assert pay(1) == 1\n"
    bench.commit({"pay.py": PAY, "tests/test_pay.py": test})
    settings = {"source": ["."], "critical": {"pay*": 75, "shop.py": 75}}
    assert bench.inv(coverage=True, settings=settings) == 0
    told = capfd.readouterr().out
    assert re.search(r"^pay\* +75 % +75 %\nshop\.py +75 % +75 %$", told, re.M)
    assert bench.inv(coverage=True, settings={**settings, "critical": {"pay*": 76}}) == 1


def test_of_a_chosen_part_nobody_expects_that_it_reaches_all(bench: Bench, capfd: Said) -> None:
    settings = {"coverage": 99}
    assert bench.inv(coverage=True, keyword="price", settings=settings) == 0
    assert "75 %" in capfd.readouterr().out
    assert bench.inv("--cov-branch", coverage=True, settings=settings) == 1


def test_a_projects_own_threshold_is_heard(bench: Bench, capfd: Said) -> None:
    bench.commit({".coveragerc": "[report]\nfail_under = 99\n"})
    assert bench.inv(coverage=True) == 1
    assert "exit code 1 though no test failed; what it says of it is above" in (
        capfd.readouterr().err
    )


def test_the_report_is_opened_in_the_readers_browser(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = bench.path.parent / "shown"
    browser = bench.path.parent / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {shlex.quote(str(shown))}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{shlex.quote(str(browser))} %s")
    assert bench.inv(open=True) == 0
    assert shown.read_text() == (bench.path / "htmlcov" / "index.html").as_uri()


def test_plugins_that_are_not_there(
    bench: Bench, capfd: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment with pytest and nothing else."""
    bare(bench)
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    assert bench.inv(parallel=True, plugins=False) == 0
    assert "pytest-xdist is not installed, so the tests run one after the other" in (
        capfd.readouterr().err
    )
    assert bench.inv(coverage=True) == 2
    assert "pytest-cov, which measures coverage, is not installed; run `pip install" in (
        capfd.readouterr().err
    )


def bare(bench: Bench) -> None:
    venv = bench.path / ".venv"
    venv.unlink()
    site = venv / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    python = Path(os.path.realpath(sys.executable))
    (venv / "pyvenv.cfg").write_text(f"home = {python.parent}\n")
    ours = Path(pytest.__file__).parents[1]
    for name in ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments"):
        (site / name).symlink_to(ours / name)
    commands = venv / "bin"
    commands.mkdir()
    (commands / "python").symlink_to(python)
    tool = commands / "pytest"
    start = "import sys, pytest; sys.exit(pytest.main())"
    tool.write_text(f'#!/bin/sh\nexec "$(dirname "$0")/python" -c {shlex.quote(start)} "$@"\n')
    tool.chmod(0o755)


def test_on_every_core(bench: Bench, capfd: Said) -> None:
    assert bench.inv(parallel=True) == 0
    assert "workers" in capfd.readouterr().out
    assert bench.last()["detail"]["passed"] == 1
    assert json.dumps(bench.last()["detail"]).count("partial") == 0
