"""Each hop is broken on purpose, in real programs, and the doctor names exactly that one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import tasks
from tasks.lib.telemetry import hops
from tasks.lib.telemetry.flow import BROKEN, HOLDS, UNASKED, UNKNOWN, Flow, Hop, Step
from tasks.lib.telemetry.settings import Stack
from tests.support import collector as collectors
from tests.support import observed
from tests.support.collector import Collector
from tests.support.flow import SCRAPE, service
from tests.support.proven import KEPT, Project, Proven, proven
from tests.support.web import Answer, serve

NOWHERE = "http://127.0.0.1:9"
LIMIT = 60.0  # seconds; only ever ends a test that has failed


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proven]:
    """A stack, and a service whose telemetry arrives there."""
    home = tmp_path_factory.mktemp("broken")
    with proven(home) as made, service(home, made.collector.otlp, "local") as served:
        made.scrape(served.url)
        flow = flow_of(made, served.url)
        served.ask(times=3)
        assert hops.broken(hops.walk(flow, hops.FLOW, wait=True)) is None
        yield made


@pytest.fixture
def well(stack: Proven) -> Flow:
    """The flow of the service whose telemetry arrives."""
    (target,) = (stack.home / "prometheus/targets/service").glob("*.yml")
    address = target.read_text().split("127.0.0.1:")[1].split("\n")[0].strip("']\" ")
    return flow_of(stack, f"http://127.0.0.1:{address}")


def flow_of(stack: Proven, url: str, **places: str) -> Flow:
    about = Stack(**{**stack.places(), "alertmanager": NOWHERE, **places})
    return Flow("pi-forge", "local", url, about, export=1.0, scrape=1.0)


def at(flow: Flow, **places: str) -> Flow:
    said = {name: getattr(flow.places, name) for name in flow.places.__struct_fields__}
    return flow._replace(places=Stack(**{**said, **places}))


def of(found: Collector) -> dict[str, str]:
    """Return where a collector is."""
    places = {"otlp": found.otlp, "collector": f"http://{found.own}"}
    places["collector_metrics"] = f"http://{found.metrics}"
    return places | {"collector_health": found.health}


def named(flow: Flow, kind: str, says: str) -> Step:
    """Walk until this hop is broken and says so: all before it hold, and none behind it is
    asked."""
    until = time.monotonic() + LIMIT
    while True:
        steps = hops.walk(flow)
        where = [step.kind for step in steps].index(kind)
        if steps[where].state == BROKEN and says in steps[where].said:
            break
        assert time.monotonic() < until, steps
        time.sleep(0.1)
    assert {step.state for step in steps[:where]} <= {HOLDS, UNKNOWN}, steps
    assert {step.state for step in steps[where + 1 :]} <= {UNASKED}, steps
    return steps[where]


class TestTheService:
    def test_is_away(self, well: Flow) -> None:
        to = f"OTEL_EXPORTER_OTLP_ENDPOINT={well.places.otlp}"
        where = f"`ENABLE_TELEMETRY=true {to} inv host.serve`"
        away = well._replace(service=NOWHERE)
        assert where in named(away, "service", "connection refused").said
        usual = at(away, otlp=Stack().otlp)
        named(usual, "service", "`ENABLE_TELEMETRY=true inv host.serve`")

    def test_is_another_program(self, well: Flow) -> None:
        with serve({"/api/health": Answer(200, "{}"), "/metrics": Answer(404)}) as other:
            found = well._replace(service=other.url)
            named(found, "exports", "a sandbox has that port unless it is told another")
            far = named(found._replace(environment="production"), "exports", "shows no metrics")
        assert "sandbox" not in far.said

    def test_runs_without_telemetry(self, stack: Proven, tmp_path: Path) -> None:
        with service(tmp_path, "", "local") as silent:
            flow = flow_of(stack, silent.url)
            named(flow, "exports", "then start it with `ENABLE_TELEMETRY=true OTEL_")
            far = flow._replace(environment="production")
            named(far, "exports", "`inv deploy.env --env=production --push=FILE`, then deploy")

    def test_sends_to_a_port_where_nobody_is(self, stack: Proven, tmp_path: Path) -> None:
        with collectors.collector(tmp_path) as own, service(tmp_path, NOWHERE, "local") as lost:
            lost.ask(times=2)
            flow = flow_of(stack, lost.url, **of(own))
            step = named(flow, "received", "has received nothing from a service")
        assert f"OTEL_EXPORTER_OTLP_ENDPOINT={own.otlp}" in step.said

    def test_goes_by_another_name(self, stack: Proven, tmp_path: Path) -> None:
        with collectors.collector(tmp_path) as own:
            words = {"OTEL_SERVICE_NAME": "other"}
            with service(tmp_path, own.otlp, "local", **words) as other:
                other.ask(times=2)
                flow = flow_of(stack, other.url, **of(own))
                named(flow, "exposed", "pi-forge's none of them")

    def test_is_in_another_environment(self, stack: Proven, tmp_path: Path) -> None:
        with collectors.collector(tmp_path) as own:
            with service(tmp_path, own.otlp, "staging") as other:
                other.ask(times=2)
                flow = flow_of(stack, other.url, **of(own))
                named(flow, "exposed", "as environment staging, not local")


class TestTheCollector:
    def test_has_stopped(self, well: Flow, tmp_path: Path) -> None:
        with collectors.collector(tmp_path) as gone:
            flow = at(well, **of(gone))
        step = named(flow, "collector", "connection refused")
        assert "inv preaggregate.logs --service=otel-collector" in step.said

    def test_passes_nothing_on(self, stack: Proven, tmp_path: Path) -> None:
        over = tmp_path / "over.yaml"
        over.write_text("service: {pipelines: {metrics/service: {exporters: [debug]}}}\n")
        with collectors.collector(tmp_path, [over]) as own:
            with service(tmp_path, own.otlp, "local") as heard:
                heard.ask(times=2)
                named(flow_of(stack, heard.url, **of(own)), "exported", "pipeline")


class TestPrometheus:
    def test_has_stopped(self, well: Flow) -> None:
        named(at(well, prometheus=NOWHERE), "prometheus", "did not answer")

    def test_does_not_scrape_the_collector(self, well: Flow, tmp_path: Path) -> None:
        with prometheus(tmp_path, {"service": (address(well), {"environment": "local"})}) as url:
            named(at(well, prometheus=url), "scrape", "no target otel-collector")

    def test_does_not_reach_the_collector(self, well: Flow, tmp_path: Path) -> None:
        with prometheus(tmp_path, {"collector": ("127.0.0.1:9", {})}) as url:
            named(at(well, prometheus=url), "scrape", "connection refused")

    def test_does_not_scrape_the_service(self, stack: Proven, well: Flow, tmp_path: Path) -> None:
        with prometheus(tmp_path, {"collector": (stack.collector.metrics, {})}) as url:
            flow = at(well, prometheus=url)
            named(flow, "up", "no target pi-forge in local")

    def test_does_not_reach_the_service(self, stack: Proven, well: Flow, tmp_path: Path) -> None:
        wrong = ("127.0.0.1:9", {"environment": "local"})
        about = {"collector": (stack.collector.metrics, {}), "service": wrong}
        with prometheus(tmp_path, about) as url:
            named(at(well, prometheus=url), "up", "http://127.0.0.1:9/metrics")

    def test_keeps_data_for_too_short_a_time(
        self, stack: Proven, well: Flow, tmp_path: Path
    ) -> None:
        about = {
            "collector": (stack.collector.metrics, {}),
            "service": (address(well), {"environment": "local"}),
        }
        with prometheus(tmp_path, about, "--storage.tsdb.retention.time=7d") as url:
            named(at(well, prometheus=url), "kept", "keeps data for 1w, not for 90")

    def test_scrapes_at_another_interval(self, well: Flow) -> None:
        named(well._replace(scrape=15.0), "kept", "scrapes every 1s, not every 15 s")

    def test_counts_less_than_was_sent(self, well: Flow) -> None:
        flow = well._replace(sent=1_000_000, export=0.0, scrape=0.0)
        named(flow, "counted", "not by the 1000000 that were sent")


class TestThoseWhoLook:
    def test_grafana_is_away(self, well: Flow) -> None:
        named(at(well, grafana=NOWHERE), "grafana", "did not answer")

    def test_grafana_s_port_is_another_s(self, well: Flow) -> None:
        with serve({"/api/health": Answer(200, "<html>somebody else</html>")}) as other:
            named(at(well, grafana=other.url), "grafana", "with no JSON")

    def test_grafana_has_no_data_source(self, well: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GRAFANA_ADMIN_PASSWORD", "sentinel")
        health = Answer(200, '{"database": "ok"}')
        with serve({"/api/health": health, "/api/datasources": Answer(200, "[]")}) as bare:
            named(at(well, grafana=bare.url), "datasource", "no data source of type prometheus")

    def test_alertmanager_is_away(self, well: Flow) -> None:
        named(well, "alertmanager", "connection refused")

    def test_prometheus_is_connected_to_none(self, well: Flow) -> None:
        with serve({"/-/ready": Answer()}) as ready:
            named(at(well, alertmanager=ready.url), "connected", "connected to no Alertmanager")

    def test_prometheus_reaches_another_place(
        self, stack: Proven, well: Flow, tmp_path: Path
    ) -> None:
        """The Watchdog fires at once: what can't be told is an error at Prometheus."""
        about = {
            "collector": (stack.collector.metrics, {}),
            "service": (address(well), {"environment": "local"}),
            "alertmanager": ("127.0.0.1:9", {}),
        }
        with prometheus(tmp_path, about, KEPT) as url, serve({"/-/ready": Answer()}) as ready:
            flow = at(well, prometheus=url, alertmanager=ready.url)
            assert hops.broken(hops.walk(flow, hops.FLOW, wait=True)) is None
            (hop,) = (each for each in hops.ALL if each.kind == "connected")
            until = time.monotonic() + 60
            while hops.look(hop, flow).holds:
                assert time.monotonic() < until
                time.sleep(0.2)
            named(flow, "connected", "could not tell Alertmanager at http://127.0.0.1:9")


