"""What was started is remembered as it was, and what can't be understood is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lib import journal
from tasks.lib.preaggregate import record
from tasks.lib.preaggregate.record import Record, Started


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    journal.prepare(record.directory(tmp_path))
    started = Started("1-a", "the service", "/tmp/log", ["a", "b"])
    written = Record(True, {"service": started}, {"prometheus": "0f"})
    record.write(tmp_path, written)
    assert record.read(tmp_path) == written
    record.write(tmp_path, Record())
    assert record.read(tmp_path) == Record()
    assert [path.name for path in record.directory(tmp_path).iterdir()] == [".gitignore"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"stack": true}', '{"stack":1,"processes":[]}'])
def test_what_cannot_be_understood_is_nothing(tmp_path: Path, text: str) -> None:
    journal.prepare(record.directory(tmp_path))
    (record.directory(tmp_path) / "preaggregate.json").write_text(text)
    assert record.read(tmp_path) == Record()
