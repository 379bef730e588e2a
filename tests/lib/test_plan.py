"""What is decided before anything is changed: release names, steps, the hash of the facts."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib.plan import deploy_steps, fingerprint, release_id, rollback_steps
from tasks.lib.settings import Environment, Hooks
from tasks.lib.source import Source

NOON = 1_800_000_000.0
FACT: dict[str, Any] = {
    "current": "r1",
    "complete": ["r1"],
    "closed": [],
    "environment": ["KEY"],
    "python": "3.11.2",
    "adapter": "process",
    "load": [0.1, 0.2, 0.3],
}


def source(version: str, commit: str = "0123456789" * 4) -> Source:
    return Source(version, commit, "f" * 40, True, (), "subject")


def environment(**said: Any) -> Environment:
    return msgspec.structs.replace(Environment(name="staging"), **said)


@pytest.mark.parametrize(
    ("version", "named"),
    [
        pytest.param("v1.2.3", "v1.2.3", id="tag"),
        pytest.param("feature/x", "feature_x", id="slash"),
        pytest.param("v1+build", "v1_build", id="plus"),
        pytest.param("größe", "gr__e", id="letters"),
        pytest.param("$(touch x)", "__touch_x_", id="shell"),
        pytest.param("../../etc", ".._.._etc", id="path"),
    ],
)
def test_a_release_id_names_time_version_and_commit(version: str, named: str) -> None:
    assert release_id(source(version), NOON) == f"20270115T080000Z-{named}-0123456"


@given(st.text(max_size=300), st.floats(0, 4e9))
def test_any_version_gives_an_id_that_is_safe_everywhere(version: str, now: float) -> None:
    found = release_id(source(version), now)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", found)
    assert found.endswith("-0123456")


@given(st.sets(st.integers(0, 5), max_size=6))
def test_an_id_that_a_host_has_already_is_not_given_again(seconds: set[int]) -> None:
    taken = {release_id(source("v1"), NOON + each) for each in seconds}
    assert release_id(source("v1"), NOON, taken) not in taken


def test_releases_of_later_seconds_sort_behind() -> None:
    assert release_id(source("v1"), NOON) < release_id(source("v0"), NOON + 1)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param({}, True, id="nothing"),
        pytest.param({"load": [9.0, 9.0, 9.0]}, True, id="load"),
        pytest.param({"disk_free": 5}, True, id="disk"),
        pytest.param({"current": "r2"}, False, id="live release"),
        pytest.param({"complete": ["r1", "r2"]}, False, id="releases"),
        pytest.param({"environment": ["KEY", "MORE"]}, False, id="variables"),
        pytest.param({"python": "3.12.0"}, False, id="python"),
    ],
)
def test_a_plan_rests_on_what_the_hosts_said(change: dict[str, Any], same: bool) -> None:
    before = fingerprint({"a": FACT, "b": FACT}, "v1")
    assert (fingerprint({"a": FACT, "b": {**FACT, **change}}, "v1") == before) is same


def test_a_plan_rests_on_version_and_hosts_too() -> None:
    hashes = {fingerprint({"a": FACT}, "v1"), fingerprint({"a": FACT}, "v2")}
    hashes |= {fingerprint({"b": FACT}, "v1"), fingerprint({"a": FACT, "b": FACT}, "v1")}
    assert len(hashes) == 4


ALL = Hooks(
    build="make",
    backup="dump",
    before_start="migrate",
    after_switch="warm",
    after_close="say",
    before_rollback="undo",
)


@pytest.mark.parametrize(
    ("said", "steps"),
    [
        pytest.param({}, "stage start switch verify watch confirm close", id="least"),
        pytest.param({"watch": 0.0}, "stage start switch verify confirm close", id="no watch"),
        pytest.param(
            {"hooks": ALL},
            "stage once start switch verify after_switch watch confirm close",
            id="hooks",
        ),
        pytest.param(
            {"hooks": Hooks(backup="dump")},
            "stage once start switch verify watch confirm close",
            id="backup alone",
        ),
        pytest.param(
            {"overlap": "drain"}, "stage start switch verify drain watch confirm close", id="drain"
        ),
    ],
)
def test_a_deploys_steps_follow_the_configuration(said: dict[str, Any], steps: str) -> None:
    planned = deploy_steps(environment(**said), ["a", "b"])
    assert [step.name for step in planned] == steps.split()


@pytest.mark.parametrize(
    ("said", "migrated", "steps"),
    [
        pytest.param({}, False, "check start arm switch verify watch close", id="least"),
        pytest.param({"watch": 0.0}, False, "check start arm switch verify close", id="no watch"),
        pytest.param(
            {"hooks": ALL},
            True,
            "check before_rollback start arm switch verify watch close",
            id="migrated",
        ),
        pytest.param(
            {"hooks": ALL}, False, "check start arm switch verify watch close", id="not migrated"
        ),
    ],
)
def test_a_rollbacks_steps_follow_the_configuration(
    said: dict[str, Any], migrated: bool, steps: str
) -> None:
    planned = rollback_steps(environment(**said), migrated)
    assert [step.name for step in planned] == steps.split()


def test_steps_say_in_words_what_they_do() -> None:
    said = environment(hooks=ALL, shared_paths=("uploads",), requirements="r.txt", watch=90.0)
    steps = {step.name: step for step in deploy_steps(said, ["a"])}
    assert "link uploads, venv for r.txt, build: make" in steps["stage"].does
    assert steps["once"].does == "backup: dump, before_start: migrate"
    assert (steps["once"].on, steps["stage"].on) == ("first", "all")
    assert "1m30s" in steps["watch"].does and "error ratio at most 0.01" in steps["watch"].does
    assert "keep 5 releases, then on the first after_close: say" in steps["close"].does


def test_the_document_has_all_of_the_plan() -> None:
    from tasks.lib.plan import Plan, Step

    plan = Plan("deploy", "x", "r", "v", "c", "t", {"a": ""}, (Step("s", "all", "d"),), 1.0, "f")
    told = plan.document()
    step = {"name": "s", "on": "all", "does": "d", "hosts": (), "watched": 0.0}
    assert told["steps"] == (step,)
    assert told["hosts"] == {"a": ""}
