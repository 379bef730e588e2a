"""The display shows the same on a terminal and elsewhere."""

import io
import os
import pty
import sys
import threading

import pytest

from scripts.display import Display, result
from scripts.load import Request, summary
from scripts.recipes import Told


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told(0, {"outcome": "closed"}), "closed"),
        (Told(1, {"detail": {"reverted": True}}), "taken back"),
        (Told(1, {"outcome": "troubled"}), "refused"),
        (Told(1), "exit code 1"),
        (Told(130, {"outcome": "troubled"}), "exit code 130"),
    ],
)
def test_result(told: Told, words: str) -> None:
    assert result(told) == words


def story(display: Display) -> None:
    with display:
        with display.step("v1", "the first"):
            pass
        request = Request(0.0, "/", "ok", 200, 0.01, "now-v2-2222222", False, "")
        display.follow(lambda: summary([request] * 1234), {"v2": "2" * 40, "v3": "3" * 40})
        with display.step("v2", "the second [bold]") as done:
            done(Told(1, {"detail": {"reverted": True}}))


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    story(Display())
    assert capsys.readouterr().out == (
        "v1        the first: done (0.0 s)\nv2        the second [bold]: taken back (0.0 s)\n"
    )
    story(Display(to_stderr=True))
    said = capsys.readouterr()
    assert said.out == "" and "taken back" in said.err


def test_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    shown = io.BytesIO()

    def read() -> None:
        try:
            while data := os.read(ours, 4096):
                shown.write(data)
        except OSError:
            pass  # the other side is closed

    reader = threading.Thread(target=read)
    reader.start()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        story(Display())
    reader.join()
    os.close(ours)
    said = shown.getvalue().decode()
    assert "1,234 requests, 0 lost, 0 errors; answered by v2 1,234" in said
    assert "taken back" in said and "the second [bold]" in said
