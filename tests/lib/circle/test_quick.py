"""What a long journal costs, in work that is counted; tests/benchmarks/evidence.py has times."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import pytest

from tasks.lib import journal
from tasks.lib.circle import seen
from tasks.lib.settings import Settings
from tests.benchmarks.evidence import A_COMMIT, lines
from tests.lib.scratch import Scratch

LINES = 5_000


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    scratch = Scratch.new(tmp_path_factory.mktemp("clone"))
    scratch.commit({".gitignore": "/.circle/\n"})
    path = journal.where(scratch.path)
    journal.prepare(path.parent)
    said = (json.dumps(line) + "\n" for line in lines(LINES, scratch.head()))
    path.write_text("".join(said))
    return scratch


def test_status_reads_the_journal_once_and_decodes_what_is_about_the_commit(
    clone: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []
    decoded: list[int] = []
    bytes_of, block = Path.read_bytes, journal._block

    def read_bytes(path: Path) -> bytes:
        reads.append(path)
        return bytes_of(path)

    def count(some: list[bytes]) -> list[Any]:
        decoded.append(len(some))
        return block(some)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    monkeypatch.setattr(journal, "_block", count)
    world = seen.read(Settings(environments={"sandbox": {}}), clone.path, "", "")
    assert world.found["lint"].closed and world.found["deploy"].environments["sandbox"].closed
    assert reads.count(journal.where(clone.path)) == 1 and sum(decoded) == A_COMMIT


def test_of_a_long_journal_only_the_lines_beside_a_torn_one_are_decoded_one_by_one(
    clone: Scratch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocks: list[bool] = []
    slow: list[bytes] = []
    block, value = journal._block, journal._value

    def count(some: list[bytes]) -> list[Any]:
        blocks.append(gc.isenabled())
        return block(some)

    def one(line: bytes) -> Any:
        slow.append(line)
        return value(line)

    monkeypatch.setattr(journal, "_block", count)
    monkeypatch.setattr(journal, "_value", one)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journal.where(clone.path).read_bytes())
    assert len(journal.read(path)) == LINES and slow == []
    assert blocks == [False] * (LINES // journal.BLOCK), "garbage is not looked for meanwhile"
    with path.open("ab") as file:
        file.write(b'{"v": 1, "phase": "te')
    journal.append({"phase": "test"}, path)
    assert len(journal.read(path)) == LINES + 1 and len(slow) == 2, "the last block's"
