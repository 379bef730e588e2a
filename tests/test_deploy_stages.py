"""Rolling strategies on three hosts: some switch first and are watched, then the others."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scripts.load import Load, Snapshot
from tests.support.project import Project

Make = Callable[..., Project]
THREE = (1, 2, 3)
LATER = "the hosts that had not switched"


@pytest.fixture(scope="module")
def shared(lasting: Make) -> Project:
    project = lasting(hosts=3)
    project.document("deploy")
    return project


@pytest.fixture
def project(shared: Project) -> Project:
    """The module's project as it was configured at first, its service well and live."""
    shared.quiet()
    shared.service = {}
    shared.configure()
    shared.commit("well again")
    return shared


@contextlib.contextmanager
def users(project: Project) -> Iterator[dict[int, Snapshot]]:
    """Users of each host, one by one; afterwards what those of each saw. None is lost."""
    state = json.loads((project.root / ".sandbox" / "state.json").read_text())
    fronts = [f"http://127.0.0.1:{host['front_port']}/" for host in state["hosts"]]
    loads = {number: Load([front], 20.0) for number, front in enumerate(fronts, 1)}
    seen: dict[int, Snapshot] = {}
    for load in loads.values():
        load.start()
    try:
        yield seen
    finally:
        seen.update({number: load.stop() for number, load in loads.items()})
    assert sum(each.lost + each.torn for each in seen.values()) == 0, seen


def live(project: Project) -> set[str]:
    return {project.current(number) for number in THREE}


def test_a_plan_shows_the_stages_and_a_deploy_does_what_it_said(project: Project) -> None:
    words = ("deploy", "--strategy=canary:1", "--watch=400ms")
    plan = project.document(*words, "--plan")
    assert plan["strategy"] == "canary: 1"
    assert plan["stages"] == [["host1"], ["host2", "host3"]]
    hosts = {step["name"]: step["hosts"] for step in plan["steps"] if step["hosts"]}
    first, rest = ["host1"], ["host2", "host3"]
    assert hosts == {
        "switch.1": first,
        "verify.1": first,
        "watch.1": first,
        "switch.2": rest,
        "verify.2": rest,
    }
    told = project.document(*words)["detail"]
    assert [step["name"] for step in plan["steps"]] == list(told["steps"])[1:]
    assert plan["facts"] == told["facts"]
    shown = project.inv(*words, "--plan").stdout
    assert "canary: 1, 2 stages: host1; then host2, host3; watched for 800ms in all." in shown


def test_a_good_canary_is_followed_by_the_others(project: Project) -> None:
    before = project.current()
    with users(project) as seen:
        told = project.document("deploy", "--strategy=canary: 1", "--watch=1s")["detail"]
    assert live(project) == {told["release"]} != {before}
    canary = told["watches"]["watch.1"]["probes"]
    assert canary.keys() == {"host1"}
    assert canary["host1"]["verdict"] == told["watch"]["verdict"] == "PASS"
    assert canary["host1"]["seconds"] >= 1 and canary["host1"]["samples"] >= 4
    for number in THREE:
        assert seen[number].errors == 0 and set(seen[number].releases) == {before, told["release"]}
        assert project.journal(number)[-1]["event"] == "closed"


def test_a_canary_that_fails_under_its_own_traffic_never_reaches_the_others(
    project: Project,
) -> None:
    before = project.current()
    project.commit("bad", "errors=1 good=10")
    with users(project) as seen:
        told = project.document("deploy", "--strategy=canary:1", "--watch=20s", code=1)
    said = told["error"]["message"]
    assert told["error"]["kind"] == "watch" and "failed at watch.1: FAIL: host1: error" in said
    assert f"host1 went back to {before}; host2, host3 still serves {before}." in said
    assert "The error ratio is high" in [row["issue"] for row in told["troubleshooting"]]
    assert told["detail"]["reverted"] and told["detail"]["watch"] is None
    assert told["detail"]["watches"]["watch.1"]["probes"]["host1"]["verdict"] == "FAIL"
    outcomes = {name: host["outcome"] for name, host in told["detail"]["hosts"].items()}
    assert outcomes == {"host1": "reverted", "host2": "aborted", "host3": "aborted"}
    assert live(project) == {before}
    assert len(seen[1].releases) == 2 and seen[1].errors > 0
    for number in (2, 3):
        assert set(seen[number].releases) == {before} and seen[number].errors == 0, LATER
        assert project.journal(number)[-1]["event"] == "aborted"
    project.quiet()
    assert all(len(project.releases(number)) == len(project.releases(1)) - 1 for number in (2, 3))


def test_a_bad_host_is_not_diluted_by_good_ones(project: Project) -> None:
    """One of two that are watched fails by itself what both together would pass."""
    before = project.current()
    project.configure(
        thresholds={"interval": "100ms", "failures": 3, "requests": 1, "error_ratio": 0.6}
    )
    project.commit("bad", "errors=1 good=10")
    state = json.loads((project.root / ".sandbox" / "state.json").read_text())
    with Load([f"http://127.0.0.1:{state['hosts'][1]['front_port']}/"], 20.0):  # host2 wears out
        told = project.document("deploy", "--strategy=batch:2", "--watch=1800ms", code=1)
    assert "failed at watch.1: FAIL: host2: error ratio" in told["error"]["message"]
    assert live(project) == {before}


