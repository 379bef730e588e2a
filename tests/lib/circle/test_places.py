"""What hosts say of a commit, laid over what the clone knows."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib.circle.asked import ANSWERS, DOWN, Asked
from tasks.lib.circle.places import over, place
from tasks.lib.circle.standing import CLOSED, LEFT, NONE, PHASES, TROUBLED, Stand

OURS, OTHER = "a" * 40, "b" * 40
AT, LATER = "2026-01-05T09:00:00Z", "2026-01-05T10:00:00Z"


def closed(commit: str = OURS, left: bool = False) -> dict[str, Any]:
    version = "v1" if commit == OURS else "v2"
    return {"release": f"r-{version}", "version": version, "commit": commit, "at": AT, "left": left}


def fact(*entries: dict[str, Any], current: str = "r-v1", **more: Any) -> dict[str, Any]:
    said = {"closed": list(entries), "current": current, "lock": None, "pending": None, "down": []}
    return {**said, "running": {current: ["web"]}, **more}


def ran(commit: str = OURS, event: str = "closed", **more: Any) -> dict[str, Any]:
    about = {"run": "1", "at": AT, "kind": "deploy", "release": "r-v1", "version": "v1"}
    return {**about, "commit": commit, "who": "eve@ci", "outcome": {"h1": event}, **more}


def asked(said: dict[str, Any], *runs: dict[str, Any], **more: Any) -> dict[str, Asked]:
    return {"staging": Asked("staging", ANSWERS, said=said, runs=runs, **more)}


def local(state: str, **more: Any) -> dict[str, Stand]:
    own = Stand(state, AT, "ada@laptop", 3.5, "staging", "journal", **more)
    deploy = own._replace(environments={"staging": own})
    return {**dict.fromkeys(PHASES, Stand()), "deploy": deploy}


NOTHING = dict.fromkeys(PHASES, Stand())


@pytest.mark.parametrize(
    ("own", "said", "runs", "state", "who"),
    [
        (NOTHING, {"h1": fact(closed())}, [ran()], CLOSED, "eve@ci"),
        (NOTHING, {"h1": fact(closed(left=True))}, [ran()], LEFT, "eve@ci"),
        (NOTHING, {"h1": fact(closed()), "h2": fact()}, [ran()], TROUBLED, "eve@ci"),
        (NOTHING, {"h1": fact(closed(OTHER))}, [ran(OTHER)], NONE, ""),
        (NOTHING, {"h1": fact()}, [ran(event="reverted", why="slow")], TROUBLED, "eve@ci"),
        (NOTHING, {"h1": fact()}, [ran(event="switched")], TROUBLED, "eve@ci"),
        (local(CLOSED), {"h1": fact()}, [], NONE, ""),
        (local(TROUBLED), {"h1": fact()}, [], TROUBLED, "ada@laptop"),
        (local(TROUBLED), {"h1": fact(closed())}, [ran()], CLOSED, "eve@ci"),
        (local(CLOSED, release="r-v1"), {"h1": fact(closed(left=True))}, [], LEFT, "ada@laptop"),
    ],
    ids=[
        "another's",
        "rolled back by another",
        "a host lacks it",
        "another commit",
        "reverted",
        "not settled",
        "gone with the host's directory",
        "failed before any host was asked",
        "closed at another's hands since",
        "closed here, rolled back by another",
    ],
)
def test_hosts_know_what_became_of_a_deploy(
    own: dict[str, Stand], said: Any, runs: list[dict[str, Any]], state: str, who: str
) -> None:
    found = over(own, asked(said, *runs), OURS)["deploy"]
    there = found.environments.get("staging", Stand())
    assert (there.state, there.who, found.state) == (state, who, state)


def test_how_long_it_took_is_the_journals_of_who_did_it() -> None:
    said = asked({"h1": fact(closed())}, ran())
    same = over(local(CLOSED, release="r-v1"), said, OURS)["deploy"].environments["staging"]
    other = over(local(CLOSED, release="r-v0"), said, OURS)["deploy"].environments["staging"]
    assert (same.seconds, other.seconds) == (3.5, None)


def test_what_was_forced_says_past_what_and_why() -> None:
    run = ran(forced=["freeze"], reason="the shop is down")
    found = over(NOTHING, asked({"h1": fact(closed())}, run), OURS)["deploy"]
    there = found.environments["staging"]
    assert (there.state, there.why) == (CLOSED, "forced past freeze: the shop is down")


def test_what_does_not_answer_takes_nothing_away() -> None:
    own = local(CLOSED)
    assert over(own, {"staging": Asked("staging", DOWN)}, OURS) == own
    assert place(Asked("staging", DOWN, "It is down."), OURS).why == "It is down."


def test_a_rollback_to_the_commit_is_told_by_hosts() -> None:
    said = asked({"h1": fact(closed())}, ran(), ran(kind="rollback", at=LATER, run="2"))
    assert over(NOTHING, said, OURS)["rollback"].environments["staging"].state == CLOSED


def test_how_an_environment_is() -> None:
    both = {"h1": fact(closed()), "h2": fact(closed(), closed(OTHER), current="r-v2")}
    found = place(asked(both, ran(), absent={"h3": "no route"})["staging"], OURS)
    assert found.live == ("v1 (aaaaaaa)", "v2 (bbbbbbb)") and not found.ours
    assert found.troubles == ("h1 serves r-v1; h2 serves r-v2",) and found.absent
    one = place(asked({"h1": fact(closed())}, ran())["staging"], OURS)
    assert (one.ours, one.at, one.who, one.troubles) == (True, AT, "eve@ci", ())


def test_a_run_that_was_interrupted_is_told_unless_somebody_is_at_it() -> None:
    pending = {"kind": "deploy", "run": "1", "way": "back"}
    (found,) = place(asked({"h1": fact(pending=pending)})["staging"], OURS).troubles
    assert "an interrupted deploy is pending on h1" in found
    held = fact(pending=pending, lock={"who": "eve"})
    assert place(asked({"h1": held})["staging"], OURS).troubles == ()
