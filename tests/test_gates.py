"""Each gate of a deploy, provoked for real: it refuses, names what mends it, passes when that is
done, and is recorded where it was passed by force."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tasks.lib import journal
from tasks.lib.gates import budget
from tasks.lib.gates.about import About, Answer
from tasks.lib.gates.every import GATES
from tasks.lib.settings import Environment, Settings
from tasks.lib.source import Source
from tasks.lib.telemetry import names
from tasks.lib.telemetry.settings import Observability
from tests.support import gated, observed, web
from tests.support.authority import Authority
from tests.support.gated import NAME, Ground
from tests.support.github_served import known, serve
from tests.support.project import Project

Make = Callable[..., Project]
Said = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def shared(lasting: Make) -> Project:
    project = lasting(hosts=2)
    remote = project.root.parent / "remote.git"
    project.git("init", "-q", "--bare", str(remote))
    project.git("remote", "add", "origin", str(remote))
    return project


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with gated.spent(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


@pytest.fixture
def ground(
    shared: Project,
    authority: Authority,
    prometheus: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: Said,
) -> Iterator[Ground]:
    """A new commit with a tag, all pushed, of which nothing is known yet."""
    if shutil.which("gh") is None:
        pytest.skip("needs: apt install gh")
    for name in list(os.environ):
        if name.startswith("INVOKE_"):
            monkeypatch.delenv(name)
    with serve(shared.root.parent / "remote.git", authority) as hub, web.serve({}) as site:
        known(monkeypatch, hub, authority, tmp_path / "gh")
        site.answers["/hook"] = web.Answer(200)
        monkeypatch.setenv("NOTIFY_WEBHOOK_URL", f"{site.url}/hook")
        shared.git("remote", "set-url", "origin", hub.url)
        shutil.rmtree(shared.root / "docs", ignore_errors=True)
        ground = Ground(shared, hub, prometheus, site, capsys)
        commit = shared.commit("something new")
        shared.git("tag", f"v{commit[:10]}")
        shared.git("push", "-q", str(hub.bare), "main", f"v{commit[:10]}")
        yield ground


# By gate: what provokes it, what it says, and what mends it.


def unlinted(ground: Ground) -> str:
    ground.configure("lint")
    return "lint has not closed for v"


def linted(ground: Ground) -> None:
    entry = {"phase": "lint", "outcome": "closed", "commit": ground.commit}
    journal.append(entry, journal.where(ground.project.root))


def failing(ground: Ground) -> str:
    ground.configure("test")
    ground.hub.check(ground.commit, "unit")
    ground.hub.check(ground.commit, "system", "failure")
    return "test has not closed for v{tag} ({commit}), and its check system says failure"


def passing(ground: Ground) -> None:
    ground.hub.checks[ground.commit][-1]["conclusion"] = "success"


def unpushed(ground: Ground) -> str:
    ground.configure("release")
    ground.project.git("push", "-q", str(ground.hub.bare), f":refs/tags/v{ground.commit[:10]}")
    return "is not on the remote origin: `git push origin v{tag}`"


def pushed(ground: Ground) -> None:
    ground.project.git("push", "-q", str(ground.hub.bare), f"v{ground.commit[:10]}")


def skipping(ground: Ground) -> str:
    ground.configure(after="first")
    return "has not closed on first"


def in_order(ground: Ground) -> None:
    ground.deploy(env="first")


def frozen(ground: Ground, hours: int = 1) -> str:
    now = datetime.now(timezone.utc)
    start, end = now - timedelta(hours=2), now + timedelta(hours=hours)
    window = {"from": f"{start:%A %H:%M}", "to": f"{end:%A %H:%M}"}
    ground.configure(freeze=[window])
    return f"staging is frozen until {end:%A} {end.day} {end:%B %Y, %H:%M} (UTC): wait"


def thawed(ground: Ground) -> None:
    frozen(ground, hours=-1)


def overspent(ground: Ground) -> str:
    ground.configure("budget", observability={"prometheus": ground.prometheus})
    return "the error budget of staging is spent (2"


def sound(ground: Ground) -> None:
    words: dict[str, Any] = {"match[]": names.ERRORS, "end": time.time() - 86400}
    url = f"{ground.prometheus}/api/v1/admin/tsdb/delete_series"
    assert requests.post(url, params=words, timeout=10).status_code == 204


def troubled(ground: Ground) -> str:
    ground.configure("incident")
    ground.page("open")
    return f"an incident is open on staging, {NAME} (Checkout fails): deploy what mends it with"


def settled(ground: Ground) -> None:
    ground.page("closed")


CASES: dict[str, tuple[Callable[[Ground], str], str, Callable[[Ground], None]]] = {
    "lint": (unlinted, "`inv lint`", linted),
    "test": (failing, "`inv test`", passing),
    "release": (unpushed, "`git push origin v", pushed),
    "after": (skipping, "`inv deploy --env=first --version=v", in_order),
    "freeze": (frozen, "`inv deploy --env=staging --force --reason=WHY`", thawed),
    "budget": (overspent, "`inv monitor --env=staging`", sound),
    "incident": (troubled, f"`inv deploy --env=staging --fixes={NAME}`", settled),
}


def test_every_gate_has_its_case() -> None:
    assert [*CASES] == [*GATES]


@pytest.mark.parametrize("name", CASES)
def test_a_gate(ground: Ground, name: str) -> None:
    provoke, command, mend = CASES[name]
    says = provoke(ground).format(tag=ground.commit[:10], commit=ground.commit[:7])
    before = ground.state()
    refused = ground.deploy(code=2)
    (line,) = refused["error"]["evidence"].splitlines()
    assert says in line and command in line
    assert [row["issue"] for row in refused["troubleshooting"]] == ["A gate refuses"]
    assert ground.state() == before and not ground.site.posted
    # By force, which the journals have and people are told.
    forced = ground.deploy(force=True, reason="it burns")
    assert f"warning: FORCED past {name}: " in forced["said"] and says in forced["said"]
    own = journal.read(journal.where(ground.project.root))[-1]["detail"]
    there = [entry for entry in ground.project.journal(1) if entry["event"] == "closed"][-1]
    for entry in (own, there, forced["detail"]):
        assert (entry["forced"], entry["reason"]) == ([name], "it burns")
    ((_, told),) = ground.site.posted
    assert told["headline"].startswith(f"FORCED past {name}: demo v")
    assert (told["forced"], told["reason"]) == ([name], "it burns")
    # Mended, it is as if nothing had been.
    mend(ground)
    passed = ground.deploy()
    assert "forced" not in passed["detail"] and "FORCED" not in passed["said"]
    there = [entry for entry in ground.project.journal(1) if entry["event"] == "closed"][-1]
    assert "forced" not in there and there["run"] == passed["detail"]["run"]


def test_all_that_refuse_are_named_at_once_and_a_plan_shows_them(ground: Ground) -> None:
    frozen(ground)
    window = yaml.safe_load((ground.project.root / "invoke.yaml").read_text())
    window = window["environments"]["staging"]["freeze"]
    seen = {"prometheus": observed_nowhere()}
    ground.configure(
        "lint", "test", "release", "budget", "incident",
        after="first", freeze=window, observability=seen,
    )  # fmt: skip
    unpushed_tag = f":refs/tags/v{ground.commit[:10]}"
    ground.project.git("push", "-q", str(ground.hub.bare), unpushed_tag)
    ground.page("open")
    before = ground.state()
    for options in ({}, {"plan": True}):
        told = ground.deploy(code=2, **options)
        assert len(told["error"]["evidence"].splitlines()) == len(GATES)
    plan = ground.deploy(plan=True, force=True, reason="it burns")
    assert [*plan["gates"]] == [*GATES]
    assert {*plan["gates"].values()} == {"FORCED past"} and [*plan["forced"]] == [*GATES]
    assert ground.state() == before
    told = ground.deploy(force=True, reason="it burns", fixes=NAME)
    assert told["detail"]["forced"] == [name for name in GATES if name != "incident"]
    assert told["detail"]["fixes"] == [NAME]


def observed_nowhere() -> str:
    return f"http://127.0.0.1:{observed.port()}"


def test_what_passes_is_shown_by_a_plan_with_what_it_rests_on(ground: Ground) -> None:
    ground.configure("lint", "test", "release", "budget", "incident", after="first")
    linted(ground)
    for name in ("unit", "system"):
        ground.hub.check(ground.commit, name)
    in_order(ground)
    told = ground.deploy(plan=True)["gates"]
    assert told["lint"].startswith(f"closed for {ground.commit[:7]} at 20")
    assert told["test"] == f"unit and system passed on {ground.hub.host}"
    assert told["release"] == "its tag is on origin"
    assert told["after"].startswith("it closed on first (sandbox@127.0.0.1:")
    assert told["budget"] == "no Prometheus is named" and told["incident"] == "none is open"


def test_force_wants_a_reason(ground: Ground) -> None:
    unlinted(ground)
    before = ground.state()
    for reason in ("", "  "):
        told = ground.deploy(code=2, force=True, reason=reason)
        assert 'add `--reason="…"`' in told["error"]["message"]
    assert ground.state() == before


def test_only_what_mends_it_is_deployed_while_an_incident_is_open(ground: Ground) -> None:
    troubled(ground)
    told = ground.deploy(code=2, fixes="2026-11-25-chekout")["error"]
    assert f"is no incident below docs/incidents; open are: {NAME}." in told["message"]
    told = ground.deploy(fixes=NAME)
    there = [entry for entry in ground.project.journal(1) if entry["event"] == "closed"][-1]
    assert told["detail"]["fixes"] == there["fixes"] == [NAME]
    assert ground.site.posted[-1][1]["fixes"] == [NAME]
    settled(ground)
    told = ground.deploy(code=2, fixes=NAME)
    assert f"'{NAME}' is closed already; open are: none." in told["error"]["message"]


def test_not_to_know_of_the_budget_is_no_leave(ground: Ground) -> None:
    away = {"prometheus": observed_nowhere()}
    ground.configure("budget", observability=away)
    told = ground.deploy(code=2)["error"]["evidence"]
    assert "whether the error budget of staging is spent is not known: Prometheus at" in told
    ground.configure("budget", observability=away, thresholds={"nodata": "pass", "requests": 1})
    assert "is not known: Prometheus at" in ground.deploy(plan=True)["said"]


def test_a_budget_is_asked_for_where_there_is_an_objective_and_a_request(
    prometheus: str, tmp_path: Path
) -> None:
    nothing = Source("v1", "0" * 40, "0" * 40, True, (), "")

    def asked(url: str) -> Answer:
        own = Environment(name="quiet", observability=Observability(prometheus=url))
        return budget.budget(About(Settings(app="demo"), own, nothing, tmp_path))

    assert asked(prometheus) == Answer(says="no request in 30 days")
    with observed.prometheus(observed.linked(tmp_path / "prometheus")) as url:
        assert asked(url) == Answer(says="there is no objective")
