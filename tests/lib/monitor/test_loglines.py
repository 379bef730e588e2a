"""Which lines of a log tell of an error."""

from __future__ import annotations

import pytest

from tasks.lib.monitor.loglines import Found, errors

TRACE = [
    "Traceback (most recent call last):",
    '  File "a.py", line 1',
    "    x",
    "",
    "KeyError: 'a'",
]


@pytest.mark.parametrize(
    "line",
    [
        "ERROR:    Exception in ASGI application",
        "2026-01-01 10:00:00,000 CRITICAL worker died",
        "[error] upstream timed out",
        "fatal: not a repository",
        'level=error msg="no route"',
        '{"level": "error", "message": "no database"}',
        '{"severity": "FATAL", "msg": "x"}',
        "ValueError: x",
        "Uncaught TimeoutException in thread 3",
    ],
)
def test_lines_that_tell_of_one(line: str) -> None:
    assert errors([line]).number == 1


@pytest.mark.parametrize(
    "line",
    [
        "",
        'INFO:     127.0.0.1:1 - "GET /error HTTP/1.1" 200 OK',
        "WARNING:  error budget is at 80 %",
        '{"level": "info", "message": "error page rendered"}',
        '{"message": "error", "at": 1}',
        "done: 0 errors",
        "finished without an error",
        "no errors",
        "terror and errorless",
        "level=info msg=error",
    ],
)
def test_lines_that_only_say_the_word(line: str) -> None:
    assert errors([line]) == Found()


def test_a_traceback_counts_once_and_is_told_by_its_exception() -> None:
    assert errors(TRACE) == Found(1, "KeyError: 'a'")
    assert errors(["ERROR: it failed", *TRACE]) == Found(1, "KeyError: 'a'")
    assert errors(["INFO: fine", *TRACE, *TRACE]) == Found(2, "KeyError: 'a'")


def test_what_stands_between_makes_two_of_them() -> None:
    assert errors(["ERROR: one", "INFO: fine", *TRACE]) == Found(2, "KeyError: 'a'")


def test_the_last_is_told_by_its_message() -> None:
    lines = ["ERROR: one", '{"level": "error", "message": "two"}', "INFO: fine"]
    assert errors(lines) == Found(2, "two")


def test_a_line_without_end_is_cut_short() -> None:
    assert errors(["ERROR: " + "x" * 10_000]).last == "ERROR: " + "x" * 293 + " …"
