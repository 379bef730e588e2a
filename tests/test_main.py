"""What the service answers, route by route."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Scope

from server import health, meter
from server.app import Service, create_app
from server.release import Release

RELEASE = Release(version="v1.2.0", commit="0123abc", id="20260101T000000Z-v1.2.0-0123abc")


@pytest.fixture
def app() -> Service:
    """Return a service that knows which release it is."""
    return create_app(RELEASE)


@pytest.fixture
def client(app: Service) -> Iterator[TestClient]:
    """Return a client of the started service; a server error reaches it as it would a user."""
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_the_root_names_the_service_and_its_release(client: TestClient) -> None:
    body = client.get("/").json()
    assert (body["name"], body["release"]) == ("pi-forge", RELEASE.id)
    for path in body["links"].values():
        assert client.get(path).status_code == 200, path


def test_the_version_is_what_the_host_said(client: TestClient) -> None:
    assert client.get("/api/version").json() == {
        "name": "pi-forge",
        "version": "v1.2.0",
        "commit": "0123abc",
        "release": RELEASE.id,
    }


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="nothing said"),
        pytest.param({"VERSION": "", "COMMIT": "", "RELEASE_ID": ""}, id="empty"),
    ],
)
def test_what_the_host_did_not_say_is_unknown(environ: dict[str, str]) -> None:
    assert Release.of(environ) == Release("unknown", "unknown", "unknown")


def test_the_host_says_it_in_the_environment() -> None:
    environ = {"VERSION": "v1", "COMMIT": "c", "RELEASE_ID": "r", "HOME": "/"}
    assert Release.of(environ) == Release(version="v1", commit="c", id="r")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/api/health", 200),
        ("HEAD", "/api/health", 200),
        ("GET", "/api/version", 200),
        ("GET", "/api/metrics", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/api/health", 405),
        ("GET", "/broken", 500),
    ],
)
def test_every_response_names_the_release(
    app: Service, client: TestClient, method: str, path: str, status: int
) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("nobody handles this")

    response = client.request(method, path)
    assert (response.status_code, response.headers.get_list("x-release-id")) == (
        status,
        [RELEASE.id],
    )


class TestHealth:
    """/api/health is 200 only when requests can be served, and says what is wrong otherwise."""

    def test_all_checks_hold(self, client: TestClient) -> None:
        response = client.get("/api/health")
        assert response.status_code == 200
        assert response.json() == {
            "status": "ok",
            "checks": {"started": "ok", "event_loop": "ok"},
        }

    def test_before_the_service_is_started(self, app: Service) -> None:
        response = TestClient(app).get("/api/health")  # not entered: its life has not begun
        assert response.status_code == 503
        assert response.json()["checks"]["started"] == "the service is starting"

    def test_after_it_has_stopped(self, app: Service) -> None:
        with TestClient(app):
            pass
        checks = TestClient(app).get("/api/health").json()["checks"]
        assert checks["started"] == "the service is stopping"

    def test_a_check_of_the_services_own(self, app: Service, client: TestClient) -> None:
        async def full() -> str:
            return "no space left"

        app.health.checks["disk"] = full
        response = client.get("/api/health")
        assert response.status_code == 503
        assert response.json() == {
            "status": "unavailable",
            "checks": {"started": "ok", "event_loop": "ok", "disk": "no space left"},
        }

    def test_a_check_that_raises_shows_no_secret(self, app: Service, client: TestClient) -> None:
        async def connect() -> str:
            raise ConnectionError("postgres://user:hunter2@db refused")

        app.health.checks["database"] = connect
        response = client.get("/api/health")
        assert response.status_code == 503
        assert response.json()["checks"]["database"] == "failed with ConnectionError"
        assert "hunter2" not in response.text

    def test_a_check_that_hangs_is_a_check_that_fails(
        self, app: Service, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def hang() -> str:
            await asyncio.Event().wait()
            return ""

        monkeypatch.setattr(health, "LIMIT", 0.01)
        app.health.checks["queue"] = hang
        assert client.get("/api/health").json()["checks"]["queue"] == "no answer within 0.01 s"

    def test_an_event_loop_that_stands_still(self, monkeypatch: pytest.MonkeyPatch) -> None:
        times = iter([10.0, 13.5])
        monkeypatch.setattr(health, "monotonic", lambda: next(times))
        assert asyncio.run(health.event_loop()) == "a turn of the event loop took 3.5 s"


class TestMetrics:
    """/api/metrics counts what was answered and how long it took."""

    def test_requests_by_status(self, client: TestClient) -> None:
        for path in ("/", "/", "/nowhere"):
            client.get(path)
        requests = client.get("/api/metrics").json()["requests"]
        # The request that asks is in flight itself, and not yet among the answered.
        assert requests == {"total": 3, "by_status": {"200": 2, "404": 1}, "in_flight": 1}

    def test_an_error_that_nobody_handled_is_a_500(self, app: Service, client: TestClient) -> None:
        @app.get("/broken")
        async def broken() -> None:
            raise RuntimeError

        client.get("/broken")
        requests = client.get("/api/metrics").json()["requests"]
        assert requests == {"total": 1, "by_status": {"500": 1}, "in_flight": 1}

    def test_before_the_first_answer_there_is_no_latency(self, client: TestClient) -> None:
        latency = client.get("/api/metrics").json()["latency_seconds"]
        assert latency == {"p50": None, "p95": None, "p99": None, "samples": 0}

    def test_latencies_are_those_of_the_latest_requests(self) -> None:
        counted = meter.Meter()
        for seconds in [9.0] * 50 + [n / 1000 for n in range(1, meter.WINDOW + 1)]:
            counted.began({})
            counted.ended({}, 200, seconds)
        snapshot = counted.snapshot()
        assert snapshot["requests"]["total"] == meter.WINDOW + 50
        assert snapshot["latency_seconds"] == {
            "p50": 0.512,
            "p95": 0.973,
            "p99": 1.014,
            "samples": meter.WINDOW,
        }

    def test_uptime_goes_on(self, client: TestClient) -> None:
        first, second = (client.get("/api/metrics").json()["uptime_seconds"] for _ in range(2))
        assert 0 <= first <= second

    @pytest.mark.parametrize(
        ("values", "share", "expected"),
        [
            pytest.param([], 0.5, None, id="of nothing"),
            pytest.param([3.0], 0.0, 3.0, id="none"),
            pytest.param([3.0], 0.95, 3.0, id="of one"),
            pytest.param([1.0, 2.0], 0.5, 1.0, id="median of two"),
            pytest.param([float(n) for n in range(1, 101)], 0.07, 7.0, id="no rounding up"),
            pytest.param([float(n) for n in range(1, 101)], 0.95, 95.0, id="95 of 100"),
            pytest.param([1.0, 2.0, 3.0], 1.0, 3.0, id="all"),
        ],
    )
    def test_percentile(self, values: list[float], share: float, expected: float | None) -> None:
        assert meter.percentile(values, share) == expected


def test_an_observer_may_join_later(app: Service, client: TestClient) -> None:
    """What telemetry will be: told of each request, with nothing of the service rewritten."""
    heard: list[Any] = []

    class Listener:
        """An observer that writes down what it hears."""

        def began(self, scope: Scope) -> None:
            heard.append(scope["path"])

        def ended(self, scope: Scope, status: int, seconds: float) -> None:
            heard.append((scope["path"], status, seconds >= 0))

    client.get("/")
    app.observers.append(Listener())
    client.get("/api/version")
    assert heard == ["/api/version", ("/api/version", 200, True)]
