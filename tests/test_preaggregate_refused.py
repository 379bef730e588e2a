"""`inv preaggregate` where it refuses to start: one sentence, and nothing was begun."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import psutil
import pytest

from tests.support import collector as collectors
from tests.support import observed
from tests.support.proven import Project, nowhere


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "a project", nowhere(tmp_path))


def test_a_port_that_another_holds_is_named_before_anything_is_started(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        project.docker.compose(project.root, grafana=port)
        refused = project.inv("preaggregate")
    assert refused.returncode == 2
    name = f"{psutil.Process().name()} (pid {os.getpid()})"
    assert f"the stack's ports are free: grafana's {port} is held by {name}" in refused.stderr
    assert "Runbook: Grafana doesn't start → See who has port 3000" in refused.stderr
    assert "compose up --detach" not in project.docker.asked()
    assert not (project.root / ".circle/preaggregate.json").exists()


def test_without_docker_it_is_refused(project: Project) -> None:
    (project.docker.home / "daemon").write_text("Cannot connect to the Docker daemon\n")
    refused = project.inv("preaggregate")
    assert refused.returncode == 2
    assert "Docker's daemon doesn't answer: Cannot connect" in refused.stderr
    assert "Runbook: Docker doesn't start" in refused.stderr


def test_a_collector_that_does_not_take_its_configuration(project: Project) -> None:
    """Asked of the real one, on PATH, and of the image's."""
    text = (observed.ROOT / "otel-collector-config.yaml").read_text()
    file = project.root / "otel-collector-config.yaml"
    file.write_text(text.replace("  batch:", "  bunch:", 1))
    path = f"{collectors.binary().parent}{os.pathsep}{project.docker.path}"
    refused = project.inv("preaggregate", PATH=path)
    assert refused.returncode == 2
    assert "The collector doesn't take otel-collector-config.yaml" in refused.stderr
    assert "bunch" in refused.stderr and "Runbook: The collector doesn't start" in refused.stderr
    assert "compose up --detach" not in project.docker.asked()
    file.write_text(text)
    (project.docker.home / "validate").write_text("Error: cannot unmarshal, says the image\n")
    refused = project.inv("preaggregate")
    assert refused.returncode == 2 and "says the image" in refused.stdout
    assert [line for line in project.docker.asked() if line.startswith("compose run")] == [
        "compose run --rm --no-deps -T otel-collector validate"
    ]


def test_a_service_whose_program_is_not_there_is_refused(project: Project) -> None:
    project.configure(host={"port": project.port, "serve": "no-such-server {port}"})
    refused = project.inv("preaggregate")
    assert refused.returncode == 2 and "There is no no-such-server in .venv" in refused.stderr
    assert "compose up --detach" not in project.docker.asked()


def test_who_has_the_service_s_port_is_named(project: Project) -> None:
    with socket.create_server(("127.0.0.1", project.port)) as held:
        held.listen()
        held.settimeout(0)
        refused = project.inv("preaggregate")
    assert refused.returncode == 2
    assert f"port {project.port} is held by" in refused.stderr
    assert "doesn't answer at /api/health" in refused.stderr


def test_two_at_once_are_one(project: Project) -> None:
    from tasks.lib.preaggregate import record

    with record.alone(project.root):
        refused = project.inv("preaggregate")
    assert refused.returncode == 2 and "Another inv preaggregate is at work" in refused.stderr


def test_logs_are_bounded_and_followed_only_when_asked(project: Project) -> None:
    (project.docker.home / "up").touch()
    shown = project.inv("preaggregate.logs", "--service=grafana", "--tail=7")
    assert shown.returncode == 0 and "the log, as asked" in shown.stdout
    assert project.docker.asked()[-1] == "compose logs --tail=7 grafana"
    refused = project.inv("preaggregate.logs", "--service=nobody")
    assert refused.returncode == 2 and "No nobody was started; there are: alert" in refused.stderr
    assert project.inv("preaggregate.logs", "--tail=0").returncode == 2
    process = project.begin("preaggregate.logs", "--follow")
    assert process.stdout is not None and "as asked" in process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"requests": 0}, "preaggregate.requests should be 1 to 10000, not 0"),
        ({"paths": ["api"]}, "preaggregate.paths should be a list of paths that begin with /"),
        ({"start": "0s"}, "preaggregate.start should be more than 0s"),
    ],
)
def test_a_configuration_that_is_wrong_is_one_sentence(
    project: Project, said: dict[str, object], says: str
) -> None:
    project.configure(preaggregate=said)
    refused = project.inv("preaggregate")
    assert refused.returncode == 2 and says in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize("environment", ["local", "europe"])
def test_what_is_to_be_run_again_names_its_environment(project: Project, environment: str) -> None:
    europe = {"hosts": ["deploy@shop.example"], "url": "http://127.0.0.1:9"}
    project.configure(environments={"europe": europe})
    done = project.inv("preaggregate", "--no-stack", f"--env={environment}")
    assert done.returncode == 1, done.stderr
    assert f"Next: inv preaggregate --env={environment}" in done.stderr