def test_a_later_batch_that_fails_brings_every_switched_host_back(project: Project) -> None:
    before = project.current()
    for number in THREE:
        project.env(number, GREETING="good day" if number < 3 else "go away")
    project.configure(smoke=[{"path": "/", "text": "good day"}])
    project.commit("greets")
    with users(project) as seen:
        told = project.document("deploy", "--strategy=batch:2", "--watch=600ms", code=1)
    assert "failed at verify.2 on host3: / does not show 'good day'" in told["error"]["message"]
    assert f"Every host went back to {before}." in told["error"]["message"]
    watched = told["detail"]["watches"]["watch.1"]["probes"]
    assert {name: each["verdict"] for name, each in watched.items()} == {
        "host1": "PASS",
        "host2": "PASS",
    }
    assert live(project) == {before}
    # host3 serves it only until its check has failed, which may be between two of its requests.
    assert all(len(seen[number].releases) == 2 for number in (1, 2))
    for number in THREE:
        assert project.journal(number)[-1]["event"] == "reverted"
        project.env(number)


def test_without_a_watch_stages_are_only_verified(project: Project) -> None:
    told = project.document("deploy", "--strategy=batch:1", "--watch=0s")["detail"]
    stages = [name for name in told["steps"] if "." in name]
    assert stages == [f"{step}.{number}" for number in THREE for step in ("switch", "verify")]
    assert told["watches"] == {} and told["watch"] is None
    assert live(project) == {told["release"]}


@pytest.mark.parametrize("fails", [False, True], ids=["succeeds", "fails"])
def test_after_switch_runs_once_when_all_have_switched(project: Project, fails: bool) -> None:
    before = project.current()
    hook = "sh -c 'ls -l ../../../../host*/srv/current >> ../../shared/seen; exit %d'" % fails
    project.configure(hooks={"after_switch": hook})
    seen = project.host(1) / "shared" / "seen"
    seen.unlink(missing_ok=True)
    told = project.document("deploy", "--strategy=canary:1", "--watch=0s", code=int(fails))
    release = told["detail"]["release"]
    assert seen.read_text().count(f"releases/{release}\n") == 3
    assert not any((project.host(number) / "shared" / "seen").exists() for number in (2, 3))
    assert live(project) == {before if fails else release}
    steps = list(told["detail"]["steps"])
    assert steps[steps.index("verify.2") + 1] == "after_switch"


def serving(project: Project, number: int) -> set[str]:
    """The releases whose web process a host keeps."""
    found = project.host(number).glob("releases/*/run/web.json")
    return {path.parent.parent.name for path in found}


def test_where_two_at_once_are_wrong_a_stage_starts_and_drains_by_itself(project: Project) -> None:
    before = project.current()
    project.configure(overlap="drain")
    seen: list[tuple[set[str], ...]] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            seen.append(tuple(serving(project, number) for number in THREE))

    watcher = threading.Thread(target=look)
    watcher.start()
    told = project.document("deploy", "--strategy=canary:1", "--watch=2s")["detail"]
    done.set()
    watcher.join()
    order = [name.partition(".")[0] for name in told["steps"] if name.endswith(".1")]
    assert order == ["start", "switch", "verify", "drain", "watch"]
    assert ({told["release"]}, {before}, {before}) in seen, "nobody ran two while it was watched"
    assert live(project) == {told["release"]}


def test_what_is_no_strategy_is_refused_at_the_edge(project: Project) -> None:
    before = live(project)
    refused = project.document("deploy", "--strategy=canary:0", code=2)
    assert refused["error"]["kind"] == "config"
    assert "'canary:0' is not a strategy: write all, canary: N" in refused["error"]["message"]
    project.configure(schema="breaking", strategy={"canary": 1})
    refused = project.document("deploy", code=2)
    assert "inv deploy --env=sandbox --strategy=all" in refused["error"]["message"]
    project.service = {}
    project.configure(strategy={"canary": "ten"})
    refused = project.document("deploy", code=2)
    said = "invoke.yaml: service.strategy should be all, canary: N"
    assert refused["error"]["message"].startswith(said)
    variable: dict[str, Any] = {"env": {"INVOKE_SERVICE_STRATEGY": "batch 2"}}
    refused = project.document("deploy", code=2, **variable)
    assert refused["error"]["message"].startswith("INVOKE_SERVICE_STRATEGY should be all")
    assert live(project) == before


def test_a_variable_goes_over_the_file_and_the_flag_over_both(project: Project) -> None:
    project.configure(strategy={"canary": "10%"})
    plan = project.document("deploy", "--plan")
    assert plan["strategy"] == "canary: 10%" and plan["stages"][0] == ["host1"]
    variable: dict[str, Any] = {"env": {"INVOKE_SERVICE_STRATEGY": "batch:2"}}
    plan = project.document("deploy", "--plan", **variable)
    assert plan["stages"] == [["host1", "host2"], ["host3"]]
    plan = project.document("deploy", "--plan", "--strategy=all", **variable)
    assert plan["stages"] == [["host1", "host2", "host3"]]
    assert "switch" in [step["name"] for step in plan["steps"]]
