"""All gates, by the name that the configuration, the journals and the messages have for them; and
how they are asked: all of them, at the same time, before anything is changed."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from invoke.exceptions import Exit, Failure

from .. import atonce
from ..declare import sentence
from ..errors import Refused
from ..settings import Environment
from .about import About, Answer, Gate

# Each is a function of that name, in a module that is imported where an environment has the gate:
# together they would cost every deploy to the sandbox 20 ms.
GATES = {
    "lint": "proved",
    "test": "proved",
    "release": "elsewhere",
    "after": "elsewhere",
    "freeze": "freeze",
    "budget": "budget",
    "incident": "incident",
}


def gate(name: str) -> Gate:
    """Return the gate of that name."""
    found: Gate = getattr(import_module(f".{GATES[name]}", __package__), name)
    return found


def held(environment: Environment) -> tuple[str, ...]:
    """Return the gates that an environment has: those of `gates:`, and `after` and `freeze` where
    they say anything."""
    own = {*environment.gates}
    own |= {"after"} if environment.after else set()
    own |= {"freeze"} if environment.freeze else set()
    return tuple(name for name in GATES if name in own)


class Past(NamedTuple):
    """What the command line says of gates. force: go past those that refuse. reason: why, for the
    journals. fixes: the incidents that the version mends."""

    force: bool = False
    reason: str = ""
    fixes: tuple[str, ...] = ()

    def refuse_unfit(self) -> None:
        """Raise Refused where there is no reason to go past a gate."""
        if self.force and not self.reason.strip():
            raise Refused(
                'A gate is passed for a reason: add `--reason="…"`, which is journalled and told.',
                kind="config",
            )


class Gates:
    """The gates of one deploy, asked when the first answer is wanted."""

    def __init__(self, about: About, past: Past = Past()) -> None:
        self._about, self._past = about, past
        self._answers: dict[str, Answer] = {}

    @property
    def answers(self) -> dict[str, Answer]:
        """What each gate says, by its name."""
        if not self._answers:
            self._answers = ask(self._about)
        return self._answers

    def refused(self, name: str) -> str:
        """Return why a gate refuses; "" where it doesn't, where the environment doesn't have it,
        and where it is passed by force."""
        return "" if self._past.force else self.answers.get(name, Answer()).refused

    @property
    def forced(self) -> dict[str, str]:
        """What is passed by force: by the gate's name why it refuses."""
        found = {name: each.refused for name, each in self.answers.items() if each.refused}
        return found if self._past.force else {}

    def facts(self) -> dict[str, Any]:
        """Return what the journals say of it."""
        said = {"reason": self._past.reason.strip(), "forced": list(self.forced)}
        return {
            key: value for key, value in {**said, "fixes": list(self._past.fixes)}.items() if value
        }

    def rows(self) -> list[tuple[str, str]]:
        """Return each gate with what it lets the version pass by."""
        return [
            (name, "FORCED past" if each.refused else each.says)
            for name, each in self.answers.items()
        ]


def ask(about: About) -> dict[str, Answer]:
    """Ask all gates of the environment at once; return what each says. Raises nothing of theirs."""
    gates = {name: gate(name) for name in held(about.environment)}  # no two threads import one
    found = atonce.ask({name: partial(_asked, each, about) for name, each in gates.items()})
    return {name: found[name] for name in gates}


def _asked(gate: Gate, about: About) -> Answer:
    try:
        return gate(about)
    except (Exit, Failure, OSError) as error:
        return Answer(sentence(error) or type(error).__name__)
    except Exception as bug:  # of ours; it must let nothing pass, and must not keep --force away
        return Answer(f"it could not be asked: {type(bug).__name__} in the recipes ({bug})")
