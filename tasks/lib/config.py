"""The configuration, read once at the edge into frozen types (see `settings`, re-exported here).

`tasks.py` declares the defaults, `invoke.yaml` and INVOKE_* override them, and nothing beyond this
module looks at Invoke's own, untyped configuration.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping

import msgspec
from invoke.config import Config
from invoke.context import Context

from . import sound
from .alert import settings as alert
from .circle import settings as circle
from .convert import convert, wrong
from .developer import sound as developer
from .errors import Refused
from .incident import settings as incident
from .lint import settings as lint
from .monitor import settings as monitor
from .notify import settings as notify
from .preaggregate import settings as preaggregate
from .release import settings as release
from .scorecard import settings as scorecard
from .settings import (
    SANDBOX,
    Environment,
    Hooks,
    Limits,
    Sandbox,
    Settings,
    Smoke,
    Thresholds,
)
from .telemetry import settings as telemetry
from .testing import settings as testing
from .visualize import settings as visualize

__all__ = [
    "Environment",
    "Hooks",
    "Limits",
    "Sandbox",
    "Settings",
    "Smoke",
    "Thresholds",
    "load",
]

KEYS = (
    "app",
    "remote",
    "default_environment",
    "sandbox",
    "contacts",
    "stack",
    "host",
    "lint",
    "notify",
    "test",
    "preaggregate",
    "release",
    "monitor",
    "visualize",
    "alert",
    "circle",
    "scorecard",
    "incident",
    "service",
    "environments",
)

# A phase's own section, and what it must be like beyond its types.
SECTIONS: dict[str, Callable[[Any], Iterator[tuple[str, str, object]]]] = {
    "alert": alert.faults,
    "circle": circle.faults,
    "contacts": alert.contact_faults,
    "host": developer.faults,
    "incident": incident.faults,
    "lint": lint.faults,
    "monitor": monitor.faults,
    "notify": notify.faults,
    "preaggregate": preaggregate.faults,
    "release": release.faults,
    "scorecard": scorecard.faults,
    "stack": telemetry.faults,
    "test": testing.faults,
    "visualize": visualize.faults,
}

# Text or a mapping, and never merged. Invoke lays neither over the other, so no default is declared
# for it in `tasks.py`, and its variables are read here.
EITHER = ("strategy",)

# Invoke's levels that a value can come from, the strongest first, with what each is called.
_LEVELS = (
    ("_modifications", "this run"),
    ("_overrides", "this run"),
    ("_env", ""),
    ("_runtime", "_runtime_path"),
    ("_project", "_project_path"),
    ("_user", "_user_path"),
    ("_system", "_system_path"),
)


def load(c: Context) -> Settings:
    """Return the settings of this run.

    Raises Refused (kind "config") with one sentence that names the file or variable, the key and
    what was expected. An environment's own values are checked when it is asked for, so that a
    mistake in one doesn't keep anybody from working with another.
    """
    config = c.config
    raw = _without_none(_plain(config))
    _refuse_unknown(raw, config)
    raw = {key: _from_variables(raw[key], (key,)) for key in KEYS if key in raw}
    service = _with_either(_mapping(raw, "service", config), ("service",))
    said = _mapping(raw, "environments", config)
    environments: dict[str, dict[str, Any]] = {"sandbox": merge(service, SANDBOX)}
    for name in said:
        own = _with_either(_mapping(said, name, config, "environments"), ("environments", name))
        said[name] = own
        environments[name] = merge(environments.get(name, service), own)
    settings = convert(
        {key: raw[key] for key in KEYS if key in raw and key != "service"}
        | {"environments": environments},
        Settings,
        lambda key: _place(config, tuple(key.split("."))),
    )
    _check(settings, config)
    return _with_places(settings, config, said)


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `under` with `over` laid on it: mappings key by key, everything else as a whole."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping) and key not in EITHER:
            value = merge(below, value)
        merged[key] = value
    return merged


def _plain(value: Any) -> Any:
    """Return Invoke's proxies as plain dicts."""
    if hasattr(value, "keys"):
        return {key: _plain(value[key]) for key in value.keys()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, date):  # YAML makes one of 2026-01-05; here it is as it was written
        return value.isoformat()
    return value


