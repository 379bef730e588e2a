"""What a server of ASGI applications is pointed at: `python -m uvicorn server.main:app`."""

import logging
import os
from typing import TYPE_CHECKING

from . import logs
from .app import create_app
from .release import Release

if TYPE_CHECKING:
    from .telemetry import Telemetry

log = logging.getLogger("uvicorn.error")


def enabled() -> bool:
    """Tell whether ENABLE_TELEMETRY asks for it."""
    return os.environ.get("ENABLE_TELEMETRY", "").strip().lower() in ("1", "true", "yes", "on")


def telemetry(release: Release) -> "Telemetry | None":
    """Return what sends the service's telemetry; None, and nothing of it is imported, without.

    What is wrong with it, such as a setting that makes no sense, keeps no service from starting.
    """
    if not enabled():
        return None
    try:
        from .telemetry import Telemetry

        return Telemetry(os.environ, release)
    except Exception:
        log.exception("No telemetry is sent: it could not be set up")
        return None


release = Release.of(os.environ)
lines = logs.configure(release.id)
sending = telemetry(release)
if sending:
    lines.ids = sending.ids
app = create_app(release, sending)
