"""Rollback's choice among the journals of several hosts: tables of what closed where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib.choice import candidates, choose, migrations

Facts = dict[str, dict[str, Any]]


def closed(release: str, mark: str = "") -> dict[str, Any]:
    """An entry of a journal; mark: "left", "migrated" or both."""
    return {
        "release": release,
        "version": f"v{release[1:]}",
        "commit": release[1:] * 40,
        "left": "left" in mark,
        "migrated": True if "migrated" in mark else None,
        "backup": "",
    }


def host(current: str, *entries: str, lacks: str = "", tried: str = "") -> dict[str, Any]:
    """What a host says: `r1 r2:left` closed, in that order; `lacks`: not whole there; `tried`:
    every release whose deploy its journal tells of, where more than what closed."""
    said = [closed(*entry.partition(":")[::2]) for entry in entries]
    return {
        "current": current,
        "closed": said,
        "complete": [e["release"] for e in said if e["release"] not in lacks.split()],
        "runs": [[f"run {n}", n] for n in tried.split() or [e["release"] for e in said]],
    }


@pytest.mark.parametrize(
    ("hosts", "chosen"),
    [
        pytest.param([host("")], "", id="nothing was ever deployed"),
        pytest.param([host("r1", "r1")], "", id="the first has nothing before it"),
        pytest.param([host("r2", "r1", "r2")], "r1", id="the one before"),
        pytest.param([host("r3", "r1", "r2", "r3")], "r2", id="the newest before"),
        pytest.param([host("r1", "r1", "r2:left")], "", id="a second time, nothing further back"),
        pytest.param([host("r2", "r1", "r2", "r3:left")], "r1", id="a second time goes on back"),
        pytest.param(
            [host("r4", "r1", "r2:left", "r3:left", "r4")], "r1", id="what was left is passed over"
        ),
        pytest.param([host("r9", "r1", "r2")], "r2", id="the live one never closed"),
        pytest.param([host("", "r1", "r2")], "r2", id="nothing is live"),
        pytest.param([host("r3", "r1", "r2", "r3", lacks="r2")], "r1", id="pruned or half staged"),
        pytest.param([host("r2", "r1", "r2"), host("r2", "r1", "r2")], "r1", id="hosts that agree"),
        pytest.param(
            [host("r3", "r1", "r2", "r3"), host("r3", "r1", "r3")],
            "r1",
            id="closed on one host only",
        ),
        pytest.param(
            [host("r3", "r1", "r2", "r3"), host("r3", "r1", "r2", "r3", lacks="r2")],
            "r2",
            id="whole on one host only: the other catches up",
        ),
        pytest.param(
            [host("r3", "r1", "r2", "r3"), host("r3", "r1", "r2:left", "r3")],
            "r1",
            id="left on one host",
        ),
        pytest.param([host("r1", "r1"), host("")], "", id="a new host has nothing to leave"),
        pytest.param([host("r2", "r1", "r2"), host("")], "r1", id="a host that lost its disk"),
        pytest.param(
            [host("r3", "r1", "r2", "r3"), host("r3", "r3")], "r2", id="a host that came later"
        ),
        pytest.param(
            [host("r3", "r3"), host("r3", "r1", "r2", "r3")], "r2", id="the first came later"
        ),
        pytest.param(
            [host("r3", "r1", "r2", "r3"), host("r3", "r3", tried="r2 r3")],
            "r1",
            id="came later, and its deploy failed there",
        ),
        pytest.param(
            [host("r2", "r1", "r2"), host("x", "w", "x")], "", id="journals that share nothing"
        ),
        pytest.param(
            [host("r2", "r1", "r2"), host("x", "x")], "", id="later, but nothing says than what"
        ),
        pytest.param(
            [host("r2", "r1", "r2", "r3:left"), host("r2", "r3:left", "r2", tried="r3")],
            "r1",
            id="came later and has caught up: it goes on catching up",
        ),
        pytest.param(
            [host("r4", "r1", "r2", "r4"), host("r4", tried="r1 r2 r4")],
            "",
            id="nothing ever closed there though it was tried",
        ),
        pytest.param(
            [host("r3", "r1", "r2", "r3", lacks="r2"), host("r3", "r3")],
            "r1",
            id="whole nowhere: nobody to catch up with",
        ),
        pytest.param(
            [host("r2", "r1", "r2"), host("r1", "r1")], "r1", id="drift: back to what both had"
        ),
        pytest.param(
            [host("r1", "r0", "r1", "r2:left"), host("r2", "r0", "r1", "r2")],
            "r1",
            id="drift: a rollback that one host missed",
        ),
        pytest.param(
            [host("r1", "r0", "r1"), host("r2", "r0", "r1", "r2")],
            "r1",
            id="drift: the first host lacks the newest",
        ),
        pytest.param(
            [host("r1", "r1", "r2", "r3"), host("r3", "r1", "r2", "r3")],
            "r1",
            id="drift: no host goes on to a newer one",
        ),
    ],
)
def test_goes_back_to_the_newest_that_closed_everywhere(
    hosts: list[dict[str, Any]], chosen: str
) -> None:
    facts = {f"host{number}": said for number, said in enumerate(hosts)}
    found = choose(facts)
    assert (found["release"] if found else "") == chosen


JOURNAL = host("r3", "r1", "r2:left", "r3")


@pytest.mark.parametrize(
    ("to", "chosen"),
    [
        pytest.param("r1", "r1", id="release"),
        pytest.param("v1", "r1", id="version"),
        pytest.param("1" * 40, "r1", id="commit"),
        pytest.param("1" * 7, "r1", id="abbreviated commit"),
        pytest.param("1", "", id="too short for a commit"),
        pytest.param("r2", "r2", id="left since, but asked for"),
        pytest.param("r3", "", id="live already"),
        pytest.param("r4", "", id="never closed"),
        pytest.param("v", "", id="no prefix of a version"),
    ],
)
def test_to_names_a_release_a_version_or_a_commit(to: str, chosen: str) -> None:
    found = choose({"host1": JOURNAL}, to)
    assert (found["release"] if found else "") == chosen


def test_to_a_version_that_was_deployed_twice_takes_the_newer() -> None:
    said = host("r3", "r1", "r2", "r3")
    said["closed"][1]["version"] = "v1"
    found = choose({"host1": said}, "v1")
    assert found and found["release"] == "r2"


def test_to_what_one_host_serves_already_is_for_the_others() -> None:
    facts = {"a": host("r1", "r1", "r2:left"), "b": host("r2", "r1", "r2")}
    found = choose(facts, "r1")
    assert found and found["release"] == "r1"


@pytest.mark.parametrize(
    ("entries", "target", "ran"),
    [
        pytest.param(["r1", "r2"], "r1", [], id="none"),
        pytest.param(["r1", "r2:migrated"], "r1", ["r2"], id="one"),
        pytest.param(["r1:migrated", "r2"], "r1", [], id="the target's own stays"),
        pytest.param(["r1", "r2:migrated", "r3:migrated"], "r1", ["r2", "r3"], id="two"),
        pytest.param(["r1", "r2:migrated left", "r3"], "r1", [], id="taken back already"),
    ],
)
def test_migrations_since_the_target(entries: list[str], target: str, ran: list[str]) -> None:
    facts = {"a": host("r3", *entries), "b": host("r3", *entries)}
    assert [entry["release"] for entry in migrations(facts, target)] == ran


@st.composite
def worlds(draw: st.DrawFn) -> Facts:
    """Hosts whose journals have some of the same releases, in the same order."""
    names = [f"r{number}" for number in range(draw(st.integers(1, 6)))]
    facts: Facts = {}
    for number in range(draw(st.integers(1, 3))):
        had = draw(st.lists(st.sampled_from(names), unique=True).map(sorted))
        marks = [draw(st.sampled_from(["", ":left"])) for _ in had]
        lacks = " ".join(draw(st.lists(st.sampled_from(names), unique=True)))
        current = draw(st.sampled_from(["", *names]))
        facts[f"h{number}"] = host(
            current, *(f"{name}{mark}" for name, mark in zip(had, marks)), lacks=lacks
        )
    return facts


@given(worlds(), st.booleans())
def test_what_is_chosen_closed_on_every_host_that_was_there(facts: Facts, named: bool) -> None:
    for to in [name for fact in facts.values() for name in fact["complete"]] if named else [""]:
        found = choose(facts, to)
        if found is None:
            continue
        assert {found["release"]} != {fact["current"] for fact in facts.values()}
        release = found["release"]
        at = [e for fact in facts.values() for e in fact["closed"] if e["release"] == release]
        assert at and (to or not any(entry["left"] for entry in at))
        assert any(release in fact["complete"] for fact in facts.values())
        for fact in facts.values():  # it closed there, or everything there came later
            names = [name for _, name in fact["runs"]]
            assert release in names or not names or min(names) > release
        assert found["release"] in {entry["release"] for entry in candidates(facts)}
