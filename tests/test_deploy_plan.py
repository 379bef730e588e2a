"""`--plan`: it changes nothing anywhere, and what it says is what a run then does."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.project import Project

Make = Callable[..., Project]
Tree = dict[str, tuple[int, int, str]]

HOOKS = {
    "build": "true",
    "backup": "echo made",
    "before_start": "true",
    "after_switch": "true",
    "after_close": "true",
    "before_rollback": "true",
}


def tree(top: Path, *without: str) -> Tree:
    """Every file below `top`: its mode, when it was changed, and its content."""
    found: Tree = {}
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name not in without]
        for name in [*files, *folders]:
            path = Path(folder, name)
            about = path.lstat()
            what = os.readlink(path) if path.is_symlink() else ""
            if path.is_file() and not path.is_symlink():
                what = hashlib.sha256(path.read_bytes()).hexdigest()
            stamp = 0 if path.is_dir() else about.st_mtime_ns
            found[str(path.relative_to(top))] = (about.st_mode, stamp, what)
    return found


def world(project: Project) -> list[Tree]:
    """The clone, and each host's directory of the application."""
    hosts = [tree(project.host(number)) for number in range(1, project.hosts + 1)]
    return [tree(project.root, ".sandbox", "__pycache__"), *hosts]


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    made = lasting(hosts=2, service={"hooks": HOOKS, "shared_paths": ["uploads"]})
    (made.root / "built").mkdir()
    (made.root / "built" / "page.html").write_text("made by a build")
    (made.root / ".git" / "info" / "exclude").open("a").write("built\n")
    made.configure(include=["built"])
    made.commit("with built files")
    return made


def test_a_plan_on_new_hosts_makes_nothing(project: Project) -> None:
    (project.root / "app.py").touch()  # git would like to refresh its index
    before = world(project)
    plan = project.document("deploy", "--plan", "--watch=1s")
    assert world(project) == before
    assert before[1:] == [{}, {}]
    assert plan["hosts"] == {"host1": "", "host2": ""}


def test_a_deploy_does_what_its_plan_said(project: Project) -> None:
    plan = project.document("deploy", "--plan", "--watch=300ms")
    told = project.document("deploy", "--watch=300ms")["detail"]
    assert [step["name"] for step in plan["steps"]] == list(told["steps"])[1:]
    assert list(told["steps"])[0] == "lock"
    assert set(plan["hosts"]) == set(told["hosts"])
    for key in ("facts", "version", "commit", "environment"):
        assert plan[key] == told[key], key
    manifest = project.host() / "releases" / told["release"] / ".release.json"
    assert json.loads(manifest.read_text())["tree"] == plan["tree"]
    assert plan["watch"] == 0.3 and told["watch"]["verdict"] == "PASS"
    again = project.document("deploy", "--plan", "--watch=300ms")
    assert again["facts"] != plan["facts"]  # it rests on other facts now
    assert again["hosts"] == {"host1": told["release"], "host2": told["release"]}


def test_a_rollback_does_what_its_plan_said(project: Project) -> None:
    first = project.current()
    project.document("deploy")
    project.quiet()
    before = world(project)
    words = ("rollback", "--env=sandbox", "--reason=because")
    plan = project.document(*words, "--plan")
    assert world(project) == before
    told = project.document(*words)["detail"]
    assert [step["name"] for step in plan["steps"]] == list(told["steps"])[1:]
    assert "before_rollback" in told["steps"]
    assert plan["release"] == told["to"] == project.current() == first
    assert set(plan["hosts"]) == set(told["hosts"])
    assert plan["facts"] == told["facts"]


def test_a_plan_asks_nobody_who_holds_the_lock(project: Project) -> None:
    project.quiet()
    holder = {"run": "deploy-x", "who": "ann@desk", "since": 0, "kind": "deploy", "doing": "stage"}
    with open(project.host() / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write(json.dumps(holder))
        held.flush()
        before = world(project)
        done = project.inv("deploy", "--plan")
        assert world(project) == before
        refused = project.document("deploy", code=2)
    assert done.returncode == 0, done.stderr
    assert refused["error"]["kind"] == "locked"
    assert "host1 is held by ann@desk" in refused["error"]["message"]
    assert "(deploy deploy-x: stage)" in refused["error"]["message"]
    assert "inv deploy.status --env=sandbox" in refused["error"]["message"]


def test_a_plan_is_for_people_too(project: Project) -> None:
    done = project.inv("deploy", "--plan", "--watch=90s")
    assert done.returncode == 0, done.stderr
    for said in ("resting on facts", "host2", "backup: echo made", "link uploads", "1m30s"):
        assert said in done.stdout, said
    assert done.stdout.rstrip().splitlines()[-1].startswith("Next: inv deploy --env=sandbox")
