"""`inv test` with a real pytest in a real project: what it tells, and what counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks.lib import evidence
from tests.support.bench import Bench, ours_apart

Said = pytest.CaptureFixture[str]
OTHER = "def test_one():\n    pass\n\n\ndef test_two():\n    assert 1 == 2, 'a reason'\n"


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    ours_apart(monkeypatch)


@pytest.fixture
def project(tmp_path: Path) -> Bench:
    return Bench.made(tmp_path / "a project")


def test_tests_that_pass_close_the_phase_for_the_commit(
    project: Bench, capfd: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENABLE_TELEMETRY", "true")
    quiet = "import os\ndef test_quiet():\n    assert os.environ['ENABLE_TELEMETRY'] == 'false'\n"
    project.commit({"tests/test_quiet.py": quiet})
    project.linted()
    assert project.inv() == 0
    said = capfd.readouterr()
    assert re.search(r"^tests +now\npassed +2\nfailed +0\nerrors +0\nskipped +0\n", said.out, re.M)
    assert said.out.endswith("Next: inv preaggregate\n") and "for no commit" not in said.out
    assert said.err == ""
    detail = project.last()["detail"]
    assert (detail["tests"], detail["passed"], detail["code"]) == (2, 2, 0)
    assert detail["slowest"][0]["test"].startswith("tests/test_") and "partial" not in detail
    assert evidence.closed(project.entries(), "test", project.head())


def test_what_fails_is_named_and_run_again_alone(project: Bench, capfd: Said) -> None:
    project.commit({"tests/test_other.py": OTHER})
    assert project.inv() == 1
    said = capfd.readouterr()
    assert "1 of 3 tests failed.\n- tests/test_other.py::test_two: AssertionError: a" in said.err
    assert said.err.endswith("Next: inv test --failed\n")
    assert project.last()["detail"]["failing"] == ["tests/test_other.py::test_two"]
    assert "a reason" not in str(project.last()), "what tests print may be anybody's"
    assert project.inv(failed=True) == 1
    assert project.last()["detail"]["tests"] == 1
    project.commit({"tests/test_other.py": OTHER.replace("== 2", "== 1")})
    assert project.inv(failed=True) == 0
    assert "counts for no commit: only a part was looked at" in capfd.readouterr().out
    assert evidence.closed(project.entries(), "test", project.head()) is None


def test_a_run_is_compared_with_the_last_of_the_same_tests(project: Bench, capfd: Said) -> None:
    assert project.inv() == 0
    assert project.inv(keyword="price") == 0
    assert "change" not in project.last()["detail"]
    project.commit({"tests/test_other.py": OTHER.replace("== 2", "== 1")})
    capfd.readouterr()
    assert project.inv(coverage=True) == 0
    told = capfd.readouterr().out
    assert re.search(r"^tests +now +before\npassed +3 +1\n", told, re.M)
    assert re.search(r"^covered +\d+ %$", told, re.M), "the last run didn't measure"
    assert project.last()["detail"]["change"]["passed"] == 2
    assert project.inv(coverage=True) == 0
    assert project.last()["detail"]["change"]["coverage"] == 0


def test_a_tree_that_differs_proves_nothing(project: Bench, capfd: Said) -> None:
    project.write({"more.py": ""})
    assert project.inv() == 0
    assert "counts for no commit: the working tree differs" in capfd.readouterr().out
    assert project.last()["dirty"] is True


def test_code_that_was_not_linted_is_a_warning(project: Bench, capfd: Said) -> None:
    assert project.inv() == 0
    assert "warning: linted code: lint has not closed for it; run `inv lint`" in (
        capfd.readouterr().err
    )


def test_it_runs_outside_of_a_repository(project: Bench, capfd: Said) -> None:
    (project.path / ".git").rename(project.path.parent / "git")
    assert project.inv() == 0
    assert "counts for no commit: there is none here" in capfd.readouterr().out
    assert project.last()["commit"] == ""


def test_suites_are_found_by_name(project: Bench, capfd: Said) -> None:
    project.commit({"tests/unit/test_other.py": OTHER})
    suites = {"quick": ["tests/test_shop.py", "tests/unit/test_other.py::test_one"]}
    for suite, number in (("test_shop", 1), ("shop", 1), ("unit", 2), ("tests/unit", 2)):
        project.inv(suite=suite)
        detail = project.last()["detail"]
        assert (detail["tests"], detail["partial"]) == (number, f"--suite={suite}")
    assert project.inv(suite="quick", settings={"suites": suites}) == 0
    assert project.last()["detail"]["tests"] == 2
    before = len(project.entries())
    for suite in ("nope", "../shop", "/etc"):
        assert project.inv(suite=suite, settings={"suites": suites}) == 2
        assert f"no suite {suite!r}; there are: quick, test_shop, unit." in capfd.readouterr().err
    assert all(each["outcome"] == "refused" for each in project.entries()[before:])


def test_a_check_is_up_to_the_first_failure_and_changes_nothing(
    project: Bench, capfd: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    project.commit({"tests/test_other.py": OTHER + "\n\ndef test_three():\n    assert 0\n"})
    before = {path for path in project.path.rglob("*") if ".venv" not in path.parts}
    assert project.inv(check=True) == 1
    said = capfd.readouterr()
    assert "1 failed, 1 passed" in said.out and "reach enough" not in said.out
    assert "every test passes: 1 of 2 tests failed. - tests/test_other.py::test_two" in said.err
    assert project.inv(check=True, coverage=True, keyword="price") == 0
    assert re.search(r"^the tests reach enough of the code +holds$", capfd.readouterr().out, re.M)
    assert {path for path in project.path.rglob("*") if ".venv" not in path.parts} == before
    assert project.inv(check=True, failed=True) == 2
    assert project.inv("--nope", check=True) == 2


def test_a_missing_pytest_is_named_with_what_mends_it(
    project: Bench, capfd: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.path / ".venv").unlink()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert project.inv() == 2
    said = capfd.readouterr().err
    assert "refused to start and changed nothing; missing: the test dependencies." in said
    assert "warning: a virtual environment: there is no .venv here; run `inv host`" in said
    assert project.inv(check=True) == 2


def test_a_virtual_environment_that_was_moved_is_told(project: Bench, capfd: Said) -> None:
    commands = project.path / ".venv" / "bin"
    (project.path / ".venv").unlink()
    commands.mkdir(parents=True)
    (commands / "pytest").write_text("#!/no/such/python\n")
    (commands / "pytest").chmod(0o755)
    assert project.inv() == 2
    assert "make .venv anew, `inv host --recreate`" in capfd.readouterr().err
    assert project.last()["outcome"] == "refused"
