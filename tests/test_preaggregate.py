"""`inv preaggregate` as a whole: real service, collector and Prometheus; Docker by a stand-in."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.support import observed
from tests.support.flow import service
from tests.support.proven import Project, Proven, proven


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proven]:
    with proven(tmp_path_factory.mktemp("proven")) as made:
        yield made


@pytest.fixture
def project(stack: Proven, tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path / "a project", stack)
    stack.scrape(made.url())
    yield made
    made.inv("preaggregate.down")
    assert not answers(made.url())


STARTS = "Grafana doesn't start"


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/api/health", timeout=5).ok
    except requests.RequestException:
        return False


def test_it_starts_what_is_not_there_proves_the_flow_and_ends_what_it_started(
    project: Project,
) -> None:
    project.targets(port := observed.port())
    done = project.inv("preaggregate", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["detail"]
    assert told["sent"] == 50 and {hop["state"] for hop in told["hops"]} == {"holds"}
    (counted,) = (hop for hop in told["hops"] if hop["kind"] == "counted")
    assert counted["measured"] == {"rose": 50.0, "sent": 50}
    assert [each.split(" at ")[0].split(" (")[0] for each in told["started"]] == [
        "the stack",
        "the service",
        "the way from containers to it",
    ]
    assert "compose up --detach" in project.docker.asked()
    assert "warning: the tests pass: inv test has not closed for" in done.stderr
    # Containers reach it where Prometheus is told to look, and it listens on loopback alone.
    assert f"as host.docker.internal:{port}, which is 127.0.0.1." in done.stderr
    assert answers(f"http://127.0.0.1:{port}") and answers(project.url())
    assert project.journal()[-1]["outcome"] == "closed"

    before, since = project.docker.asked(), time.monotonic()
    again = project.inv("preaggregate")
    assert again.returncode == 0, again.stderr
    assert "Starting the service at" not in again.stdout
    assert "rose by 50 (50 were sent)" in again.stdout
    asked = project.docker.asked()[len(before) :]
    assert not any(line.startswith(("compose run", "compose restart")) for line in asked), asked
    assert time.monotonic() - since < 30

    # Another way is wanted: the one from before is ended, and neither port is left behind.
    project.targets(other := observed.port())
    moved = project.inv("preaggregate")
    assert moved.returncode == 0, moved.stderr
    assert answers(f"http://127.0.0.1:{other}") and not answers(f"http://127.0.0.1:{port}")
    checked = project.inv("preaggregate", "--check")
    assert checked.returncode == 0, checked.stderr

    ended = project.inv("preaggregate.down")
    assert ended.returncode == 0, ended.stderr
    assert "Ended the service at" in ended.stdout and "Ended the stack" in ended.stdout
    assert not answers(project.url()) and not answers(f"http://127.0.0.1:{other}")
    assert "compose down" in project.docker.asked()
    assert "Nothing runs that inv preaggregate" in project.inv("preaggregate.down").stdout


def test_what_ran_before_is_used_and_left(project: Project, stack: Proven, tmp_path: Path) -> None:
    (project.docker.home / "up").touch()
    with service(tmp_path, stack.collector.otlp, "local", OTEL_METRIC_EXPORT_INTERVAL="500") as own:
        stack.scrape(own.url)
        port = int(own.url.rpartition(":")[2])
        project.configure(host={"port": port})
        done = project.inv("preaggregate")
        assert done.returncode == 0, done.stderr
        ended = project.inv("preaggregate.down")
        assert "The stack ran before inv preaggregate did" in ended.stdout
        assert answers(own.url), "it is not ours to end"
    assert not any(line.startswith("compose down") for line in project.docker.asked())


def test_elsewhere_nothing_is_started(project: Project, stack: Proven, tmp_path: Path) -> None:
    with service(tmp_path, stack.collector.otlp, "local") as own:
        stack.scrape(own.url)
        project.configure(host={"port": int(own.url.rpartition(":")[2])})
        done = project.inv("preaggregate", "--no-stack")
    assert done.returncode == 0, done.stderr
    assert "the request count rose by 50 (50 were sent)" in done.stdout
    assert (
        project.docker.asked() == [] and not (project.root / ".circle/preaggregate.json").exists()
    )


def test_each_check_says_what_does_not_hold(project: Project, stack: Proven) -> None:
    """And changes nothing: the service that isn't there is not started."""
    (project.docker.home / "up").touch()
    stack.scrape(project.url())
    stack.scraped(project.url())  # until then it shows what was scraped for the test before
    project.docker.states(grafana="exited")
    project.configure(stack={**stack.places(), "grafana": "http://127.0.0.1:9"})
    told = project.inv("preaggregate", "--check", "--json")
    assert told.returncode == 1
    evidence = json.loads(told.stdout)["error"]["evidence"].splitlines()
    assert {line.split(": ")[0] for line in evidence} - {"- requests are counted"} == {
        "- every container runs",
        "- every hop to Prometheus holds",
        "- Prometheus scrapes the service itself",
        "- Grafana answers",
    }  # what was counted before is known for a while
    rows = {row["issue"] for row in json.loads(told.stdout)["troubleshooting"]}
    assert rows == {"The service doesn't answer", "Prometheus has no metrics", STARTS}
    assert not answers(project.url()) and project.journal() == []


