"""`inv deploy.status`: what each host says of itself, and the code that tells a script."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import time

import pytest

from tests.conftest import Make
from tests.support.around import kill_host, told, until
from tests.support.project import Project


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    """Two hosts that serve the same release; each test puts right what it breaks."""
    made = lasting(hosts=2)
    assert made.document("deploy")["outcome"] == "closed"
    return made


def test_before_the_first_deploy_nothing_is_wrong(make: Make) -> None:
    done = make().inv("deploy.status")
    assert done.returncode == 0 and done.stderr == ""
    assert re.search(r"host1 +nothing +nothing", done.stdout)


def test_every_host_says_what_it_serves(project: Project) -> None:
    live = project.current()
    said = project.document("deploy.status")
    assert (said["phase"], said["outcome"]) == ("deploy.status", "closed")
    assert said["detail"]["environment"] == "sandbox" and said["detail"]["troubles"] == []
    assert list(said["detail"]["hosts"]) == ["host1", "host2"]
    for host in said["detail"]["hosts"].values():
        assert host["answers"] and host["current"] == live
        assert host["running"] == {live: ["web"]}
        assert [entry["release"] for entry in host["closed"]] == [live]
        assert host["lock"] is None and host["pending"] is None and host["adapter"] == "process"
        assert host["disk_free"] > 0 and len(host["load"]) == 3


def test_people_read_it_in_tables(project: Project) -> None:
    done = project.inv("deploy.status")
    assert done.returncode == 0
    for number in (1, 2):
        assert re.search(rf"host{number} +{project.current()} +current \(web\)", done.stdout)
        assert re.search(rf"host{number} +process +3\.\d+\.\d+ .*MiB", done.stdout)
    assert re.search(rf"{project.current()} +\S+Z +every host +live", done.stdout)
    assert "Next:" not in done.stdout


def test_it_writes_nothing(project: Project) -> None:
    before = sorted(path for path in project.host().rglob("*"))
    local = (project.root / ".circle" / "journal.jsonl").read_text()
    project.document("deploy.status")
    assert sorted(path for path in project.host().rglob("*")) == before
    assert (project.root / ".circle" / "journal.jsonl").read_text() == local


def test_who_holds_the_lock_is_named(project: Project) -> None:
    holder = {"run": "deploy-1", "who": "ada@desk", "since": time.time(), "doing": "stage"}
    handle = os.open(project.host(2) / "lock", os.O_RDWR)
    kept = os.read(handle, 4096)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.pwrite(handle, json.dumps(holder).encode(), 0)
        os.ftruncate(handle, len(json.dumps(holder)))
        done = project.inv("deploy.status")
        assert done.returncode == 0, "a run that is under way is no trouble"
        assert re.search(r"host2 .*ada@desk since \d{4}-\d\d-\d\d [\d:]+Z: stage", done.stdout)
    finally:
        os.pwrite(handle, kept, 0)
        os.ftruncate(handle, len(kept))
        os.close(handle)


def test_a_pending_run_that_nobody_holds_is_trouble(project: Project) -> None:
    path, live = project.host(2) / "run" / "pending.json", project.current()
    promise = {"run": "deploy-1", "kind": "deploy", "way": "back", "release": live, "from": ""}
    path.write_text(json.dumps(promise))
    try:
        done = project.inv("deploy.status")
        assert done.returncode == 1
        assert "interrupted deploy is pending on host2" in done.stderr
        assert "deploy deploy-1: back" in done.stdout
        with open(project.host(2) / "lock", "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert project.inv("deploy.status").returncode == 0, "its holder settles it"
    finally:
        path.unlink()


def test_what_is_live_has_to_run(make: Make) -> None:
    project = make()
    project.document("deploy")
    known = json.loads((project.host() / "current" / "run" / "web.json").read_text())
    os.killpg(known["pid"], signal.SIGKILL)
    until(lambda: project.inv("deploy.status").returncode == 1, "told as not running")
    done = project.inv("deploy.status")
    assert "what is live does not run on host1" in done.stderr
    assert re.search(rf"host1 +{project.current()} +nothing", done.stdout)


def test_hosts_that_differ_are_shown(make: Make) -> None:
    project = make(hosts=2)
    first = project.document("deploy")["detail"]["release"]
    project.commit("second")
    second = project.document("deploy", "--without=host2")["detail"]["release"]
    said = project.document("deploy.status", code=1)
    assert said["outcome"] == "troubled" and said["error"]["kind"] == "drift"
    assert f"host1 serves {second}; host2 serves {first}" in said["error"]["message"]
    assert said["detail"]["hosts"]["host2"]["current"] == first
    done = project.inv("deploy.status")
    assert re.search(rf"{second} +\S+Z +host1 +live", done.stdout)
    assert re.search(rf"{first} +\S+Z +every host +live", done.stdout)


def test_a_host_that_does_not_answer_is_told_with_the_rest(make: Make) -> None:
    project = make(hosts=2)
    project.document("deploy")
    kill_host(project, 2)
    done = project.inv("deploy.status")
    assert done.returncode == 1 and "host2 does not answer" in done.stderr
    assert re.search(rf"host1 +{project.current()} +current \(web\)", done.stdout)
    said = project.document("deploy.status", code=1)
    assert said["error"]["kind"] == "unreachable"
    assert said["detail"]["hosts"]["host2"]["answers"] is False
    assert said["detail"]["hosts"]["host2"]["error"]


def test_without_a_sandbox_it_says_what_to_start(project: Project) -> None:
    done = project.inv("deploy.status", "--env=nowhere")
    assert done.returncode == 2 and "sandbox" in told(done)


def test_a_host_without_python_is_named(make: Make) -> None:
    project = make(service={"python": "no-such-python"})
    for task, code in {"status": 1, "history": 2, "env": 2, "logs": 1, "run": 1}.items():
        done = project.inv(f"deploy.{task}", *(("--", "true") if task == "run" else ()))
        assert done.returncode == code and "host1" in told(done), task
        assert "no-such-python" in told(done) and "Traceback" not in told(done)
