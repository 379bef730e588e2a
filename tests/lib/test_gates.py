"""What a deploy must pass: by what the hosts say, and by what the remote says of the tag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tasks.lib import gates, source
from tasks.lib.settings import Environment, Settings
from tests.lib.scratch import Scratch

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
    found = gates.host_gates(environment(), {"a": FACT, "b": {**FACT, **change}})
    assert len(found) == bool(said)
    assert all(each.startswith("b: ") and said in each for each in found)


def test_every_reason_of_every_host_is_told() -> None:
    bad = {**FACT, "git": "", "environment": [], "disk_free": 0}
    wanted = environment(required=("ONE", "TWO"))
    found = gates.host_gates(wanted, {"a": bad, "b": bad})
    assert len(found) == 6
    assert any("lacks ONE, TWO;" in each for each in found)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A clone whose remote has the tags `pushed` and `moved`, the latter on another commit."""
    base = tmp_path_factory.mktemp("gates")
    work = Scratch.new(base / "work")
    work.commit({"a": "1"})
    work.git("init", "--quiet", "--bare", str(base / "remote.git"))
    work.git("remote", "add", "origin", str(base / "remote.git"))
    work.git("tag", "pushed")
    work.git("tag", "moved")
    work.git("push", "--quiet", "origin", "main", "pushed", "moved")
    work.commit({"a": "2"})
    work.git("tag", "--force", "moved")
    work.git("tag", "-a", "local", "-m", "not pushed")
    return work


@pytest.mark.parametrize(
    ("said", "version", "answer"),
    [
        pytest.param({}, "pushed", "", id="on the remote"),
        pytest.param({}, "local", "git push origin", id="only here"),
        pytest.param({}, "moved", "moved", id="moved since"),
        pytest.param({}, "main", "main is not a tag, and staging takes tags only", id="no tag"),
        pytest.param({"untagged": True}, "main", "", id="untagged is allowed"),
        pytest.param({"untagged": True}, "local", "git push origin", id="but not a tag alone"),
        pytest.param({"require_tag": False}, "local", "", id="no gate"),
        pytest.param({"require_tag": False}, "main", "", id="no gate, no tag"),
    ],
)
def test_a_version_has_to_be_where_others_find_it(
    clone: Scratch, said: dict[str, Any], version: str, answer: str
) -> None:
    found = source.resolve(clone.path, version)
    told = gates.tagged(Settings(), environment(**said), found, clone.path)
    assert answer in told
    assert bool(told) is bool(answer)


def test_a_remote_that_is_not_there_is_told(clone: Scratch) -> None:
    found = source.resolve(clone.path, "pushed")
    told = gates.tagged(Settings(remote="nowhere"), environment(), found, clone.path)
    assert "nowhere" in told


def test_no_after_is_no_gate(tmp_path: Path) -> None:
    nothing = source.Source("v1", "0" * 40, "0" * 40, True, (), "")
    assert gates.closed_before(Settings(), environment(), nothing, tmp_path) == ""
