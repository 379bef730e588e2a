"""The walk along the telemetry: a real Prometheus scrapes pages of our own, and each hop is broken
in turn; the walk must name that hop and no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks.lib.telemetry import hops, keeping
from tasks.lib.telemetry.flow import BROKEN, HOLDS, UNASKED, UNKNOWN, Flow, Hop, Seen, Step
from tasks.lib.telemetry.settings import Stack
from tests.support.walked import AWAY, OWN, SERVICE, SHOWN, World, walked
from tests.support.web import Answer


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with walked(tmp_path_factory.mktemp("walk")) as world:
        yield world


@pytest.fixture
def world(made: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The same for each test: what it does to the pages is taken back."""
    monkeypatch.setenv("GRAFANA_ADMIN_PASSWORD", "a sentinel")
    sites = (made.service, made.own, made.shown, made.grafana, made.alertmanager)
    before = [dict(site.answers) for site in sites]
    yield made
    for site, answers in zip(sites, before):
        site.answers.clear()
        site.answers.update(answers)


def away(world: World, **places: str) -> Flow:
    """The walk, with something at a place where nothing is."""
    return world.flow._replace(places=Stack(**{**_said(world.flow.places), **places}))


def _said(places: Stack) -> dict[str, str]:
    return {name: getattr(places, name) for name in places.__struct_fields__}


def named(flow: Flow) -> Step:
    """Walk, and return the one hop that is broken: what is before holds, what is behind isn't
    asked."""
    steps = hops.walk(flow)
    at = next((n for n, step in enumerate(steps) if step.state == BROKEN), None)
    assert at is not None, steps
    assert all(step.state == HOLDS for step in steps[:at]), steps
    assert all(step.state == UNASKED and not step.said for step in steps[at + 1 :]), steps
    return steps[at]


def test_all_of_it_holds_and_says_what_was_measured(world: World) -> None:
    told: list[Step] = []
    steps = hops.walk(world.flow, told=told.append)
    assert [step.state for step in steps] == [HOLDS] * len(hops.ALL), steps
    assert told == list(steps) and all(step.said for step in steps)
    by_kind = {step.kind: step for step in steps}
    assert by_kind["received"].measured == {"accepted": 40.0, "refused": 0.0}, "the recipes' apart"
    assert by_kind["kept"].measured == {"retention": "90d", "scrape": ["1s"]}
    assert by_kind["counted"].measured == {"requests": 12.0}
    assert "a sentinel" not in repr(steps)


@pytest.mark.parametrize(
    ("site", "path", "answer", "kind", "says"),
    [
        ("service", "/api/health", Answer(503), "service", "answers 503"),
        ("service", "/metrics", Answer(404), "exports", "shows no metrics"),
        ("service", "/metrics", Answer(200, '{"a": 1}'), "exports", "text format"),
        (
            "service",
            "/metrics",
            Answer(200, SERVICE.replace("enabled 1", "enabled 0")),
            "exports",
            "telemetry off",
        ),
        ("own", "/", Answer(503), "collector", "not healthy"),
        ("own", "/metrics", Answer(200, "up 1\n"), "received", "OTEL_EXPORTER_OTLP_ENDPOINT="),
        (
            "own",
            "/metrics",
            Answer(200, 'otelcol_receiver_refused_metric_points{receiver="otlp"} 5\n'),
            "received",
            "refused all 5",
        ),
        (
            "own",
            "/metrics",
            Answer(200, "".join(OWN.splitlines(keepends=True)[:-1])),
            "exported",
            "pipeline",
        ),
        ("shown", "/metrics", Answer(200, 'up{job="other"} 1\n'), "exposed", "none of them"),
        (
            "shown",
            "/metrics",
            Answer(200, SHOWN.replace("local", "staging")),
            "exposed",
            "as environment staging, not local",
        ),
        ("grafana", "/api/health", Answer(503), "grafana", "answered 503"),
        (
            "grafana",
            "/api/health",
            Answer(200, '{"database": "failing"}'),
            "grafana",
            "no database: failing",
        ),
        ("grafana", "/api/datasources", Answer(200, "[]"), "datasource", "no data source"),
        ("grafana", "/api/datasources", Answer(401, "{}"), "datasource", "doesn't take"),
        (
            "grafana",
            "/api/datasources/uid/prometheus/health",
            Answer(400, '{"status": "ERROR", "message": "no such host"}'),
            "datasource",
            "no such host",
        ),
        ("alertmanager", "/-/ready", Answer(503), "alertmanager", "not ready"),
    ],
)
def test_a_broken_hop_is_named_and_no_other(
    world: World, site: str, path: str, answer: Answer, kind: str, says: str
) -> None:
    getattr(world, site).answers[path] = answer
    step = named(world.flow)
    assert (step.kind, says in step.said) == (kind, True), step


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("collector_health", "collector"),
        ("prometheus", "prometheus"),
        ("grafana", "grafana"),
        ("alertmanager", "alertmanager"),
    ],
)
def test_a_program_that_is_away_is_the_broken_hop(world: World, place: str, kind: str) -> None:
    step = named(away(world, **{place: AWAY}))
    assert step.kind == kind and AWAY in step.said, step


