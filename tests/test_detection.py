"""From a service that dies to the message in Slack, by what ships and as it ships.

A real Prometheus reads the shipped prometheus.yml and rules, a real Alertmanager the shipped
configuration, led to loopback where it leads outwards. Every interval is the shipped one, so this
waits for nearly two minutes, and hardly computes.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.lib.telemetry import names
from tasks.lib.telemetry.prometheus import Prometheus
from tests.support import observed
from tests.support.receivers import Receivers, receivers
from tests.support.web import Answer, Site, serve

BOUND = 120.0  # seconds from the kill to the message


@contextmanager
def service(home: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run a process that answers /metrics; yield its address and itself."""
    home.mkdir()
    (home / "metrics").write_text('pi_forge_build_info{version="1"} 1\n')
    at = f"127.0.0.1:{observed.port()}"
    words = [sys.executable, "-m", "http.server", at.split(":")[1], "--bind", "127.0.0.1"]
    words += ["--directory", str(home)]
    with observed.running(words, home / "log", f"http://{at}/metrics") as process:
        yield at, process


def tell(page: Site, since: float) -> None:
    """Have the collector's page say that production answers 10 requests a second, all well, and
    staging as many, of which every one fails."""
    count = (time.monotonic() - since) * 10
    name = "http_server_request_duration_seconds_count"
    said = "".join(
        f'{name}{{job="pi-forge",environment="{environment}",instance="{environment}-1",'
        f'http_route="/",http_response_status_code="{status}"}} {count:.0f}\n'
        f'process_memory_usage_bytes{{job="pi-forge",environment="{environment}"}} 1000\n'
        for environment, status in (("production", 200), ("staging", 500))
    )
    page.answers["/metrics"] = Answer(body=f"# TYPE {name} counter\n{said}")


class Scene:
    """What runs. since: when the requests began."""

    def __init__(self, asked: Prometheus, told: Receivers, page: Site) -> None:
        self.asked, self.told, self.page = asked, told, page
        self.since = time.monotonic()
        tell(page, self.since)

    def value(self, expression: str) -> list[float]:
        return [each.value for each in self.asked.query(expression)]

    def until(self, what: str, limit: float, expression: str = "") -> float:
        """Wait until `expression` is true of something, or Slack was told anything; return when."""
        end = time.monotonic() + limit
        while not (self.value(expression) if expression else self.told.to("/slack")):
            assert time.monotonic() < end, f"{what} took more than {limit:.0f}s"
            tell(self.page, self.since)
            time.sleep(0.25)
        return time.monotonic()


def detected(scene: Scene, dying: str, process: "subprocess.Popen[bytes]") -> float:
    """Kill the service of staging; return the seconds until Slack was told, of nothing else."""
    scene.until("both to be scraped", 60, f"sum({names.UP}) == 2")
    scene.until("requests to be seen", 60, f"{names.ERROR_RATIO} == 1")

    process.kill()
    killed = time.monotonic()
    took = scene.until("the message", BOUND + 60) - killed

    (said,) = scene.told.to("/slack")
    attachment = said["attachments"][0]
    assert attachment["title"] == f"[CRITICAL] staging: pi-forge is down on {dying} in staging"
    assert "0 of the environment's instances still answer" in attachment["text"]
    scene.told.until(lambda: scene.told.to("/pagerduty"), "the call", 10)
    assert scene.told.to("/pagerduty")[0]["payload"]["group"] == "staging"

    # All of staging is gone or fails, and production is as it was.
    assert scene.value(f'{names.ERROR_RATIO}{{environment="staging"}}') == [1.0]
    assert scene.value('ALERTS{alertname="HighErrorRate", environment="staging"}')
    assert scene.value(f'{names.ERROR_RATIO}{{environment="production"}}') == [0.0]
    assert scene.value(f'{names.AVAILABILITY}{{environment="production"}}') == [1.0]
    assert scene.value('ALERTS{environment="production"}') == []
    assert "production" not in str(scene.told.site.posted) + str(scene.told.mail.got)
    return took


@pytest.mark.timeout(400)
def test_a_dead_service_is_in_slack_within_two_minutes_and_the_other_environment_is_untouched(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    observed.need("prometheus")
    for name in ("told", "prometheus"):
        (tmp_path / name).mkdir()
    home = observed.linked(tmp_path / "prometheus")
    with (
        receivers(tmp_path / "told") as told,
        told.alertmanager(told.configuration()) as alertmanager,
        service(tmp_path / "production") as (alive, _),
        service(tmp_path / "staging") as (dying, process),
        serve({}) as page,
    ):
        told.give()
        observed.targets(home, "service", alive, environment="production")
        observed.targets(home, "service", dying, environment="staging")
        observed.targets(home, "collector", page.url.removeprefix("http://"))
        observed.targets(home, "alertmanager", alertmanager.removeprefix("http://"))
        with observed.prometheus(home) as url, Prometheus(url) as asked:
            took = detected(Scene(asked, told, page), dying, process)
    record_property("seconds_from_kill_to_slack", round(took, 1))
    print(f"From the kill to Slack: {took:.1f}s.")
    assert took < BOUND
