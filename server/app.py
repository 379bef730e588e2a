"""The service put together: its routes, its life cycle, and what is around them."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp

from . import exposition
from .business import Business
from .health import Health
from .meter import Meter, Observed, Observer
from .release import NAME, Release

if TYPE_CHECKING:
    from .telemetry import Telemetry

log = logging.getLogger(
    "uvicorn.error"
)  # the server's own log: it is shown without configuration of ours


class Service(FastAPI):
    """The application, which keeps what its routes answer from. Telemetry is one more observer."""

    def __init__(self, release: Release, telemetry: "Telemetry | None" = None) -> None:
        """Make the application of one release; `telemetry` is what sends its own, if any does."""
        config = telemetry.config if telemetry else {"auto_configure": False}
        super().__init__(title=NAME, version=release.version, lifespan=_life, telemetry=config)
        self.release = release
        self.since = time.time()
        self.health = Health()
        self.meter = Meter()
        self.business = Business()
        self.sending = telemetry
        self.observers: list[Observer] = [self.meter]
        if telemetry:
            self.observers.append(telemetry)
            telemetry.count(self.business)

    def build_middleware_stack(self) -> ASGIApp:
        """Return the stack with the observers outside of it.

        As middleware they would be inside of what answers 500 to an error that nobody handled,
        and would neither see that answer nor name the release in it.
        """
        return Observed(super().build_middleware_stack(), self.release.id, self.observers)


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    assert isinstance(app, Service)
    # A service opens its connections here, before it says that it is started; what it closes
    # below, no request needs any more: the server waits for those in flight first.
    app.health.phase = "started"
    log.info("%s %s is started as release %s", NAME, app.release.version, app.release.id)
    try:
        yield
    finally:
        app.health.phase = "stopping"
        log.info("%s has answered its last request as release %s", NAME, app.release.id)
        if app.sending:
            await asyncio.to_thread(app.sending.stop)


def create_app(release: Release, telemetry: "Telemetry | None" = None) -> Service:
    """Return the service of a release, with its routes."""
    app = Service(release, telemetry)
    app.include_router(app.business.routes())

    @app.head("/", include_in_schema=False)
    @app.get("/")
    async def root() -> JSONResponse:
        """Say what this is and where to look next."""
        links = {"health": "/api/health", "version": "/api/version", "metrics": "/api/metrics"}
        return JSONResponse({"name": NAME, "release": release.id, "links": links})

    @app.head("/api/health", include_in_schema=False)
    @app.get("/api/health", responses={503: {"description": "It can't serve."}})
    async def health() -> JSONResponse:
        """Answer 200 only if requests can be served now, else 503, with each check by name."""
        holds, checks = await app.health.report()
        body = {"status": "ok" if holds else "unavailable", "checks": checks}
        return JSONResponse(body, 200 if holds else 503)

    @app.get("/api/version")
    async def version() -> JSONResponse:
        """Name what is running here."""
        names = {"version": release.version, "commit": release.commit, "release": release.id}
        return JSONResponse({"name": NAME, **names})

    @app.get("/api/metrics")
    async def metrics() -> JSONResponse:
        """Show what the service has counted, for people to read."""
        counts = {"usage": app.business.usage, "conversions": app.business.conversions}
        return JSONResponse({**app.meter.snapshot(), **counts})

    @app.get("/metrics", include_in_schema=False)
    async def scraped() -> Response:
        """Tell Prometheus that it lives, and as what."""
        started = app.health.phase == "started"
        text = exposition.exposition(release, app.since, started, app.sending is not None)
        return Response(text, media_type=exposition.TYPE)

    return app
