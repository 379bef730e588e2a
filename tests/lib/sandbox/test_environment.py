"""What a host's processes are given of the operator's environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tasks.lib.sandbox import environment

HOME = Path("/p/.sandbox/host1")
BASE = os.path.join(sys.base_prefix, "bin")


def test_only_what_is_listed_gets_through() -> None:
    given = {
        "HOME": "/h",
        "LC_ALL": "C",
        "PIP_INDEX_URL": "https://x",
        "https_proxy": "http://p",
        "SSL_CERT_FILE": "/c",
        "JWT_SECRET": "s",
        "SSH_AUTH_SOCK": "/a",
        "PYTHONPATH": "/m",
        "COVERAGE_PROCESS_START": "x",
        "GITHUB_TOKEN": "t",
        "HOMEPAGE": "no",
    }
    found = environment.for_sessions(given, HOME)
    listed = ("HOME", "LC_ALL", "PIP_INDEX_URL", "https_proxy", "SSL_CERT_FILE")
    assert found == {key: given[key] for key in listed} | {
        "CIRCLE_SANDBOX": str(HOME),
        "SHELL": "/bin/sh",
        "PATH": found["PATH"],
    }


def test_the_base_interpreter_comes_first_and_the_virtual_environment_is_left_out() -> None:
    own = os.path.join(sys.prefix, "bin")
    given = os.pathsep.join([own, "/usr/bin", "", BASE])
    assert environment.for_sessions({"PATH": given}, HOME)["PATH"] == f"{BASE}:/usr/bin"
    assert environment.for_sessions({}, HOME)["PATH"].startswith(f"{BASE}:")


def test_the_daemon_gets_its_modules_besides() -> None:
    given = {"COVERAGE_X": "1", "PYTHONPATH": "/other", "JWT_SECRET": "s"}
    found = environment.for_daemon(given, HOME, Path("/p/tasks"))
    assert found["PYTHONPATH"] == "/p/tasks" and found["COVERAGE_X"] == "1"
    assert "JWT_SECRET" not in found
