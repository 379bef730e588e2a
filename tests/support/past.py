"""A past that a test makes up, as the OpenMetrics text that `observed.backfill` takes."""

from __future__ import annotations

from collections.abc import Callable

Value = float | Callable[[float], float | None]


class Past:
    """Series between `start` and `end` (Unix time), a sample each `step` seconds.

    labels: of every series, such as job and environment.
    """

    def __init__(self, start: float, end: float, step: float = 15.0, **labels: str) -> None:
        self.start, self.end, self.step, self.labels = start, end, step, labels
        self._lines: dict[str, list[str]] = {}

    def add(self, name: str, value: Value, **labels: str) -> None:
        """Add a series; value: of every sample, or what gives it for a time (None: no sample)."""
        said = ",".join(
            f'{key}="{text}"' for key, text in {**self.labels, **labels}.items() if text
        )
        lines = self._lines.setdefault(name, [])
        at = self.end
        samples = []
        while at >= self.start:
            found = value(at) if callable(value) else value
            if found is not None:
                samples.append(f"{name}{{{said}}} {found!r} {at:.3f}\n")
            at -= self.step
        lines.extend(reversed(samples))

    def text(self) -> str:
        """Return it all."""
        return "".join(line for lines in self._lines.values() for line in lines) + "# EOF\n"
