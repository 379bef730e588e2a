"""The locks that a repository is given: for its service, and for what its code is checked with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Mapping, NamedTuple, Sequence

from .. import console
from ..errors import Refused
from . import needs
from .answers import Answers
from .needs import ASKED, OWN, SERVICE, TOOLS
from .parts import File

_SERVED = "What the service is deployed with: what it needs, and the server that it runs under."
_CHECKED = "What its code is checked with, in .venv alone."
_CONTROL = (25, 1)  # from when on gunicorn has a control socket, one file for all releases


class Locks(NamedTuple):
    """What is locked. service: the lock that is deployed. tools: those for .venv. run: the command,
    for the version of the server that is locked. said: of it, for people."""

    files: Mapping[str, File]
    service: str
    tools: tuple[str, ...]
    run: str
    said: str


def lock(recipes: Path, copy: Path, found: Answers, brought: Mapping[str, File]) -> Locks:
    """Return the locks of an application.

    recipes: this clone. copy: of the repository; it is written into. found: what is known of it.
    brought: what it is given beside. Raises Refused.
    """
    (copy / OWN).parent.mkdir(parents=True, exist_ok=True)
    for name in (OWN, ASKED):
        (copy / name).write_bytes(brought[name].data)
    uv = needs.program(recipes)
    need = needs.find(copy)._replace(sources=found.requirements)
    service = _served(uv, copy, need, found)
    files = dict(service.files)
    for name, each in files.items():
        (copy / name).write_bytes(each.data)
    own, alike = _own(uv, copy, service.service)
    held = (service.service, OWN) if alike else (service.service,)
    tools, lines = _checked(uv, copy, need, held, found.framework == "django")
    files |= {**own, **tools}
    return service._replace(
        files=files,
        tools=(OWN, f"{TOOLS}.txt") if alike else (f"{TOOLS}.txt",),
        run=found.run + _uncontrolled(found, (copy / service.service).read_text()),
        said=f"{service.said}; {lines}" if lines else service.said,
    )


def _served(uv: Path, copy: Path, need: needs.Needs, found: Answers) -> Locks:
    theirs = need.sources[0] if len(need.sources) == 1 else ""
    text = _lines(copy / theirs) if theirs.endswith(".txt") else ""
    if (
        "--hash=" in text
        and not found.packages
        and (not found.server or found.server in needs.names(text))
    ):
        return Locks({}, theirs, (), "", f"{theirs}, as it is locked")
    pinned = copy / ".git" / "pinned.txt"
    pinned.write_text("\n".join(need.pinned))
    more = [*found.packages, *([found.server] if found.server else [])]
    how = needs.command(need.sources, SERVICE, (OWN,), ())
    asked = needs.text(_SERVED, SERVICE, need.sources, more, how)
    said = f"{', '.join(need.sources) or 'none found'}, locked in {SERVICE}.txt"
    try:
        lines = needs.lock(uv, copy, asked, need.sources, (copy / OWN, pinned), ())
    except Refused:
        lines = needs.lock(uv, copy, asked, need.sources, (pinned,), ())
        asked = asked.replace(f" -c {OWN}", "")
    return Locks(_files(SERVICE, asked, lines), f"{SERVICE}.txt", (), "", said)


def _own(uv: Path, copy: Path, service: str) -> tuple[dict[str, File], bool]:
    """Lock what `inv` needs anew, where a service wants other versions of it: they share .venv.

    Returns the lock, and whether both can be installed together.
    """
    ours, theirs = (_versions((copy / name).read_text()) for name in (OWN, service))
    names = ", ".join(name for name in theirs if ours.get(name, theirs[name]) != theirs[name])
    if not names:
        return {}, True
    try:
        asked = (copy / ASKED).read_text()
        lines = needs.lock(uv, copy, asked, (), (copy / service,), ())
    except Refused:
        console.warn(
            f"it wants other versions than inv can do with, of {names}: install {OWN} into a "
            "virtual environment apart, and run inv from there"
        )
        return {}, False
    (copy / OWN).write_text(lines)
    console.warn(f"inv is locked in {OWN} to its versions of {names}, not to those it is tested by")
    return {OWN: File("100644", lines.encode())}, True


def _versions(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE))


def _checked(
    uv: Path, copy: Path, need: needs.Needs, held: Sequence[str], django: bool
) -> tuple[dict[str, File], str]:
    """Lock what tests and checks need; where its own part of that can't be, the rest alone."""
    attempts = [need.develop, ()] if need.develop else [()]
    for sources in attempts:
        own = needs.names("\n".join(_lines(copy / n) for n in sources if n.endswith("txt")))
        more = [each for each in needs.checks(copy, django) if each not in own]
        # With the service's own: what tests import is in one lock, as CI installs it.
        every = (*dict.fromkeys((*need.sources, *sources)),)
        how = needs.command(every, TOOLS, held, need.parts if sources else ())
        asked = needs.text(_CHECKED, TOOLS, (_base(held[0]), *sources), more, how)
        places = [copy / each for each in held]
        try:
            lines = needs.lock(uv, copy, asked, every, places, need.parts if sources else ())
        except Refused as error:
            if not sources:
                raise
            console.warn(f"{', '.join(sources)} can't be locked for its tests: {_last(error)}")
            continue
        left = "" if sources == need.develop else "what its tests need is left out"
        return _files(TOOLS, asked, lines), left
    raise AssertionError("the last attempt returns or raises")


def _lines(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _base(lock: str) -> str:
    """Return what a lock was made of, where we made it."""
    return f"{SERVICE}.in" if lock == f"{SERVICE}.txt" else lock


def _last(error: Refused) -> str:
    return " ".join(error.evidence.split())[-300:]


def _files(name: str, asked: str, lines: str) -> dict[str, File]:
    return {
        f"{name}.in": File("100644", asked.encode()),
        f"{name}.txt": File("100644", lines.encode()),
    }


def _uncontrolled(found: Answers, lock: str) -> str:
    """Return the option that keeps two releases from one control socket in the user's home."""
    version = re.search(r"^gunicorn==(\d+)\.(\d+)", lock, re.MULTILINE)
    if found.server != "gunicorn" or not version:
        return ""
    return " --no-control-socket" if (int(version[1]), int(version[2])) >= _CONTROL else ""
