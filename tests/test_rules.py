"""The rules that ship: each has promtool tests, which pass, and which say so where it is broken."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.mutations import rules as mutations
from tests.support import golang, observed

HOME = mutations.HOME
TESTS = sorted(path.relative_to(HOME) for path in (HOME / "tests").rglob("*.yml"))
# What is tried here of what `python -m tests.mutations.rules` does: an alert's three ways,
# and what a recording rule is most easily broken by.
WAYS = r"threshold x10|`for` \w+|label severity renamed|windows doubled|\w+ lost from by"


def rules(kind: str) -> dict[str, dict[str, Any]]:
    """Return the rules of a kind, "alert" or "record", by name."""
    files = (yaml.safe_load((HOME / name).read_text()) for name in mutations.FILES)
    found = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    return {rule[kind]: rule for rule in found if kind in rule}


NEWEST = golang.kept(golang.PROMTOOL)


@pytest.fixture(params=["promtool", *([str(NEWEST)] if NEWEST else [])])
def promtool(request: pytest.FixtureRequest) -> str:
    """promtool of the oldest Prometheus that the rules are for, which is Debian's; and of one of
    the newest, where this machine has it:
    `python -c "from tests.support import golang as g; g.installed(g.PROMTOOL)"`.
    """
    observed.need("promtool")
    return str(request.param)


def test_the_rules_do_what_their_tests_say(promtool: str) -> None:
    words = [promtool, "test", "rules", *map(str, TESTS)]
    done = subprocess.run(words, cwd=HOME, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_are_valid(promtool: str) -> None:
    words = [promtool, "check", "rules", *mutations.FILES]
    done = subprocess.run(words, cwd=HOME, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(
        [promtool, "check", "config", "prometheus.yml"],
        cwd=observed.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", rules("alert"))
def test_an_alert_says_what_everybody_needs(name: str) -> None:
    rule = rules("alert")[name]
    assert rule["labels"].keys() == {"severity", "service"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert "$value" in rule["annotations"]["description"] or "query" in str(rule), "no measurement"
    assert rule["annotations"]["runbook_url"].endswith(f"/docs/alerts/{name}.md")


@pytest.mark.parametrize("name", rules("record"))
def test_a_recording_rule_is_told_apart_by_environment(name: str) -> None:
    groups = re.findall(r"by \(([^)]*)\)", rules("record")[name]["expr"])
    assert all({"job", "environment"} <= set(group.split(", ")) for group in groups)


def test_every_rule_has_tests() -> None:
    for mutant in mutations.mutants():
        assert mutant.tests, mutant.name
        text = "".join((HOME / "tests" / test).read_text() for test in mutant.tests)
        assert mutant.name in text


def test_error_budgets_are_off_until_they_are_linked(tmp_path: Path) -> None:
    observed.need("promtool")
    for name in ("prometheus.yml", "prometheus"):
        source = observed.ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)

    def checked() -> str:
        words = ["promtool", "check", "config", "prometheus.yml"]
        return subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    assert "slo.yml" not in checked()
    said = (HOME / mutations.SLO).read_text()
    found = re.search(r"#   (ln -s \S+ \S+) &&", said)
    assert found
    subprocess.run(found[1].split(), cwd=tmp_path, check=True)
    assert "slo.yml" in checked()


@pytest.mark.parametrize("kind", ["alert", "record"])
def test_a_rule_that_is_broken_is_found_out(kind: str) -> None:
    observed.need("promtool")
    broken = [m for m in mutations.mutants() if kind in m.rule and re.fullmatch(WAYS, m.how)]
    every = rules(kind).keys() - {"slo:http_error_budget:ratio"}  # which has neither
    assert {mutant.name for mutant in broken} >= every
    assert [(each.name, each.how) for each in mutations.survivors(broken)] == []


def test_the_command_says_what_is_not_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    observed.need("promtool")
    home = tmp_path / "prometheus"
    shutil.copytree(HOME, home)
    monkeypatch.setattr(mutations, "HOME", home)
    assert mutations.main(["Watchdog"]) == 0
    test = home / "tests/alerts/Watchdog.yml"
    # Its test no longer looks at the first moment.
    test.write_text(test.read_text().replace("eval_time: 0s", "eval_time: 1h"))
    assert mutations.main(["Watchdog"]) == 1
    told = capsys.readouterr().out
    assert "Watchdog: `for` added: no test of alerts/Watchdog.yml says so." in told
    assert mutations.main(["Nobody"]) == 1
