"""What a configured value must look like beyond its type, one rule a line."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Callable, Iterator

from .gates import settings as gates
from .server import sound as server
from .telemetry import settings as telemetry

if TYPE_CHECKING:
    from .settings import Environment

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,39}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROCESS = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

NAMED = "1 to 40 of letters, digits, dot, dash and underscore, not beginning with a dot or dash"

Rule = tuple[Callable[[Any], bool], str]


def name(value: str) -> bool:
    """Tell whether `value` can name an app or environment: it becomes part of paths and units."""
    return bool(NAME.fullmatch(value))


def relative(value: str) -> bool:
    """Tell whether `value` is a path that stays below where it starts."""
    parts = value.rstrip("/").split("/")
    return bool(value) and not _CONTROL.search(value) and "" not in parts and ".." not in parts


def _absolute(value: str) -> bool:
    return os.path.normpath(value) == value and value.startswith("/") and relative(value[1:])


def _http_path(value: str) -> bool:
    return value.startswith("/") and not re.search(r"[\x00-\x20\x7f]", value)


def _http(value: str) -> bool:
    return bool(re.fullmatch(r"https?://[^\s/?#\x00-\x1f]+[^\s\x00-\x1f]*", value))


def _line(value: str) -> bool:
    return not _CONTROL.search(value)


def _or_empty(holds: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda value: value == "" or holds(value)


def _word(value: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9_./~+][A-Za-z0-9_./~+-]*", value))


def _at_least(least: int) -> Callable[[float], bool]:
    return lambda value: value >= least


_URL: Rule = (_or_empty(_http), "a URL that begins with http:// or https://")
_BELOW: Rule = (_or_empty(relative), "a path relative to the repository, without ..")
_COMMAND: Rule = (
    lambda value: _line(value) and "{fd}" not in value,
    "one line, without {fd}: only `run` is handed a socket",
)
_PATH: Rule = (_http_path, "a path that begins with /")
_SOME: Rule = (_at_least(1), "at least 1")
_POSITIVE: Rule = (lambda value: value > 0, "more than 0s")

ENVIRONMENT: dict[str, Rule] = {
    "url": _URL,
    "front": _URL,
    "path": (_absolute, "an absolute path without .., . or a / at its end"),
    "keep": _SOME,
    "python": (_word, "the name or path of a Python on the host"),
    "directory": _BELOW,
    "requirements": _BELOW,
    "run": (lambda value: bool(value.strip()) and _line(value), "a command in one line"),
    "health": _PATH,
    "version_path": (_or_empty(_http_path), "a path that begins with /"),
    "host_header": (lambda value: not re.search(r"[\x00-\x20\x7f/]", value), "a host's name"),
    "ssh_config": (_line, "one line"),
}
HOOKS = ("build", "backup", "before_start", "after_switch", "after_close", "before_rollback")
LISTS: dict[str, Rule] = {
    "hosts": (lambda value: bool(value) and not value.startswith("-"), "a list of user@host:port"),
    "required": (lambda value: bool(_VARIABLE.fullmatch(value)), "a list of variables' names"),
    "shared_paths": (relative, "a list of paths below the release, without .."),
    "include": (relative, "a list of paths below the repository, without .."),
}


def faults(environment: Environment) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key path, what was expected, and the value."""
    for key, rule in ENVIRONMENT.items():
        yield from _judge(key, rule, getattr(environment, key))
    for key, rule in LISTS.items():
        for value in getattr(environment, key):
            yield from _judge(key, rule, value)
    for key in HOOKS:
        yield from _judge(f"hooks.{key}", _COMMAND, getattr(environment.hooks, key))
    if environment.standby and environment.overlap == "drain":
        yield "standby", "false where overlap is drain: two may not run at once", True
    yield from _processes(environment)
    yield from _smoke(environment)
    yield from _limits(environment)
    yield from gates.faults(environment)
    yield from server.faults(environment)
    yield from telemetry.own_faults(environment.observability)


def _judge(key: str, rule: Rule, value: object) -> Iterator[tuple[str, str, object]]:
    holds, expected = rule
    if not holds(value):
        yield key, expected, value


def _processes(environment: Environment) -> Iterator[tuple[str, str, object]]:
    for process, command in environment.processes.items():
        named = bool(_PROCESS.fullmatch(process)) and process != "web"
        fits = "named with lower-case letters, digits, dash and underscore, and not web"
        yield from _judge("processes", (lambda _: named, fits), process)
        yield from _judge(f"processes.{process}", ENVIRONMENT["run"], command)
        yield from _judge(f"processes.{process}", _COMMAND, command)


def _smoke(environment: Environment) -> Iterator[tuple[str, str, object]]:
    for index, smoke in enumerate(environment.smoke):
        status: Rule = (lambda value: 100 <= value <= 599, "a status from 100 to 599")
        yield from _judge(f"smoke[{index}].path", _PATH, smoke.path)
        yield from _judge(f"smoke[{index}].status", status, smoke.status)


def _limits(environment: Environment) -> Iterator[tuple[str, str, object]]:
    for key in environment.limits.__struct_fields__:
        yield from _judge(f"limits.{key}", _POSITIVE, getattr(environment.limits, key))
    thresholds = environment.thresholds
    ratio: Rule = (lambda value: 0 <= value <= 1, "a ratio from 0 to 1")
    yield from _judge("thresholds.error_ratio", ratio, thresholds.error_ratio)
    yield from _judge("thresholds.p95", _POSITIVE, thresholds.p95)
    yield from _judge("thresholds.interval", _POSITIVE, thresholds.interval)
    yield from _judge("thresholds.failures", _SOME, thresholds.failures)
    yield from _judge("thresholds.requests", _SOME, thresholds.requests)
    for path in thresholds.paths:
        yield from _judge("thresholds.paths", _PATH, path)
