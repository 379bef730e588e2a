"""Strategies: what is one, which hosts switch together, and how long they are watched."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib import strategy
from tasks.lib.config import Environment
from tasks.lib.duration import Seconds
from tasks.lib.errors import Refused
from tasks.lib.settings import Thresholds
from tasks.lib.strategy import parse, pause, stages

FIVE = ("h1", "h2", "h3", "h4", "h5")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        pytest.param("all", "all", id="all"),
        pytest.param("canary:1", "canary: 1", id="without a space"),
        pytest.param(" canary: 10% ", "canary: 10%", id="percentage"),
        pytest.param("batch: 2", "batch: 2", id="batch"),
        pytest.param({"canary": 1}, "canary: 1", id="mapping"),
        pytest.param({"canary": "10%"}, "canary: 10%", id="mapping of a percentage"),
        pytest.param({"batch": 2}, "batch: 2", id="mapping of a batch"),
    ],
)
def test_what_is_a_strategy(said: object, text: str) -> None:
    assert parse(said) == text == parse(text)
    assert type(parse(said)) is str


@pytest.mark.parametrize(
    "said",
    ["", "some", "canary", "canary:", "canary: 0", "canary: 0%", "canary: 101%", "canary: -1"]
    + ["canary: 1.5", "canary: one", "batch: 2 hosts", "canary: 1, batch: 2", "all: 1", "a\nb"]
    + [None, True, 1, 0.1, [], {}, {"canary": True}, {"canary": None}, {"canary": 0}, {"all": 1}]
    + [{"canary": 1, "batch": 2}, {"canary": {"hosts": 1}}, {1: 2}, ["canary: 1"]],
    ids=repr,
)
def test_what_is_none_is_told_in_one_sentence(said: Any) -> None:
    with pytest.raises(
        Refused, match=r"is not a strategy: write all, canary: N or batch: N"
    ) as told:
        parse(said)
    assert told.value.code == 2 and str(told.value).count("\n") == 0


@pytest.mark.parametrize(
    ("said", "sizes"),
    [
        pytest.param("all", [5], id="all at once"),
        pytest.param("canary: 1", [1, 4], id="one first"),
        pytest.param("canary: 4", [4, 1], id="four first"),
        pytest.param("canary: 5", [5], id="a canary of all is all"),
        pytest.param("canary: 9", [5], id="of more than there are, too"),
        pytest.param("canary: 1%", [1, 4], id="at the least one"),
        pytest.param("canary: 20%", [1, 4], id="exactly one"),
        pytest.param("canary: 21%", [2, 3], id="rounded up"),
        pytest.param("canary: 100%", [5], id="all of them"),
        pytest.param("batch: 1", [1, 1, 1, 1, 1], id="one by one"),
        pytest.param("batch: 2", [2, 2, 1], id="the last batch is what is left"),
        pytest.param("batch: 40%", [2, 2, 1], id="a batch by percentage"),
        pytest.param("batch: 5", [5], id="a batch of all is all"),
    ],
)
def test_which_hosts_switch_together(said: str, sizes: list[int]) -> None:
    found = stages(parse(said), FIVE)
    assert [len(each) for each in found] == sizes
    assert tuple(name for each in found for name in each) == FIVE


def test_a_canary_of_one_host_is_all() -> None:
    assert stages(parse("canary: 1"), ["only"]) == (("only",),)


@given(st.integers(1, 60), st.sampled_from(["canary", "batch"]), st.integers(1, 100), st.booleans())
def test_every_host_switches_once_and_no_stage_is_empty(
    count: int, kind: str, number: int, percent: bool
) -> None:
    hosts = [f"h{each}" for each in range(count)]
    found = stages(parse(f"{kind}: {number}{'%' * percent}"), hosts)
    assert [name for each in found for name in each] == hosts
    assert all(found)


@pytest.mark.parametrize(
    ("said", "watch", "count", "seconds"),
    [
        pytest.param("canary: 1", 900.0, 2, 900.0, id="a canary as long as the watch"),
        pytest.param("batch: 1", 900.0, 3, 300.0, id="batches share it"),
        pytest.param("batch: 1", 900.0, 450, 6.0, id="long enough to see a bad release"),
        pytest.param("batch: 1", 4.0, 10, 4.0, id="never longer than the watch"),
        pytest.param("batch: 1", 0.0, 3, 0.0, id="no watch, no pause"),
        pytest.param("canary: 1", 0.0, 2, 0.0, id="no watch, no pause after a canary"),
    ],
)
def test_how_long_a_stage_is_watched(said: str, watch: float, count: int, seconds: float) -> None:
    thresholds = Thresholds(interval=Seconds(2), failures=3)
    about = {"strategy": parse(said), "watch": watch, "thresholds": thresholds}
    assert pause(Environment(name="x").but(**about), count) == seconds


def test_where_no_host_may_stay_on_the_old_release_there_are_no_stages() -> None:
    breaking = Environment(name="x", schema="breaking")
    strategy.refuse_unfit(breaking)
    with pytest.raises(Refused, match="--strategy=all"):
        strategy.refuse_unfit(breaking.but(strategy=parse("canary: 1")))
