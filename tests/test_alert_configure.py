"""`inv alert.configure` hands .env's secrets to Alertmanager; `inv alert.explain` prints pages."""

from __future__ import annotations

import json
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.lib.telemetry.alertmanager import Alertmanager
from tests.support import observed
from tests.support.alarm import until
from tests.support.project import ROOT, Project
from tests.support.web import Answer, serve

SENTINEL = "sentinel-5f1"
SLACK = f"https://hooks.example.invalid/{SENTINEL}"
NOBODY = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
FILES = {"slack_url", "pagerduty_key", "opsgenie_key", "smtp_password", "webhook_token"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "a project")
    shutil.copytree(ROOT / "alertmanager", made.root / "alertmanager")
    for secret in (made.root / "alertmanager" / "secrets").glob("[!.]*"):
        secret.unlink()
    configure(made)
    return made


def configure(made: Project, alertmanager: str = "http://127.0.0.1:9", **more: Any) -> None:
    file = made.root / "invoke.yaml"
    said = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(said | {"stack": {"alertmanager": alertmanager}} | more))


def secrets(made: Project) -> dict[str, str]:
    folder = made.root / "alertmanager" / "secrets"
    return {file.name: file.read_text() for file in folder.glob("[!.]*")}


def test_what_is_given_is_handed_over_and_never_said(project: Project) -> None:
    (project.root / ".env").write_text(f"SLACK_WEBHOOK_URL={SLACK}\nPAGERDUTY_KEY={SENTINEL}\n")
    done = project.inv("alert.configure")
    assert done.returncode == 0, done.stderr
    assert secrets(project) == {"slack_url": SLACK, "pagerduty_key": SENTINEL}
    assert "critical by PagerDuty: configured" in done.stdout
    assert "warning by Slack: configured" in done.stdout
    assert "critical by email: tells nobody, SMTP_PASSWORD has no value in .env" in done.stdout
    assert "No Alertmanager runs here" in done.stdout
    told = project.document("alert.configure")
    assert {each["file"]: each["state"] for each in told["detail"]["secrets"]} == {
        **dict.fromkeys(FILES | {"contacts.tmpl"}, "not given"),
        **dict.fromkeys(("slack_url", "pagerduty_key"), "as it was"),
    }
    journal = (project.root / ".circle" / "journal.jsonl").read_text()
    assert SENTINEL not in done.stdout + done.stderr + json.dumps(told) + journal


def test_only_alertmanager_can_read_it(project: Project) -> None:
    (project.root / ".env").write_text(f"SLACK_WEBHOOK_URL={SLACK}\n")
    project.inv("alert.configure")
    home = project.root / "alertmanager"
    modes = [home, home / "secrets", home / "secrets" / "slack_url"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in modes] == [0o700, 0o755, 0o644]


def test_what_is_taken_out_is_removed_and_what_is_new_replaces(project: Project) -> None:
    env = project.root / ".env"
    env.write_text(f"SLACK_WEBHOOK_URL={SLACK}\nOPSGENIE_KEY=old\n")
    project.inv("alert.configure")
    env.write_text("OPSGENIE_KEY=new\n")
    told = project.document("alert.configure")["detail"]["secrets"]
    states = {each["file"]: each["state"] for each in told}
    assert (states["slack_url"], states["opsgenie_key"]) == ("removed", "written")
    assert secrets(project) == {"opsgenie_key": "new"}


def test_teams_is_told_with_a_file_of_its_own(project: Project) -> None:
    (project.root / ".env").write_text(
        f"ALERTMANAGER_CONFIG=teams.yml\nTEAMS_WEBHOOK_URL={SLACK}\nSLACK_WEBHOOK_URL={SLACK}\n"
    )
    done = project.inv("alert.configure")
    assert "critical by Teams: configured" in done.stdout, done.stderr
    assert secrets(project)["teams_url"] == SLACK


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        (f"SLACK_WEBHOOK_URL={SENTINEL}", "SLACK_WEBHOOK_URL is no URL: correct it in .env."),
        (f'SMTP_PASSWORD="{SENTINEL}\nx"', "SMTP_PASSWORD has more than one line"),
        ("ALERTMANAGER_CONFIG=none.yml", "alertmanager/none.yml can't be read"),
    ],
    ids=["no URL", "two lines", "no file"],
)
def test_what_cannot_be_a_secret_is_refused(project: Project, env: str, sentence: str) -> None:
    (project.root / ".env").write_text(f"PAGERDUTY_KEY=k\n{env}\n")
    done = project.inv("alert.configure")
    assert done.returncode == 2 and sentence in done.stderr
    assert SENTINEL not in done.stderr + done.stdout and secrets(project) == {}


