"""An environment file as people write it, read once; and the one form in which hosts store it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Mapping, NamedTuple

from .errors import Refused

if TYPE_CHECKING:
    from dotenv.parser import Binding

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What a host tells each release about itself; a file that says otherwise would lie to it.
OWN = ("RELEASE_ID", "VERSION", "COMMIT", "SOCKET", "ENVIRONMENT", "HOST_NAME")
# Bytes that Linux takes: of one KEY=VALUE with its closing zero (execve(2), MAX_ARG_STRLEN), and
# of all of them, of which we leave half to everything else.
LONGEST = 128 * 1024
ALL = 1024 * 1024


class EnvFile(NamedTuple):
    """What a file says. notes: sentences about what may not be meant so; they name keys only."""

    values: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def canonical(self) -> str:
        """Return the stored form: KEY=, then the value as a JSON string, a line each, in ASCII."""
        return "".join(f"{key}={json.dumps(value)}\n" for key, value in self.values.items())


def read(path: Path) -> EnvFile:
    """Read the environment file at `path`, as python-dotenv does.

    `${NAME}` stands for itself: the operator's own environment is no part of a release's. Raises
    Refused, with lines and keys but never a value, for what can't be read or represented.
    """
    try:
        # Universal newlines, as python-dotenv opens it: a file from Windows says the same.
        text = io.TextIOWrapper(io.BytesIO(path.read_bytes()), encoding="utf-8-sig").read()
    except OSError as error:
        raise Refused(
            f"{path} can't be read ({error.strerror}); name the file to push: `--push=FILE`.",
            kind="environment",
        ) from None
    except UnicodeDecodeError as error:
        raise Refused(
            f"{path} is not UTF-8 (at byte {error.start}); save it so and push again.",
            kind="environment",
        ) from None
    return parse(text, str(path))


def parse(text: str, name: str) -> EnvFile:
    """Read the text of an environment file; `name` is what to call it. Raises Refused."""
    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    wrong: list[str] = []
    twice: list[str] = []
    for binding in parse_stream(io.StringIO(text)):
        if binding.key is None and not binding.error:
            continue  # a comment, or the empty end
        said = _wrong(binding)
        if said:
            wrong.append(f"line {_line(binding)}: {said}")
            continue
        assert binding.key is not None and binding.value is not None
        twice += [binding.key] if binding.key in values else []
        values[binding.key] = binding.value
    if sum(len(f"{key}={value}".encode()) + 1 for key, value in values.items()) > ALL:
        wrong.append(f"all of it is more than the {ALL >> 20} MiB that a process is given")
    if wrong:
        raise Refused(
            f"{name} can't be pushed; correct what is named below and push again.",
            kind="environment",
            evidence="\n".join(wrong),
        )
    return EnvFile(values, tuple(_notes(values, twice)))


def _wrong(binding: Binding) -> str:
    """Say what keeps a line from being stored. A key is named only where it is surely none else."""
    key, value = binding.key, binding.value
    if binding.error or key is None:
        return "it can't be read as KEY=VALUE"
    if value is None:
        return "it has no ="
    if not NAME.fullmatch(key):
        return "its key is not a name (letters, digits and _, no digit first)"
    if key in OWN:
        return f"{key} is told to each release by its host"
    if "\0" in value:
        return f"the value of {key} holds a NUL, which no environment can"
    if len(f"{key}={value}".encode()) >= LONGEST:
        return f"the value of {key} is longer than the {LONGEST >> 10} KiB that Linux takes"
    return ""


def _line(binding: Binding) -> int:
    """Return the line a binding begins on: dotenv counts empty lines before it as its own."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _notes(values: Mapping[str, str], twice: list[str]) -> list[str]:
    notes = []
    if twice:
        notes.append(f"given more than once, the last one counts: {', '.join(sorted(set(twice)))}")
    literal = sorted(key for key, value in values.items() if "${" in value)
    if literal:
        notes.append(f"${{…}} is taken as it stands, not filled in: {', '.join(literal)}")
    return notes
