"""What is shown while the stack comes up and requests are sent, on a terminal and elsewhere."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tasks.lib.developer.stack import Service
from tasks.lib.preaggregate import showing

STARTING = (Service("grafana", "starting"), Service("prometheus", ""))
UP = (Service("grafana", ""), Service("prometheus", ""))


@contextmanager
def terminal(patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Have standard output be a terminal of 80 columns; at the end the list has what it got."""
    patch.setenv("TERM", "xterm")
    patch.setenv("COLUMNS", "80")
    main, other = pty.openpty()
    got: list[str] = []
    with open(other, "w", encoding="utf-8") as out:
        patch.setattr(sys, "stdout", out)
        yield got
    patch.undo()
    os.set_blocking(main, False)
    try:
        while part := os.read(main, 65536):
            got.append(part.decode("utf-8", "replace"))
    except OSError:
        pass  # the other end is closed
    os.close(main)


def test_elsewhere_a_service_is_a_line_when_it_changes(capsys: pytest.CaptureFixture[str]) -> None:
    with showing.services() as told:
        for found in (STARTING, STARTING, UP, UP):
            told(found)
    with showing.progress("Sending requests", 3) as done:
        done(2)
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert said == [["grafana", "starting"], ["prometheus", "up"], ["grafana", "up"]]


def test_on_a_terminal_it_is_redrawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as got:
        with showing.services() as told:
            told(STARTING)
            told((Service("grafana", "exited (exit code 1)\x1b[31m"), Service("prometheus", "")))
        with showing.progress("Sending requests", 3) as done:
            done(3)
    text = "".join(got)
    assert "✗" in text and "exited (exit code 1)\\x1b[31m" in text, "a control is shown, not obeyed"
    assert "3/3" in text and "\x1b[2K" in text
