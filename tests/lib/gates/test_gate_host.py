"""What keeps a host from taking a release, by what it says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tasks.lib.gates import host
from tasks.lib.settings import Environment

MIB = 1 << 20
FACT: dict[str, Any] = {
    "python": "3.11.2",
    "git": "/usr/bin/git",
    "writable": True,
    "disk_free": 5000 * MIB,
    "memory_available": 1000 * MIB,
    "service_memory": 50 * MIB,
    "environment": ["DATABASE_URL"],
    "standby": "",
    "running": {"a": ["web"]},
}


def environment(**said: Any) -> Environment:
    whole = Environment(name="staging", path="/srv/app", required=("DATABASE_URL",))
    return msgspec.structs.replace(whole, **said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({}, "", id="well"),
        pytest.param({"python": "3.9.0"}, "", id="the oldest python"),
        pytest.param({"python": "3.8.20"}, "python 3.8.20 is too old", id="python too old"),
        pytest.param({"python": "3.14.0rc1"}, "", id="python to come"),
        pytest.param({"git": ""}, "git is missing; `apt install git`", id="no git"),
        pytest.param({"writable": False}, "/srv/app can't be written", id="not writable"),
        pytest.param({"disk_free": 100 * MIB}, "", id="just enough disk"),
        pytest.param({"disk_free": 99 * MIB}, "only 99 MiB of disk are free", id="disk"),
        pytest.param(
            {"memory_available": 49 * MIB},
            "a second instance needs 50 MiB of memory, 49 are free",
            id="memory for one only",
        ),
        pytest.param(
            {"memory_available": 99 * MIB, "standby": "b"},
            "a second instance and a standby need 100 MiB of memory, 99 are free",
            id="memory for a standby that starts beside it",
        ),
        pytest.param(
            {"memory_available": 50 * MIB, "standby": "a"}, "", id="a standby that has its memory"
        ),
        pytest.param({"memory_available": None}, "", id="memory unknown"),
        pytest.param(
            {"environment": []},
            "the environment lacks DATABASE_URL; `inv deploy.env --env=staging --push=FILE`",
            id="a variable",
        ),
    ],
)
def test_what_keeps_a_host_from_taking_a_release(change: dict[str, Any], said: str) -> None:
    found = host.host_gates(environment(), {"a": FACT, "b": {**FACT, **change}})
    assert len(found) == bool(said)
    assert all(each.startswith("b: ") and said in each for each in found)


def test_every_reason_of_every_host_is_told() -> None:
    bad = {**FACT, "git": "", "environment": [], "disk_free": 0}
    wanted = environment(required=("ONE", "TWO"))
    found = host.host_gates(wanted, {"a": bad, "b": bad})
    assert len(found) == 6
    assert any("lacks ONE, TWO;" in each for each in found)
