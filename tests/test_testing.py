"""`inv test` with a real pytest in a real project: what it tells, and what counts."""

from __future__ import annotations

import re

import pytest

from tasks.lib import evidence
from tests.support.bench import Bench

Said = pytest.CaptureFixture[str]
OTHER = "def test_one():\n    pass\n\n\ndef test_two():\n    assert 1 == 2, 'a reason'\n"


pytestmark = pytest.mark.usefixtures("apart")


def test_tests_that_pass_close_the_phase_for_the_commit(
    bench: Bench, capfd: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENABLE_TELEMETRY", "true")
    quiet = "import os\ndef test_quiet():\n    assert os.environ['ENABLE_TELEMETRY'] == 'false'\n"
    bench.commit({"tests/test_quiet.py": quiet})
    bench.linted()
    assert bench.inv() == 0
    said = capfd.readouterr()
    assert re.search(r"^tests +now\npassed +2\nfailed +0\nerrors +0\nskipped +0\n", said.out, re.M)
    assert said.out.endswith("Next: inv preaggregate\n") and "for no commit" not in said.out
    assert said.err == ""
    detail = bench.last()["detail"]
    assert (detail["tests"], detail["passed"], detail["code"]) == (2, 2, 0)
    assert detail["slowest"][0]["test"].startswith("tests/test_") and "partial" not in detail
    assert evidence.closed(bench.entries(), "test", bench.head())


def test_what_fails_is_named_and_run_again_alone(bench: Bench, capfd: Said) -> None:
    bench.commit({"tests/test_other.py": OTHER})
    assert bench.inv() == 1
    said = capfd.readouterr()
    assert "1 of 3 tests failed.\n- tests/test_other.py::test_two: AssertionError: a" in said.err
    assert said.err.endswith("Next: inv test --failed\n")
    assert bench.last()["detail"]["failing"] == ["tests/test_other.py::test_two"]
    assert "a reason" not in str(bench.last()), "what tests print may be anybody's"
    assert bench.inv(failed=True) == 1
    assert bench.last()["detail"]["tests"] == 1
    bench.commit({"tests/test_other.py": OTHER.replace("== 2", "== 1")})
    assert bench.inv(failed=True) == 0
    assert "counts for no commit: only a part was looked at" in capfd.readouterr().out
    assert evidence.closed(bench.entries(), "test", bench.head()) is None


def test_a_run_is_compared_with_the_last_of_the_same_tests(bench: Bench, capfd: Said) -> None:
    assert bench.inv() == 0
    assert bench.inv(keyword="price") == 0
    assert "change" not in bench.last()["detail"]
    bench.commit({"tests/test_other.py": OTHER.replace("== 2", "== 1")})
    capfd.readouterr()
    assert bench.inv(coverage=True) == 0
    told = capfd.readouterr().out
    assert re.search(r"^tests +now +before\npassed +3 +1\n", told, re.M)
    assert re.search(r"^covered +\d+ %$", told, re.M), "the last run didn't measure"
    assert bench.last()["detail"]["change"]["passed"] == 2
    assert bench.inv(coverage=True) == 0
    assert bench.last()["detail"]["change"]["coverage"] == 0


def test_a_tree_that_differs_proves_nothing(bench: Bench, capfd: Said) -> None:
    bench.write({"more.py": ""})
    assert bench.inv() == 0
    assert "counts for no commit: the working tree differs" in capfd.readouterr().out
    assert bench.last()["dirty"] is True


def test_code_that_was_not_linted_is_a_warning(bench: Bench, capfd: Said) -> None:
    warning = "warning: linted code: lint has not closed for it; run `inv lint`"
    assert bench.inv() == 0
    assert warning in capfd.readouterr().err
    bench.linted()
    bench.commit({"CHANGELOG.md": "# Changelog\n\n## 1.0.0\n"})  # what a release commit adds
    assert bench.inv() == 0
    assert warning not in capfd.readouterr().err
    bench.commit({"shop.py": "def price(n):\n    return 2 * n\n"})
    bench.inv()
    assert warning in capfd.readouterr().err


def test_it_runs_outside_of_a_repository(bench: Bench, capfd: Said) -> None:
    (bench.path / ".git").rename(bench.path.parent / "git")
    assert bench.inv() == 0
    assert "counts for no commit: there is none here" in capfd.readouterr().out
    assert bench.last()["commit"] == ""


def test_suites_are_found_by_name(bench: Bench, capfd: Said) -> None:
    bench.commit({"tests/unit/test_other.py": OTHER})
    suites = {"quick": ["tests/test_shop.py", "tests/unit/test_other.py::test_one"]}
    for suite, number in (("test_shop", 1), ("shop", 1), ("unit", 2), ("tests/unit", 2)):
        bench.inv(suite=suite)
        detail = bench.last()["detail"]
        assert (detail["tests"], detail["partial"]) == (number, f"--suite={suite}")
    assert bench.inv(suite="quick", settings={"suites": suites}) == 0
    assert bench.last()["detail"]["tests"] == 2
    before = len(bench.entries())
    for suite in ("nope", "../shop", "/etc"):
        assert bench.inv(suite=suite, settings={"suites": suites}) == 2
        assert f"no suite {suite!r}; there are: quick, test_shop, unit." in capfd.readouterr().err
    assert all(each["outcome"] == "refused" for each in bench.entries()[before:])


def test_a_check_is_up_to_the_first_failure_and_changes_nothing(
    bench: Bench, capfd: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    bench.commit({"tests/test_other.py": OTHER + "\n\ndef test_three():\n    assert 0\n"})
    before = {path for path in bench.path.rglob("*") if ".venv" not in path.parts}
    assert bench.inv(check=True) == 1
    said = capfd.readouterr()
    assert "1 failed, 1 passed" in said.out and "reach enough" not in said.out
    assert "every test passes: 1 of 2 tests failed. - tests/test_other.py::test_two" in said.err
    assert bench.inv(check=True, coverage=True, keyword="price") == 0
    assert re.search(r"^the tests reach enough of the code +holds$", capfd.readouterr().out, re.M)
    assert {path for path in bench.path.rglob("*") if ".venv" not in path.parts} == before
    assert bench.inv(check=True, failed=True) == 2
    assert bench.inv("--nope", check=True) == 2


def test_a_missing_pytest_is_named_with_what_mends_it(
    bench: Bench, capfd: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.path / ".venv").unlink()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert bench.inv() == 2
    said = capfd.readouterr().err
    assert "refused to start and changed nothing; missing: the test dependencies." in said
    assert "warning: a virtual environment: there is no .venv here; run `inv host`" in said
    assert bench.inv(check=True) == 2


def test_a_virtual_environment_that_was_moved_is_told(bench: Bench, capfd: Said) -> None:
    commands = bench.path / ".venv" / "bin"
    (bench.path / ".venv").unlink()
    commands.mkdir(parents=True)
    (commands / "pytest").write_text("#!/no/such/python\n")
    (commands / "pytest").chmod(0o755)
    assert bench.inv() == 2
    assert "make .venv anew, `inv host --recreate`" in capfd.readouterr().err
    assert bench.last()["outcome"] == "refused"
