"""Each host is believed through its own front only: what another serves is not this release."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.project import Project


def test_a_front_that_serves_another_release_is_found_out(make: Callable[..., Project]) -> None:
    project = make(hosts=2)
    live = project.document("deploy", "--env=sandbox")["detail"]["release"]
    strayed = project.at(1, front=project.at(2)["front"])
    project.others = {"staging": {**strayed, "smoke": []}}
    project.configure()
    told = project.document("deploy", "--env=staging", code=1)
    assert told["error"]["kind"] == "verify"
    assert "/api/version does not name" in told["error"]["message"]
    assert told["detail"]["reverted"] and project.current(1) == live
