"""Makes .venv and installs what is locked; does nothing where that is so already.

`scripts/setup` runs this file before anything is installed, so it needs the standard library alone.
`inv host` reads and decides with the same functions, and runs it as a process of its own: what
makes .venv anew must not live in it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path, PurePath
from typing import Mapping, NamedTuple, Sequence, TypeVar

OLDEST = (3, 11)
STAMP = ".setup.json"  # in .venv: the digest of each lock that was installed completely
ASIDE = ".venv-before"  # what a new .venv replaces, until that is complete

_FACTS = """
import importlib.util, json, sys, sysconfig
print(json.dumps([list(sys.version_info[:3]), sysconfig.get_path("purelib"),
                  importlib.util.find_spec("pip") is not None]))
"""
_INCLUDED = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]+(\S+)", re.MULTILINE)
_PIN = re.compile(
    r"^[A-Za-z0-9][\w.-]*(?:\[[\w,. -]*\])?==.*?(?=\s+--hash|\s+#|\s*\\?$)", re.MULTILINE
)


P = TypeVar("P", bound=PurePath)


class State(NamedTuple):
    """.venv as it is. wrong: why it can't be used, "" where it can. version: of its Python, ()
    where there is none. site: where its packages are. installed: digests, by lock."""

    exists: bool
    wrong: str = ""
    version: tuple[int, ...] = ()
    site: str = ""
    installed: Mapping[str, str] = {}


class Plan(NamedTuple):
    """What there is to do. make: why .venv is made, "" where it is kept. install: which locks."""

    make: str = ""
    install: tuple[str, ...] = ()


class Failed(Exception):
    """Says in a sentence what can't be done, and what to do about it."""


def commands(venv: P, windows: bool = os.name == "nt") -> P:
    """Return the directory of the commands of a virtual environment."""
    return venv / ("Scripts" if windows else "bin")


def interpreter(venv: P, windows: bool = os.name == "nt") -> P:
    """Return the path of the Python of a virtual environment."""
    return commands(venv, windows) / ("python.exe" if windows else "python")


def dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


def version_of(python: str) -> tuple[int, ...]:
    """Return the version of the Python that is called so, () where it doesn't run."""
    told = _asked(python, "import sys; print(*sys.version_info[:3])")
    return tuple(map(int, told.split())) if told else ()


def read(root: Path, python: str = "") -> State:
    """Return the state of `root`/.venv. python: the one it is to be of, "" for any that does."""
    venv = root / ".venv"
    if not os.path.lexists(venv):
        return State(False)
    facts = json.loads(_asked(str(interpreter(venv)), _FACTS) or "null")
    if facts is None:
        return State(True, "its Python doesn't run" if venv.is_dir() else "it is no directory")
    version, site, has_pip = tuple(facts[0]), facts[1], facts[2]
    other = version_of(python) if python else ()
    made_at = _made_at(venv)
    wrong = ""
    if version < OLDEST:
        wrong = f"it is of Python {dotted(version)}, older than {dotted(OLDEST)}"
    elif other and other[:2] != version[:2]:
        wrong = f"it is of Python {dotted(version)}, and {python} is {dotted(other)}"
    elif made_at and not same(Path(made_at), venv):
        wrong = f"it was made for {made_at}"
    elif not has_pip:
        wrong = "it has no pip"
    return State(True, wrong, version, site, {} if wrong else _stamp(venv))


def decide(state: State, wanted: Mapping[str, str], recreate: bool, again: bool) -> Plan:
    """Return what there is to do so that `wanted` (digests, by lock) is installed.

    recreate: make .venv anew. again: install even what was installed, because something else came
    over it.
    """
    make = "" if state.exists else "there is none"
    make = make or state.wrong or ("it is asked for" if recreate else "")
    stale = tuple(lock for lock in wanted if state.installed.get(lock) != wanted[lock])
    return Plan(make, tuple(wanted) if make or again else stale)


