"""Deploys in the sandbox: real SSH, real HTTP, a small service."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.project import Project

Make = Callable[..., Project]


def test_deploys_the_committed_version(make: Make) -> None:
    project = make()
    told = project.document("deploy")
    assert told["outcome"] == "closed"
    assert project.current() == told["detail"]["release"]


def test_a_release_that_does_not_start_is_never_seen(make: Make) -> None:
    project = make()
    first = project.document("deploy")["detail"]["release"]
    project.commit("bad", "exit-at-start")
    told = project.document("deploy", code=1)
    assert told["error"]["kind"] == "start"
    assert "this release does not start" in told["error"]["evidence"]
    assert project.current() == first


def test_a_bad_release_is_taken_back(make: Make) -> None:
    project = make(hosts=3)
    first = project.document("deploy")["detail"]["release"]
    project.commit("bad", "errors=0.5 good=20")
    told = project.document("deploy", "--watch=5s", code=1)
    assert told["detail"]["reverted"]
    assert {project.current(n) for n in (1, 2, 3)} == {first}
