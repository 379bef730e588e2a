"""Asking Grafana: what it is asked, by whom, and what is said where it isn't well."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tasks.lib.telemetry.grafana import Grafana, Unreachable
from tasks.lib.telemetry.prometheus import Unanswered
from tests.support import grafana as stand_in
from tests.support import observed
from tests.support.web import Answer
from tests.support.web import serve as web


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with observed.prometheus(observed.linked(tmp_path_factory.mktemp("prometheus"))) as url:
        yield url


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAFANA_TOKEN", raising=False)
    monkeypatch.setenv("GRAFANA_ADMIN_PASSWORD", stand_in.PASSWORD)


@pytest.fixture
def served(prometheus: str) -> Iterator[stand_in.Grafana]:
    with stand_in.serve(prometheus) as made:
        yield made


def test_what_is_provisioned_is_there(served: stand_in.Grafana) -> None:
    with Grafana(served.url) as asked:
        assert asked.answers() == ""
        assert [(s.uid, s.type, s.url) for s in asked.sources()] == [
            ("prometheus", "prometheus", "http://prometheus:9090"),
            ("alertmanager", "alertmanager", "http://alertmanager:9093"),
        ]
        found = {each["uid"]: each["folderTitle"] for each in asked.boards("pi forge")}
        assert found["pi-forge"] == "SRE" and set(found.values()) == {
            "SRE",
            "Developer",
            "Business",
        }
        assert asked.source_trouble("prometheus") == ""


def test_a_query_goes_through_it_to_prometheus(served: stand_in.Grafana) -> None:
    with Grafana(served.url) as asked:
        through = asked.prometheus("prometheus")
        assert [each.value for each in through.query("vector(1) + 1")] == [2.0]
        now = time.time()
        assert len(through.range("vector(3)", now - 60, now, 15)[0].points) == 5
        with pytest.raises(Unanswered, match="parse error") as wrong:
            through.query("sum by (")
    assert wrong.value.kind == "query"
    assert served.asked[0] == "POST /api/datasources/proxy/uid/prometheus/api/v1/query"


def test_a_source_that_is_away_is_told_as_grafana_sees_it(served: stand_in.Grafana) -> None:
    served.hosts["prometheus:9090"] = f"http://127.0.0.1:{observed.port()}"
    with Grafana(served.url) as asked:
        assert "http://prometheus:9090" in asked.source_trouble("prometheus")
        assert "Prometheus at" in asked.prometheus("prometheus").answers()


def test_a_mark_is_found_again_by_its_time_and_its_tags(served: stand_in.Grafana) -> None:
    with Grafana(served.url) as asked:
        asked.annotate("v1 went live", ("deploy", "staging"), start=1000.5, end=1010)
        asked.annotate("now", ("note",))
        (found,) = asked.annotations(900, 1100, ("deploy",))
        assert (found["text"], found["time"], found["timeEnd"]) == (
            "v1 went live",
            1000500,
            1010000,
        )
        assert asked.annotations(900, 1100, ("deploy", "production")) == ()
        (note,) = asked.annotations(time.time() - 60, time.time() + 1)
        assert note["text"] == "now" and "timeEnd" not in note


def test_a_token_goes_before_the_password(
    served: stand_in.Grafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFANA_ADMIN_PASSWORD", "wrong")
    with Grafana(served.url) as asked, pytest.raises(Unreachable) as refused:
        asked.sources()
    assert refused.value.kind == "login" and "GRAFANA_TOKEN" in str(refused.value)
    monkeypatch.setenv("GRAFANA_TOKEN", served.token)
    with Grafana(served.url) as asked:
        assert asked.sources()


def test_health_needs_no_login(served: stand_in.Grafana, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAFANA_ADMIN_PASSWORD")
    with Grafana(served.url) as asked:
        assert asked.answers() == ""
        served.database = "failing"
        assert "answered 503" in asked.answers()


def test_what_it_does_not_have_is_said(served: stand_in.Grafana) -> None:
    with Grafana(served.url) as asked, pytest.raises(Unreachable) as absent:
        asked.board("nobody")
    assert absent.value.kind == "absent" and "dashboards/uid/nobody" in str(absent.value)


def test_no_grafana_is_said_with_what_starts_one() -> None:
    with Grafana(f"http://127.0.0.1:{observed.port()}") as nobody:
        assert "did not answer" in nobody.answers() and "inv preaggregate" in nobody.answers()


def test_what_leads_elsewhere_is_not_followed_with_the_password() -> None:
    away = Answer(302, "", to="https://elsewhere.invalid/login?next=secret")
    with web({"/api/datasources": away}) as site, Grafana(site.url) as asked:
        with pytest.raises(Unreachable) as told:
            asked.sources()
    assert "leads to https://elsewhere.invalid/login:" in str(told.value)


def test_a_link_is_good_below_a_path_too() -> None:
    with Grafana("https://a.invalid/grafana/") as asked:
        assert asked.link("/grafana/d/x/y") == "https://a.invalid/grafana/d/x/y"
        assert asked.link("/d/x/y") == "https://a.invalid/grafana/d/x/y"
