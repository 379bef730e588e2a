from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from invoke.config import Config
from invoke.context import Context

from tasks.lib import project


@pytest.fixture(autouse=True)
def own_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)


def test_the_project_is_where_its_tasks_are(tmp_path: Path) -> None:
    assert project.root(Context(Config(project_location=tmp_path))) == tmp_path.resolve()
    assert project.root(Context(Config())) == Path(__file__).resolve().parents[2]


def test_secrets_come_from_the_file_and_the_real_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ["B_TEST_GIVEN"] = "real"
    os.environ.pop("B_TEST_READ", None)
    project.begin(tmp_path)  # a project without the file
    (tmp_path / ".env").write_text("B_TEST_GIVEN=file\nB_TEST_READ='a b'\n")
    project.begin(tmp_path)
    assert (os.environ["B_TEST_GIVEN"], os.environ["B_TEST_READ"]) == ("real", "a b")


def test_no_commit_where_there_is_no_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.commit(tmp_path) == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert project.commit(tmp_path) == ""


def unread(root: Path, text: str) -> int:
    """Read invoke.yaml as `inv` does and give the hook what that raises; return the exit code."""
    project.begin(root)
    (root / "invoke.yaml").write_text(text)
    config = Config(project_location=root)
    try:
        config.load_project()
        config.load_collection({"service": {"keep": 5, "hosts": []}})
        config.load_shell_env()
    except Exception as error:
        with pytest.raises(SystemExit) as caught:
            sys.excepthook(type(error), error, error.__traceback__)
        return int(str(caught.value.code))
    return 0


@pytest.mark.parametrize(
    ("text", "variables", "told"),
    [
        ("a: [", {}, r"line 1, column 5\): correct invoke.yaml, then run `inv --list`"),
        ("service: 5", {}, "Can't cleanly merge .*int.*5.*correct invoke.yaml"),
        ("service: 5", {"INVOKE_X": "1"}, "correct invoke.yaml or INVOKE_X, then"),
        ("", {"INVOKE_SERVICE_KEEP": "many"}, "'many'.: correct INVOKE_SERVICE_KEEP, then"),
        ("", {"INVOKE_SERVICE_HOSTS": "a"}, "into a .*list.*correct invoke.yaml or INVOKE_SERVICE"),
    ],
)
def test_a_configuration_that_invoke_cannot_read_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    variables: dict[str, str],
    told: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert unread(tmp_path, text) == 2
    err = capsys.readouterr().err
    assert re.search(told, err) and err.count("\n") == 1 and len(err) < 300


def test_anything_else_is_told_as_always(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.begin(tmp_path)
    try:
        raise ValueError("a bug")
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    assert "Traceback" in capsys.readouterr().err
