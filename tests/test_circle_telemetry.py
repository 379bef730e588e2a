"""`inv circle.run` where there is telemetry: a real Prometheus and Alertmanager that know of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.lib import journal
from tasks.lib.telemetry.alertmanager import Alertmanager
from tasks.lib.telemetry.prometheus import Prometheus
from tests.support.alarm import Scene, scene, until

CONFIG = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
FIRES = 'ALERTS{alertname="HighErrorRate",alertstate="firing",environment="sandbox"}'


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A sandbox with two releases, of which too many requests fail: an alert fires."""
    with scene(tmp_path_factory.mktemp("circle"), CONFIG) as found:
        project = found.project
        found.tell(sandbox=0.2)
        try:
            for words in (("host", "--env=sandbox"), ("deploy",)):
                assert project.inv(*words).returncode == 0
            project.commit("two")
            assert project.inv("deploy").returncode == 0
            with Prometheus(found.prometheus) as asked:
                until(lambda: asked.query(FIRES), "the alert")
            yield found
        finally:
            assert project.inv("host.down", "--env=sandbox").returncode == 0


def ran(seen: Scene, *words: str, code: int) -> dict[str, dict[str, Any]]:
    """Run the circle, with what follows -- after its --json; its steps by their names."""
    at = words.index("--") if "--" in words else len(words)
    done = seen.project.inv("circle.run", *words[:at], "--json", *words[at:])
    assert done.returncode == code, done.stdout + done.stderr
    return {each["step"]: each for each in json.loads(done.stdout)["detail"]["steps"]}


def test_what_is_out_of_bounds_informs_when_production_is_down(seen: Scene) -> None:
    live = seen.project.current()
    words = ["--", "alert.ack", "HighErrorRate", "--reason=it is looked at", "rollback"]
    command = ["--path=production-down", "--env=sandbox", "--to=visualize"]
    steps = ran(seen, *command, *words, "--reason=too many errors", code=0)
    assert {name: each["state"] for name, each in steps.items()} == {
        "alert.ack sandbox": "closed",
        "monitor sandbox": "informed",
        "rollback sandbox": "closed",
        "visualize sandbox": "informed",
    }
    assert steps["monitor sandbox"]["why"] == "exit code 1; it only informs"
    assert seen.project.current() not in ("", live)
    with Alertmanager(seen.alertmanager) as told:
        [silence] = told.silences()
    assert silence.comment == "ACK! actionable: it is looked at"


def test_what_is_out_of_bounds_at_the_end_has_not_closed(seen: Scene) -> None:
    steps = ran(seen, "--path=regular", "--env=sandbox", "--from=monitor", code=1)
    [step] = steps.values()
    assert (step["step"], step["state"], step["why"]) == (
        "monitor sandbox",
        "troubled",
        "exit code 1",
    )


def test_where_prometheus_knows_the_sandbox_all_of_it_is_asked(seen: Scene) -> None:
    planned = seen.project.document("circle.run", "--plan", "--from=monitor", "--env=sandbox")
    assert [step["state"] for step in planned["steps"]] == ["run", "run", "run"]


def test_what_closed_counts_while_its_stack_answers(seen: Scene) -> None:
    project, words = seen.project, ["circle.run", "--plan", "--path=feature", "--from=preaggregate"]
    about = {
        "phase": "preaggregate",
        "outcome": "closed",
        "commit": project.git("rev-parse", "HEAD"),
    }

    def state() -> str:
        return str(project.document(*words)["steps"][0]["state"])

    assert state() == "left out"
    journal.append(about | {"detail": {"environment": "production"}}, journal.where(project.root))
    assert state() == "left out", "that was another stack"
    journal.append(about, journal.where(project.root))
    assert state() == "not repeated"
    seen.configure(stack={"prometheus": "http://127.0.0.1:9"})
    assert state() == "left out", "its Prometheus is gone"
