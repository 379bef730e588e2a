"""What the operator sees: plain lines, a little colour on a terminal, one document with --json.

Text from hosts, repositories and services is data: it is never read as markup, and a control
character in it is shown, not obeyed.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Iterable, Sequence, TextIO

from .plain import dumps

if TYPE_CHECKING:
    from rich.console import Console

# Controls, what turns the direction of writing (UAX 9) or begins a line, and halves of a character.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

# What a colour means, everywhere: closed or in bounds, in trouble, a warning, and a hint of what is
# next. The names are rich's; the numbers those of ECMA-48's SGR.
GOOD, BAD, WARNING, HINT = "green", "bold red", "yellow", "dim"
_SGR = {GOOD: "32", BAD: "1;31", WARNING: "33", HINT: "2"}

# What is drawn, where an encoding has no such character.
_DRAWN = str.maketrans(
    {"✓": "+", "✗": "x", "↩": "<", "◐": "~", "○": ".", "–": "-", "─": "-", "│": "|", "→": "->"}
) | {ord("…"): "..."}

_json = False


def set_json(on: bool) -> None:
    """With `on`, keep stdout for the one JSON document and say everything else on stderr."""
    global _json
    _json = on


def say(text: str = "") -> None:
    """Print a line for the reader."""
    _print(clean(text), stream())


def hint(text: str) -> None:
    """Print a line about what is next, or where to read on: less than the rest, and beside it."""
    paint([(text, HINT)])


def paint(parts: Iterable[tuple[str, str]]) -> None:
    """Print a line of parts, each as (text, what it means); "" means nothing."""
    out = stream()
    _print("".join(_styled(text, style, out) for text, style in parts), out)


def warn(text: str) -> None:
    """Print a warning on stderr."""
    _print(f"{_styled('warning:', WARNING, sys.stderr)} {clean(text)}", sys.stderr)


def fail(text: str, style: str = "") -> None:
    """Print a line about a failure on stderr. style: BAD for what failed, HINT for its mending."""
    _print(_styled(text, style, sys.stderr), sys.stderr)


def rewritable() -> bool:
    """Tell whether a line can be written again: on a terminal alone."""
    return terminal(stream())


def rewrite(text: str) -> None:
    """Write `text` over the line that was last written so, cut to what fits beside nothing."""
    import shutil  # `inv --list` needs none of what it brings

    width = shutil.get_terminal_size().columns - 1
    out = stream()
    print(f"\r\x1b[K{_fitting(clean(text)[:width], out)}", end="", file=out, flush=True)


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
    text = dumps(value)
    if _fitting(text, sys.stdout) != text:
        text = json.dumps(json.loads(text))  # in ASCII alone, and still the same
    _print(text, sys.stdout)


def _print(text: str, out: TextIO) -> None:
    """Print lines. Where nobody reads on (`| head`), what is under way goes on to its end in
    silence: a phase is not to stop in the middle of what it does for that."""
    try:
        print(_fitting(text, out), file=out, flush=True)
    except BrokenPipeError:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), out.fileno())


def _fitting(text: str, out: TextIO) -> str:
    """Return `text` with what the stream's encoding lacks, as that of an old terminal, in ASCII."""
    encoding = out.encoding or "utf-8"
    try:
        text.encode(encoding)
        return text
    except UnicodeEncodeError:
        return text.translate(_DRAWN).encode(encoding, "replace").decode(encoding)


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


def colour(stream: TextIO) -> bool:
    """Tell whether to colour there: on a terminal, or where that is asked for all the same.

    NO_COLOR, where it is set at all, is obeyed before anything else (no-color.org); FORCE_COLOR and
    CLICOLOR_FORCE are for logs that show colours, as those of CI do (force-color.org).
    """
    if os.environ.get("NO_COLOR"):
        return False
    forced = (os.environ.get("FORCE_COLOR"), os.environ.get("CLICOLOR_FORCE"))
    return terminal(stream) or any(value not in (None, "", "0") for value in forced)


def screen(out: TextIO | None = None) -> Console:
    """Return rich's console on `out`, by default where the reader's text goes: none is made
    elsewhere, so that all go by the same rule."""
    from rich.console import Console

    out = out or stream()
    return Console(
        file=out,
        color_system="standard" if colour(out) else None,  # with None not even bold is said
        force_terminal=terminal(out),
        highlight=False,
    )


def _styled(text: str, style: str, out: TextIO) -> str:
    shown = clean(text)
    return f"\x1b[{_SGR[style]}m{shown}\x1b[0m" if style and shown and colour(out) else shown


def _rich_table(cells: list[list[str]], columns: Sequence[str], title: str, stream: TextIO) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=Text(clean(title)) if title else None, box=box.SIMPLE_HEAD)
    shown.show_header = bool(columns)
    for column in columns or [""] * max(map(len, cells), default=0):
        shown.add_column(column, overflow="fold")  # cut short, a release or host is of no use
    for row in cells:
        shown.add_row(*(Text(cell) for cell in row))
    screen(stream).print(shown)