def digests(root: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the digest of each lock with what it includes. Raises Failed without the file."""
    return {
        name: hashlib.sha256("\0".join(_texts(root / name)).encode()).hexdigest() for name in names
    }


def _texts(file: Path, seen: frozenset[Path] = frozenset()) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"{file} can't be read ({error}): correct it, then try again.") from None
    seen |= {file.resolve()}
    included = [(file.parent / name).resolve() for name in _INCLUDED.findall(text)]
    return [text, *(one for each in included if each not in seen for one in _texts(each, seen))]


def pins(text: str) -> set[str]:
    """Return the requirements of a lock, `name==version` with the marker, without their hashes."""
    return {" ".join(found.split()).rstrip("\\ ") for found in _PIN.findall(text)}


def carry_out(root: Path, python: str, plan: Plan, wanted: Mapping[str, str]) -> None:
    """Make and install what `plan` says. python: what to make .venv with. Raises Failed.

    Where it fails or is interrupted, a .venv that was to be replaced is there again.
    """
    venv, aside = root / ".venv", root / ASIDE
    _remove(aside)
    replaced = bool(plan.make) and os.path.lexists(venv)
    before = {} if plan.make else _stamp(venv)
    if replaced:
        venv.rename(aside)
    try:
        if plan.make:
            _make(venv, python)
        if plan.install:
            (venv / STAMP).unlink(missing_ok=True)  # until this is complete, nothing is installed
            _install(root, plan.install, tuple(wanted))
            (venv / STAMP).write_text(json.dumps({**before, **wanted}))
    except BaseException:
        if replaced:
            _remove(venv)
            aside.rename(venv)
        raise
    _remove(aside)


def has(root: Path, module: str) -> bool:
    """Tell whether a module can be imported in `root`/.venv."""
    return _asked(str(interpreter(root / ".venv")), f"import {module}; print(1)") == "1"


def can_make(python: str) -> bool:
    """Tell whether a Python has what it takes to make virtual environments (Debian splits it)."""
    return _asked(python, "import ensurepip, venv; print(1)") == "1"


def _make(venv: Path, python: str) -> None:
    if not can_make(python):
        raise Failed(
            f"{python} can't make virtual environments: install its venv module "
            "(Debian, Ubuntu: apt install python3-venv)."
        )
    _say(f"Making .venv with Python {dotted(version_of(python))} …")
    if subprocess.run([python, "-I", "-m", "venv", str(venv)], stdout=sys.stderr).returncode:
        raise Failed(
            "Making .venv failed as shown above: free the disk or the directory, then try again."
        )
    (venv / ".gitignore").write_text("*\n")  # no project has to know of it


def _install(root: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Install `names`: those with hashes together and as they are, then those without, whose
    dependencies pip finds, but never over what others of `wanted` have locked."""
    texts = {name: "\n".join(_texts(root / name)) for name in wanted}
    locked = {name: pins(text) for name, text in texts.items() if "--hash=" in text}
    held = {name for name in locked for other in locked if locked[name] < locked[other]}
    if first := [name for name in names if name in locked and name not in held]:
        # A lock is complete, so nothing is resolved; a file that fits no hash is refused.
        _pip(root, first, "locks", "--no-deps", "--require-hashes")
    if loose := [name for name in names if name not in locked]:
        with tempfile.TemporaryDirectory() as directory:
            constraints = Path(directory) / "locked.txt"
            constraints.write_text("\n".join(sorted(set().union(*locked.values()))))
            _pip(root, loose, "asks for", "-c", str(constraints))


def _pip(root: Path, names: Sequence[str], verb: str, *options: str) -> None:
    _say(f"Installing what {' and '.join(names)} {verb} …")
    pip = [str(interpreter(root / ".venv")), "-I", "-m", "pip", "install", "--quiet", "--no-input"]
    pip += ["--disable-pip-version-check", *options]
    pip += [word for name in names for word in ("-r", name)]
    if subprocess.run(pip, cwd=root, stdout=sys.stderr).returncode:
        raise Failed(
            "Installing the packages failed as shown above: "
            "mend the network, the package index or the lock, then try again."
        )


def _asked(python: str, code: str) -> str:
    """Return what a Python prints, "" where it doesn't run."""
    try:
        told = subprocess.run(
            [python, "-I", "-c", code], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""


def _made_at(venv: Path) -> str:
    """Return the directory that the commands in .venv name; "" where that isn't told."""
    try:
        script = (commands(venv) / "activate").read_text()
    except (OSError, UnicodeDecodeError):
        return ""
    told = re.findall(
        r"""^\s*(?:export )?VIRTUAL_ENV=(['"]?)([^$\n]+?)\1\s*$""", script, re.MULTILINE
    )
    return told[0][1] if told else ""


def same(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to one file; those that lead nowhere don't."""
    return one.exists() and other.exists() and one.samefile(other)


def _stamp(venv: Path) -> dict[str, str]:
    try:
        told = json.loads((venv / STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in told.items()} if isinstance(told, dict) else {}


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def base() -> str:
    """Return the Python that ours is made of: itself, or what a virtual environment has it from."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)


def main(words: Sequence[str]) -> None:
    options = argparse.ArgumentParser(description="Make .venv and install what is locked.")
    options.add_argument("--root", type=Path, default=Path.cwd(), help="the project's directory")
    options.add_argument("--python", default="", help="the Python to make .venv with")
    options.add_argument("--lock", action="append", required=True, help="what to install")
    options.add_argument("--recreate", action="store_true", help="make .venv anew")
    options.add_argument("--again", action="store_true", help="install what is installed, too")
    given = options.parse_args(words)
    aside, place = given.root / ASIDE, given.root / ".venv"
    if aside.exists() and not _stamp(place):
        _remove(place)
        aside.rename(place)  # a run was killed before the new one was complete
    wanted = digests(given.root, given.lock)
    state = read(given.root, given.python)
    plan = decide(state, wanted, given.recreate, given.again)
    if plan == Plan():
        _remove(aside)
        return
    if state.exists and plan.make:
        _say(f".venv is made anew: {plan.make}.")
    carry_out(given.root, given.python or base(), plan, wanted)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failed as failed:
        _say(str(failed))
        sys.exit(2)
    except KeyboardInterrupt:
        _say("Interrupted: run the same again.")
        sys.exit(130)
