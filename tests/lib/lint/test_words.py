"""What the tools' words say, also those of other versions than tests/test_lint.py runs."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from tasks.lib.lint import advice, black, flake8, hooks, mypy, report, shipped
from tasks.lib.lint.report import Found, Report, Result, Tool
from tasks.lib.tools import Ran

ROOT = Path("/project")


def ran(output: str, code: int = 1) -> Ran:
    return Ran(("tool",), code, output, 1.5)


@pytest.mark.parametrize(
    ("said", "check", "files", "findings", "changed", "broken"),
    [
        ("All done!\n3 files left unchanged.\n", False, 3, 0, 0, ()),
        ("1 file reformatted, 2 files left unchanged.\n", False, 3, 0, 1, ()),
        ("1 file would be reformatted, 2 files would be left unchanged.\n", True, 3, 1, 0, ()),
        ("No Python files are present to be formatted. Nothing to do\n", True, 0, 0, 0, ()),
        (
            "error: cannot format a b.py: Cannot parse: 7:6: def f(:\n1 file failed to reformat.\n",
            False,
            1,
            1,
            0,
            ("a b.py:7: Black can't parse it",),
        ),
        (
            "error: cannot format a.py: Cannot parse for target version Python 3.8: 2:0: match x:\n"
            "1 file would fail to reformat.\n",
            True,
            1,
            1,
            0,
            ("a.py:2: Black can't parse it",),
        ),
        (
            "error: cannot parse: /project/pkg/a.py:7:6\n1 file failed to reformat.\n",
            False,
            1,
            1,
            0,
            ("pkg/a.py:7: Black can't parse it",),
        ),
        ("", False, None, 0, 0, ()),
    ],
)
def test_black(
    said: str, check: bool, files: int | None, findings: int, changed: int, broken: tuple[str, ...]
) -> None:
    found = black.read(ran(said), ROOT, check)
    assert (found.files, found.findings, found.changed) == (files, findings, changed)
    assert found.broken == broken


def test_flake8_counts_files_and_keeps_that_from_the_reader() -> None:
    said = (
        "./a b.py:1:2: F401 'os' imported but unused\nimport os\n^\n"
        "./c.py:3:80: E501 line too long\n./c.py:4:80: E501 line much too long\n"
        "./d.py:2:1: E999 SyntaxError: no\n"
        "0.108      seconds elapsed\n2          total logical lines processed\n"
        "1e+03      logical lines processed per second\n3          total files processed\n"
        "18         files processed per second\n"
    )
    found = flake8.read(ran(said))
    assert (found.findings, found.files) == (4, 3)
    assert found.rules == {"F401": 1, "E501": 2, "E999": 1}
    assert found.says["E501"] == "line too long"
    assert found.broken == ("d.py:2: SyntaxError: no",)
    assert found.text == said[: said.index("0.108")]


def test_mypy() -> None:
    said = (
        "a.py:1: error: No.  [arg-type]\na.py:1: note: See.\nb.py:2:3: error: Not so\n"
        "Found 2 errors in 2 files (checked 30 source files)\n"
    )
    found = mypy.read(ran(said))
    assert (found.findings, found.files) == (2, 30) and found.rules == {"arg-type": 1, "error": 1}
    assert mypy.read(ran("Success: no issues found in 1 source file\n", 0)).files == 1


def test_hooks() -> None:
    said = (
        "trim.......Passed\nblack......Failed\n- hook id: black\n"
        "- files were modified by this hook\n\nreformatted a.py\n"
        "verbose one.....Passed\n- hook id: verbose\n- duration: 0s\n"
    )
    found = hooks.read(ran(said))
    assert (found.findings, found.changed, found.rules) == (1, 1, {"black": 1})


@pytest.mark.parametrize(
    "said",
    [
        "docker: 'compose' is not a docker command.",
        "docker: unknown command: docker compose",
        "unknown flag: --quiet\n\nUsage:  docker [OPTIONS] COMMAND\n",
    ],
)
def test_a_docker_without_compose_is_told_from_a_faulty_file(said: str) -> None:
    assert shipped.is_missing(ran(said)) and not shipped.is_missing(ran(said, 0))
    assert not shipped.is_missing(ran("services.web Additional property x is not allowed"))


def test_a_tool_that_fails_without_a_finding_has_one() -> None:
    tool = Tool("any", ("any",), lambda _: Found(), files=4)
    assert report.result(tool, ran("", 0)).found == Found(files=4)
    failed = report.result(tool, ran("no such option", 2)).found
    assert failed.findings == 1
    told = Report((Result("any", failed),))
    assert told.wrong("any") == "any failed with exit code 2, as it says above"


def test_a_report_says_what_is_left_to_mend(capsys: pytest.CaptureFixture[str]) -> None:
    rules = {"E501": 5, "F401": 3, "E203": 2, "W605": 1, "F841": 1, "SC2086": 1}
    told = Report(
        (
            Result("black", Found(0, 9, changed=2), 0.5),
            Result("flake8", Found(13, 9, rules, {"E501": "line too long"}), 1.25),
            Result("mypy", Found(), left="it is not installed"),
        )
    )
    assert told.wrong("black", "mypy") == ""
    assert told.wrong("flake8") == "flake8 has 13 findings: E501 (5), F401 (3), E203 (2)"
    assert told.detail()["left_out"] == {"mypy": "it is not installed"}
    assert told.detail()["tools"]["black"]["changed"] == 2
    newer = told.over([Result("flake8", Found(0, 9))])
    assert newer.wrong("flake8") == "" and len(newer.results) == 3
    report.show(told)
    out = capsys.readouterr().out
    assert "tool    files  findings         seconds\nblack   9      0 (2 rewritten)  0.50\n" in out
    assert "  E501 × 5: line too long\n      Black leaves long text alone" in out
    assert "SC2086" not in out and out.endswith("Left out: mypy: it is not installed.\n")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("E501", "max-line-length"),
        ("E203", "extend-ignore"),
        ("E225", "Black mends it"),
        ("W291", "Black mends it"),
        ("SC2086", "wiki/SC2086"),
        ("X999", ""),
    ],
)
def test_what_can_be_done_about_a_rule(rule: str, says: str) -> None:
    assert says in advice.mend(rule) and bool(says) == bool(advice.mend(rule))


READERS: list[Callable[[Ran], Found]] = [flake8.read, mypy.read, hooks.read, shipped.by_code]


@pytest.mark.parametrize("read", READERS)
def test_nothing_said_is_nothing_found(read: Callable[[Ran], Found]) -> None:
    assert read(ran("", 0)).findings == 0
