"""What of the tests is run: what may leave out some, and pytest's command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.errors import Refused
from tasks.lib.testing import choice, results, settings
from tasks.lib.testing.choice import Choice, Files
from tasks.lib.testing.settings import Testing

WHOLE = ["-v", "-qq", "-x", "-s", "-l", "--pdb", "--tb=short", "--tb short", "--maxfail=3", "-n4"]
WHOLE += ["-n auto", "-W error", "--durations=5", "--cov-branch", "--junit-xml=a.xml", "-rA"]


@pytest.mark.parametrize("line", WHOLE)
def test_what_leaves_out_no_test(line: str) -> None:
    assert Choice(parallel=True, coverage=True, more=tuple(line.split())).part == ""


@pytest.mark.parametrize(
    ("chosen", "part"),
    [
        (Choice(suite="unit"), "--suite=unit"),
        (Choice(keyword="a or b", failed=True), "-k 'a or b' --failed"),
        (Choice(more=("-m", "not slow")), "-m 'not slow'"),
        (Choice(more=("tests/test_x.py", "-v")), "tests/test_x.py"),
        (Choice(more=("--lf",), keyword="a"), "-k a --lf"),
        (Choice(usual=("--no-such-thing",)), "--no-such-thing"),
        (Choice(more=("--deselect=x", "--tb=no")), "--deselect=x"),
    ],
)
def test_what_may_leave_out_some(chosen: Choice, part: str) -> None:
    assert chosen.part == part


def test_pytests_command_line() -> None:
    said = Choice(keyword="a", failed=True, parallel=True, coverage=True, more=("-x",))
    testing = Testing(options=("-o", "a=b"), source=("one", "two"))
    files = Files(Path("j"), Path("c"), html=Path("h"))
    assert choice.words(said, testing, ["tests/x"], files) == [
        *("-o", "a=b", "--junit-xml=j", "-o", "junit_family=xunit1", "-k", "a", "--last-failed"),
        *("-n", "auto", "--cov=one", "--cov=two", "--cov-report=term-missing:skip-covered"),
        *("--cov-report=json:c", "--cov-report=html:h", "tests/x", "-x"),
    ]


def test_the_readers_own_file_of_results_is_the_one_that_is_read(tmp_path: Path) -> None:
    def junit(options: tuple[str, ...] = (), **said: Any) -> Path:
        testing = Testing(options=options)
        return choice.files(Choice(**said), testing, tmp_path, Path("/t")).junit

    for words in (("--junit-xml=a/b.xml",), ("-v", "--junitxml", "a/b.xml")):
        for found in (junit(words), junit(more=words), junit(usual=words)):
            assert found == tmp_path / "a/b.xml"
    assert junit() == Path("/t/junit.xml")


@pytest.mark.parametrize(
    ("line", "words"),
    [("inv test", ()), ("inv test --", ()), ("inv a -- b -- c", ("b", "--", "c"))],
)
def test_words_after_two_dashes(
    monkeypatch: pytest.MonkeyPatch, line: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "argv", line.split())
    assert choice.passed_on() == words


def test_variables_of_pytests_are_read_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k 'a or b' -v")
    assert choice.usual() == ("-k", "a or b", "-v")
    monkeypatch.setenv("PYTEST_ADDOPTS", "'")
    with pytest.raises(Refused, match="PYTEST_ADDOPTS can't be read"):
        choice.usual()


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"directory": "../tests"}, "directory"),
        ({"suites": {"a/b": ["x"]}}, "suites"),
        ({"suites": {"a": []}}, "suites"),
        ({"suites": {"a": ["-x"]}}, "suites"),
        ({"source": []}, "source"),
        ({"source": ["-x"]}, "source"),
        ({"coverage": 101}, "coverage"),
        ({"critical": {"a": -1}}, "critical"),
        ({"options": ["a\0b"]}, "options"),
    ],
)
def test_what_is_unsound_is_found(said: dict[str, Any], key: str) -> None:
    import msgspec

    assert [each[0] for each in settings.faults(msgspec.convert(said, Testing))] == [key]
    assert [*settings.faults(Testing())] == []


def test_half_a_file_of_results_is_none(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    assert results.read(path) is None
    path.write_text("<testsuites><testsuite tests='3'><testcase name='a'")
    assert results.read(path) is None


def test_failures_that_say_the_same_are_one_line() -> None:
    failing = [results.Case(f"t::{n}", 0.1, f"said {n % 12}") for n in range(24)]
    told = results.told(results.Results(failed=24, failing=tuple(failing))).splitlines()
    assert told[0] == "- t::0 and 1 more: said 0" and told[-1] == "- and 2 more"
    assert len(told) == results.GROUPS + 1
