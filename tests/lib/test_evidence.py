"""What counts for a commit: real repositories, real journal lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks import rollback
from tasks.lib import evidence, journal
from tasks.lib.errors import NotClosed, Refused
from tasks.lib.phase import Outcome
from tests.lib.declared import entries, raising, run
from tests.lib.scratch import Scratch

WORDS = "This counts for no commit: "


@pytest.fixture
def repository(tmp_path: Path) -> Scratch:
    scratch = Scratch.new(tmp_path)
    scratch.commit({"file.txt": "as committed\n"})
    return scratch


def line(root: Path) -> dict[str, Any]:
    return entries(root)[-1]


def proof(scratch: Scratch) -> Any:
    return evidence.closed(entries(scratch.path), "deploy", scratch.git("rev-parse", "HEAD"))


def test_a_tree_that_is_the_commit_before_and_after(
    repository: Scratch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):  # the journal that the first one wrote makes no difference
        assert run(repository.path, proves=True) == 0
        assert "dirty" not in line(repository.path) and WORDS not in capsys.readouterr().out
    assert proof(repository) == line(repository.path)
    assert (
        evidence.closed(entries(repository.path), "test", line(repository.path)["commit"]) is None
    )


@pytest.mark.parametrize("when", ["before", "meanwhile", "meanwhile and committed"])
@pytest.mark.parametrize("name", ["file.txt", "new.txt"])
def test_a_tree_that_differs(
    repository: Scratch, capsys: pytest.CaptureFixture[str], when: str, name: str
) -> None:
    def write() -> Outcome:
        repository.write({name: "otherwise\n"})
        if "committed" in when:
            repository.commit()
        return Outcome()

    if when == "before":
        write()
    assert run(repository.path, Outcome if when == "before" else write, proves=True) == 0
    assert line(repository.path)["dirty"] is True and proof(repository) is None
    assert f"{WORDS}the working tree differs from it; commit" in capsys.readouterr().out


def test_what_git_ignores_makes_no_difference(repository: Scratch) -> None:
    repository.commit({".gitignore": "made/\n"})
    repository.write({"made/by.tests": "now"})
    run(repository.path, proves=True)
    assert proof(repository)


def test_a_part_proves_nothing(repository: Scratch, capsys: pytest.CaptureFixture[str]) -> None:
    run(repository.path, lambda: Outcome({"partial": "-k some"}), proves=True)
    assert proof(repository) is None and f"{WORDS}only a part" in capsys.readouterr().out


def test_outside_of_a_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, proves=True) == 0
    assert line(tmp_path)["commit"] == "" and "dirty" not in line(tmp_path)
    assert evidence.closed(entries(tmp_path), "deploy", "") is None
    assert f"{WORDS}there is none here" in capsys.readouterr().out


def test_the_newest_line_that_says_anything_decides(repository: Scratch) -> None:
    run(repository.path, proves=True)
    run(repository.path, raising(NotClosed("It fails.")), proves=True)
    assert line(repository.path)["outcome"] == "troubled" and proof(repository) is None
    run(repository.path, proves=True)
    run(repository.path, raising(Refused("It did not begin.")), proves=True)
    repository.write({"file.txt": "under way"})
    run(repository.path, raising(NotClosed("It fails in another tree.")), proves=True)
    assert line(repository.path)["dirty"] is True
    assert proof(repository)


def test_a_phase_that_proves_nothing_doesnt_look(repository: Scratch) -> None:
    repository.write({"file.txt": "otherwise\n"})
    run(repository.path)
    assert "dirty" not in line(repository.path)


def test_a_rollback_goes_where_the_newest_deploy_went_whatever_else_the_journal_has(
    tmp_path: Path,
) -> None:
    lines: list[dict[str, Any]] = [{"environment": "staging"}, {"detail": "odd"}, {"detail": {}}]
    for more in lines:
        journal.append({"phase": "deploy", "outcome": "closed", **more}, journal.where(tmp_path))
    assert rollback._newest(tmp_path) == "staging"
