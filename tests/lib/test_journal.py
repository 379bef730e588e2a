from __future__ import annotations

import dataclasses
import gc
import getpass
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from tasks.lib import journal
from tasks.lib.plain import dumps


def test_a_line_a_run_with_what_every_line_has(tmp_path: Path) -> None:
    path = journal.where(tmp_path)
    assert path == tmp_path / ".circle" / "journal.jsonl" and journal.read(path) == []
    journal.append({"phase": "deploy", "outcome": "closed"}, path)
    journal.append({"phase": "rollback", "who": "me", "at": "then"}, path)
    first, second = journal.read(path)
    assert (first["v"], first["phase"], first["who"]) == (1, "deploy", journal.who())
    assert first["at"].endswith("Z") and "T" in first["at"]
    assert second == {"v": 1, "at": "then", "who": "me", "phase": "rollback"}
    assert path.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("torn", [b'{"v": 1, "phase"', b'{"v": 1}', b"\xff\xfe", b"[1]", b"5"])
def test_a_line_that_was_torn_costs_only_itself(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    journal.append({"phase": "one"}, path)
    with path.open("ab") as file:
        file.write(torn)
    journal.append({"phase": "two"}, path)
    phases = [entry["phase"] for entry in journal.read(path) if "phase" in entry]
    assert phases == ["one", "two"]


def test_runs_that_end_at_once_do_not_mix_lines(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: journal.append({"n": n, "text": "x" * 5000}, path), range(64)))
    assert sorted(entry["n"] for entry in journal.read(path)) == list(range(64))


def test_lines_of_a_newer_version_are_counted_and_never_misread(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal.append({"phase": "lint", "outcome": "closed"}, path)
    journal.append({"v": journal.VERSION + 1, "phase": "lint", "outcome": "closed"}, path)
    with path.open("ab") as file:
        file.write(b'{"v": "2"}\n{"phase": "by hand"}\n[1]\n{"a": 1}{"b": 2}\n')
    found = journal.content(path)
    assert [entry["phase"] for entry in found.entries] == ["lint", "by hand"]
    assert (found.newer, found.garbled) == (2, 2)


def test_of_many_lines_only_those_that_mention_a_word_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = [{"phase": "lint", "commit": f"{n:040x}"} for n in range(3 * journal.BLOCK)]
    path.write_text("".join(dumps(line) + "\n" for line in lines))
    some = [lines[7], lines[1200]]
    words = [str(line["commit"]) for line in some]
    assert journal.content(path, words).entries == some
    assert journal.read(path) == lines  # in order, over the ends of blocks


def test_what_json_has_and_a_quick_decoder_has_not_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for said in ("\ud800", "e\x85nd", "\u2028", "ü"):
        journal.append({"said": said}, path)
    assert [entry["said"] for entry in journal.read(path)] == ["\ud800", "e\x85nd", "\u2028", "ü"]


def test_reading_leaves_the_collection_of_garbage_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"v": 1}\n')
    for switch in (gc.disable, gc.enable):
        switch()
        before = gc.isenabled()
        journal.read(path)
        assert gc.isenabled() is before


def test_without_a_place_it_is_the_recipes_own() -> None:
    assert journal.where() == Path(__file__).resolve().parents[2] / ".circle" / "journal.jsonl"


def test_who_has_no_name_is_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert journal.who().startswith(f"{os.getuid()}@")


class Struct(msgspec.Struct):
    a: int


@dataclasses.dataclass
class Data:
    b: Struct


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Data(Struct(1)), {"b": {"a": 1}}),
        (Path("/x/y"), "/x/y"),
        ({"b", "a"}, ["a", "b"]),
        (frozenset(), []),
        ({"ü": (1, None)}, {"ü": [1, None]}),
    ],
    ids=["dataclass", "path", "set", "empty", "tuple"],
)
def test_what_can_be_written(value: object, text: object) -> None:
    assert json.loads(dumps(value)) == text and "\n" not in dumps(value)


@pytest.mark.parametrize(
    "value", [Data, object(), float("nan"), float("inf")], ids=["class", "object", "nan", "inf"]
)
def test_what_cannot_be_written(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        dumps(value)
