"""The published schema of a journal's line: made of the types, whole, and told of in the page."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tasks.lib import journal
from tasks.lib.circle import lines

ROOT = Path(__file__).parents[3]
LINE = {"v": 1, "at": "2026-01-05T09:00:00.000Z", "who": "a@b", "phase": "deploy.env"}
LINE |= {"outcome": "closed", "seconds": 1.5, "commit": "a" * 40, "detail": {}}
HOST = {"v": 1, "at": "2026-01-05T09:00:00Z", "event": "closed", "from": ""}


def test_what_is_published_is_what_the_types_say() -> None:
    assert (ROOT / lines.PAGE).read_text() == lines.page()
    assert json.loads(lines.page())["$defs"]["HostLine"]["required"] == ["v", "at", "event"]


def test_the_page_tells_of_every_key_and_word_of_the_schema() -> None:
    page = (ROOT / "docs/journal.md").read_text()
    named = set(re.findall(r"`([a-z-]+)`", page))
    for part in lines.schema()["$defs"].values():
        assert set(part["properties"]) <= named
        for about in part["properties"].values():
            assert set(about.get("enum", ())) <= named


def test_every_event_that_a_host_writes_is_in_it() -> None:
    events: set[str] = set()
    for path in (ROOT / "scripts/agent").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            said: list[ast.expr] = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                said = node.args[:1] if node.func.attr in ("record", "_done") else []
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "event":
                said = [each for each in ast.walk(node.value) if isinstance(each, ast.Constant)]
            events |= {str(each.value) for each in said if isinstance(each, ast.Constant)}
    events.discard("confirmed")  # a key that one of them is chosen by
    assert events == set(lines.schema()["$defs"]["HostLine"]["properties"]["event"]["enum"])


def test_a_line_that_is_written_without_more_is_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    said = {key: LINE[key] for key in ("phase", "outcome", "seconds", "commit", "detail")}
    journal.append(said, path)
    (line,) = path.read_bytes().splitlines()
    assert msgspec.json.decode(line, type=lines.Line).who == journal.who()


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (lines.Line, {"v": 2}),
        (lines.Line, {"at": "2026-01-05 09:00"}),
        (lines.Line, {"outcome": "done"}),
        (lines.Line, {"commit": "main"}),
        (lines.Line, {"seconds": -1}),
        (lines.Line, {"detail": []}),
        (lines.Line, {"phase": ""}),
        (lines.HostLine, {"event": "exploded"}),
        (lines.HostLine, {"from": 5}),
        (lines.HostLine, {"v": "1"}),
    ],
)
def test_what_is_no_line(kind: Any, change: dict[str, Any]) -> None:
    whole = LINE if kind is lines.Line else HOST
    assert msgspec.convert({**whole, "later": "keys are left out"}, kind).v == 1
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**whole, **change}, kind)
