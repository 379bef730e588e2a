"""The hosts' journals as one: order without clocks, and what each run came to."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib import history


def entry(run: str, at: str, event: str = "closed", **more: Any) -> dict[str, Any]:
    return {"v": 1, "run": run, "at": at, "event": event, "kind": "deploy", "who": "ada", **more}


def runs(**journals: list[dict[str, Any]]) -> list[str]:
    return [str(each["run"]) for each in history.merge(journals)]


def test_a_run_is_one_line_whatever_it_wrote() -> None:
    (told,) = history.merge(
        {
            "one": [entry("a", "1", "switched", release="r"), entry("a", "2", why="confirmed")],
            "two": [entry("a", "1", "switched", release="r"), entry("a", "3", "reverted")],
        }
    )
    assert told["outcome"] == {"one": "closed", "two": "reverted"}
    assert (told["run"], told["release"], told["at"], told["who"]) == ("a", "r", "3", "ada")
    assert told["why"] == "confirmed" and "backup" not in told
    (told,) = history.merge({"one": [entry("a", "2", switched="1"), entry("a", "3")]})
    assert told["switched"] == "1" and told["at"] == "3"


def test_each_journal_keeps_its_order_whatever_the_clocks_say() -> None:
    one = [entry("a", "5"), entry("b", "1"), entry("c", "9")]
    assert runs(one=one) == ["a", "b", "c"]
    assert runs(one=one, two=[entry("b", "0"), entry("x", "0"), entry("c", "0")]) == list("abxc")
    assert runs(one=[entry("b", "7")], two=[entry("a", "8"), entry("b", "9")]) == ["a", "b"]


def test_clocks_tell_only_where_nothing_else_does() -> None:
    one, two = [entry("a", "1"), entry("c", "3")], [entry("b", "2"), entry("d", "4")]
    assert runs(one=one, two=two) == ["a", "b", "c", "d"]


def test_no_journal_is_no_history() -> None:
    assert history.merge({}) == [] == history.merge({"one": []})


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ({"one": "closed", "two": "closed"}, "closed"),
        ({"one": "switched"}, "not settled"),
        ({"one": "closed", "two": "reverted"}, "closed on one; reverted on two"),
        ({"one": "stuck", "two": "closed", "three": "stuck"}, "stuck on one, three; closed on two"),
    ],
)
def test_how_it_ended(outcome: dict[str, str], told: str) -> None:
    assert history.ended({"outcome": outcome}) == told


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"outcome": {"one": "closed"}, "why": "confirmed"}, ""),
        ({"outcome": {"one": "closed"}, "reason": "slow", "why": "confirmed"}, "slow"),
        (
            {
                "outcome": {"one": "closed"},
                "forced": ["lint", "freeze"],
                "fixes": ["x"],
                "reason": "y",
            },
            "FORCED past lint, freeze; fixes x; y",
        ),
        ({"outcome": {"one": "reverted"}, "why": "watch: FAIL"}, "watch: FAIL"),
        ({"outcome": {"one": "stuck"}, "reason": "x", "why": "x", "error": "y"}, "x; y"),
    ],
)
def test_why(run: dict[str, Any], told: str) -> None:
    assert history.because(run) == told


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"kind": "rollback", "release": "r"}, "rollback r"),
        ({"kind": "", "release": "r"}, "run r"),
        ({"kind": "environment", "keys": ["A", "B"]}, "environment, 2 keys"),
        (
            {"kind": "environment", "keys": ["A"], "rotated": ["A"]},
            "environment, 1 keys (rotated: A)",
        ),
    ],
)
def test_what_was_done(run: dict[str, Any], told: str) -> None:
    assert history.what(run) == told
