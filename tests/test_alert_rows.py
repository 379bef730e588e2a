"""Each row of the Alert phase that the other tests don't provoke, with the real programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from invoke.config import Config
from invoke.context import Context

import tasks
from tasks import alert
from tasks.lib.alert import closure, world
from tests.support import observed
from tests.support.alarm import ERRORS, RULES, Scene, scene, until
from tests.support.web import Answer, Site, serve
from tests.test_tasks import CIRCLE, TASKS, options_of

NOBODY: dict[str, Any] = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
# One that Prometheus takes and can't evaluate: two series are matched by one.
TWISTED = {"expr": f"{ERRORS} / ignoring(environment) {ERRORS} > 1", "severity": "warning"}


@pytest.fixture
def hook() -> Iterator[Site]:
    with serve({"/hook": Answer()}) as site:
        yield site


def told(url: str, **more: Any) -> dict[str, Any]:
    team = {"name": "team", "webhook_configs": [{"url": f"{url}/hook", **more}]}
    quick = {"group_wait": "100ms", "group_interval": "1s"}
    return {"route": {"receiver": "team", **quick}, "receivers": [team]}


def test_when_all_holds_it_closes_and_leads_back_to_the_beginning(
    tmp_path: Path, hook: Site
) -> None:
    with scene(tmp_path, told(hook.url)) as found:
        found.pages(*RULES)
        assert found.project.inv("alert.test", "--severity=critical").returncode == 0
        document = until(lambda: closed(found), "that the rules were looked at")
        assert document["next"] == "inv lint"
        checked = until(lambda: closed(found, "--check"), "that what fires arrived")
        assert set(checked["detail"]["checks"].values()) == {"holds"}
        assert [check.name for check in alert.PHASE.validation] == [*checked["detail"]["checks"]]


def closed(found: Scene, *words: str) -> dict[str, Any]:
    done = found.project.inv("alert", "--json", *words)
    said = json.loads(done.stdout)
    assert isinstance(said, dict)
    return said if said["outcome"] == "closed" else {}


def test_without_a_rule_or_a_threshold_it_refuses(tmp_path: Path, hook: Site) -> None:
    with scene(tmp_path, told(hook.url), {"Watchdog": RULES["Watchdog"]}) as found:
        done = found.project.inv("alert")
        assert done.returncode == 2 and "missing: there are thresholds." in done.stderr
        (tmp_path / "rules.yml").write_text("groups: []\n")
    with observed.prometheus(tmp_path) as found.prometheus:
        found.configure()
        done = found.project.inv("alert", "--check")
    assert done.returncode == 1 and "has no alert rule" in done.stdout
    assert "Runbook: Alerts don't fire" in done.stderr


def test_without_a_receiver_that_tells_anybody_it_refuses(tmp_path: Path) -> None:
    with scene(tmp_path, NOBODY) as found:
        done = found.project.inv("alert")
        tried = found.project.inv("alert.test")
    for refused in (done, tried):
        assert refused.returncode == 2 and "missing: there are receivers." in refused.stderr
        assert "has no receiver that tells anybody; run `inv alert.configure`" in refused.stderr


def test_where_every_secret_is_lacking_it_refuses(tmp_path: Path, hook: Site) -> None:
    more = {"http_config": {"authorization": {"credentials_file": "secrets/webhook_token"}}}
    with scene(tmp_path, told(hook.url, **more)) as found:
        (found.project.root / "alertmanager" / "secrets").mkdir(parents=True)
        done = found.project.inv("alert.test")
    assert (
        done.returncode == 2 and "there are receivers: no receiver has its secrets" in done.stderr
    )


def test_a_rule_that_cannot_be_evaluated_is_named(tmp_path: Path, hook: Site) -> None:
    rules = {**RULES, "Twisted": TWISTED}
    with scene(tmp_path, told(hook.url), rules) as found:
        found.tell(sandbox=0.001, staging=0.002)
        done = until(lambda: twisted(found), "that it is looked at")
    assert done.returncode == 1 and "Runbook: Alerts don't fire" in done.stderr


def twisted(found: Scene) -> Any:
    done = found.project.inv("alert")
    return done if "Twisted can't be evaluated (found duplicate series" in done.stderr else None


def test_what_fires_and_does_not_arrive_is_named(tmp_path: Path, hook: Site) -> None:
    """The Alertmanager that is asked is another than the one that Prometheus tells."""
    other = tmp_path / "other"
    other.mkdir()
    with scene(tmp_path, told(hook.url)) as found, observed.alerting(other, NOBODY) as url:
        found.configure(stack={"prometheus": found.prometheus, "alertmanager": url})
        seen = until(lambda: firing(found), "that it fires")
    assert closure.arriving(seen) == "", "it may still be on its way"
    assert closure.arriving(seen._replace(at=seen.at + closure.ARRIVED + 30)) == (
        "Watchdog fires in Prometheus and has not arrived in Alertmanager"
    )


def firing(found: Scene) -> Any:
    config = Config(project_location=found.project.root)
    config.load_project()
    config.load_collection(tasks.DEFAULTS)
    seen = world.read(Context(config), "")
    return seen if any(rule.active for rule in seen.rules) else None


def commands() -> list[str]:
    """Return each command of ours that the phase's declaration names."""
    phase = alert.PHASE
    texts = [*phase.procedure, phase.next.closed, phase.next.troubled]
    texts += [check.mend for check in phase.prerequisites + phase.validation]
    texts += [row.solution for row in phase.troubleshooting]
    found = (re.findall(r"\binv [a-z.]+(?: --[a-z-]+| [A-Z]+)*", text) for text in texts)
    return sorted({command for each in found for command in each})


@pytest.mark.parametrize("command", commands())
def test_each_command_of_the_phase_can_be_typed(command: str) -> None:
    _, name, *words = command.split()
    full = f"{name}.{name}" if name in CIRCLE else name
    assert full in TASKS
    known = {option.strip("_").replace("_", "-") for option in options_of(full)}
    assert {word[2:] for word in words if word.startswith("--")} <= known
