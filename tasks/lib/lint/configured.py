"""What the project's own files say to the tools.

An option given on a command line takes the place of the one in a file. So where something has to be
added to an option, what the file says of it is read, and said along.
"""

from __future__ import annotations

import configparser
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Iterator, Mapping


def black_root(root: Path) -> Path:
    """Return the directory that Black's patterns are relative to when it runs in `root`: the
    nearest with a repository or with settings for Black (its documentation, "The basics").
    """
    for place in (root, *root.parents):
        marked = (place / ".git").exists() or (place / ".hg").is_dir()
        if marked or "black" in _toml(place / "pyproject.toml").get("tool", {}):
            return place
    return Path(root.anchor)


def black(root: Path, option: str) -> str:
    """Return what Black's settings say of `option`, such as "force-exclude"; "" for nothing."""
    said = _toml(black_root(root) / "pyproject.toml").get("tool", {}).get("black", {})
    return str(said.get(option) or said.get(option.replace("-", "_")) or "")


def flake8(root: Path, option: str) -> list[str]:
    """Return the patterns that Flake8's settings list for `option`, such as "extend-exclude".

    Those with a `/` are absolute. It reads the first file with such settings, from `root` upwards.
    """
    for file in _ini_files(root):
        parser = _ini(file)
        if parser.has_section("flake8"):
            section = parser["flake8"]
            said = section.get(option, section.get(option.replace("-", "_"), ""))
            return _patterns(said, file.parent)
    # Flake8 itself reads no TOML; with Flake8-pyproject it does.
    said = _toml(root / "pyproject.toml").get("tool", {}).get("flake8", {}).get(option, "")
    return _patterns(said if isinstance(said, str) else ",".join(map(str, said)), root)


def _patterns(said: str, place: Path) -> list[str]:
    patterns = [each for each in re.split(r"[,\s]+", said) if each]
    return [os.path.join(place, each) if "/" in each else each for each in patterns]


def mypy(root: Path) -> Mapping[str, Any] | None:
    """Return mypy's settings for the project at `root`; None where there are none."""
    for file in (root / "mypy.ini", root / ".mypy.ini"):
        if file.is_file():
            return _section(file, "mypy") or {}
    said = _toml(root / "pyproject.toml").get("tool", {}).get("mypy")
    return _section(root / "setup.cfg", "mypy") if said is None else dict(said)


def _section(file: Path, name: str) -> dict[str, str] | None:
    parser = _ini(file)
    return dict(parser[name]) if parser.has_section(name) else None


def _ini_files(root: Path) -> Iterator[Path]:
    home = Path.home()
    for place in (root, *root.parents):
        if place == home and place != root:
            return
        yield from (place / name for name in ("setup.cfg", "tox.ini", ".flake8"))


def _ini(file: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):  # the tool itself says what is wrong with it
        return configparser.RawConfigParser()
    return parser


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
