"""The environment of the sandbox's processes: a short list of what may come from the operator's."""

from __future__ import annotations

import fnmatch
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from . import state

# Where things are (HOME: pip's settings and cache), and how the outside is reached. No secret has a
# name of these; a proxy's may be in its URL, and installing needs it.
_ALLOWED = (
    *("HOME", "USER", "LOGNAME", "LANG", "LC_*", "TZ", "TMPDIR", "XDG_CACHE_HOME"),
    *("XDG_CONFIG_HOME", "PIP_*", "SSL_CERT_*", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
)
# What the daemon itself needs beside that: its modules, and to be measured by the tests.
_DAEMONS = ("PYTHONPATH", "COVERAGE_*")


def for_sessions(given: Mapping[str, str], directory: Path) -> dict[str, str]:
    """
    Return the whole environment of what a host runs.

    given: the environment to take from; directory: the host's own, which marks all its descendants.
    """
    allowed = _only(given, _ALLOWED)
    allowed["PATH"] = _path(given.get("PATH", os.defpath))
    allowed["SHELL"] = "/bin/sh"
    allowed[state.MARKER] = str(directory)
    return allowed


def for_daemon(given: Mapping[str, str], directory: Path, modules: Path) -> dict[str, str]:
    """Return the environment of a host's daemon; modules: the directory that `tasks` is in."""
    allowed = for_sessions(given, directory) | _only(given, _DAEMONS)
    allowed["PYTHONPATH"] = str(modules)
    return allowed


def _only(given: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {
        key: value
        for key, value in given.items()
        if any(fnmatch.fnmatchcase(key, name) for name in names)
    }


def _path(given: str) -> str:
    """
    Put the base interpreter first and leave the recipes' own virtual environment out: a host has
    its Python.
    """
    own = os.path.join(sys.prefix, "bin")
    base = os.path.join(sys.base_prefix, "bin")
    rest = [each for each in given.split(os.pathsep) if each and each not in (own, base)]
    return os.pathsep.join([base, *rest])
