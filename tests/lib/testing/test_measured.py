"""What is reckoned as reached, from coverage's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.testing import measured
from tasks.lib.testing.settings import Testing


def written(path: Path, **files: tuple[int, int]) -> Path:
    """Write files by name, `__` for a slash, each with lines and how many of them are reached."""
    said = {
        f"{name.replace('__', '/')}.py": {"summary": {"num_statements": n, "covered_lines": k}}
        for name, (n, k) in files.items()
    }
    path.write_text(json.dumps({"files": said}))
    return path


@pytest.mark.parametrize(
    ("source", "percent"),
    [
        (["server"], 50),
        (["./server/"], 50),
        (["src/shop"], 75),
        (["shop"], 75),
        (["shop.pay"], 100),
        (["server", "shop"], 62.5),
        (["."], 60),
        (["one"], 50),
        (["serv"], None),
    ],
)
def test_only_what_belongs_to_the_source_counts(
    tmp_path: Path, source: list[str], percent: float | None
) -> None:
    files = {"server__main": (4, 2), "src__shop__cart": (2, 1), "src__shop__pay": (2, 2)}
    path = written(tmp_path / "it.json", **files, tasks__one=(2, 1))
    found = measured.read(path, Testing(source=tuple(source)))
    assert [each.percent for each in found] == [percent]


def test_branches_count_as_lines_do(tmp_path: Path) -> None:
    summary: dict[str, Any] = {"num_statements": 2, "covered_lines": 2}
    summary |= {"num_branches": 2, "covered_branches": 1}
    path = tmp_path / "it.json"
    path.write_text(json.dumps({"files": {"server\\main.py": {"summary": summary}}}))
    testing = Testing(critical={"server/*": 75, "*.py": 75.5, "nope*": 0})
    found = measured.read(path, testing)
    assert [each.percent for each in found] == [75, 75, 75, None]
    assert [each.enough for each in found] == [False, True, False, False]


@pytest.mark.parametrize("content", ["", "{}", '{"files": {}}', None])
def test_nothing_is_reached_where_nothing_was_measured(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "it.json"
    if content is not None:
        path.write_text(content)
    (found,) = measured.read(path, Testing())
    assert (found.percent, found.enough, found.said) == (None, False, "nothing")


def test_what_is_not_reached_does_not_look_so() -> None:
    assert measured.percent(79.999) == "79.9 %" and measured.percent(100) == "100 %"
