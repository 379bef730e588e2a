"""The developer's own machine as an environment: the service of `inv host.serve` and the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..telemetry.flow import LOCAL

if TYPE_CHECKING:
    from ..settings import Environment, Settings


def environment_of(settings: Settings) -> Environment:
    """Return the environment that the service on this machine is, which nobody configures."""
    from ..settings import Environment

    sandbox = settings.environment("sandbox")
    return Environment(
        name=LOCAL,
        url=f"http://127.0.0.1:{settings.host.port}",
        health=sandbox.health,
        version_path=sandbox.version_path,
        thresholds=sandbox.thresholds,
        limits=sandbox.limits,
    )
