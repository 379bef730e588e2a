"""The service put together: its routes, its life cycle, and what is around them."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from .health import Health
from .meter import Meter, Observed, Observer
from .release import NAME, Release

log = logging.getLogger(
    "uvicorn.error"
)  # the server's own log: it is shown without configuration of ours


class Service(FastAPI):
    """The application, which keeps what its routes answer from. Telemetry is one more observer."""

    def __init__(self, release: Release) -> None:
        """Make the application of one release."""
        super().__init__(title=NAME, version=release.version, lifespan=_life)
        self.release = release
        self.health = Health()
        self.meter = Meter()
        self.observers: list[Observer] = [self.meter]

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


def create_app(release: Release) -> Service:
    """Return the service of a release, with its routes."""
    app = Service(release)

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
        return JSONResponse(app.meter.snapshot())

    return app
