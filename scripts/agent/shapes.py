"""The objects that an operator sends, each checked key by key before anything is done with it."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Mapping, Tuple

from wire import Failure, count, inside, named, seconds, text

Value = Dict[str, Any]
Check = Callable[[Any], Any]


def shaped(value: Any, what: str, keys: Mapping[str, Check], more: bool = True) -> Value:
    """`value` when it is an object whose `keys` all hold. Raises Failure.

    `more`: it may have others, for a later version's operator may say more than this one knows.
    """
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise Failure("protocol", "%s is not an object" % what)
    wrong = [key for key in keys if key not in value]
    wrong += [] if more else [key for key in value if key not in keys]
    if wrong:
        raise Failure("protocol", "%s: %.80s is missing or not known" % (what, wrong[0]))
    for key, check in keys.items():
        check(value[key])
    return value


def _object_id(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", value):
        raise Failure("protocol", "%.200r is not an object's id" % (value,))
    return value


def _one_of(*allowed: str) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise Failure("protocol", "%.200r is none of %s" % (value, ", ".join(allowed)))
        return value

    return check


def _or_none(check: Check) -> Check:
    return lambda value: value if value == "" else check(value)


def _paths(value: Any) -> Any:
    if not isinstance(value, list):
        raise Failure("protocol", "%.200r is not a list of paths" % (value,))
    return [inside(path) for path in value]


def flag(value: Any) -> bool:
    """True or false. Raises Failure."""
    if not isinstance(value, bool):
        raise Failure("protocol", "%.200r is neither true nor false" % (value,))
    return value


def _processes(value: Any) -> Any:
    if not isinstance(value, dict) or "web" not in value:
        raise Failure("protocol", "%.200r has no web process" % (value,))
    return {named(name): text(command) for name, command in value.items()}


def matching(shape: str) -> Check:
    """What takes a text of a form, a regular expression, and raises Failure for any other."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(shape, value):
            raise Failure("protocol", "%.80r is not of the form %s" % (value, shape))
        return value

    return check


def _resources(value: Any) -> Value:
    """Words for a unit's file; "" and 0 are no limit."""
    return shaped(value, "resources", RESOURCES)


RESOURCES: Dict[str, Check] = {
    "memory": _or_none(matching(r"[1-9][0-9]{0,14}[KMGT]?")),
    "cpu": _or_none(matching(r"[1-9][0-9]{0,5}%")),
    "tasks": count,
    "files": count,
}
ADAPTER = _one_of("auto", "systemd", "process")
WAY = _one_of("back", "forward")
SPEC = {
    "run": named,
    "kind": named,
    "who": text,
    "app": named,
    "adapter": ADAPTER,
    "lease": seconds,
}
LIMITS = {"stage": seconds, "hook": seconds, "build": text}
REQUEST = {"path": text, "status": count, "host": text}
PROBE = {"path": text, "host": text}
MANIFEST: Dict[str, Check] = {
    "release": named,
    "app": named,
    "version": text,
    "commit": text,
    "tree": _object_id,
    "directory": _or_none(inside),
    "requirements": _or_none(inside),
    "python": text,
    "processes": _processes,
    "health": text,
    "version_path": text,
    "host_header": text,
    "start": seconds,
    "drain": seconds,
    "shared_paths": _paths,
    "schema": text,
    "resources": _resources,  # manifests from before lack it
    "standby": flag,  # manifests from before lack it
    "environment": text,  # manifests from before lack it
    "host": text,  # manifests from before lack it
}
# What a journal's line says by itself.
RESERVED = {"v", "at", "event", "run", "kind", "who", "release", "from", "way", "error", "why"}
RESERVED |= {"version", "commit", "schema", "confirmed"}


def told(value: Any) -> Value:
    """What the operator adds to the journal's lines, such as a reason. Raises Failure."""
    said = shaped(value, "facts", {})
    for key in said:
        if key in RESERVED or not key.isidentifier():
            raise Failure("protocol", "a fact can't be called %.80r" % key)
    return said


def promised(value: Any) -> Tuple[str, str, str]:
    """The (release, from, way) of a pending.json. Raises Failure where it makes no sense.

    Not the way: one that isn't known, of another version, is back, which is always safe.
    """
    said = shaped(value, "pending.json", {"release": named, "from": _or_none(named)})
    return said["release"], said["from"], "forward" if said.get("way") == "forward" else "back"
