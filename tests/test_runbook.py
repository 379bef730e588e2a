"""The pages that are generated: that they are what is declared, and say when they are not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from invoke.config import Config
from invoke.context import Context

import tasks
from tasks.lib import config, console
from tasks.lib.circle import generated, pages, reference, runbook
from tasks.lib.errors import NotClosed, Refused
from tasks.lib.phase import Phase
from tests.support.pages import ROOT
from tests.test_tasks import CIRCLE, TASKS, inv, options_of, phase_of

README = (ROOT / "README.md").read_text()
RENEW = "a declaration has changed: run `inv circle.runbook` and commit what it writes"
# What stood on the page that this began as, by phase: the words of each row, or of what took its
# place.
WANTED = {
    "lint": ("black . | flake8 . | pre-commit run --all-files | pyproject.toml | .flake8"),
    "host": (
        "Python 3.11 | .venv/bin/activate | .venv\\Scripts\\activate | pip | .env.example | "
        "--stack | python3-dev | systemctl status docker | python3.11"
    ),
    "test": (
        "pytest | --failed | --suite=test_main | --coverage | htmlcov | 80 % | "
        "ENABLE_TELEMETRY=false | conftest.py | --parallel | pip install -r "
        "server/requirements.txt"
    ),
    "preaggregate": (
        "Docker with Compose | docker compose up | otel-collector | ENABLE_TELEMETRY=true "
        '| up{job="pi-forge"} | Grafana answers | prometheus.yml | port 3000 | '
        "ENABLE_TELEMETRY=false"
    ),
    "release": (
        "git switch main | CHANGELOG.md | reviewed | git push --atomic | vX.Y.Z | GitHub "
        "| git tag -d | protection rules | semantic version"
    ),
    "deploy": (
        "tagged and pushed | inv deploy --env=staging | smoke | 15 to 30 minutes | team "
        "is told | health check answers 200 | inv deploy --env=production | inv rollback "
        "| load and the memory"
    ),
    "rollback": (
        "newest release that closed | approved | inv lint | tell the team | went wrong | "
        "schema | inv deploy.history | not in the code | inv deploy --version=TAG"
    ),
    "monitor": (
        "9090 | 3000 | below 1 % | p50, p95, p99 | inv deploy.logs | /api/health | "
        "/api/metrics | in the morning | in the evening | unusual | data source | scrape "
        "interval | inv rollback"
    ),
    "visualize": (
        "GRAFANA_ADMIN_PASSWORD | http://prometheus:9090 | inv visualize.save | sre | "
        "developer | business | 30 seconds | links | PromQL | Shorten its range | refresh "
        "setting"
    ),
    "alert": (
        "Slack | PagerDuty | OpsGenie | mail | webhook | above 0.01 for 5 minutes | p95 "
        "above 1 second | down (for 1 minute) | inv alert.test | critical calls | on call "
        "| inv alert.explain | once a week | evaluation interval | Raise the threshold | "
        "Alertmanager's log | Group them"
    ),
}


def settings(root: Path = ROOT) -> config.Settings:
    found = Config(project_location=root)
    found.load_project()
    found.load_collection(tasks.DEFAULTS)
    return config.load(Context(found))


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages.made(settings(), ROOT, tasks)


def part(page: str, phase: str) -> str:
    """Return the part of the runbook that is about a phase."""
    (found,) = re.findall(rf"^## \d+\. {phase}:.*?(?=^## )", page, re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_pages_are_what_is_declared(made: dict[str, str]) -> None:
    for page in made:
        assert (ROOT / page).read_text() == made[page], RENEW


@pytest.mark.parametrize("name", CIRCLE)
def test_a_phase_is_there_in_full(made: dict[str, str], name: str) -> None:
    said, phase = part(made[runbook.PAGE], name).replace("\\", ""), phase_of(name)
    for heading in ("Purpose", "Prerequisites", "Procedure", "Validation", "Troubleshooting"):
        assert said.count(f"\n### {heading}\n") == 1
    rows = [row.issue for row in phase.troubleshooting] + [
        r.solution for r in phase.troubleshooting
    ]
    checks = [check.name for check in phase.prerequisites + phase.validation]
    for text in [phase.purpose, *phase.procedure, *rows, *checks]:
        assert text.replace("\\", "").replace("|", "") in said.replace("|", "")
    assert f"`{phase.next.closed.replace('{env}', 'ENV')}`" in said


@pytest.mark.parametrize("name", CIRCLE)
def test_nothing_is_lost_of_what_the_runbook_began_as(made: dict[str, str], name: str) -> None:
    said = part(made[runbook.PAGE], name)
    assert [each for each in WANTED[name].split(" | ") if each not in said] == []


def test_its_figures_and_contacts_are_those_of_the_configuration(made: dict[str, str]) -> None:
    said = made[runbook.PAGE]
    for target in ("< 30m |", "< 5m |", "> 80 %", "> 95 %", "< 15m |", "< 10 %"):
        assert target in said
    for role in settings().contacts:
        assert re.search(rf"^\| {role} \| \S.* \| \S.* \|$", said, re.MULTILINE), role
    assert "the first of you" not in said, "who is on call changes, and the page would drift"


def test_every_command_is_in_the_reference(made: dict[str, str]) -> None:
    said = made[reference.PAGE]
    for name in TASKS:
        above, _, own = name.rpartition(".")
        typed = f"inv {above if own == above else name}"
        (found,) = re.findall(
            rf"^## {re.escape(typed)}\n.*?(?=^## )", said, re.DOTALL | re.MULTILINE
        )
        for option, told in options_of(name).items():
            assert f"{option.strip('_').replace('_', '-')}" in found
            assert told.replace("`", "")[:30] in found.replace("`", "").replace("\\", "")


def test_the_circle_is_drawn_as_in_the_readme(made: dict[str, str]) -> None:
    drawn = re.findall(r"```text\n(.*?)```", made[runbook.PAGE], re.DOTALL)[0]
    assert drawn in README and all(f" {name}" in drawn for name in CIRCLE)


def test_a_declaration_that_changes_is_told_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console.set_json(False)
    generated.carry_out(tmp_path, pages.made(settings(), tmp_path, tasks), False)
    assert "DEV_REFERENCE.md: written" in capsys.readouterr().out
    phase: Phase = tasks.lint.PHASE
    monkeypatch.setattr(tasks.lint, "PHASE", phase._replace(purpose="Make it shine."))
    anew = pages.made(settings(), tmp_path, tasks)
    before = (tmp_path / runbook.PAGE).read_text()
    with pytest.raises(NotClosed) as told:
        generated.carry_out(tmp_path, anew, True)
    assert str(told.value) == (
        "docs/RUNBOOK.md drifted from what the phases declare: run `inv circle.runbook`."
    )
    assert "+Make it shine." in told.value.evidence and f"-{phase.purpose}" in told.value.evidence
    assert (tmp_path / runbook.PAGE).read_text() == before, "a check writes nothing"
    generated.carry_out(tmp_path, anew, False)
    generated.carry_out(tmp_path, anew, True)


def test_a_page_of_somebodys_own_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    page = tmp_path / reference.PAGE
    page.write_text("# Ours\n")
    with pytest.raises(Refused, match="was written by hand: move it, then run"):
        generated.carry_out(tmp_path, pages.made(settings(), tmp_path, tasks), False)
    assert page.read_text() == "# Ours\n" and not (tmp_path / runbook.PAGE).exists()
    page.unlink()
    (tmp_path / runbook.PAGE).mkdir()
    with pytest.raises(Refused, match=r"RUNBOOK\.md can't be written \(Is a directory\): run `ls"):
        generated.carry_out(tmp_path, pages.made(settings(), tmp_path, tasks), False)


def test_the_command_reads_the_help_that_invoke_has_taken() -> None:
    """And from outside: what is checked here in this process is what `inv` checks."""
    told = inv("circle.runbook", "--check")
    assert told.returncode == 0, told.stdout + told.stderr


def test_text_is_never_read_as_markup() -> None:
    from tasks.lib.circle.markdown import table, text

    assert text("a *b*\n<c> [d] _e_ f_g `*h*`") == r"a \*b\* \<c> \[d\] \_e\_ f_g `*h*`"
    assert table(("a",), [("x | y",)])[2] == r"| x \| y |"
