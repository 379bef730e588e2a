"""`inv circle.run`: real phases on a real sandbox, whose hosts are staging and production, too."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.bench import ours_apart
from tests.support.project import Project, free_port
from tests.test_deploy_gates import typed

Make = Callable[..., Project]
Steps = dict[str, dict[str, Any]]

TEST = """import pathlib
import time


def test_it() -> None:
    while pathlib.Path(".circle/slow").exists():
        time.sleep(0.05)
    assert pathlib.Path(".circle/ready").exists()
"""
CIRCLE = "lint, host --env=sandbox, test, preaggregate, release, deploy, monitor, visualize, alert"
REGULAR = "lint, test, release, deploy --env=staging, deploy --env=production"


@pytest.fixture(scope="module")
def shared(lasting: Make) -> Iterator[Project]:
    """A project with a remote, whose test passes once .circle/ready is there."""
    with pytest.MonkeyPatch.context() as patched:
        ours_apart(patched)
        nobody = f"http://127.0.0.1:{free_port()}"
        paths = {"circle": CIRCLE.split(", "), "regular": REGULAR.split(", ")}
        sections = {
            "circle": {"paths": paths},
            "release": {"review": False},
            "stack": {"prometheus": nobody, "alertmanager": nobody, "grafana": nobody},
        }
        project = lasting(hosts=2, sections=sections)
        (project.root / ".venv").symlink_to(sys.prefix)
        with (project.root / ".git/info/exclude").open("a") as exclude:
            exclude.write(".venv\n__pycache__\ninvoke.yaml\n")
        project.git("rm", "-q", "--cached", "invoke.yaml")
        project.git("config", "user.name", "t")
        project.git("config", "user.email", "t@example.invalid")
        black = "[tool.black]\nline-length = 100\n"
        files = {"tests/test_it.py": TEST, "pyproject.toml": black, "CHANGELOG.md": "# Changes\n"}
        flake8 = "[flake8]\nmax-line-length = 100\nexclude = .venv,.sandbox,tasks,scripts\n"
        project.commit("first", **files, **{".flake8": flake8})
        remote = project.root.parent / "remote.git"
        project.git("init", "-q", "--bare", str(remote))
        project.git("remote", "add", "origin", str(remote))
        project.git("push", "-q", "--set-upstream", "origin", "main")
        yield project


def ran(project: Project, *words: str, code: int = 0) -> tuple[Steps, dict[str, Any], str]:
    """Run the circle; its steps by their names, the document, and what people read."""
    done = project.inv("circle.run", *words, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    told = json.loads(done.stdout)
    return {step["step"]: step for step in told["detail"]["steps"]}, told, done.stderr


def states(steps: Steps) -> dict[str, str]:
    return {name: step["state"] for name, step in steps.items()}


def ready(project: Project, name: str = "ready") -> Path:
    path = project.root / ".circle" / name
    path.touch()
    return path


def test_it_stops_at_a_failing_test_and_goes_on_when_that_is_mended(shared: Project) -> None:
    steps, told, said = ran(shared, "--env=sandbox", code=1)
    assert states(steps) == {
        "lint": "closed",
        "host sandbox": "closed",
        "test": "troubled",
        **dict.fromkeys(("preaggregate", "release", "deploy sandbox"), "waiting"),
        **dict.fromkeys(("monitor sandbox", "visualize sandbox", "alert sandbox"), "waiting"),
    }
    assert "1 of 1 tests failed." in said and "== 3/9 test" in said
    assert told["next"] == "inv circle.run --env=sandbox"
    assert "The run stopped at test (step 3 of 9), exit code 1" in told["error"]["message"]
    ready(shared)
    before = len(shared.git("tag"))
    steps, told, said = ran(shared, "--env=sandbox")
    assert states(steps) == {
        "lint": "not repeated",
        "host sandbox": "closed",
        "test": "closed",
        "preaggregate": "left out",
        "release": "left out",
        "deploy sandbox": "closed",
        "monitor sandbox": "informed",
        "visualize sandbox": "left out",
        "alert sandbox": "left out",
    }
    assert steps["lint"]["why"].startswith("closed ") and " ago by " in steps["lint"]["why"]
    assert steps["release"]["why"] == "sandbox asks for none" and len(shared.git("tag")) == before
    assert "no Prometheus at http://127.0.0.1:" in steps["alert sandbox"]["why"]
    assert steps["monitor sandbox"]["why"].startswith("exit code 2; no Prometheus at ")
    assert "hello" in shared.front("/")[1] and "sandbox answers at http://127.0.0.1:" in said
    live = shared.current()
    steps, _, _ = ran(shared, "--env=sandbox", "--to=deploy")
    assert states(steps)["deploy sandbox"] == "not repeated" and shared.current() == live
    assert steps["deploy sandbox"]["why"].endswith(" ago on each host")


def environments(project: Project, **said: Any) -> None:
    gates = ["lint", "test", "release"]
    staging = project.at(1, gates=gates, **said)
    project.others = {
        "staging": staging,
        "production": project.at(2, gates=gates, after="staging", confirm=True),
    }
    project.configure()


def test_a_release_is_not_made_twice_and_its_commit_needs_no_lint_of_its_own(
    shared: Project,
) -> None:
    environments(shared)
    ready(shared)
    shared.commit("feat: say more", **{"more.txt": "more\n"})
    shared.git("push", "-q", "origin", "main")
    tags = set(shared.git("tag").split())
    planned = shared.document("circle.run", "--path=regular", "--plan")
    assert [step["state"] for step in planned["steps"]] == ["run"] * 5
    # Nobody is there to type the environment's name, so it is not begun.
    for yes in ((), ("--yes",)):
        done = shared.inv("circle.run", "--path=regular", *yes)
        assert done.returncode == 2 and "--env=production" in done.stderr and not done.stdout
    steps, told, _ = ran(shared, "--path=regular", "--to=release")
    assert set(states(steps).values()) == {"closed"}
    [tag] = set(shared.git("tag").split()) - tags
    steps, told, _ = ran(shared, "--path=regular", "--env=production", "--yes")
    assert states(steps) == {
        **dict.fromkeys(("lint", "test", "release"), "not repeated"),
        **dict.fromkeys(("deploy staging", "deploy production"), "closed"),
    }
    assert tag in shared.current(1) and tag in shared.current(2)
    assert set(shared.git("tag").split()) - tags == {tag}
    steps, told, _ = ran(shared, "--path=regular", "--env=production", "--yes")
    assert set(states(steps).values()) == {"not repeated"}
    # Once something else is live there, the commit has closed, and is deployed again all the same.
    shared.commit("later", **{"more.txt": "later\n"})
    shared.document("deploy", "--env=production", "--yes", "--force", "--reason=a test")
    shared.git("checkout", "-q", tag)
    planned = shared.document("circle.run", "--path=regular", "--from=deploy", "--plan")
    shared.git("checkout", "-q", "main")
    assert [step["state"] for step in planned["steps"]] == ["not repeated", "run"]


def test_production_that_is_down_is_rolled_back_whatever_can_be_asked(shared: Project) -> None:
    environments(shared, confirm=True)
    ready(shared)
    command = ["circle.run", "--path=production-down", "--env=staging"]
    done = shared.inv(*command)
    assert done.returncode == 2 and "alert.ack needs NAME and --reason;" in done.stderr
    assert "rollback needs --reason:" in done.stderr and done.stdout == ""
    deploy = ["deploy", "--env=staging", "--yes", "--force", "--reason=a test"]
    shared.document(*deploy)
    before = shared.current(1)
    shared.commit("two", **{"more.txt": "two\n"})
    shared.document(*deploy)
    assert shared.current(1) != before
    (shared.root / ".circle/ready").unlink()
    # No alert is named, a reason is, and then the rollback asks for the environment's name.
    code, said = typed(shared, "\nit is slow\nstaging\n", *command)
    assert code == 1 and shared.current(1) == before, said
    assert "alert.ack staging is left out." in said
    rows = [line.split() for line in said.splitlines()]
    found = {" ".join(row[:2]): row[2] for row in rows if len(row) > 2}
    assert found["monitor staging"] == found["visualize staging"] == "informed"
    assert found["rollback staging"] == "closed"
    assert "The run stopped at test (step 5 of 5), exit code 1" in said
    # It goes on behind the rollback, which must not be made twice.
    assert said.splitlines()[-1] == (
        "Next: inv circle.run --path=production-down --env=staging --from=visualize:staging"
    )
    [line] = [e for e in shared.journal(1) if e.get("reason") == "it is slow"][-1:]
    assert line["kind"] == "rollback"


def test_ctrl_c_ends_the_phase_and_the_run(shared: Project) -> None:
    slow = ready(shared, "slow")
    shared.commit("three", **{"more.txt": "three\n"})
    run = shared.popen("circle.run", "--to=test", "--env=sandbox")
    assert run.stdout is not None
    said = ""
    try:
        while "collected 1 item" not in said:
            line = run.stdout.readline()
            assert line, said
            said += line
        time.sleep(0.3)
        os.killpg(run.pid, signal.SIGINT)
        said += run.communicate(timeout=60)[0]
    finally:
        slow.unlink()
        run.kill()
        run.wait()
    assert run.returncode == 130, said
    assert "nothing of it counts: run `inv test`" in said, "the phase has said its own"
    assert "Interrupted at test (step 3 of 3); go on with" in said
    assert said.splitlines()[-1] == "Next: inv circle.run --env=sandbox --to=test"


def test_what_is_not_the_commit_is_not_run_for_it(shared: Project) -> None:
    (shared.root / "BEHAVIOUR").write_text("changed\n")
    try:
        told = shared.document("circle.run", "--env=sandbox", code=2)
    finally:
        shared.git("checkout", "-q", "BEHAVIOUR")
    assert (
        told["error"]["kind"] == "dirty"
        and "commit, then `inv circle.run" in told["next"]
        or ("commit, then `inv circle.run --env=sandbox`" in told["error"]["message"])
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--path=nothing",), "There is no path 'nothing'; there are: "),
        (("--path=bug", "--env=nowhere"), "There is no environment 'nowhere'; there are: "),
        (("--from=deploy", "--to=lint"), "--from=deploy comes after --to=lint"),
        (("--path=monitoring", "--env=sandbox", "--to=preaggregate"), "Nothing of monitoring can"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(
    shared: Project, words: tuple[str, ...], sentence: str
) -> None:
    done = shared.inv("circle.run", *words)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(sentence) and done.stderr.count("\n") == 1
