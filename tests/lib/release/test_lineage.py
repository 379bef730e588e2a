"""Which commits share their code, and what one proves for the other: real commits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.lib import evidence
from tasks.lib.release import lineage
from tasks.lib.release.settings import Release
from tests.lib.scratch import Scratch

ABOUT = Release(files={"pyproject.toml": "", "VERSION": ""})
FILES: dict[str, str | bytes] = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1.0.0"\n',
    "VERSION": "1.0.0\n",
    "CHANGELOG.md": "# Changelog\n",
    "code.py": "one = 1\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Scratch:
    scratch = Scratch.new(tmp_path)
    scratch.commit(FILES)
    return scratch


def toml(version: str, more: str = "") -> str:
    return f'[project]\nname = "shop"\nversion = "{version}"\n{more}'


CHANGES: list[Any] = [
    pytest.param({"VERSION": "1.1.0\n", "pyproject.toml": toml("1.1.0")}, True, id="versions"),
    pytest.param({"CHANGELOG.md": "# Changelog\n\n## 1.1.0\n"}, True, id="changelog"),
    pytest.param({}, True, id="nothing"),
    pytest.param({"code.py": "one = 2\n"}, False, id="code"),
    pytest.param({"new.py": ""}, False, id="new file"),
    pytest.param({"pyproject.toml": toml("1.1.0", 'a = "b"\n')}, False, id="more than a version"),
    pytest.param({"VERSION": b"\xff\xfe"}, False, id="no text"),
    pytest.param({"sub/CHANGELOG.md": ""}, False, id="another changelog"),
]


@pytest.mark.parametrize(("change", "same"), CHANGES)
def test_a_commit_that_only_names_a_version(
    repository: Scratch, change: dict[str, str | bytes], same: bool
) -> None:
    first = repository.head()
    second = repository.commit(change)
    expected = (second, first) if same else (second,)
    assert lineage.commits(repository.path, ABOUT, second) == expected


def test_a_file_that_goes_or_becomes_a_program_is_a_change(repository: Scratch) -> None:
    repository.git("rm", "--quiet", "VERSION")
    assert len(lineage.commits(repository.path, ABOUT, repository.commit())) == 1
    repository.commit({"VERSION": "1.0.0\n"})
    (repository.path / "VERSION").chmod(0o755)
    assert len(lineage.commits(repository.path, ABOUT, repository.commit())) == 1


def test_a_merge_has_its_own_code(repository: Scratch) -> None:
    repository.git("switch", "--quiet", "--create", "side")
    repository.commit({"CHANGELOG.md": "# Side\n"})
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message=merge", "side")
    assert len(lineage.commits(repository.path, ABOUT, repository.head())) == 1


def line(commit: str, outcome: str = "closed", **more: Any) -> dict[str, Any]:
    return {"phase": "test", "commit": commit, "outcome": outcome, **more}


@pytest.mark.parametrize(
    ("entries", "proves"),
    [
        pytest.param([line("a")], True, id="the one before"),
        pytest.param([line("a"), line("b", "troubled")], False, id="failed since"),
        pytest.param([line("a"), line("b", "troubled"), line("b")], True, id="mended since"),
        pytest.param([line("a"), line("b", "troubled", dirty=True)], True, id="of another tree"),
        pytest.param([line("a", "troubled"), line("b")], True, id="the nearest decides"),
        pytest.param([line("b", detail={"partial": "-k x"})], False, id="a part"),
        pytest.param([line("z")], False, id="another commit"),
        pytest.param([], False, id="nothing"),
    ],
)
def test_what_is_inherited(entries: list[dict[str, Any]], proves: bool) -> None:
    assert (evidence.inherited(entries, "test", ["b", "a"]) is not None) is proves
    assert evidence.inherited(entries, "lint", ["b", "a"]) is None


def test_only_an_annotated_tag_carries_anything(repository: Scratch) -> None:
    message = "x\n\nTest-Closed: abc 2026-11-25T13:00:00Z"
    repository.commit({"a": ""}, f"light\n\n{message}")
    repository.git("tag", "light")
    repository.git("tag", "--annotate", f"--message={message}", "whole")
    repository.git("tag", "--annotate", f"--message={message}\n\nNotes.", "amid")
    assert evidence.trailers(repository.path, "light") == {}
    assert evidence.carried(repository.path, "test", ["light", "amid", "none"]) == ""
    said = evidence.carried(repository.path, "test", ["light", "whole"])
    assert said == "abc 2026-11-25T13:00:00Z, as whole says"
    assert evidence.carried(repository.path, "lint", ["whole"]) == ""
