"""What the operator sees: plain lines, a little colour on a terminal, one document with --json.

Text from hosts, repositories and services is data: it is never read as markup, and a control
character in it is shown, not obeyed.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Sequence, TextIO

from .plain import dumps

# Controls, what turns the direction of writing (UAX 9) or begins a line, and halves of a character.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_YELLOW, _PLAIN = "\x1b[33m", "\x1b[0m"

_json = False


def set_json(on: bool) -> None:
    """With `on`, keep stdout for the one JSON document and say everything else on stderr."""
    global _json
    _json = on


def say(text: str = "") -> None:
    """Print a line for the reader."""
    _print(clean(text), stream())


def warn(text: str) -> None:
    """Print a warning on stderr."""
    mark = "warning:"
    if _colour(sys.stderr):
        mark = f"{_YELLOW}{mark}{_PLAIN}"
    _print(f"{mark} {clean(text)}", sys.stderr)


def fail(text: str) -> None:
    """Print a line about a failure on stderr."""
    _print(clean(text), sys.stderr)


def rewritable() -> bool:
    """Tell whether a line can be written again: on a terminal alone."""
    return terminal(stream())


def rewrite(text: str) -> None:
    """Write `text` over the line that was last written so, cut to what fits beside nothing."""
    import shutil  # `inv --list` needs none of what it brings

    width = shutil.get_terminal_size().columns - 1
    print(f"\r\x1b[K{clean(text)[:width]}", end="", file=stream(), flush=True)


def table(rows: Sequence[Sequence[object]], columns: Sequence[str] = (), title: str = "") -> None:
    """Print rows under the names of their columns; aligned lines where there is no terminal."""
    cells = [[clean(str(cell)) for cell in row] for row in rows]
    out = stream()
    if terminal(out):
        _rich_table(cells, columns, title, out)
        return
    lines = ([list(columns)] if columns else []) + cells
    widths = [max(map(len, column)) for column in zip(*lines)]
    padded = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    if told := ([clean(title)] if title else []) + padded:
        _print("\n".join(told), out)


def document(value: object) -> None:
    """Print `value` on stdout as the one JSON document of this run, in one line."""
    _print(dumps(value), sys.stdout)


def _print(text: str, out: TextIO) -> None:
    """Print lines. Where nobody reads on (`| head`), what is under way goes on to its end in
    silence: a phase is not to stop in the middle of what it does for that."""
    try:
        print(text, file=out, flush=True)
    except BrokenPipeError:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), out.fileno())


def clean(text: str) -> str:
    """Return `text` with its control characters, other than newline and tab, made visible."""
    text = text.replace("\r\n", "\n")
    return _CONTROL.sub(lambda found: _visible(ord(found[0])), text)


def _visible(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def stream() -> TextIO:
    """Return where the reader's text goes: standard output, with --json standard error."""
    return sys.stderr if _json else sys.stdout


def terminal(stream: TextIO) -> bool:
    """Tell whether a person's terminal is there, which can be drawn on."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _colour(stream: TextIO) -> bool:
    return terminal(stream) and not os.environ.get("NO_COLOR")


def _rich_table(cells: list[list[str]], columns: Sequence[str], title: str, stream: TextIO) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=Text(clean(title)) if title else None, box=box.SIMPLE_HEAD)
    shown.show_header = bool(columns)
    for column in columns or [""] * max(map(len, cells), default=0):
        shown.add_column(column, overflow="fold")  # cut short, a release or host is of no use
    for row in cells:
        shown.add_row(*(Text(cell) for cell in row))
    Console(file=stream, no_color=not _colour(stream), highlight=False).print(shown)
