"""The types of what the configuration says of the circle as a whole, and what is unsound in it."""

from __future__ import annotations

from typing import Iterator

import msgspec

from ..strict import Strict

CIRCLE = "circle"  # the path that is run where none is named

# As the root declares them; tests/lib/test_config.py holds the two together.
_PATHS = {
    CIRCLE: "lint, host, test, preaggregate, release, deploy, monitor, visualize, alert",
    "feature": "lint, host, test, preaggregate, release",
    "bug": "monitor? --env=production, visualize? --env=production, lint, test, release, "
    "deploy --env=staging, deploy --env=production, monitor --env=production",
    "production-down": "alert.ack? --env=production, monitor? --env=production, "
    "rollback --env=production, visualize? --env=production, lint, test",
    "monitoring": "preaggregate --env=local, monitor --env=local, visualize --env=local, alert",
    "regular": "lint, test, preaggregate, release, deploy --env=staging, "
    "deploy --env=production, monitor --env=production",
}


class Circle(Strict, frozen=True):
    """paths: by name, each the steps that `inv circle.run --path=NAME` runs (see `steps`)."""

    paths: dict[str, tuple[str, ...]] = msgspec.field(
        default_factory=lambda: {name: tuple(said.split(", ")) for name, said in _PATHS.items()}
    )


def faults(circle: Circle) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key path, what was expected, and the value."""
    from ..sound import NAMED, name
    from .steps import parse

    for path, texts in circle.paths.items():
        if not name(path):
            yield "paths", f"names of {NAMED}", path
        if not texts:
            yield f"paths.{path}", "a list of steps", list(texts)
        for text in texts:
            try:
                parse(text)
            except ValueError as error:
                yield f"paths.{path}", str(error), text
