"""What follows a run that came to trouble: a page, or a warning, and never another ending."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

import tasks
from tasks.lib import journal
from tasks.lib.incident import after, drafting, page, record

OLD, BAD = "20261125T100000Z-v1-aaaaaaa", "20261125T110000Z-v2-bbbbbbb"
Said = pytest.CaptureFixture[str]


def context(root: Path, **incident: Any) -> Context:
    said = {
        "app": "demo",
        "stack": {"prometheus": "http://127.0.0.1:1", "alertmanager": "http://127.0.0.1:1"},
        "environments": {"production": {"hosts": ["me@127.0.0.1:1"], "gates": []}},
        "incident": {"limit": "5s", **incident},
    }
    (root / "invoke.yaml").write_text(yaml.safe_dump(said))
    (root / "tasks.py").write_text("")
    found = Config(project_location=root)
    found.load_project()
    found.load_collection(tasks.DEFAULTS)
    return Context(found)


def rolled(root: Path, environment: str = "production", **said: Any) -> None:
    """Write down what a rollback would."""
    detail = {"environment": environment, "release": OLD, "from": BAD, "reason": "it fails"}
    line = {"phase": "rollback", "outcome": "closed", "detail": detail}
    journal.append({**line, **said}, journal.where(root))


def pages(root: Path) -> list[str]:
    return [page.name for page in (root / record.DIRECTORY).glob("*.md")]


@pytest.mark.parametrize("code", [0, 1])
def test_a_page_is_drafted_however_the_rollback_ended(tmp_path: Path, code: int) -> None:
    c = context(tmp_path)
    if code:
        with pytest.raises(Exit) as ended, after.drafted(c, "rollback"):
            rolled(tmp_path, outcome="troubled")
            raise Exit("it goes on", code=code)
        assert ended.value.code == code
    else:
        with after.drafted(c, "rollback"):
            rolled(tmp_path)
    (name,) = pages(tmp_path)
    assert name.endswith("-it-fails.md")


@pytest.mark.parametrize(
    ("environment", "incident", "wanted", "code", "said"),
    [
        pytest.param("sandbox", {}, True, 0, {}, id="the sandbox"),
        pytest.param("production", {"draft": False}, True, 0, {}, id="as configured"),
        pytest.param("production", {}, False, 0, {}, id="a plan"),
        pytest.param("production", {}, True, 130, {}, id="Ctrl-C"),
        pytest.param("production", {}, True, 2, {"outcome": "refused"}, id="refused"),
        pytest.param("production", {}, True, 0, {"at": "2026-11-20T10:00:00.000Z"}, id="before"),
        pytest.param("production", {}, True, 0, {"who": "you@there"}, id="another's"),
        pytest.param("production", {}, True, 0, {"phase": "deploy"}, id="a deploy that closed"),
    ],
)
def test_nothing_is_drafted_of(
    tmp_path: Path,
    environment: str,
    incident: dict[str, Any],
    wanted: bool,
    code: int,
    said: dict[str, Any],
) -> None:
    c = context(tmp_path, **incident)
    try:
        with after.drafted(c, str(said.get("phase", "rollback")), wanted):
            rolled(tmp_path, environment, **said)
            if code:
                raise Exit("", code=code)
    except Exit as error:
        assert error.code == code
    assert not (tmp_path / "docs").exists()


def test_what_keeps_it_from_being_written_is_a_warning(tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "docs").write_text("no directory")
    with after.drafted(context(tmp_path), "rollback"):
        rolled(tmp_path)
    said = capsys.readouterr().err
    assert "warning: the incident's page is not drafted (docs/incidents can't be written" in said
    assert "`inv rollback.incident --env=production`" in said


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, Exit("a host is away.")])
def test_whatever_goes_wrong_the_run_has_ended_as_it_did(
    tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    def draft(*_: object) -> None:
        raise error

    monkeypatch.setattr(drafting, "draft", draft)
    with after.drafted(context(tmp_path), "rollback"):
        rolled(tmp_path)
    assert "is not drafted" in capsys.readouterr().err
    with pytest.raises(RuntimeError), after.drafted(context(tmp_path), "rollback"):
        rolled(tmp_path)
        raise RuntimeError("a bug is told as one")


def test_of_a_page_that_does_not_come_to_its_end_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(page, "render", render)
    with after.drafted(context(tmp_path), "rollback"):
        rolled(tmp_path)
    assert not [*(tmp_path / record.DIRECTORY).iterdir()]


def test_two_of_one_day_and_title_have_names_of_their_own(tmp_path: Path) -> None:
    c = context(tmp_path, same="0s")
    for _ in range(2):
        with after.drafted(c, "rollback"):
            rolled(tmp_path)
    one, two = sorted(pages(tmp_path), key=len)
    assert two == one.replace(".md", "-2.md")
