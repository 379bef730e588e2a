"""How a run goes on after it stopped: nothing twice that must not be, nothing taken for closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lib.circle import laying, run
from tasks.lib.circle.going import ENDED, TROUBLED, Gone, Ran
from tasks.lib.circle.looked import CLOSED, RUN, Asked, World
from tasks.lib.config import Settings
from tasks.lib.errors import Interrupted, NotClosed, Refused

from tests.lib.circle.test_laying import labels, steps, world


def test_it_goes_on_behind_a_rollback_though_a_step_before_it_has_the_same_name() -> None:
    texts = ("monitor? --env=a", "rollback --env=a", "monitor", "lint", "monitor --env=a")
    path = laying.laid(steps(*texts), "", "a", lambda one: (one,))
    asked = World(Settings(), Path(), Asked(path="down"), path, path)
    assert run.again(asked, 3) == "inv circle.run --path=down --from=monitor:2"
    assert labels(laying.cut(path, "monitor:2", "", "down")) == ["monitor", "lint", "monitor a"]
    assert labels(laying.cut(path, "monitor", "monitor:1", "down")) == ["monitor a?"]


@pytest.mark.parametrize(("code", "kind"), [(1, NotClosed), (-9, NotClosed), (130, Interrupted)])
def test_a_rollback_that_may_have_been_done_is_looked_at_before_another(
    code: int, kind: type[NotClosed]
) -> None:
    down = world("monitor?", "rollback --env=a", "lint", path="down")
    ran = Ran(down.steps[1], ENDED if code == 130 else TROUBLED, "exit code", 1.0, code)
    error = run._stopped(down, Gone((Ran(down.steps[0]), ran), 1.0, 1), 1)
    assert type(error) is kind and error.next == "inv deploy.status --env=a"
    assert "Where it was, go on with `inv circle.run --path=down --from=lint`" in str(error)
    # What it refused it has not done.
    refused = run._stopped(down, Gone((ran._replace(code=2),), 1.0, 0), 0)
    assert refused.next == "inv circle.run --path=down"


def test_it_goes_on_with_the_configuration_that_it_began_with() -> None:
    own = world("lint", "test", path="down", config="own file.yaml")
    assert run.again(own, 1) == "inv '--config=own file.yaml' circle.run --path=down"


@pytest.mark.parametrize("words", [("--version=v1.2.0",), ("--version", "v1.2.0"), ("-v", "v1")])
def test_a_deploy_of_another_version_is_not_taken_for_this_commit_s(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy = world("deploy --env=sandbox")
    monkeypatch.setattr(World, "_live", lambda *_: "closed on each host")
    assert deploy.judge(deploy.steps[0]).state == CLOSED
    [other] = laying.filled(deploy.steps, {"deploy": words})
    assert deploy.judge(other).state == RUN


def test_a_reason_is_taken_as_inv_takes_it() -> None:
    path = steps("alert.ack? --env=a", "rollback --env=a", "test")
    words = ["alert.ack", "Down", "--reason", "it is lost", "rollback", "--reason", "test"]
    found = laying.filled(path, laying.given(words, path))
    assert [step.lacks() for step in found] == [(), (), ()]
    assert found[1].words == ("--env=a", "--reason=test")
    [own] = steps("rollback --reason 'it is slow'")
    assert own.words == ("--reason=it is slow",)


@pytest.mark.parametrize("words", [("--env=b",), ("--env", "b"), ("-e", "b")])
def test_no_step_goes_elsewhere_than_the_run(words: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="`inv circle.run --env=NAME` does"):
        laying.given(["deploy", *words], steps("deploy --env=a"))
