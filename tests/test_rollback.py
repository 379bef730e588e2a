"""Rollbacks in the sandbox: to what, from what, and when not."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.project import SERVICE, Project

Make = Callable[..., Project]
Deployed = tuple[Project, list[str]]


@pytest.fixture(scope="module")
def shared(lasting: Make) -> Project:
    project = lasting()
    project.git("tag", "v0")
    return project


@pytest.fixture
def deployed(shared: Project) -> Deployed:
    """The module's project with three more releases that closed, oldest first; all are kept."""
    shared.service = {}
    shared.configure(keep=50)
    made = []
    for note in ("one", "two", "three"):
        shared.commit(note, **{"note.txt": f"{note} {shared.git('rev-parse', 'HEAD')}"})
        made.append(shared.document("deploy")["detail"]["release"])
    return shared, made


def rollback(project: Project, *words: str, code: int = 0) -> dict[str, Any]:
    told = project.document("rollback", "--env=sandbox", *words, code=code)
    assert told["phase"] == "rollback"
    return told


def error(told: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = told["error"]
    return found


def test_with_no_closed_release_it_refuses_and_says_why(make: Make) -> None:
    project = make()
    told = rollback(project, code=2)
    assert error(told)["kind"] == "no-target"
    assert "no release closed before (nothing is live)" in error(told)["message"]
    assert project.document("rollback", code=2)["error"]["message"].startswith("No deploy is in")
    project.git("tag", "v0")
    project.commit("bad", "exit-at-start")
    project.document("deploy", code=1)
    assert error(rollback(project, code=2))["kind"] == "no-target"
    project.commit("well")
    only = project.document("deploy")["detail"]["release"]
    told = rollback(project, code=2)
    assert f"no release closed before ({only} is live)" in error(told)["message"]
    assert "inv deploy --env=sandbox --version=TAG" in error(told)["message"]
    assert f"Releases that closed on every host: {only}" in error(told)["evidence"]
    assert "Tags of this clone: v0" in error(told)["evidence"]
    assert told["troubleshooting"][0]["issue"] == "There is no version to go back to"
    assert project.current() == only


def test_goes_back_one_and_again_one_further(deployed: Deployed) -> None:
    project, (one, two, three) = deployed
    told = rollback(project, "--reason=it broke")
    detail = told["detail"]
    assert (detail["from"], detail["to"], project.current()) == (three, two, two)
    assert told["next"] == "inv monitor --env=sandbox"
    assert json.loads(project.front("/api/version")[1])["release"] == two
    for name in ("start_seconds", "switch_seconds", "total_seconds"):
        assert isinstance(detail[name], float)
    assert detail["switch_seconds"] < detail["total_seconds"]
    assert detail["start_seconds"] == detail["steps"]["start"]
    assert project.journal()[-1]["reason"] == "it broke"
    assert rollback(project)["detail"]["to"] == one
    newest = project.document("deploy")["detail"]["release"]
    assert project.current() == newest
    assert rollback(project)["detail"]["to"] == one


def test_says_from_what_to_what_how_long_and_what_is_next(deployed: Deployed) -> None:
    project, (_, two, three) = deployed
    done = project.inv("rollback", "--env=sandbox")
    assert done.returncode == 0
    assert f"sandbox: from {three} to {two} in " in done.stdout
    assert "(start " in done.stdout and "switch " in done.stdout
    assert "a reason for the journals: none is given" in done.stderr
    assert done.stdout.rstrip().splitlines()[-1] == "Next: inv monitor --env=sandbox"


def test_to_a_release_a_version_or_a_commit(deployed: Deployed) -> None:
    project, (one, two, three) = deployed
    assert rollback(project, f"--to={one}")["detail"]["to"] == one
    commit = json.loads((project.host() / "releases" / two / ".release.json").read_text())["commit"]
    assert rollback(project, f"--to={commit[:8]}")["detail"]["to"] == two
    assert rollback(project, f"--to={three}")["detail"]["to"] == three
    tag = project.document("deploy", "--version=v0")["detail"]["release"]
    assert rollback(project, f"--to={one}")["detail"]["to"] == one
    assert rollback(project, "--to=v0")["detail"]["to"] == tag
    told = rollback(project, "--to=v0.0.1", code=2)
    assert "no other closed release is named v0.0.1" in error(told)["message"]
    for hostile in ("$(touch pwned)", "../../etc", "-x"):
        assert error(rollback(project, f"--to={hostile}", code=2))["kind"] == "no-target"
    assert not list(project.root.rglob("pwned"))


def test_what_never_closed_is_never_chosen(deployed: Deployed) -> None:
    project, (_, two, three) = deployed
    project.commit("bad", "errors=1 good=2")
    bad = project.document("deploy", "--watch=5s", code=1)["detail"]["release"]
    assert project.current() == three
    assert error(rollback(project, f"--to={bad}", code=2))["kind"] == "no-target"
    assert rollback(project)["detail"]["to"] == two


@pytest.mark.parametrize("damage", ["content", "gone", "mode", "manifest"])
def test_a_damaged_target_is_refused_before_anything_is_switched(
    deployed: Deployed, damage: str
) -> None:
    project, (one, two, three) = deployed
    place = project.host() / "releases" / two
    if damage == "content":
        (place / "app.py").write_text("import sys; sys.exit(1)")
    elif damage == "gone":
        (place / "note.txt").unlink()
    elif damage == "mode":
        (place / "app.py").chmod(0o755)
    else:
        (place / ".files").unlink()
    told = rollback(project, code=2)
    assert error(told)["kind"] == "damaged"
    assert "refused before anything was switched" in error(told)["message"]
    assert {"content": "app.py", "gone": "note.txt", "mode": "app.py", "manifest": ".files"}[
        damage
    ] in error(told)["message"]
    assert "inv rollback --env=sandbox --to=RELEASE" in error(told)["message"]
    assert project.current() == three and project.front()[0] == 200
    assert rollback(project, f"--to={one}")["detail"]["to"] == one


def test_a_target_that_is_not_whole_is_not_a_target(deployed: Deployed) -> None:
    project, (one, two, _) = deployed
    (project.host() / "releases" / two / ".release.json").unlink()
    assert rollback(project)["detail"]["to"] == one


def test_a_target_that_does_not_start_is_not_switched_to(deployed: Deployed) -> None:
    project, (_, two, three) = deployed
    project.quiet()
    environment = project.host() / "releases" / two / ".env"
    environment.write_text('PATH="/nowhere"\nPYTHONHOME="/nowhere"\n')
    told = rollback(project, code=1)
    assert error(told)["kind"] == "start"
    assert f"host1 still serves {three}" in error(told)["message"]
    assert told["troubleshooting"][0]["issue"] == "The rollback fails"
    assert project.current() == three and project.front()[0] == 200


def test_what_goes_on_after_it_is_not_in_the_code(deployed: Deployed) -> None:
    project, _ = deployed
    project.commit("as bad as the next", "errors=1 good=30")
    bad = project.document("deploy")["detail"]["release"]
    project.document("deploy")
    project.configure(keep=50, thresholds={**SERVICE["thresholds"], "paths": ["/", "/", "/", "/"]})
    told = rollback(project, "--watch=20s", code=1)
    assert error(told)["kind"] == "infrastructure"
    assert f"sandbox is back on {bad}, and the trouble goes on" in error(told)["message"]
    assert "It is not in the code" in error(told)["message"]
    assert told["troubleshooting"][0]["issue"] == "The trouble goes on after it"
    assert project.current() == bad
    assert project.journal()[-1]["event"] == "closed"


def test_hosts_that_answer_otherwise_after_it_are_named(make: Make) -> None:
    project = make(hosts=2)
    for number, greeting in ((1, "right"), (2, "wrong")):
        project.env(number, GREETING=greeting)
    made = [project.document("deploy")["detail"]["release"] for _ in range(3)]
    project.configure(smoke=[{"path": "/", "text": "right"}])
    told = rollback(project, code=1)
    assert "host2 could not be rolled back" in error(told)["message"]
    assert told["detail"]["hosts"]["host1"] == {"outcome": "closed"}
    assert "does not show 'right'" in told["detail"]["hosts"]["host2"]["error"]
    assert project.current(1) == project.current(2) == made[1]
    # No host is held on to, and where all answer otherwise it is told as what it is.
    project.configure(smoke=[{"path": "/", "text": "neither"}])
    told = rollback(project, code=1)
    assert error(told)["kind"] == "infrastructure"
    assert f"sandbox is back on {made[0]}, and the trouble goes on" in error(told)["message"]
    assert "does not show 'neither'" in error(told)["message"]
    assert project.current(1) == project.current(2) == made[0]
    project.configure(smoke=[])
    assert project.document("deploy")["outcome"] == "closed"
    for number in (1, 2):
        assert project.journal(number)[-1]["event"] == "closed"


def test_without_an_address_to_watch_nothing_is_waited_for(deployed: Deployed) -> None:
    project, (_, two, _) = deployed
    project.others = {"staging": project.at(1, url="", watch="10m")}
    project.configure()
    done = project.inv("rollback", "--env=staging", "--json")
    project.others = {}
    project.configure()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "staging has no url, so nothing is watched afterwards" in done.stderr
    told = json.loads(done.stdout)["detail"]
    assert (told["to"], told["watch"], project.current()) == (two, None, two)


def test_the_check_of_a_rollback_looks_only(deployed: Deployed) -> None:
    project, _ = deployed
    written = (project.host() / "journal.jsonl").read_bytes()
    told = rollback(project, "--check")
    assert set(told["detail"]["checks"].values()) == {"holds"}
    assert (project.host() / "journal.jsonl").read_bytes() == written


def test_goes_on_with_the_hosts_that_answer_and_names_the_rest(make: Make) -> None:
    project = make(hosts=2)
    first = project.document("deploy")["detail"]["release"]
    second = project.document("deploy")["detail"]["release"]
    project.quiet()
    state = json.loads((project.root / ".sandbox" / "state.json").read_text())
    os.kill(state["hosts"][1]["pid"], signal.SIGKILL)
    told = rollback(project, code=1)
    assert error(told)["kind"] == "unreachable"
    assert "host2 could not be rolled back; the other hosts serve" in error(told)["message"]
    assert f"inv rollback --env=sandbox --to={first}" in error(told)["message"]
    assert told["detail"]["hosts"]["host1"] == {"outcome": "closed"}
    assert told["detail"]["hosts"]["host2"]["outcome"] == "absent"
    assert (project.current(1), project.current(2)) == (first, second)
    assert project.document("deploy", code=2)["error"]["message"]  # a deploy wants every host
    assert project.inv("host", "--env=sandbox").returncode == 0
    # As it was advised; plainly repeated it would have gone to the same release.
    assert rollback(project, "--plan")["release"] == first
    assert rollback(project, f"--to={first}")["outcome"] == "closed"
    assert project.current(1) == project.current(2) == first
    assert error(rollback(project, code=2))["kind"] == "no-target"
