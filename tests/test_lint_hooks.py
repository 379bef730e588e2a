"""`inv lint` with pre-commit's hooks, and `inv lint.install`: the real one, hooks of our own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.linted import CLEAN, TOOLS, Linted, table

CONFIG = ".pre-commit-config.yaml"


def hook(name: str, entry: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name, "entry": entry, "language": "system", **more}


def configure(project: Linted, *hooks: dict[str, Any], **more: Any) -> None:
    repos = [{"repo": "local", "hooks": list(hooks)}]
    project.git.commit({CONFIG: yaml.safe_dump({"repos": repos, **more})})


@pytest.fixture
def project(tmp_path: Path) -> Linted:
    return Linted(tmp_path / "hooked")


def test_a_hook_that_fails_is_told_with_the_runbooks_row(project: Linted) -> None:
    configure(project, hook("no-todo", "grep -L TODO"), hook("sour", "sh -c 'echo why; exit 1'"))
    done = project.inv("lint", code=1)
    assert table(done.stdout)["pre-commit"] == ("-", "1")
    assert "- hook id: sour" in done.stdout and "\n  sour × 1" in done.stdout
    assert "pre-commit has 1 finding: sour (1)" in done.stderr
    assert "Runbook: A hook of pre-commit fails → Run the hook that it names alone" in done.stderr
    assert "git hooks of pre-commit: pre-commit not installed in this clone" in done.stderr
    assert "run `inv lint.install`" in done.stderr
    assert project.journal()[-1]["detail"]["rules"] == {"sour": 1}
    assert project.inv("lint", code=0, INVOKE_LINT_HOOKS="0").stdout.count("pre-commit") == 0


def test_where_a_hook_rewrote_files_the_first_two_run_once_more(project: Linted) -> None:
    """The hook writes what Black changes: what counts is what they say after that."""
    script = "import sys\nfor f in sys.argv[1:]:\n    t = open(f).read()\n"
    script += "    if 'old' in t: open(f, 'w').write(t.replace('\"old\"', \"'new'\"))\n"
    project.git.write({"rename.txt": script})
    configure(project, hook("rename", "python3 rename.txt", types=["python"]))
    project.git.commit({"a.py": 'X = "old"\n'})
    done = project.inv("lint", code=0)
    assert project.read("a.py") == 'X = "new"\n'
    assert "A hook rewrote files: Black and Flake8 once more." in done.stdout
    assert done.stdout.count("All done!") == 2
    assert table(done.stdout)["pre-commit"] == ("-", "0")
    assert project.journal()[-1]["dirty"] is True
    project.git.commit()
    assert project.inv("lint", code=0).stdout.count("All done!") == 1


def test_a_hook_and_black_that_undo_one_another_end_and_do_not_close(project: Linted) -> None:
    configure(project, hook("single", "sed -i s/\\\"/\\'/g", files="app.py"))
    done = project.inv("lint", code=1)
    assert done.stdout.count("A hook rewrote files") == 2
    assert "pre-commit has 1 finding: single (1)" in done.stderr
    assert project.read("app.py") == CLEAN, "Black had the last word"


def test_hooks_that_would_only_repeat_it_are_left_out(project: Linted) -> None:
    own = [hook(name, f"sh -c 'echo ran >> ../{name}'") for name in ("black", "flake8", "mypy")]
    configure(project, *own[:2])
    done = project.inv("lint", code=0)
    assert "Left out: pre-commit: each of its hooks has just run." in done.stdout
    configure(project, *own)
    done = project.inv("lint", code=0)
    assert "Hooks that have just run as they are: black, flake8." in done.stdout
    there = {name for name in os.listdir(project.root.parent) if name in TOOLS}
    assert there == {"mypy"}, "there are no settings for it, so that nothing else ran it"
    assert table(done.stdout)["pre-commit"] == ("-", "0")


def test_changed_shows_hooks_the_same_part(project: Linted) -> None:
    configure(project, hook("seen", 'sh -c \'printf "%s\\n" "$@" >> ../seen\' seen'))
    project.git.git("checkout", "--quiet", "-b", "feature")
    project.git.write({"new one.txt": "a\n"})
    done = project.inv("lint", "--changed", code=0)
    assert (project.root.parent / "seen").read_text() == "new one.txt\n"
    assert table(done.stdout) == {"pre-commit": ("1", "0")}


def test_hooks_that_are_configured_need_pre_commit(tmp_path: Path) -> None:
    project = Linted(tmp_path / "lacking", tools=("black", "flake8"))
    configure(project, hook("any", "true"))
    done = project.inv("lint", code=2)
    assert "missing: pre-commit, which is configured." in done.stderr
    assert "run `.venv/bin/python -m pip install pre-commit`" in done.stderr
    done = project.inv("lint", "--check", code=0)
    assert "Left out: pre-commit: hooks may write." in done.stdout
    assert "missing: pre-commit." in project.inv("lint.install", code=2).stderr


def test_installing(project: Linted) -> None:
    done = project.inv("lint.install", code=2)
    assert f"there is no {CONFIG}; Write {CONFIG} first." in done.stderr
    kinds = ["pre-commit", "pre-push"]
    configure(project, hook("sour", "false", always_run=True), default_install_hook_types=kinds)
    done = project.inv("lint.install", code=0)
    assert done.stdout.endswith("Next: inv lint\n")
    assert project.journal()[-1]["detail"] == {"installed": kinds}
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-qm", "x"]
    blocked = subprocess.run(
        [*git, "--allow-empty"], cwd=project.root, env=project.variables(), capture_output=True
    )
    assert blocked.returncode == 1 and b"sour" in blocked.stdout + blocked.stderr
    done = project.inv("lint.install", code=0)
    assert done.stdout.startswith("The git hooks are installed already.\n")
    assert "git hooks of pre-commit" not in project.inv("lint", code=1).stderr


def test_git_that_looks_for_hooks_elsewhere(project: Linted) -> None:
    configure(project, hook("any", "true"))
    project.git.git("config", "core.hooksPath", "elsewhere")
    done = project.inv("lint.install", code=1)
    assert "pre-commit did not install the git hooks" in done.stderr
    assert "`git config --unset-all core.hooksPath`" in done.stderr


def test_installing_outside_of_a_repository(tmp_path: Path) -> None:
    project = Linted(tmp_path / "none", repository=False)
    done = project.inv("lint.install", code=2)
    assert "missing: a git repository, hooks to install." in done.stderr
