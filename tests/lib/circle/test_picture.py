"""The circle as it is drawn: whole at 80 columns, each step with its mark."""

from __future__ import annotations

import pytest

from tasks.lib.circle import picture
from tasks.lib.circle.standing import CLOSED, LEFT, NONE, PHASES, TROUBLED, Stand

NOW = 1767603600.0  # 2026-01-05T09:00Z


def drawn(states: dict[str, str]) -> list[str]:
    return ["".join(text for text, _ in line) for line in picture.circle(states)]


def test_the_circle_is_whole() -> None:
    states = dict(zip(PHASES, [*picture.MARKS, CLOSED, CLOSED, CLOSED, CLOSED]))
    assert drawn(states) == [
        "   1 lint ✓ ──> 2 host ✗ ──> 3 test ↩ ──> 4 preaggregate ◐ ──> 5 release ○",
        "     ^                                                              │",
        "     │                                                              v",
        "  10 alert ✓ <─ 9 visualize ✓ <─ 8 monitor ✓ <─ 7 rollback ✓ <─ 6 deploy –",
    ]
    assert max(map(len, drawn(states))) < picture.WIDTH
    assert picture.legend({"lint": CLOSED}) == "   ✓ closed"
    assert len(picture.legend(states)) <= picture.WIDTH


def test_each_step_of_the_picture_has_the_colour_of_its_state() -> None:
    states = {**dict.fromkeys(PHASES, NONE), "test": TROUBLED}
    parts = [part for line in picture.circle(states) for part in line]
    assert ("3 test ✗", TROUBLED) in parts and ("6 deploy ○", NONE) in parts


@pytest.mark.parametrize(
    ("phase", "there", "expected"),
    [
        ("deploy", {"staging": CLOSED}, "part"),
        ("deploy", {"staging": CLOSED, "production": CLOSED}, CLOSED),
        ("deploy", {"staging": CLOSED, "production": TROUBLED}, TROUBLED),
        ("deploy", {"staging": LEFT, "production": CLOSED}, LEFT),
        ("deploy", {}, NONE),
        ("monitor", {"staging": CLOSED}, CLOSED),
        ("rollback", {}, "spared"),
        ("rollback", {"staging": CLOSED}, CLOSED),
    ],
)
def test_a_step_is_marked_by_the_worst_of_its_environments(
    phase: str, there: dict[str, str], expected: str
) -> None:
    environments = {name: Stand(state) for name, state in there.items()}
    newest = list(there.values())[-1] if there else NONE
    stand = Stand(newest, environments=environments)
    assert picture.state(phase, stand, ("staging", "production")) == expected


def test_a_step_says_when_by_whom_and_why() -> None:
    long = "somebody-with-a-long-name@a-host-with-a-longer-name.example.com"
    found = {
        **dict.fromkeys(PHASES, Stand()),
        "lint": Stand(CLOSED, "2026-01-05T08:58:30Z", "ada@laptop", 0.61, source="journal"),
        "test": Stand(TROUBLED, "2025-12-24T18:00:00Z", long, 61.2, why="2 tests failed. " * 20),
        "release": Stand(CLOSED, "2026-01-05T08:59:00Z", source="v1.2.0"),
        "deploy": Stand(CLOSED, environments={"staging": Stand(CLOSED, "2026-01-05T08:59:30Z")}),
    }
    states = {phase: stand.state for phase, stand in found.items()}
    lines = ["".join(t for t, _ in line) for line in picture.steps(found, states, NOW, 80)]
    assert lines[0] == "✓  1 lint          closed        08:58Z, 1m30s ago  610 ms   ada@laptop"
    assert lines[2].startswith("✗  3 test          did not close 2025-12-24 18:00Z  61.2 s   some")
    assert lines[2].endswith("…") and lines[3].startswith("     2 tests failed. 2 tests")
    assert "as v1.2.0 says" in "\n".join(lines)
    assert "✓      staging     closed        08:59Z, 30s ago" in lines
    assert max(map(len, lines)) <= 80 and len(lines) == 10 + 3 + 1
    assert "somebody" in "".join(
        t for line in picture.steps(found, states, NOW, 500) for t, _ in line
    )
