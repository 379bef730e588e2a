"""The worked examples in docs/examples/, deployed as they stand, while requests come in."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from scripts.load import Load
from tests.support.project import ROOT, Project

EXAMPLES = ROOT / "docs" / "examples"
GUNICORN = "gunicorn shop:app --workers 2 --no-control-socket"
THREADS = "--worker-class gthread --threads 4"
SLOW = """import time

from shop import app


@app.get("/slow")
def slow():
    time.sleep(0.1)
    return "at last"
"""
Adopt = Callable[[str], Project]


@pytest.fixture(scope="module")
def adopt(lasting: Callable[..., Project]) -> Adopt:
    """Make a project of an example; its venv is made once for all tests of it."""
    made: dict[str, Project] = {}

    def adopted(name: str) -> Project:
        if name not in made:
            project = made[name] = lasting()
            shutil.copytree(EXAMPLES / name, project.root, dirs_exist_ok=True)
            project.configure(smoke=[], **service(name))
            project.commit("the example")
            told = json.loads(project.inv("deploy", "--json", timeout=110).stdout)
            if told["outcome"] != "closed" and told["error"]["kind"] == "venv":
                pytest.skip(f"docs/examples/{name}/requirements.txt can't be installed here")
            assert told["outcome"] == "closed", told["error"]
        project = made[name]
        project.configure(**service(name))
        return project

    return adopted


def service(name: str) -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load((EXAMPLES / name / "invoke.yaml").read_text())["service"]
    return said


def address(project: Project) -> str:
    state = json.loads((project.root / ".sandbox" / "state.json").read_text())
    return f"http://127.0.0.1:{state['hosts'][0]['front_port']}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "command"),
    [
        pytest.param("flask", "", id="flask"),
        pytest.param("flask", f"{GUNICORN} --bind unix:{{socket}} {THREADS}", id="threads"),
        pytest.param("flask", f"{GUNICORN} --bind fd://{{fd}}", id="descriptor"),
        pytest.param("flask", f"{GUNICORN} --bind fd://{{fd}} {THREADS}", id="both"),
        pytest.param("flask", f"env SOCKETS={{fd}} {GUNICORN}", id="by LISTEN_FDS alone"),
        pytest.param("static", "", id="static"),
    ],
)
def test_two_deploys_and_a_rollback_lose_no_request(adopt: Adopt, name: str, command: str) -> None:
    project = adopt(name)
    if command:
        project.configure(run=command)
    path, front = project.service["version_path"], address(project)
    project.commit("as it is run here")
    seen = [project.document("deploy")["detail"]["release"]]
    with Load([f"{front}/", f"{front}{path}"], rate=100) as load:
        for number in range(2):
            project.commit(f"change {number}", f"changed {number}")
            seen.append(project.document("deploy")["detail"]["release"])
            assert seen[-1] in project.front(path)[1]
        told = project.document("rollback", "--env=sandbox")["detail"]
        assert told["release"] == seen[1] and seen[1] in project.front(path)[1]
        project.quiet()
        figures = load.stop()
    assert (figures.lost, figures.errors) == (0, 0), figures.first_lost
    assert figures.requests >= 200 and figures.torn == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "where"), [("sync", "unix:{socket}"), ("gthread --threads 1", "fd://{fd}")]
)
def test_who_waits_for_the_old_release_is_answered_before_it_stops(
    adopt: Adopt, kind: str, where: str
) -> None:
    """Twice as many ask as it can answer: at the switch, dozens wait to be accepted."""
    project = adopt("flask")
    run = f"gunicorn slow:app --workers 1 --no-control-socket --worker-class {kind} --bind {where}"
    project.configure(run=run, limits={"drain": "20s", "start": "20s", "verify": "30s"})
    project.commit("slow", **{"slow.py": SLOW})
    old = project.document("deploy")["detail"]["release"]
    with Load([f"{address(project)}/slow"], rate=20, timeout=30) as load:
        time.sleep(2)
        project.commit("the next")
        project.document("deploy")
        load.stop()
        project.quiet()
        figures = load.snapshot()
    assert figures.lost == 0, figures.first_lost
    assert figures.releases[old] > 30 and len(figures.releases) == 2, figures.releases


@pytest.mark.slow
def test_a_file_that_names_another_release_is_not_believed(adopt: Adopt) -> None:
    project = adopt("static")
    before = project.current()
    project.configure(
        hooks={"build": "sh -c 'echo other >public/release.txt'"}, limits={"start": "2s"}
    )
    project.commit("a build that writes down something else")
    told = project.document("deploy", code=1)
    assert told["error"]["kind"] == "health" and "does not name" in told["error"]["message"]
    assert project.current() == before


def test_a_service_that_says_nothing_of_its_release_may_do_without(adopt: Adopt) -> None:
    project = adopt("static")
    project.configure(version_path="", hooks={})
    project.commit("no release.txt")
    told = project.document("deploy")["detail"]
    assert project.current() == told["release"] and project.front("/release.txt")[0] == 404
