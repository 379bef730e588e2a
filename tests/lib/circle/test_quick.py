"""What a long journal costs: work is counted, and times are compared with one another alone."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any, Callable

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
    assert world.found["lint"].closed and world.found["deploy"].environments["production"].closed
    assert reads.count(journal.where(clone.path)) == 1 and sum(decoded) == A_COMMIT


def processor(act: Callable[[], object]) -> float:
    """The median of five, in seconds of the processor, which others don't lengthen."""
    times = []
    for _ in range(5):
        begun = time.process_time()
        act()
        times.append(time.process_time() - begun)
    return statistics.median(times)


def test_reading_all_of_it_costs_far_less_than_json_line_by_line(clone: Scratch) -> None:
    path = journal.where(clone.path)
    plain = processor(lambda: [json.loads(line) for line in path.read_bytes().splitlines()])
    assert processor(lambda: journal.read(path)) < 0.7 * plain
    assert processor(lambda: journal.content(path, ["f" * 40])) < 0.3 * plain