def test_a_commit_whose_tests_have_closed_is_not_warned_of(project: Project) -> None:
    from tasks.lib import journal
    from tasks.lib import project as about

    entry = {"phase": "test", "outcome": "closed", "commit": about.commit(project.root)}
    journal.append(entry, journal.where(project.root))
    refused = project.inv("preaggregate", "--no-stack", "--check")
    assert "the tests pass" not in project.inv("preaggregate", "--no-stack").stderr
    assert refused.returncode == 1, "the service isn't there"
    assert "every container runs" not in refused.stdout, "of those elsewhere nothing is known"


def test_a_configuration_that_changed_is_read_again(project: Project) -> None:
    file = project.root / "otel-collector-config.yaml"
    file.write_text("# one\n")
    assert project.inv("preaggregate").returncode == 0
    file.write_text("# two\n")
    done = project.inv("preaggregate")
    assert done.returncode == 0, done.stderr
    assert "compose restart otel-collector" in project.docker.asked()
    assert sum(line.startswith("compose run") for line in project.docker.asked()) == 2


def test_a_service_of_the_stack_that_fails_is_told_with_its_log(project: Project) -> None:
    project.docker.states(grafana="exited")
    failed = project.inv("preaggregate")
    assert failed.returncode == 1
    assert "grafana is exited (exit code 1)" in failed.stderr
    assert "the last line of its log" in failed.stderr
    assert "Runbook: Grafana doesn't start" in failed.stderr
    assert not answers(project.url())


def test_a_service_that_ends_is_told_with_its_log(project: Project) -> None:
    file = project.root / "fails.py"
    file.write_text("raise SystemExit('no database, says the service')\n")
    project.configure(host={"port": project.port, "serve": "python fails.py {port}"})
    failed = project.inv("preaggregate")
    assert failed.returncode == 1, failed.stdout
    assert "The service that was started ended" in failed.stderr
    assert "no database, says the service" in failed.stderr
    assert "Runbook: The service doesn't answer" in failed.stderr


def test_ctrl_c_says_what_runs(project: Project, stack: Proven) -> None:
    stack.scrape("http://127.0.0.1:9")  # it is never up, so that there is time to interrupt
    process = project.begin("preaggregate")
    assert process.stdout is not None
    said = ""
    while "waiting    Prometheus scrapes the service" not in said:
        assert (line := process.stdout.readline()), said
        said += line
    os.killpg(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    assert process.returncode == 130, said + rest
    assert "Interrupted; now there runs the stack (alertmanager, grafana, otel-collector," in rest
    assert f"the service at {project.url()}" in rest and "inv preaggregate.down" in rest
    assert answers(project.url())
    assert project.inv("preaggregate.down").returncode == 0


@pytest.mark.parametrize("after", [0.0, 0.05, 0.2])
def test_what_is_started_while_it_is_interrupted_is_ended_too(
    project: Project, after: float
) -> None:
    process = project.begin("preaggregate")
    assert process.stdout is not None
    while "Starting the service at" not in (line := process.stdout.readline()):
        assert line
    time.sleep(after)
    os.killpg(process.pid, signal.SIGINT)
    told = process.communicate(timeout=60)[0]
    assert process.returncode == 130 and "Interrupted; now there runs" in told, told
    assert project.inv("preaggregate.down").returncode == 0
    left = [each for each in psutil.process_iter() if str(project.port) in " ".join(words(each))]
    assert left == []


def words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
