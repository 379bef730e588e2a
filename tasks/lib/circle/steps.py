"""A step of a path: one task of `inv`, as the configuration writes it."""

from __future__ import annotations

import shlex
from types import MappingProxyType
from typing import Iterable, Iterator, Mapping, NamedTuple


class Kind(NamedTuple):
    """What there is to know of a task before it is run as a step.

    proves: closing says something of the commit, so that it need not be repeated for it. env, yes:
    whether it is given `--env` and `--yes`. always: words that it is always given. once: it must
    not be repeated by a run that goes on. seen: the task that shows whether that was done. needs:
    what it can't be run without: options, and positional arguments as NAME.
    """

    proves: bool = False
    env: bool = False
    yes: bool = False
    always: tuple[str, ...] = ()
    once: bool = False
    seen: str = ""
    needs: tuple[str, ...] = ()


LOOKS = Kind(env=True)

# Those of the namespace that make sense as a step; tests/test_circle_run.py holds them against it.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "lint": Kind(proves=True),
        "host": Kind(),
        "test": Kind(proves=True),
        "preaggregate": Kind(proves=True),
        "release": Kind(proves=True),
        "deploy": Kind(proves=True, env=True, yes=True),
        "rollback": Kind(env=True, yes=True, once=True, seen="deploy.status", needs=("--reason",)),
        "monitor": Kind(env=True, always=("--once",)),  # without it the board lives until Ctrl-C
        "visualize": LOOKS,
        "alert": LOOKS,
        "alert.ack": Kind(env=True, once=True, seen="alert", needs=("NAME", "--reason")),
        "alert.check": Kind(),
        "alert.configure": Kind(),
        "alert.review": LOOKS,
        "alert.test": Kind(env=True, yes=True),
        "deploy.status": LOOKS,
        "monitor.doctor": LOOKS,
        "monitor.review": LOOKS,
        "preaggregate.down": Kind(),
        "release.publish": Kind(),
        "visualize.check": LOOKS,
        "visualize.report": LOOKS,
    }
)

REVIEWED = "--reviewed-by"  # what a release needs where no GitHub can be asked
_VALUED = {REVIEWED} | {n for kind in KINDS.values() for n in kind.needs if n.startswith("-")}


class Step(NamedTuple):
    """One step. task: as in `inv TASK`. words: what follows it. informs: whatever it finds, the
    path goes on. nth: which it is of its path's steps with this task, from 1."""

    task: str
    words: tuple[str, ...] = ()
    informs: bool = False
    nth: int = 1

    @property
    def kind(self) -> Kind:
        """What is known of its task."""
        return KINDS[self.task]

    @property
    def env(self) -> str:
        """The environment that it names, "" for none."""
        return self.option("--env")

    @property
    def label(self) -> str:
        """What it is called: `deploy staging`, `monitor`."""
        return f"{self.task} {self.env}".rstrip()

    def option(self, name: str) -> str:
        """Return the value of an option that is written as `--name=value`; "" for none."""
        found = [word.partition("=")[2] for word in self.words if word.startswith(f"{name}=")]
        return found[-1] if found else ""

    def at(self, env: str) -> Step:
        """Return the same step for another environment."""
        rest = [word for word in self.words if not word.startswith("--env=")]
        return self._replace(words=(f"--env={env}", *rest))

    def lacks(self) -> tuple[str, ...]:
        """Return what it needs and isn't given, in the words of its task."""
        named = any(not word.startswith("-") for word in self.words)
        return tuple(
            need
            for need in self.kind.needs
            if not (self.option(need) if need.startswith("-") else named)
        )


def joined(words: Iterable[str]) -> Iterator[str]:
    """Yield the words with what a step may need as one: `--reason WHY` as `--reason=WHY`."""
    left = iter(words)
    for word in left:
        value = next(left, None) if word in _VALUED else None
        yield word if value is None else f"{word}={value}"


def parse(text: str) -> Step:
    """Return the step that `text` writes, such as `deploy --env=staging` or `monitor?`.

    Raises ValueError with what a step should be.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    task = words[0].removesuffix("?") if words else ""
    if task not in KINDS:
        raise ValueError(f"steps of: {', '.join(KINDS)}")
    if any(word in ("--env", "-e") for word in words[1:]):
        raise ValueError("steps that write an environment as --env=NAME")
    return Step(task, tuple(joined(words[1:])), words[0].endswith("?"))
