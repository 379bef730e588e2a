"""The type of what the configuration says of the developer's machine."""

from __future__ import annotations

from ..strict import Strict


class Host(Strict, frozen=True):
    """What `inv host` makes of the developer's own machine, and how `inv host.serve` serves there.

    requirements: what is installed in .venv beside service.requirements, of what there is. serve:
    the command, with the port for {port}; its first word is looked for in .venv first.
    """

    requirements: tuple[str, ...] = ("requirements-dev.txt", "requirements.txt")
    serve: str = "python -m uvicorn server.main:app --reload --reload-dir server --port {port}"
    port: int = 8000
