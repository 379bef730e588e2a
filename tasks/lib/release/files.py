"""The files that hold the version: where it stands in each, and the same file with another one."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ..errors import Refused

# A version as it is found in a file: also one that isn't semantic, which is then replaced.
_FOUND = r"(?P<version>[0-9][0-9A-Za-z.+!_-]*)"
_QUOTED = rf"""["']{_FOUND}["']"""

# Where the version usually stands, by a file's name. In TOML only in the table that is the package.
_TABLES = r"^\[(?:project|package|tool\.poetry|workspace\.package)\][^\n]*\n(?:(?!\[)[^\n]*\n)*?"
_TOML = rf"{_TABLES}version\s*=\s*{_QUOTED}"
_PYTHON = rf"^(?:__version__|VERSION|version)(?:\s*:\s*\w+)?\s*=\s*{_QUOTED}"
_JSON = rf'\A\s*\{{(?:[^{{}}\[\]]*[,\s])?\s*"version"\s*:\s*"{_FOUND}"'
USUAL = {
    "pyproject.toml": _TOML,
    "Cargo.toml": _TOML,
    "package.json": _JSON,
    "setup.cfg": rf"^version\s*=\s*{_FOUND}[ \t]*$",
    "VERSION": rf"\A\s*{_FOUND}\s*\Z",
    "VERSION.txt": rf"\A\s*{_FOUND}\s*\Z",
}


def usual(path: str) -> str:
    """Return the regular expression of where a file of that name usually has its version; "" where
    nothing is usual."""
    name = PurePosixPath(path).name
    return USUAL.get(name, _PYTHON if name.endswith(".py") else "")


def read(path: str, pattern: str, text: str) -> str:
    """Return the version that the file says.

    path: its name, for sentences. pattern: as in the configuration (see `settings.Release`). Raises
    Refused (kind "files") where it stands nowhere, or in more than one place.
    """
    return _place(path, pattern, text)["version"]


def written(path: str, pattern: str, text: str, version: str) -> str:
    """Return the file's text with `version` in it; arguments and exceptions as for `read`."""
    start, end = _place(path, pattern, text).span("version")
    return text[:start] + version + text[end:]


def masked(path: str, pattern: str, text: str) -> str:
    """Return the file's text without its version: what two releases of the same code share."""
    return written(path, pattern, text, "")


def _place(path: str, pattern: str, text: str) -> re.Match[str]:
    found = list(re.finditer(_expression(path, pattern), text, re.MULTILINE))
    if len(found) == 1:
        return found[0]
    places = f"{len(found)} places" if found else "no place"
    shown = pattern or "what is usual there"
    raise Refused(
        f"{path} has {places} where the version could stand ({shown}): say in invoke.yaml,"
        f" `release: files: {path}:`, the text around it with {{version}} once.",
        kind="files",
    )


def _expression(path: str, pattern: str) -> str:
    if not pattern:
        return usual(path)
    before, after = pattern.split("{version}")
    return re.escape(before) + _FOUND + re.escape(after)