def test_a_service_that_is_away_is_the_broken_hop(world: World) -> None:
    step = named(world.flow._replace(service=AWAY))
    assert step.kind == "service" and "connection refused" in step.said


def test_what_cannot_be_seen_from_here_is_no_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAFANA_ADMIN_PASSWORD")
    steps = hops.walk(
        away(world, collector="", collector_metrics=AWAY, collector_health="")._replace(service="")
    )
    unknown = {step.kind for step in steps if step.state == UNKNOWN}
    assert unknown == {
        *("service", "exports", "collector", "received", "exported", "exposed", "datasource")
    }
    assert hops.broken(steps) is None and hops.known(steps)
    # Prometheus away, and nothing else that could be seen: that says nothing of the service.
    blind = away(world, collector="", collector_metrics="", collector_health="", prometheus=AWAY)
    assert not hops.known(hops.walk(blind._replace(service="")))
    assert hops.known(hops.walk(world.flow._replace(service=AWAY)))


def test_another_environment_is_not_taken_for_this_one(world: World) -> None:
    seen = hops.look(Hop("", "", keeping.up), world.flow._replace(environment="staging"))
    assert seen.holds is False and "no target pi-forge in staging" in seen.said
    seen = hops.look(Hop("", "", keeping.counted), world.flow._replace(environment="staging"))
    assert seen.holds is False and "no request counts of pi-forge in staging" in seen.said


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ((91 * 86400.0, 1.0), "keeps data for 90d, not for 91 days"),
        ((90 * 86400.0, 30.0), "scrapes every 1s, not every 30 s"),
    ],
)
def test_what_is_kept_otherwise_than_configured(
    world: World, about: tuple[float, float], says: str
) -> None:
    step = named(world.flow._replace(retention=about[0], scrape=about[1]))
    assert step.kind == "kept" and says in step.said


def test_the_count_must_rise_by_what_was_sent(world: World) -> None:
    before = keeping.counts(world.flow)
    assert list(before.values()) == [12.0]
    step = named(world.flow._replace(sent=3, before=before))
    assert step.kind == "counted" and step.measured == {"rose": 0.0, "sent": 3}
    (series,) = before
    seen = hops.look(
        Hop("", "", keeping.counted), world.flow._replace(sent=3, before={series: 9.0})
    )
    assert seen.holds and seen.measured["rose"] == 3
    # A restart begins a new series: what the old one had is neither counted again nor missed.
    gone = {frozenset({("instance", "gone")}): 1000.0}
    assert hops.look(Hop("", "", keeping.counted), world.flow._replace(sent=12, before=gone)).holds


def test_a_hop_is_given_the_time_that_it_takes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hops, "PAUSE", 0.01)
    monkeypatch.setattr(hops, "GRACE", 0.0)
    looks = iter([Seen(False, "not yet")] * 3 + [Seen(True, "there")])
    late = Hop("late", "late", lambda flow: next(looks), (1, 0))
    assert hops.walk(world.flow._replace(export=30.0), [late], wait=True)[0].said == "there"
    never = Hop("never", "never", lambda flow: Seen(False, "never"), (1, 0))
    assert hops.walk(world.flow._replace(export=0.1), [never], wait=True)[0].state == BROKEN


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("15s", 15.0), ("1m30s", 90.0), ("90d", 7776000.0), ("2w", 1209600.0), ("500ms", 0.5)],
)
def test_durations_as_prometheus_writes_them(said: str, seconds: float) -> None:
    assert keeping.seconds(said) == seconds
    assert keeping.seconds(f"{said}?") == keeping.seconds("") == 0.0
