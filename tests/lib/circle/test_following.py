"""What comes next, and what is not as it should be."""

from __future__ import annotations

import pytest

from tasks.lib.circle.asked import ANSWERS, DOWN
from tasks.lib.circle.following import About, chain, following, wrong
from tasks.lib.circle.places import Place
from tasks.lib.circle.standing import CLOSED, LEFT, PHASES, TROUBLED, Stand

DONE = Stand(CLOSED)


def on(*names: str, state: str = CLOSED) -> Stand:
    return Stand(state, environments={name: Stand(state, environment=name) for name in names})


def found(**more: Stand) -> dict[str, Stand]:
    code = dict.fromkeys(("lint", "host", "test", "preaggregate", "release"), DONE)
    return {**dict.fromkeys(PHASES, Stand()), **code, **more}


CHAIN = ("staging", "production")


@pytest.mark.parametrize(
    ("stands", "command"),
    [
        (dict.fromkeys(PHASES, Stand()), "inv lint"),
        (found(test=Stand(TROUBLED)), "inv test"),
        (found(), "inv deploy --env=staging --version=v1"),
        (found(deploy=on("staging")), "inv deploy --env=production --version=v1"),
        (found(deploy=on("sandbox")), "inv deploy --env=staging --version=v1"),
        (found(deploy=on("staging", state=LEFT)), "inv deploy.history --env=staging"),
        (found(deploy=on("staging", state=TROUBLED)), "inv deploy --env=staging --version=v1"),
        (found(deploy=on(*CHAIN)), "inv monitor --env=production"),
        (found(deploy=on(*CHAIN), monitor=on("staging")), "inv monitor --env=production"),
        (found(deploy=on(*CHAIN), monitor=on("production")), "inv visualize --env=production"),
        (
            found(
                deploy=on(*CHAIN), monitor=on("production"), visualize=on("production"), alert=DONE
            ),
            "inv alert --env=production",
        ),
        (found(deploy=on(*CHAIN), **dict.fromkeys(PHASES[7:], on("production"))), ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_first_step_that_has_not_closed(stands: dict[str, Stand], command: str) -> None:
    assert following(About("v1", True, CHAIN), stands, {}) == command


def test_the_sandbox_asks_for_no_release_and_no_telemetry() -> None:
    about, place = About("main", True, ("sandbox",)), {"sandbox": Place("sandbox", ANSWERS, "")}
    stands = {**found(), "preaggregate": Stand(), "release": Stand(TROUBLED)}
    assert following(about, stands, place) == "inv deploy --env=sandbox --version=main"
    stands["deploy"] = on("sandbox")
    assert following(about, stands, place) == "inv monitor --env=sandbox"
    assert following(about, {**stands, "monitor": on("sandbox")}, place) == ""


def test_what_is_about_the_code_wants_it_checked_out() -> None:
    stands = found(test=Stand())
    assert following(About("v1", False, CHAIN), stands, {}) == "git checkout v1 && inv test"
    assert following(About("v1", False, CHAIN), found(), {}).startswith("inv deploy ")


def test_a_run_that_nobody_settled_goes_before_all_else() -> None:
    places = {"production": Place("production", ANSWERS, "", troubles=("it is pending",))}
    command = following(About("v1", True, CHAIN), dict.fromkeys(PHASES, Stand()), places)
    assert command == "inv deploy.status --env=production"


def test_a_sandbox_that_does_not_run_is_started_first() -> None:
    about, place = About("v1", True, ("sandbox",)), Place("sandbox", DOWN, "It isn't running.")
    assert following(about, found(), {"sandbox": place}) == "inv host --env=sandbox"
    place = Place("sandbox", ANSWERS, "")
    assert following(about, found(), {"sandbox": place}).startswith("inv deploy --env=sandbox")


@pytest.mark.parametrize(
    ("after", "usable", "expected"),
    [
        ({}, ["sandbox"], ("sandbox",)),
        ({}, [], ("sandbox",)),
        ({}, ["sandbox", "staging"], ("staging",)),
        ({"production": "staging"}, ["production", "sandbox", "staging"], CHAIN),
        ({"staging": "sandbox"}, ["staging"], ("sandbox", "staging")),
        ({"staging": "production", "production": "staging"}, ["staging"], CHAIN[::-1]),
    ],
)
def test_the_environments_in_their_order(
    after: dict[str, str], usable: list[str], expected: tuple[str, ...]
) -> None:
    assert chain(after, usable, "sandbox") == expected


def test_only_what_should_not_be_so_is_wrong() -> None:
    assert wrong(found(), {}, []) == []
    stands = found(
        test=Stand(TROUBLED),
        deploy=Stand(
            LEFT, environments={"a": Stand(LEFT), "b": Stand(TROUBLED), "c": Stand(CLOSED)}
        ),
    )
    places = {"a": Place("a", ANSWERS, "", absent={"h2": "gone"}, troubles=("x serves y",))}
    assert wrong(stands, places, ["2026-01-05-slow"]) == [
        "test did not close",
        "a was rolled back from this commit",
        "deploy did not close on b",
        "a: x serves y",
        "incident 2026-01-05-slow is open",
    ]
