"""`inv lint`, as a developer types it: the real tools in a real repository."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.linted import CLEAN, Linted, table

UGLY = "X = {  'a':1 }\n"
NEAT = 'X = {"a": 1}\n'
COUNTS_NOT = "This counts for no commit"


@pytest.fixture
def project(tmp_path: Path) -> Linted:
    return Linted(tmp_path / "a project")


def test_it_formats_then_checks_and_counts_once_that_is_committed(project: Linted) -> None:
    project.git.commit({"ugly.py": UGLY})
    done = project.inv("lint", code=0)
    assert project.read("ugly.py") == NEAT
    assert "All done!" in done.stdout and f"{COUNTS_NOT}: the working tree differs" in done.stdout
    assert table(done.stdout) == {"black": ("2", "0"), "flake8": ("2", "0")}
    assert "0 (1 rewritten)" in done.stdout
    assert done.stdout.endswith("Next: inv host\n")
    project.git.commit()
    done = project.inv("lint", code=0)
    assert COUNTS_NOT not in done.stdout and "warning" not in done.stderr
    first, second = project.journal()
    assert first["dirty"] is True and "dirty" not in second
    assert second["outcome"] == "closed" and second["commit"] == project.git.head()
    assert second["detail"]["tools"]["flake8"]["files"] == 2


def test_black_is_neither_run_nor_needed_where_it_is_off(tmp_path: Path) -> None:
    project = Linted(tmp_path / "a project", tools=("flake8",))
    project.git.commit({"ugly.py": UGLY, "invoke.yaml": "lint: {black: false}\n"})
    for words in (("lint",), ("lint", "--check")):
        done = project.inv(*words, code=1)
        assert project.read("ugly.py") == UGLY and set(table(done.stdout)) >= {"flake8"}
        assert "Black" not in done.stderr and "black" not in table(done.stdout)
        assert "Mend it by hand, or by Black: `lint: black: true`." in done.stdout


def test_check_looks_at_all_and_changes_nothing(project: Linted) -> None:
    project.git.commit({"ugly.py": UGLY, "b.py": "import os\n"})
    done = project.inv("lint", "--check", code=1)
    assert project.read("ugly.py") == UGLY and project.journal() == []
    assert project.git.git("status", "--porcelain") == ""
    assert table(done.stdout)["black"] == ("3", "1")
    assert "./b.py:1:1: F401 'os' imported but unused" in done.stdout
    assert "  F401 × 1: 'os' imported but unused\n      Remove the import" in done.stdout
    assert "Black has nothing to change, Flake8 has nothing to say" in done.stderr
    assert "Runbook: Flake8 reports too much → " in done.stderr
    assert "Runbook: Black changes more than you want → " in done.stderr
    assert "pre-commit" not in done.stdout + done.stderr
    assert done.stderr.endswith("Next: inv lint\n")
    project.git.commit({"ugly.py": NEAT, "b.py": CLEAN})
    project.inv("lint", "--check", code=0)


def test_a_file_that_cannot_be_parsed_is_named_with_its_line(project: Linted) -> None:
    project.git.write({"broken.py": "X = 1\ndef f(:\n"})
    done = project.inv("lint", code=1)
    assert "broken.py:2: Black can't parse it" in done.stderr
    assert "Runbook: Black can't parse a file → " in done.stderr
    assert "broken.py:2: SyntaxError" in done.stderr, "and what Flake8 says of it"
    assert "warning: changes committed, to tell a reformatting apart: 1 file differs" in done.stderr


def test_nothing_starts_without_black_and_flake8(tmp_path: Path) -> None:
    project = Linted(tmp_path / "bare", tools=())
    project.git.write({"ugly.py": UGLY})
    for words in ((), ("--check",)):
        done = project.inv("lint", *words, code=2)
        assert "refused to start and changed nothing; missing: Black, Flake8." in done.stderr
        for name in ("black", "flake8"):
            assert f"run `.venv/bin/python -m pip install {name}`" in done.stderr
    assert project.read("ugly.py") == UGLY


def test_outside_of_a_repository_it_runs_and_says_so(tmp_path: Path) -> None:
    project = Linted(tmp_path / "no repository", repository=False)
    project.git.write({"ugly.py": UGLY, ".pre-commit-config.yaml": "repos: []\n"})
    done = project.inv("lint", code=0)
    assert project.read("ugly.py") == NEAT
    assert table(done.stdout) == {"black": ("2", "0"), "flake8": ("2", "0"), "yaml": ("2", "0")}
    assert f"{COUNTS_NOT}: there is none here; `git init` and commit" in done.stdout
    assert "Left out: pre-commit: hooks need a git repository." in done.stdout
    assert project.journal()[-1]["commit"] == ""
    refused = project.inv("lint", "--changed", code=2)
    assert "not in a git repository" in refused.stderr


def test_virtual_environments_and_what_git_ignores_are_never_walked(project: Linted) -> None:
    ignore = f"{project.read('.gitignore')}made/\n_version.py\n"
    settings = "[tool.black]\nforce-exclude = '''\n/theirs/  # ours to keep\n'''\n"
    flake8 = "[flake8]\nextend-exclude = theirs\n"
    project.git.commit({".gitignore": ignore, "pyproject.toml": settings, ".flake8": flake8})
    places = ["made/x.py", "pkg/_version.py", "env [1]/lib/x.py", "pkg/venv/x.py", "theirs/x.py"]
    project.git.write({"env [1]/pyvenv.cfg": "", **dict.fromkeys(places, UGLY + "import os\n")})
    done = project.inv("lint", code=0)
    assert table(done.stdout) == {"black": ("1", "0"), "flake8": ("1", "0")}
    assert {project.read(name) for name in places} == {UGLY + "import os\n"}


@pytest.mark.parametrize("repository", [True, False])
def test_nothing_is_written_through_a_link_that_leads_away(
    tmp_path: Path, repository: bool
) -> None:
    """Black, outside of a repository, follows any: a directory shared by projects is not theirs."""
    project = Linted(tmp_path / "linking", repository=repository)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "ugly.py").write_text(UGLY)
    (project.root / "shared").symlink_to(elsewhere)
    (project.root / "ugly.py").symlink_to(elsewhere / "ugly.py")
    (project.root / "again.py").symlink_to("app.py")
    project.inv("lint", code=0)
    assert (elsewhere / "ugly.py").read_text() == UGLY


def test_what_the_configuration_excludes_is_shown_to_no_tool(project: Linted) -> None:
    project.git.write({"theirs/x.py": UGLY, "theirs/x.yaml": "a: [\n", "one.py": UGLY})
    project.git.write({"invoke.yaml": "lint: {exclude: [theirs/, one.py]}\n"})
    done = project.inv("lint", code=0)
    assert table(done.stdout)["black"] == ("1", "0") and table(done.stdout)["yaml"] == ("1", "0")
    project.git.write({"invoke.yaml": "lint: {exclude: [../x]}\n"})
    done = project.inv("lint", code=2)
    assert "invoke.yaml: lint.exclude should be a list of paths below" in done.stderr


def test_changed_looks_at_what_differs_from_the_main_branch(project: Linted) -> None:
    project.git.commit({"old.py": UGLY, "kept.py": UGLY, "gone.py": UGLY, "bad.yaml": "a: [\n"})
    project.git.git("checkout", "--quiet", "-b", "feature")
    done = project.inv("lint", "--changed", code=0)
    assert done.stdout.startswith("0 files differ from main; only that is looked at.\nThis counts")
    project.git.commit({"committed, so.py": UGLY})
    (project.root / "gone.py").unlink()
    project.git.write({"kept.py": UGLY + "\n\n", "new.py": UGLY, "sub/old.py": UGLY})
    done = project.inv("lint", "--changed", code=0)
    assert done.stdout.startswith("4 files differ from main")
    assert table(done.stdout) == {"black": ("4", "0"), "flake8": ("4", "0")}
    assert project.read("old.py") == UGLY
    for name in ("committed, so.py", "kept.py", "new.py", "sub/old.py"):
        assert project.read(name).startswith(NEAT), name
    project.git.commit()
    done = project.inv("lint", "--changed", code=0)
    assert f"{COUNTS_NOT}: only a part was looked at" in done.stdout
    assert project.journal()[-1]["detail"]["partial"] == "what differs from main"


def test_types_are_checked_where_there_are_settings_for_it(project: Linted) -> None:
    project.git.write({"typed.py": 'X: int = "one"\n', "mypy.ini": "[mypy]\nfiles = typed.py\n"})
    done = project.inv("lint", "--check", code=1)
    assert table(done.stdout)["mypy"] == ("1", "1") and "assignment × 1" in done.stdout
    (project.root / ".venv/bin/mypy").unlink()
    done = project.inv("lint", "--check", code=0)
    assert "Left out: mypy: it is set up and not installed." in done.stdout
    project.inv("lint", "--check", code=0, INVOKE_LINT_TYPES="0")


def test_types_are_not_checked_of_what_is_excluded(project: Linted) -> None:
    wrong = 'X: int = "one"\n'
    settings = '[tool.mypy]\nexclude = ["theirs/"]\n'
    project.git.write({f"{place}/x.py": wrong for place in ("theirs", "ours", "shown")})
    project.git.write({"pyproject.toml": settings, "invoke.yaml": "lint: {exclude: [ours]}\n"})
    done = project.inv("lint", "--check", code=1)
    assert table(done.stdout)["mypy"] == ("2", "1"), "a link to the recipes is not followed either"
    assert "shown/x.py:1: error" in done.stdout


def test_one_document_and_the_rest_beside_it(project: Linted) -> None:
    project.git.write({"b.py": "import os\n"})
    done = project.inv("lint", "--check", "--json", code=1)
    told = json.loads(done.stdout)
    assert told["detail"]["tools"]["flake8"] == {
        "files": 2,
        "findings": 1,
        "seconds": told["detail"]["tools"]["flake8"]["seconds"],
    }
    assert told["detail"]["rules"] == {"F401": 1}
    assert "./b.py:1:1: F401" in done.stderr and "tool " in done.stderr


def test_a_tool_that_fails_by_itself_is_no_success(project: Linted) -> None:
    project.git.write({"pyproject.toml": '[tool.black]\nrequired-version = "1.0"\n'})
    done = project.inv("lint", code=1)
    assert "black failed with exit code 1, as it says above" in done.stderr
    assert "required version" in done.stdout


def test_a_chain_stops_at_the_first_that_does_not_close(project: Linted) -> None:
    project.git.write({"b.py": "import os\n"})
    done = project.inv("lint", "test", code=1)
    assert done.stderr.endswith("Next: inv lint\n"), "nothing came after it"
    assert [line["phase"] for line in project.journal()] == ["lint"]
    (project.root / "b.py").unlink()
    project.inv("lint", "test", code=2)
    _, first, second = project.journal()
    assert (first["phase"], first["outcome"]) == ("lint", "closed")
    assert (second["phase"], second["outcome"]) == ("test", "refused"), "it has no pytest"


def test_ctrl_c_ends_the_tools_and_says_how_to_go_on(project: Linted) -> None:
    slow = project.root / ".venv/bin/flake8"
    slow.unlink()
    slow.write_text("#!/bin/sh\necho $$ > ../begun\nexec sleep 60\n")
    slow.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", "lint"],
        cwd=project.root,
        env=project.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    begun = project.root.parent / "begun"
    while not (begun.exists() and begun.read_text().strip()):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted before lint closed: run `inv lint --check`." in said
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)


def test_without_a_virtual_environment_the_tools_are_those_in_path(project: Linted) -> None:
    (project.root / ".venv").rename(project.root.parent / "bin")
    path = f"{project.root.parent / 'bin' / 'bin'}:{project.variables()['PATH']}"
    done = project.inv("lint", "--check", code=0, PATH=path)
    assert "there is no .venv, so that the tools are those in PATH; run `inv host`" in done.stderr