def _without_none(value: Any) -> Any:
    """Drop keys without a value: in YAML that is how one leaves a default alone."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return value


def _from_variables(value: Any, path: tuple[str, ...]) -> Any:
    """Take truth values from the environment again: to Invoke, any text but 0 is true."""
    if isinstance(value, dict):
        return {key: _from_variables(item, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, bool):
        return os.environ.get(_variable(path), value)
    return value


def _with_either(said: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """Lay on what is said at `path` what the variables say of those keys."""
    variables = {key: os.environ.get(_variable((*path, key))) for key in EITHER}
    return {**said, **{key: value for key, value in variables.items() if value is not None}}


def _variable(path: tuple[str, ...]) -> str:
    return "INVOKE_" + "_".join(path).upper()


def _refuse_unknown(raw: Mapping[str, Any], config: Config) -> None:
    foreign = {"run", "runners", "sudo", "tasks", "timeouts", *Config.global_defaults()}
    for level in ("_user", "_system"):  # they belong to the person, not to this project
        foreign |= set(getattr(config, level, {}))
    for key in raw:
        if key not in KEYS and key not in foreign:
            known = ", ".join(KEYS)
            raise Refused(
                f"{_place(config, (key,))} is not a known key; there are: {known}.", kind="config"
            )


def _mapping(raw: Mapping[str, Any], key: str, config: Config, above: str = "") -> dict[str, Any]:
    value = raw.get(key, {})
    if not isinstance(value, dict):
        path = (above, key) if above else (key,)
        raise wrong(_place(config, path), "a mapping of keys to values", value)
    return value


def _check(settings: Settings, config: Config) -> None:
    for key, name in [("app", settings.app)] + [("environments", n) for n in settings.environments]:
        if not sound.name(name):
            raise wrong(_place(config, (key,)), f"a name ({sound.NAMED})", name)
    if not settings.remote or settings.remote.startswith("-"):
        raise wrong(_place(config, ("remote",)), "a git remote", settings.remote)
    sandbox = settings.sandbox
    if not 1 <= sandbox.hosts <= 20:
        raise wrong(_place(config, ("sandbox", "hosts")), "1 to 20", sandbox.hosts)
    if not 0 <= sandbox.port <= 65535:
        raise wrong(_place(config, ("sandbox", "port")), "a port (0 to 65535)", sandbox.port)
    if not sound.relative(sandbox.directory) or sandbox.directory.startswith("-"):
        expected = "a directory below the project's"
        raise wrong(_place(config, ("sandbox", "directory")), expected, sandbox.directory)
    for section, faults in SECTIONS.items():
        for key, expected, value in faults(getattr(settings, section)):
            raise wrong(_place(config, (section, *key.split(".", 1))), expected, value)


def _with_places(settings: Settings, config: Config, said: Mapping[str, Any]) -> Settings:
    """Return the settings able to name where each environment's values were read."""

    def where(environment: str, key: str) -> str:
        first = key.split(".")[0].split("[")[0]
        own = first in said.get(environment, {})
        path = ("environments", environment, key) if own else ("service", key)
        return _place(config, tuple(".".join(path).split(".")))

    return msgspec.structs.replace(settings, where=where)


def _place(config: Config, path: tuple[str, ...]) -> str:
    """Return words for where the value at `path` was read: `invoke.yaml: app`, `INVOKE_APP`."""
    dotted = ".".join(path)
    if path[-1] in EITHER and _variable(path) in os.environ:
        return _variable(path)
    for level, named in _LEVELS:
        if _has(getattr(config, level, {}), path):
            if not named:
                return _variable(path)
            source = getattr(config, named, None) or "" if named.startswith("_") else named
            return f"{Path(source).name}: {dotted}" if source else dotted
    return f"the configuration: {dotted}"


def _has(level: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if isinstance(level, (list, tuple)):
            return True  # lists are replaced as a whole
        if not isinstance(level, Mapping) or part.split("[")[0] not in level:
            return False
        level = level[part.split("[")[0]]
    return True