def test_a_service_of_another_name_is_proven_as_well(stack: Proven, tmp_path: Path) -> None:
    """The job that scrapes it is prometheus.yml's own, whatever the service is called."""
    words = {"OTEL_SERVICE_NAME": "shop"}
    with service(tmp_path, stack.collector.otlp, "europe", **words) as shop:
        stack.scrape(shop.url, "europe")
        project = Project(tmp_path / "a project", stack)
        own = {"hosts": ["deploy@shop.example"], "url": shop.url}
        project.configure(app="shop", environments={"europe": own})
        done = project.inv("preaggregate", "--env=europe", "--no-stack", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert told["detail"]["environment"] == "europe" and told["detail"]["sent"] == 50


@pytest.mark.parametrize("hop", hops.ALL, ids=lambda hop: hop.kind)
def test_the_runbook_s_row_is_found_by_the_hop_s_name_too(hop: Hop) -> None:
    """What a check of the phase finds is told with the row, as what the doctor finds is."""
    from tasks.lib.errors import NotClosed

    rows = getattr(tasks, "preaggregate").PHASE.troubleshooting
    (row,) = (row for row in rows if hop.kind in row.kinds)
    if hop in hops.FLOW:
        assert row.fits(NotClosed("wrong", evidence=f"broken at “{hop.name}”: so it is"))


def address(flow: Flow) -> str:
    return flow.service.removeprefix("http://")


@contextmanager
def prometheus(
    home: Path, about: Mapping[str, tuple[str, Mapping[str, Any]]], *flags: str
) -> Iterator[str]:
    """Run a Prometheus of the test's own; about: what it scrapes, by kind, with labels."""
    with ExitStack() as stack:
        there = observed.linked(home / "prometheus")
        for kind, (where, labels) in about.items():
            quick = {} if kind == "alertmanager" else SCRAPE
            observed.targets(there, kind, where, **labels, **quick)
        yield stack.enter_context(observed.prometheus(there, *(flags or (KEPT,))))
