"""Where a commit stands: real repositories, real tags, real journal lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.lib import journal
from tasks.lib.circle.standing import CLOSED, LEFT, NONE, PHASES, TROUBLED, Stand, standing
from tasks.lib.release.settings import Release
from tests.lib.scratch import Scratch

HOST = {"environment": "staging"}


@pytest.fixture
def clone(tmp_path: Path) -> Scratch:
    scratch = Scratch.new(tmp_path / "clone")
    scratch.commit({".gitignore": "/.circle/\n", "code.py": "x = 1\n"})
    return scratch


def write(clone: Scratch, phase: str, outcome: str = "closed", **more: Any) -> None:
    said = {"phase": phase, "outcome": outcome, "commit": clone.head(), "who": "ada@laptop"}
    journal.append({"seconds": 1.5, "detail": {}} | said | more, journal.where(clone.path))


def look(clone: Scratch, commit: str = "") -> dict[str, Stand]:
    return standing(clone.path, commit or clone.head(), Release(files={"code.py": "x = {version}"}))


def test_every_phase_is_there_in_order_and_nothing_is_known_of_them(clone: Scratch) -> None:
    assert look(clone) == dict.fromkeys(PHASES, Stand()) and tuple(look(clone)) == PHASES


def test_what_a_line_says(clone: Scratch) -> None:
    write(clone, "lint", at="2026-01-05T09:00:00.000Z")
    assert look(clone)["lint"] == Stand(
        CLOSED, "2026-01-05T09:00:00.000Z", "ada@laptop", 1.5, source="journal"
    )


def test_a_task_beside_a_phase_closes_nothing(clone: Scratch) -> None:
    write(clone, "host.down")
    assert look(clone)["host"].state == NONE


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ([("closed", {}), ("troubled", {"detail": {"error": "No."}})], TROUBLED),
        ([("troubled", {}), ("closed", {})], CLOSED),
        ([("closed", {}), ("refused", {})], CLOSED),
        ([("closed", {"dirty": True})], NONE),
        ([("closed", {"detail": {"partial": ["a"]}})], NONE),
        ([("closed", {"commit": "0" * 40})], NONE),
        ([("closed", {"commit": ""})], NONE),
        ([("closed", {"detail": 5, "seconds": "x", "at": None, "who": []})], CLOSED),
        ([("closed", {"v": 2})], NONE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_newest_line_that_says_anything_decides(
    clone: Scratch, lines: list[tuple[str, dict[str, Any]]], state: str
) -> None:
    for outcome, more in lines:
        write(clone, "lint", outcome, **more)
    assert look(clone)["lint"].state == state
    assert look(clone)["lint"].why == ("No." if state == TROUBLED else "")


def test_each_environment_has_its_own(clone: Scratch) -> None:
    write(clone, "deploy", detail={"environment": "staging", "release": "r1"})
    write(clone, "deploy", "troubled", environment="production", detail={"error": "It is full."})
    found = look(clone)["deploy"]
    assert (found.state, found.environment) == (TROUBLED, "production")
    assert {name: each.state for name, each in found.environments.items()} == {
        "staging": CLOSED,
        "production": TROUBLED,
    }


def test_what_was_forced_says_so(clone: Scratch) -> None:
    write(clone, "deploy", detail=HOST | {"forced": ["lint", "test"], "reason": "It burns."})
    assert look(clone)["deploy"].why == "forced past lint, test: It burns."


@pytest.mark.parametrize("back", [False, True])
def test_what_was_rolled_back_from_is_left_until_it_is_gone_back_to(
    clone: Scratch, back: bool
) -> None:
    write(clone, "deploy", detail=HOST | {"release": "r-1"})
    old = clone.head()
    clone.commit({"code.py": "x = 1\ny = 2\n"})
    new = clone.head()
    write(clone, "deploy", detail=HOST | {"release": f"r-{new[:7]}"})
    write(clone, "deploy", detail={"environment": "other", "release": f"r-{new[:7]}"})
    rolled = HOST | {"from": f"r-{new[:7]}", "release": "r-1"}
    write(clone, "rollback", commit=old, detail=rolled)
    if back:
        write(clone, "rollback", detail=HOST | {"from": "r-1", "release": f"r-{new[:7]}"})
    there = look(clone)["deploy"].environments
    assert there["staging"].state == (CLOSED if back else LEFT)
    assert there["other"].state == CLOSED
    assert look(clone, old)["rollback"].environments["staging"].state == CLOSED


def test_a_commit_that_only_names_a_version_inherits_what_is_said_of_code(clone: Scratch) -> None:
    for phase in ("lint", "host", "test", "preaggregate", "deploy", "monitor"):
        write(clone, phase, detail=HOST)
    clone.commit({"code.py": "x = 2\n"})  # the version alone
    found = look(clone)
    assert [name for name in PHASES if found[name].closed] == list(PHASES[:4])
    write(clone, "lint", "troubled")  # the nearest that anything is said of decides
    assert look(clone)["lint"].state == TROUBLED
    clone.commit({"code.py": "y = 2\n"})
    assert not any(each.closed for each in look(clone).values())


def test_a_machine_without_the_journal_sees_what_tags_say(clone: Scratch) -> None:
    before = clone.head()
    clone.commit({"code.py": "x = 2\n"})
    at = "2026-01-05T09:00:00.000Z"
    message = f"v2.0.0\n\nNotes.\n\nLint-Closed: {before} {at}\nTest-Closed: {before} {at}"
    clone.git("tag", "-a", "v2.0.0", "-m", message)
    clone.git("tag", "light")
    found = look(clone)
    assert found["lint"] == Stand(CLOSED, at, source="v2.0.0")
    assert found["test"].closed and not found["preaggregate"].closed
    assert (found["release"].state, found["release"].who) == (CLOSED, "Test")
    assert found["release"].at.endswith("Z") and found["release"].release == "v2.0.0"
    assert look(clone, before)["release"].state == NONE
    write(clone, "lint", "troubled", at="2026-01-05T08:59:59.000Z")
    assert look(clone)["lint"].source == "v2.0.0", "it was mended elsewhere since"
    write(clone, "lint", "troubled")  # what is known here goes before
    assert look(clone)["lint"].state == TROUBLED


def test_who_made_a_tag_may_be_called_anything(clone: Scratch) -> None:
    clone.git("-c", "user.name=A\u2028B", "tag", "--annotate", "v1.0.0", "--message", "v1.0.0")
    assert look(clone)["release"].who == "A\u2028B"


def test_a_tag_that_is_no_version_releases_nothing(clone: Scratch) -> None:
    clone.git("tag", "-a", "seen", "-m", "seen")
    clone.git("tag", "v3.0.0")  # a light one, by whoever
    assert look(clone)["release"].state == NONE
