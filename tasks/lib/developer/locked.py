"""What of the locks is installed in .venv, and at which version."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from . import venv


def versions(text: str, python: Sequence[int]) -> dict[str, str]:
    """Return the version of each package that a lock wants on this machine.

    text: the lock's. python: the version of the Python that it is installed for, as numbers.
    """
    from packaging.markers import InvalidMarker, Marker
    from packaging.utils import canonicalize_name

    about = {
        "python_version": venv.dotted(python[:2]),
        "python_full_version": venv.dotted(python),
    }
    wanted: dict[str, str] = {}
    for pin in venv.pins(text):
        requirement, _, marker = (part.strip() for part in pin.partition(";"))
        name, _, version = requirement.partition("==")
        try:
            meant = not marker or Marker(marker).evaluate(about)
        except InvalidMarker:  # pip is the one to say so
            continue
        if meant:
            wanted[canonicalize_name(name.split("[")[0].strip())] = version.strip()
    return wanted


def installed(site: Path) -> dict[str, str]:
    """Return the version of each package in a directory of packages, by the names of what pip
    leaves there (reading a hundred files would take longer than the rest of `inv host`)."""
    from packaging.utils import canonicalize_name

    found = {}
    for info in site.glob("*.dist-info"):
        if match := re.fullmatch(r"(.+)-([^-]+)\.dist-info", info.name):
            found[str(canonicalize_name(match[1]))] = match[2]
    return found


def differing(root: Path, locks: Iterable[str], state: venv.State) -> tuple[str, ...]:
    """Return, in words, the packages in .venv that are not as `locks` have them.

    Where two locks want different versions of one package, the last one counts, as for pip.
    """
    wanted: dict[str, str] = {}
    for lock in locks:
        wanted |= versions((root / lock).read_text(encoding="utf-8"), state.version)
    return compared(wanted, installed(Path(state.site)))


def compared(wanted: Mapping[str, str], found: Mapping[str, str]) -> tuple[str, ...]:
    """Return, in words, where `found` is not as `wanted` (versions by package)."""
    from packaging.version import InvalidVersion, Version

    def same(one: str, other: str) -> bool:
        try:
            return Version(one) == Version(other)
        except InvalidVersion:
            return one == other

    return tuple(
        f"{name} is missing" if name not in found else f"{name} is {found[name]}, not {version}"
        for name, version in sorted(wanted.items())
        if name not in found or not same(version, found[name])
    )
