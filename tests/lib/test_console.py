from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from tasks.lib import console

ROOT = Path(__file__).parents[2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain() -> Iterator[None]:
    console.set_json(False)
    yield
    console.set_json(False)


def test_lines_go_out_and_warnings_beside(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("released")
    console.say()
    console.warn("no tests")
    console.fail("No health.")
    assert capsys.readouterr() == ("released\n\n", "warning: no tests\nNo health.\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_an_encoding_lacks_is_drawn_in_ascii_and_a_document_keeps_all(encoding: str) -> None:
    program = (
        "from tasks.lib import console\n"
        "console.say('✓ lint ─> ○ … 雪')\nconsole.document({'said': '✓ é 雪 😀'})"
    )
    environment = {"PYTHONIOENCODING": encoding, "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, check=True
    )
    said, document = done.stdout.decode(encoding).splitlines()
    assert said == ("✓ lint ─> ○ … 雪" if encoding == "utf-8" else "+ lint -> . ... ?")
    assert json.loads(document) == {"said": "✓ é 雪 😀"}


def test_with_json_stdout_is_the_documents(capsys: pytest.CaptureFixture[str]) -> None:
    console.set_json(True)
    console.say("released")
    console.table([["a", 1]])
    console.document({"a": [1, "ü"]})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"a": [1, "ü"]} and out.count("\n") == 1
    assert err == "released\na  1\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\rb", "a\\x0db"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("\x9b31m", "\\x9b31m"),
        ("grün ✓", "grün ✓"),
        ("txt.\u202egpj", "txt.\\u202egpj"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_data_is_shown_and_never_obeyed(
    text: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    console.say(text)
    console.table([[text]])
    assert capsys.readouterr().out == f"{shown}\n{shown}\n"


def test_a_table_is_aligned_lines_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    console.table([["a", 1], ["long name", ""]], columns=("host", "release"), title="Hosts")
    assert capsys.readouterr().out == "Hosts\nhost       release\na          1\nlong name\n"
    console.table([])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("title", ["", "Hosts [x]"])
@pytest.mark.parametrize("columns", [(), ("host", "release")])
def test_a_terminal_gets_a_table_and_colour(
    monkeypatch: pytest.MonkeyPatch, title: str, columns: tuple[str, ...]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    console.table([["[red]a[/red]", "v1"]], columns=columns, title=title)
    console.warn("look")
    shown = terminal.getvalue()
    assert "[red]a[/red]" in shown and "\x1b[33mwarning:\x1b[0m look" in shown
    assert title in shown and all(column in shown for column in columns)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_can_be_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    console.warn("look")
    console.table([["a"]], columns=("b",))
    assert "warning: look" in terminal.getvalue() and "\x1b[33m" not in terminal.getvalue()


def test_nobody_reads_on_and_it_goes_on(tmp_path: Path) -> None:
    """As with `| head -1`: what is under way is not ended by it."""
    script = """if True:
        import pathlib, sys
        from tasks.lib import console
        console.say("one")
        sys.stdin.readline()
        console.say("two")
        console.table([["three"]])
        console.document({})
        console.say("four")
        pathlib.Path(sys.argv[1]).write_text("done")
    """
    pipe, done = subprocess.PIPE, tmp_path / "done"
    argv = [sys.executable, "-c", script, str(done)]
    process = subprocess.Popen(argv, cwd=ROOT, text=True, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdout and process.stdout.readline() == "one\n"
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate("go on\n", timeout=30)
    assert (process.returncode, said) == (0, "") and done.read_text() == "done"
