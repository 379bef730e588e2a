"""The developer's own machine as an environment: the service of `inv host.serve` and the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..developer import stack as stacked
from ..developer.compose import Place
from ..errors import Refused
from ..telemetry.flow import LOCAL
from .hosts import Told
from .loglines import errors

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


class Local:
    """The logs of the stack's containers, as `docker compose logs` shows them.

    What `inv host.serve` serves writes to its own terminal, and is read there.
    """

    def __init__(self, place: Place, lines: int) -> None:
        """Be about the stack at `place`, and the newest `lines` of each of its logs."""
        self._place, self._lines = place, lines

    def read(self) -> Told:
        """Return the errors in the logs, by service. Raises nothing; without a stack there are
        none."""
        place, lines = self._place, self._lines
        try:
            running = () if stacked.missing(place) else stacked.services(place)
            found = {each.name: stacked.tail(place, each.container, lines) for each in running}
        except Refused as error:
            return Told(absent={"the stack": str(error)})
        return Told(errors={name: errors(text.splitlines()) for name, text in found.items()})

    def close(self) -> None:
        """Nothing is held open."""
