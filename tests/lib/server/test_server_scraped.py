"""What is written for Prometheus of an environment's hosts, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.lib import target
from tasks.lib.server import scraped
from tasks.lib.settings import Environment, Settings

HOSTS = ["deploy@A.example.com", "b:2222", "deploy@[fd00::5]"]


def environment(**said: Any) -> tuple[Environment, tuple[target.Target, ...]]:
    raw = {"hosts": HOSTS, "ssh_config": "", **said}
    settings = Settings(app="shop", environments={"staging": raw})
    found = settings.environment("staging")
    return found, target.targets(settings, found, Path("/nowhere"))


def place(root: Path) -> Path:
    (root / scraped.PLACE).mkdir(parents=True)
    return root / scraped.PLACE / "staging.yml"


def test_each_host_is_a_target_at_its_front() -> None:
    found, targets = environment(front="http://127.0.0.1:8080")
    said = yaml.safe_load(scraped.text(found, targets))
    at = ["A.example.com:8080", "b:8080", "[fd00::5]:8080"]
    assert [each["targets"] for each in said] == [[each] for each in at]
    hosts = ["A.example.com", "b", "fd00::5"]
    assert [each["labels"] for each in said] == [
        {"environment": "staging", "host": each, "instance": each} for each in hosts
    ]
    assert scraped.names(targets) == ["a.example.com", "b", "[fd00::5]"]


def test_it_is_asked_where_ssh_config_says_that_the_host_is(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("Host b\n  HostName 10.0.0.7\n")
    found, targets = environment(hosts=["b"], ssh_config=str(tmp_path / "config"))
    (said,) = yaml.safe_load(scraped.text(found, targets))
    assert said["targets"] == ["10.0.0.7:80"] and said["labels"]["host"] == "b"


def test_it_is_written_once_and_again_when_it_differs(tmp_path: Path) -> None:
    found, targets = environment()
    file = place(tmp_path)
    states = [scraped.item(found, targets, tmp_path), scraped.make(found, targets, tmp_path)]
    states += [scraped.make(found, targets, tmp_path), scraped.item(found, targets, tmp_path)]
    assert [each and each["state"] for each in states] == ["drifted", "changed", "holds", "holds"]
    assert file.stat().st_mode & 0o777 == 0o644, "Prometheus is another user"
    assert list(file.parent.iterdir()) == [file]
    before = file.stat().st_mtime_ns
    fewer, some = environment(hosts=HOSTS[:1])
    item = scraped.make(fewer, some, tmp_path)
    assert item and item["changes"] == ["name 1 to Prometheus"]
    assert file.stat().st_mtime_ns > before


def test_a_project_without_the_stack_has_no_such_item(tmp_path: Path) -> None:
    found, targets = environment()
    assert scraped.item(found, targets, tmp_path) is None
    assert scraped.make(found, targets, tmp_path) is None


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({}, True),
        ({"metrics_from": ["127.0.0.0/8", "::1"]}, True),
        ({"metrics_from": ["127.0.0.1", "10.0.0.9"]}, False),
        ({"metrics": []}, False),
    ],
)
def test_who_is_not_let_in_is_said(server: dict[str, Any], said: bool) -> None:
    wrong = scraped.shut_out(environment(server=server)[0])
    assert ("server.metrics_from" in wrong) is said