def test_a_critical_alert_says_whom_to_call(project: Project, tmp_path: Path) -> None:
    """With the messages that ship; what is in a contact's text is text and no template."""
    odd = 'Slack #x or {{ .Nothing }} "quoted" ü🚒\\n'
    rotation = {"people": ["ada"], "start": "2026-01-05T09:00"}
    on_call = {"channels": ["a pager"], "availability": "24/7", "rotation": rotation}
    configure(project, contacts={"team lead": odd, "on-call engineer": on_call})
    done = project.inv("alert.configure")
    assert done.returncode == 0, done.stderr
    shipped, own = ROOT / "alertmanager/templates", project.root / "alertmanager/secrets"
    with serve({"/hook": Answer(200, "ok")}) as hook:
        text = '{{ template "pi-forge.text" . }}'
        slack = {"channel": "#a", "api_url": f"{hook.url}/hook", "text": text}
        config = {
            "templates": [f"{shipped}/*.tmpl", f"{own}/*.tmpl"],
            "route": {"receiver": "team", "group_wait": "100ms", "group_by": ["severity"]},
            "receivers": [{"name": "team", "slack_configs": [slack]}],
        }
        with observed.alerting(tmp_path, config) as url, Alertmanager(url) as asked:
            for severity in ("critical", "warning"):
                labels = {"alertname": "X", "severity": severity}
                asked.post(labels, {}, time.time() - 1, time.time() + 300)
            until(lambda: len(hook.posted) == 2, "both messages")
    said = sorted(sent["attachments"][0]["text"] for _, sent in hook.posted)
    (called,) = [each for each in said if "Call:" in each]
    assert f"team lead: {odd}" in called and "on-call engineer: a pager, 24/7" in called
    assert "On call now: inv alert.contacts" in called
    assert "inv alert.ack X --reason=WHY" in called


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    with observed.alerting(tmp_path, NOBODY) as url:
        yield url


def test_one_that_runs_reads_it_again(project: Project, alertmanager: str, tmp_path: Path) -> None:
    configure(project, alertmanager)
    assert project.document("alert.configure")["detail"]["reloaded"] is True
    (tmp_path / "alertmanager.yml").write_text("route: [")
    done = project.inv("alert.configure")
    assert done.returncode == 1 and "keeps its old configuration" in done.stderr
    assert "inv alert.check" in done.stderr


def page(project: Project) -> None:
    folder = project.root / "docs" / "alerts"
    folder.mkdir(parents=True)
    (folder / "HighErrorRate.md").write_text(
        "# HighErrorRate\n\nLook at `inv monitor --env=ENV`, then:\n\n```sh\n"
        "inv rollback --env=ENV --reason=errors   # back\ninv monitor --env=ENV\n```\n"
        "Not a command: `invoke.yaml`, and what inv monitor says.\n"
    )


def test_a_page_is_printed_with_its_commands_for_the_environment(project: Project) -> None:
    page(project)
    done = project.inv("alert.explain", "HighErrorRate")
    assert done.returncode == 0 and done.stdout.startswith("# HighErrorRate\n\nLook at")
    assert "Its commands, for sandbox:\n  1. inv monitor --env=sandbox\n" in done.stdout
    assert "  2. inv rollback --env=sandbox --reason=errors\n" in done.stdout
    told = project.document("alert.explain", "HighErrorRate")
    assert len(told["detail"]["commands"]) == 2


def test_a_page_that_is_not_there_is_told(project: Project) -> None:
    page(project)
    done = project.inv("alert.explain", "HighErorRate")
    assert done.returncode == 2 and "did you mean HighErrorRate?" in done.stderr
    assert "there are: HighErrorRate." in project.inv("alert.explain", "zzz").stderr
