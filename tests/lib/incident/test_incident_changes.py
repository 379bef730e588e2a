from __future__ import annotations

from pathlib import Path

from tasks.lib.incident import changes
from tests.lib.scratch import Scratch


def test_what_people_wrote_stays_in_its_place_and_has_no_address(tmp_path: Path) -> None:
    scratch = Scratch.new(tmp_path / "work")
    older = scratch.commit({"a": "b"})
    (tmp_path / "work" / "a").write_text("c")
    subject = "Use postgres://u:pass@db.example.invalid, says bob@example.invalid"
    author = "Eve\x1fx\x1f<eve@example.invalid>"
    scratch.git("commit", "--quiet", "--all", f"--author={author}", f"--message={subject}")
    (found,) = changes.between(
        scratch.path, older, scratch.git("rev-parse", "HEAD").strip()
    ).commits
    assert found.date.count("-") == 2 and not found.merge
    assert found.author.startswith("Eve") and "2" not in found.author
    assert "pass" not in found.subject and found.subject.endswith(", says bob")
