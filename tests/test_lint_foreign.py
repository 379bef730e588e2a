"""`inv lint --check` on projects that nobody here wrote, through invoke.yaml alone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.foreign import foreign
from tests.support.linted import table


def differing(root: Path) -> str:
    asked = ["git", "status", "--porcelain", "--untracked-files=all"]
    return subprocess.run(asked, cwd=root, check=True, capture_output=True, text=True).stdout


# Each as it was released, with files for Black and for Flake8 (which has a .pyi less to look at).
# They keep to Ruff's style and have no settings for Flake8, whose own say 79 characters a line.
@pytest.mark.parametrize(
    ("name", "exclude", "files"),
    [
        ("itsdangerous", ["docs"], ("14", "14")),
        ("markupsafe", ["docs"], ("11", "10")),
        ("click", ["docs", "tests"], ("17", "17")),
    ],
)
def test_its_own_style_is_what_is_found(
    name: str, exclude: list[str], files: tuple[str, str], tmp_path: Path
) -> None:
    project = foreign(name, tmp_path)
    project.configure(lint={"exclude": exclude, "types": name == "itsdangerous"})
    done = project.inv("lint", "--check")
    assert done.returncode == 1 and differing(project.root) == ""
    found = table(done.stdout)
    assert (found["black"][0], found["flake8"][0]) == files
    own = re.findall(r"^\./\S+:\d+:\d+: ([A-Z]\d+) ", done.stdout, re.MULTILINE)
    assert int(found["flake8"][1]) == len(own) > 0
    assert int(found["black"][1]) == done.stdout.count("would reformat /")
    assert f"  E501 × {own.count('E501')}: line too long" in done.stdout
    assert "Flake8 has nothing to say: flake8 has" in done.stderr
    assert "./docs/" not in done.stdout and "tasks.py" not in done.stdout
    assert ("mypy" in found) == (name == "itsdangerous")
