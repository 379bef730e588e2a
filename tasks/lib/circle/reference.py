"""docs/DEV_REFERENCE.md: every command, from the namespace that Invoke itself reads."""

from __future__ import annotations

import copy
import inspect
import json
from typing import Any, Iterator, NamedTuple

from invoke.collection import Collection
from invoke.parser.argument import Argument

from .. import errors
from .generated import MARK
from .markdown import anchor, code, table, text

PAGE = "docs/DEV_REFERENCE.md"

CODES = (
    (errors.CLOSED, "It closed."),
    (
        errors.NOT_CLOSED,
        "It ran and did not close. Invoke itself says so, too, of a command that it can't read.",
    ),
    (errors.REFUSED, "It refused to start, and changed nothing: a prerequisite, a gate, a value."),
    (errors.INTERRUPTED, "Ctrl-C; the sentence says what state things are in."),
)


class Command(NamedTuple):
    """A task as it is typed.

    name: as `lint` or `deploy.status`. line: what it does. more: what else its docstring has.
    usage: the whole of it, with what has to follow. options: each as typed, its default, its help.
    """

    name: str
    line: str
    more: str
    usage: str
    options: tuple[tuple[str, str, str], ...]

    def link(self, page: str = "") -> str:
        """Return a link to what `page` has of it; "" is the page itself."""
        typed = f"inv {self.name}"
        return f"[{code(typed)}]({page}#{anchor(typed)})"


def commands(namespace: Collection) -> list[Command]:
    """Return every task of the namespace, in its order; `namespace` stays as it is.

    Invoke takes the help out of a task as it reads it, so a copy is read: of a namespace that a
    command line was already parsed by, the help is gone.
    """
    read = copy.deepcopy(namespace)
    return [_command(read, name, context) for name, context in _contexts(read)]


def _contexts(namespace: Collection) -> Iterator[tuple[str, Any]]:
    order = list(namespace.collections)
    contexts = sorted(
        namespace.to_contexts(), key=lambda each: order.index(str(each.name).split(".")[0])
    )
    for context in contexts:
        # A phase is the default task of its collection, and called by the name that they share.
        name = str(context.name)
        above, _, own = name.rpartition(".")
        yield (above if own == above else name), context


def _command(namespace: Collection, name: str, context: Any) -> Command:
    doc = inspect.getdoc(namespace[name].body) or ""
    line, _, more = doc.partition("\n\n")
    arguments: list[Argument] = list({id(arg): arg for arg in context.args.values()}.values())
    needed = [str(arg.name).upper() for arg in arguments if arg.positional]
    return Command(
        name,
        " ".join(line.split()),
        more,
        " ".join(["inv", name, *needed]),
        tuple(_option(arg) for arg in arguments),
    )


def _option(argument: Argument) -> tuple[str, str, str]:
    name = str(argument.name).replace("_", "-").strip("-")
    told = str(argument.help or "")
    if argument.kind is bool:
        return (f"--no-{name}" if argument.default else f"--{name}"), "", told
    default = "" if argument.default is None else str(argument.default)
    return f"--{name}=…", default, told


def page(namespace: Collection, app: str, linked: str = "", variables: str = "") -> str:
    """Return the page.

    linked: a line with links to other pages. variables: the file that names those of the
    environment, from the page's directory; "" for none.
    """
    every = commands(namespace)
    lines = [
        MARK,
        "# Command reference",
        "",
        f"Every command of {text(app)}'s circle, as `inv --list` and `inv COMMAND --help` have it."
        " This page is generated: `inv circle.runbook` writes it.",
        "",
    ]
    lines += [linked, ""] if linked else []
    lines += ["## All of them", ""]
    lines += table(
        ("command", "what it does"),
        [(each.link(), text(each.line)) for each in every],
    )
    lines += ["## Exit codes", ""] + table(
        ("code", "what it means"), [(str(number), text(meaning)) for number, meaning in CODES]
    )
    lines += _invoke_itself()
    for each in every:
        lines += _section(each)
    return "\n".join(lines + _keys(namespace.configuration(), variables))


def _invoke_itself() -> list[str]:
    return [
        "## Of every command",
        "",
        "Several can be given at once: `inv lint test`. They run one after the other, and the first"
        " that does not close is the last. An option belongs to the task before it; `inv --help`"
        " lists those of Invoke itself, which stand before the first: `inv --echo lint`.",
        "",
        "`--json` prints one document on standard output and everything else on standard error;"
        " `--check` changes nothing. Output is coloured on a terminal, or where `FORCE_COLOR` is"
        " set, and never where `NO_COLOR` is.",
        "",
    ]


def _section(command: Command) -> list[str]:
    lines = [f"## inv {command.name}", "", text(command.line), ""]
    example = command.more.strip() or command.usage
    lines += ["```sh", *_typed(example), "```", ""]
    if command.options:
        rows = [
            (code(option), code(default) if default else "", text(told))
            for option, default, told in command.options
        ]
        lines += table(("option", "default", "what it is"), rows)
    return lines


def _typed(example: str) -> list[str]:
    lines = (line.strip().removeprefix("Example: ") for line in example.splitlines())
    return [line for line in lines if line]


def _keys(configuration: dict[str, Any], variables: str) -> list[str]:
    lines = [
        "## Configuration",
        "",
        "Each key, with its default, can be set in `invoke.yaml`, and all but lists by a variable"
        " of the environment for one command: `INVOKE_SERVICE_KEEP=3 inv deploy`. What stands under"
        " `service` is what every environment under `environments` starts from.",
        "",
    ]
    if variables:
        lines += [
            f"Secrets, and all else that is read of the environment: [.env.example]({variables}).",
            "",
        ]
    rows = [(code(key), code(json.dumps(value))) for key, value in _leaves(configuration)]
    return lines + table(("key", "default"), rows)


def _leaves(value: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, f"{above}.{key}" if above else str(key))
    else:
        yield above, value
