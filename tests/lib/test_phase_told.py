"""What a phase tells: --check, --json, the journal."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from tasks.lib import journal
from tasks.lib.errors import NotClosed, Refused
from tasks.lib.phase import Outcome
from tests.lib.declared import World, entries, raising, run


def test_check_looks_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    never = raising(AssertionError("must not run"))
    assert run(tmp_path, never, World(key="none"), check=True) == 0
    assert capsys.readouterr().out == (
        "deploy   finding\nhealthy  holds\nquick    holds\nNext: inv monitor\n"
    )
    assert run(tmp_path, never, World(healthy="503", quick="slow"), check=True) == 1
    out, err = capsys.readouterr()
    assert "healthy  503" in out and "warning: quick: slow" in err
    assert list(tmp_path.iterdir()) == []


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, record=False) == 0
    assert run(tmp_path, raising(NotClosed("No.")), record=False) == 1
    assert list(tmp_path.iterdir()) == []


def test_json_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, lambda: Outcome({"release": "r1"}), as_json=True, fills={"env": "staging"})
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told.pop("seconds") >= 0
    assert told == {
        "phase": "deploy",
        "outcome": "closed",
        "detail": {"release": "r1"},
        "next": "inv monitor --env=staging",
    }
    assert err == "Next: inv monitor --env=staging\n"


def test_json_tells_a_failure_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = NotClosed("No.", kind="health", evidence="log", detail={"reverted": True})
    assert run(tmp_path, raising(error), as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["detail"]) == ("troubled", {"reverted": True})
    assert told["error"] == {"message": "No.", "kind": "health", "evidence": "log"}
    assert told["troubleshooting"][0]["solution"] == "Look at the variables."
    assert told["next"] == "inv rollback"


def test_json_may_be_a_document_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, lambda: Outcome(document=[1]), as_json=True)
    assert json.loads(capsys.readouterr().out) == [1]


def test_json_tells_that_the_world_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreadable() -> NoReturn:
        raise Refused("There is no environment 'x'.", kind="config")

    assert run(tmp_path, world=unreadable, as_json=True) == 2
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "config"
    assert run(tmp_path, world=lambda: World()) == 0


def test_evidence_stays_out_of_the_journal(tmp_path: Path) -> None:
    run(tmp_path, raising(NotClosed("No.", evidence="password=hunter2")))
    assert "hunter2" not in journal.where(tmp_path).read_text()


def test_the_commit_is_that_of_the_project(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    run(tmp_path)
    assert entries(tmp_path)[0]["commit"] == head.stdout.strip()


def test_a_journal_that_cannot_be_written_undoes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".circle").write_text("in the way")
    assert run(tmp_path) == 0
    assert "warning: the journal could not be written" in capsys.readouterr().err
