"""The developer's machine, as one look at it finds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Mapping, NamedTuple

from . import variables, venv

if TYPE_CHECKING:
    from .compose import Place


class World(NamedTuple):
    """The developer's machine, as far as it is this project's.

    base: the Python to make .venv with. base_wrong: why it won't do, "" where it does. clone:
    whether there is a commit. locks: what is installed, of what there is. state: of .venv. plan:
    what there is to do about it. recreate: whether it is to be made anew. differing: in words,
    packages that aren't as the locks have them. env: .env and its example. values: what a service
    started here would get of it. required: keys it can't do without. stack: whether the stack is
    asked for. place: where it is. stack_missing: what keeps it from being started. stack_wrong:
    what of it isn't up, "" where that was not looked at.
    """

    root: Path
    place: Place
    base: str
    base_wrong: str
    clone: bool
    locks: tuple[str, ...]
    state: venv.State
    plan: venv.Plan
    recreate: bool
    differing: tuple[str, ...]
    env: variables.Found
    values: Mapping[str, str]
    required: tuple[str, ...]
    stack: bool = False
    stack_missing: str = ""
    stack_wrong: str = ""
