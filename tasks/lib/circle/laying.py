"""From a path as it is written to the steps that are run for one environment. Nothing is read."""

from __future__ import annotations

from typing import Callable, Mapping, Sequence

from ..errors import Refused
from .steps import KINDS, Step, joined

SANDBOX = "sandbox"

Chain = Callable[[str], tuple[str, ...]]


def laid(steps: Sequence[Step], env: str, usual: str, chain: Chain) -> tuple[Step, ...]:
    """Return the steps with their environments.

    env: what `--env` says; it takes the place of every environment that the path names. usual:
    where a deploy goes that nobody names one for. chain: returns the environments that a version
    has to close in, the one asked for the last (`after:`); each is deployed to in turn.
    """
    found: list[Step] = []
    for step in steps:
        if step.task == "deploy":
            to = env or step.env or usual
            new = [step.at(name) for name in chain(to)]
            found += [each for each in new if each not in found]
        elif env and (step.kind.env or step.env):
            found.append(step.at(env))
        else:
            found.append(step)
    return _numbered(_hosted(found))


def _numbered(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps, each with which it is of those with its task."""
    tasks = [step.task for step in steps]
    return tuple(
        step._replace(nth=tasks[: place + 1].count(step.task)) for place, step in enumerate(steps)
    )


def _hosted(steps: Sequence[Step]) -> list[Step]:
    """Return the steps with the sandbox's host beside this machine's, where it is deployed to."""
    deployed = Step("deploy").at(SANDBOX).label in [step.label for step in steps]
    found: list[Step] = []
    for step in steps:
        found.append(step)
        if step.label == "host" and deployed:
            found.append(step.at(SANDBOX))
    return found


def made_first(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps with `host` before `lint`: in a fresh clone it makes what lint needs."""
    found, labels = list(steps), [step.label for step in steps]
    if "lint" in labels and "host" in labels and labels.index("lint") < labels.index("host"):
        found.insert(labels.index("lint"), found.pop(labels.index("host")))
    return tuple(found)


def cut(steps: Sequence[Step], first: str, last: str, path: str) -> tuple[Step, ...]:
    """Return the steps from `first` to `last`, "" for no bound.

    Each is a task (`deploy`) or one with its environment (`deploy:staging`); what there is several
    times begins at the first and ends with the last of them, or is numbered (`monitor:2`). Raises
    Refused.
    """
    begin = _places(steps, first, path, "--from")[0] if first else 0
    end = _places(steps, last, path, "--to")[-1] if last else len(steps) - 1
    if begin > end:
        raise Refused(f"--from={first} comes after --to={last} in the path {path}: swap them.")
    return tuple(steps[begin : end + 1])


def _places(steps: Sequence[Step], name: str, path: str, option: str) -> list[int]:
    found = [at for at, step in enumerate(steps) if _is(step, name)]
    if not found:
        known = dict.fromkeys(bound(step) for step in steps)
        raise Refused(
            f"{option}={name} is no step of the path {path}; there are: {', '.join(known)}."
        )
    return found


def _is(step: Step, name: str) -> bool:
    return name in (step.task, bound(step), f"{step.task}:{step.nth}")


def bound(step: Step) -> str:
    """Return the word by which --from and --to know a step."""
    return step.label.replace(" ", ":")


def begun(path: Sequence[Step], step: Step) -> str:
    """Return the word by which --from begins with just that step of a path: its number, where what
    it is called is found before it, too."""
    name = bound(step)
    first = next((each for each in path if _is(each, name)), step)
    same = (first.task, first.nth) == (step.task, step.nth)
    return name if same else f"{step.task}:{step.nth}"


def given(words: Sequence[str], steps: Sequence[Step]) -> dict[str, tuple[str, ...]]:
    """Return what follows `--`, by task: a step's name, and what it is given, as on a line of inv.

    Raises Refused where it doesn't begin with a step's name, or names an environment: that is for
    the run to say, which goes by it.
    """
    tasks = {step.task for step in steps}
    found: dict[str, tuple[str, ...]] = {}
    task = ""
    for word in joined(words):
        if word.partition("=")[0] in ("--env", "-e"):
            raise Refused("What follows -- names no environment: `inv circle.run --env=NAME` does.")
        if word in tasks or (not task and word in KINDS):
            task = word
            found.setdefault(task, ())
        elif not task:
            raise Refused(
                f"What follows -- begins with a step's name, not {word!r}: "
                "`inv circle.run -- release --bump=minor`."
            )
        else:
            found[task] += (word,)
    if foreign := sorted(set(found) - tasks):
        raise Refused(
            f"What follows -- is for {foreign[0]}, which is no step that would be run; there are: "
            f"{', '.join(sorted(tasks))}."
        )
    return found


def filled(steps: Sequence[Step], words: Mapping[str, Sequence[str]]) -> tuple[Step, ...]:
    """Return the steps with what was given beyond the configuration, by task."""
    return tuple(
        (
            step._replace(words=(*step.words, *words.get(step.task, ())))
            if step.task in words
            else step
        )
        for step in steps
    )


def resumed(steps: Sequence[Step], at: int) -> int:
    """Return the step that a run begins with which goes on after one that stopped at `at`.

    What closed for the commit is left out by itself, and what looks may look again: it is the first
    after what must not be done twice.
    """
    done = [place for place in range(at) if steps[place].kind.once]
    return done[-1] + 1 if done else 0
