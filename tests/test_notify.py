"""Deploys and rollbacks of a sandbox with receivers on this machine: what they are told, and that
nothing they do is of any consequence to the deploy."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from tests.support import grafana
from tests.support.project import Project
from tests.support.web import Answer, Site, serve

Make = Callable[..., Project]
VARIABLES = ("SLACK_WEBHOOK_URL", "TEAMS_WEBHOOK_URL", "NOTIFY_WEBHOOK_URL")
SECRET = "sentinel-5e1"


def notify(project: Project, **said: Any) -> None:
    """Have the sandbox told of, which by itself it is not."""
    path = project.root / "invoke.yaml"
    config = yaml.safe_load(path.read_text())
    config["notify"] = {"environments": ["sandbox"], **said}
    turns = {"people": ["ada"], "start": "2026-01-05T09:00"}
    config["contacts"] = {"team lead": {"channels": ["Slack #shop"], "rotation": turns}}
    path.write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def shared(lasting: Make) -> Project:
    project = lasting(hosts=2)
    project.document("deploy")
    return project


@pytest.fixture
def project(shared: Project) -> Project:
    shared.service = {}
    shared.configure()
    shared.commit("well again")
    notify(shared)
    return shared


@pytest.fixture
def site() -> Iterator[Site]:
    answers = {f"/{SECRET}/{name}": Answer(202 if "TEAMS" in name else 200) for name in VARIABLES}
    with serve(answers) as open_:
        yield open_


def addresses(site: Site, *names: str) -> dict[str, str]:
    return {name: f"{site.url}/{SECRET}/{name}" for name in names or VARIABLES}


def sent(site: Site, name: str) -> list[Any]:
    return [payload for path, payload in site.posted if path.endswith(name)]


def test_a_deploy_that_closes_is_told_to_all(project: Project, site: Site) -> None:
    before = project.current()
    done = project.inv("deploy", "--watch=300ms", "--json", env=addresses(site))
    assert done.returncode == 0 and SECRET not in done.stdout + done.stderr
    detail = json.loads(done.stdout)["detail"]
    (own,) = sent(site, "NOTIFY_WEBHOOK_URL")
    assert (own["kind"], own["outcome"], own["environment"]) == ("deploy", "closed", "sandbox")
    assert (own["before"], own["release"]) == (before, project.current())
    assert own["hosts"] == ["host1", "host2"] and own["who"] and own["seconds"] > 0.3
    assert own["why"] == detail["watch"]["why"]
    (slack,), (teams,) = sent(site, "SLACK_WEBHOOK_URL"), sent(site, "TEAMS_WEBHOOK_URL")
    assert slack["text"] == f"demo {detail['version']} is live on sandbox"
    assert teams["attachments"][0]["content"]["body"][0]["text"].endswith("is live on sandbox")
    assert SECRET not in (project.root / ".circle" / "journal.jsonl").read_text()


def test_one_that_is_taken_back_is_told_with_why(project: Project, site: Site) -> None:
    before = project.current()
    project.commit("bad", "errors=1 good=4")
    project.document("deploy", "--watch=20s", code=1, env=addresses(site, "NOTIFY_WEBHOOK_URL"))
    (own,) = sent(site, "NOTIFY_WEBHOOK_URL")
    assert own["outcome"] == "taken back" and own["before"] == before == project.current()
    assert "error ratio" in own["why"] and f"Every host went back to {before}." in own["why"]


def test_the_begin_is_told_where_it_is_wanted_and_comes_first(project: Project, site: Site) -> None:
    notify(project, begun=True)
    project.document("deploy", env=addresses(site, "NOTIFY_WEBHOOK_URL"))
    told = sent(site, "NOTIFY_WEBHOOK_URL")
    assert [each["outcome"] for each in told] == ["begun", "closed"]
    assert told[0]["release"] == told[1]["release"] == project.current()


def test_a_rollback_is_told_with_its_reason(project: Project, site: Site) -> None:
    project.document("deploy")
    words = ("rollback", "--env=sandbox", "--reason=checkout answers 500", "--approved-by=jo")
    told = project.document(*words, env=addresses(site, "NOTIFY_WEBHOOK_URL"))
    (own,) = sent(site, "NOTIFY_WEBHOOK_URL")
    assert (own["kind"], own["outcome"]) == ("rollback", "closed")
    assert (own["reason"], own["approved_by"]) == ("checkout answers 500", "jo")
    assert own["release"] == told["detail"]["to"] and own["contacts"] == {}


def test_a_rollback_that_fails_names_whom_to_call(project: Project, site: Site) -> None:
    target = project.current()
    project.document("deploy")
    (project.host(1) / "releases" / target / "app.py").write_text("damaged")
    (project.root / ".git" / "objects").rename(project.root / ".git" / "away")
    try:
        done = project.inv("rollback", "--env=sandbox", env=addresses(site, "NOTIFY_WEBHOOK_URL"))
    finally:
        (project.root / ".git" / "away").rename(project.root / ".git" / "objects")
        project.document("deploy")
    assert done.returncode != 0
    (own,) = sent(site, "NOTIFY_WEBHOOK_URL")
    assert own["outcome"] in ("refused", "failed")
    assert own["contacts"] == {"team lead": "ada, Slack #shop"}
    assert "team lead: ada, Slack #shop" in done.stderr


def test_what_was_refused_before_it_began_is_told_to_nobody(project: Project, site: Site) -> None:
    project.configure(required=["NEVER_SET"])
    notify(project)
    project.document("deploy", code=2, env=addresses(site))
    project.document("deploy", "--plan", code=2, env=addresses(site))
    assert site.posted == []


def test_nobody_is_told_of_the_sandbox_unless_it_is_named(project: Project, site: Site) -> None:
    project.configure()
    project.document("deploy", env=addresses(site))
    assert site.posted == []


def test_a_receiver_that_fails_or_dawdles_is_only_warned_of(project: Project) -> None:
    notify(project, limit="500ms")
    with serve({f"/{SECRET}/SLACK_WEBHOOK_URL": Answer(wait=4)}) as site:
        done = project.inv("deploy", "--json", env=addresses(site))
    assert done.returncode == 0 and SECRET not in done.stdout + done.stderr
    assert json.loads(done.stdout)["outcome"] == "closed"
    warned = [line for line in done.stderr.splitlines() if "was not told" in line]
    assert [line.rpartition(": ")[0] for line in warned] == [
        f"warning: {name} was not told of this deploy" for name in ("Slack", "Teams", "the webhook")
    ]
    assert "it did not answer" in warned[0] and warned[1].endswith("it answered 404")


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_the_boards_are_marked_where_the_environment_has_a_grafana(
    project: Project, password: str
) -> None:
    project.configure()  # nobody is told of the sandbox: marks are made all the same
    with grafana.serve("", password="right") as boards:
        project.configure(observability={"grafana": boards.url})
        begun = time.time()
        done = project.inv("deploy", "--json", env={"GRAFANA_ADMIN_PASSWORD": password})
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["outcome"] == "closed"
    if password == "wrong":
        assert boards.annotations == [] and "Grafana was not told of this deploy" in done.stderr
        return
    (mark,) = boards.annotations
    assert mark["tags"] == ["deploy", "sandbox", "demo"]
    assert mark["text"].startswith(f"demo {told['detail']['version']} is live on sandbox")
    assert begun * 1000 - 1 <= mark["time"] < mark["timeEnd"] <= time.time() * 1000


def test_the_link_to_the_board_is_told(project: Project, site: Site) -> None:
    project.configure(observability={"grafana": site.url})
    notify(project)
    project.document("deploy", env=addresses(site, "SLACK_WEBHOOK_URL"))
    (slack,) = sent(site, "SLACK_WEBHOOK_URL")
    (button,) = slack["blocks"][-1]["elements"]
    assert button["url"].startswith(f"{site.url}/d/pi-forge?var-environment=sandbox&from=")
