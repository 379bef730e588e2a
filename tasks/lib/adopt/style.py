"""How a project has kept its style until now: the recipes begin with no other."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import Mapping, NamedTuple

from .needs import toml

_START = """\
# What is surely a mistake (syntax, undefined names), and nothing of style: there were no settings.
# Take out `select` to have all of it. `inv circle.adopt` wrote it; it is yours from here on.
[flake8]
select = E9,F63,F7,F82
"""


class Style(NamedTuple):
    """black: whether Black has formatted it. files: settings to begin with, by path."""

    black: bool
    files: Mapping[str, str]


def read(root: Path) -> Style:
    """Return how the project at `root` keeps its style."""
    tool = toml(root / "pyproject.toml").get("tool", {})
    hooks = _text(root / ".pre-commit-config.yaml")
    black = "black" in tool or "/black" in hooks or "id: black" in hooks
    places = (".flake8", "setup.cfg", "tox.ini")
    own = os.path.lexists(root / places[0])  # whatever is in it
    flake8 = own or any(_ini(root / name).has_section("flake8") for name in places)
    return Style(black, {} if flake8 else {".flake8": _START})


def pytest(root: Path) -> frozenset[str]:
    """Return the names of what the project at `root` sets for pytest."""
    found = set(
        toml(root / "pyproject.toml").get("tool", {}).get("pytest", {}).get("ini_options", {})
    )
    for name, section in (
        ("pytest.ini", "pytest"),
        ("tox.ini", "pytest"),
        ("setup.cfg", "tool:pytest"),
    ):
        settings = _ini(root / name)
        found |= set(settings.options(section)) if settings.has_section(section) else set()
    return frozenset(found)


def _ini(file: Path) -> configparser.RawConfigParser:
    settings = configparser.RawConfigParser(strict=False)
    settings.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        settings.read_string(_text(file))
    except configparser.Error:  # it is for others to say so
        settings.clear()
    return settings


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
