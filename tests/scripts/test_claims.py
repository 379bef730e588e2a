"""The story's claims are held against what was measured, one by one."""

from dataclasses import replace

import pytest

from scripts import claims
from scripts.claims import Facts, figures, judge
from scripts.load import Request, summary
from scripts.recipes import Told

COMMITS = {version: version[1] * 40 for version in ("v1", "v2", "v3", "v4")}
IDS = {version: f"20260101T000000-{version}-{commit[:7]}" for version, commit in COMMITS.items()}


def request(outcome: str = "ok", version: str = "v1", torn: bool = False) -> Request:
    return Request(0.0, "/", outcome, 200, 0.01, IDS[version], torn, "")


def told(code: int, outcome: str, **detail: object) -> Told:
    return Told(code, {"outcome": outcome, "seconds": 9.0, "detail": detail})


REQUESTS = [request()] * 1500 + [request(version="v2")] * 500 + [request("error", "v4")] * 50
GOOD = Facts(
    commits=COMMITS,
    told={
        "v1": told(0, "closed"),
        "v2": told(0, "closed", steps={"stage": 0.25, "start": 0.5, "watch": 4.0}),
        "v3": told(1, "troubled", reverted=False),
        "v4": told(1, "troubled", reverted=True),
        "rollback": told(0, "closed", total_seconds=0.71239, switch_seconds=0.0461),
    },
    live={step: COMMITS[v] for step, v in zip(claims.STEPS, ("v1", "v2", "v2", "v2", "v1"))},
    load=summary(REQUESTS),
)


def broken(facts: Facts) -> list[str]:
    return [claim.step or claim.sentence for claim in judge(facts) if not claim.held]


def test_a_story_that_holds() -> None:
    assert broken(GOOD) == []
    numbers = figures(GOOD, judge(GOOD))
    assert numbers.pop("claims") == {claim.sentence: True for claim in judge(GOOD)}
    assert numbers == {
        "deploys": 4,
        "requests": 2050,
        "lost": 0,
        "refused": 1,
        "reverted": 1,
        "deploy_seconds": 0.75,
        "rollback_seconds": 0.712,
        "switch_seconds": 0.046,
        "errors": 50,
        "torn": 0,
        "p95_seconds": 0.01,
        "held": True,
    }


@pytest.mark.parametrize(
    ("step", "instead"),
    [
        pytest.param("v1", told(1, "troubled"), id="v1-failed"),
        pytest.param("v2", told(0, "troubled"), id="v2-did-not-close"),
        pytest.param("v2", Told(0), id="v2-said-nothing"),
        pytest.param("v3", told(0, "closed"), id="v3-went-live"),
        pytest.param("v3", told(1, "troubled", reverted=True), id="v3-was-live"),
        pytest.param("v3", Told(1), id="v3-crashed"),
        pytest.param("v3", Told(-9), id="v3-killed"),
        pytest.param("v4", told(0, "closed"), id="v4-stayed"),
        pytest.param("v4", told(1, "troubled", reverted=False), id="v4-never-live"),
        pytest.param("rollback", told(2, "refused"), id="rollback-refused"),
    ],
)
def test_a_step_that_went_otherwise(step: str, instead: Told) -> None:
    facts = replace(GOOD, told={**GOOD.told, step: instead})
    assert broken(facts) == [step]
    assert figures(facts, judge(facts))["held"] is False


@pytest.mark.parametrize("step", claims.STEPS)
def test_something_else_is_live(step: str) -> None:
    assert broken(replace(GOOD, live={**GOOD.live, step: "f" * 40})) == [step]


@pytest.mark.parametrize(
    ("requests", "wrong"),
    [
        pytest.param(REQUESTS[:60] + REQUESTS[-9:], "at least 2,000 requests were sent", id="few"),
        pytest.param([*REQUESTS, request("lost")], "no request was lost", id="lost"),
        pytest.param(
            [*REQUESTS, request(torn=True)], "every answer came from one release", id="torn"
        ),
        pytest.param([*REQUESTS, request(version="v3")], "v3", id="v3-served"),
        pytest.param(REQUESTS[:2000], "v4", id="v4-never-served"),
    ],
)
def test_a_load_that_met_otherwise(requests: list[Request], wrong: str) -> None:
    assert broken(replace(GOOD, load=summary(requests))) == [wrong]


def test_a_story_that_ended_early_holds_nothing_it_did_not_show() -> None:
    facts = Facts(COMMITS, {"v1": Told(1)}, {"v1": ""}, summary([]))
    assert broken(facts)[:5] == list(claims.STEPS)
    numbers = figures(facts, judge(facts))
    assert (numbers["refused"], numbers["reverted"], numbers["rollback_seconds"]) == (0, 0, None)


def test_without_steps_the_whole_time_is_a_deploy_s() -> None:
    assert claims.unwatched(told(0, "closed")) == 9.0
    assert claims.unwatched(Told(0)) is None
