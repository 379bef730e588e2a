"""The variables of a dashboard: what each stands for, and expressions with them filled in.

Source: https://grafana.com/docs/grafana/latest/visualizations/dashboards/variables/
"""

from __future__ import annotations

import re
from typing import Any, Mapping, NamedTuple

from ..telemetry.prometheus import Prometheus
from . import boards

_NAMED = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))|\[\[(\w+)(?::\w+)?\]\]")
_VALUES = re.compile(r"label_values\((?:(.*),)?\s*(\w+)\s*\)", re.DOTALL)


class Range(NamedTuple):
    """What a panel shows: from start to end (Unix time), a point every `step` seconds."""

    start: float
    end: float
    step: float

    def words(self, interval: float) -> dict[str, str]:
        """Return Grafana's own variables for it. interval: the data source's `timeInterval`, in
        seconds, which its rates reach over four times."""
        rate = max(self.step + interval, 4 * interval)
        return {
            "__interval": f"{self.step:.0f}s",
            "__interval_ms": f"{self.step * 1000:.0f}",
            "__rate_interval": f"{rate:.0f}s",
            "__range": f"{self.end - self.start:.0f}s",
            "__range_s": f"{self.end - self.start:.0f}",
        }


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with the variables that `values` has filled in."""

    def one(found: re.Match[str]) -> str:
        return values.get(found[1] or found[2] or found[3], found[0])

    return _NAMED.sub(one, text)


def left(text: str) -> list[str]:
    """Return the variables that are still in `text`."""
    return [found[0] for found in _NAMED.finditer(text)]


def values(
    model: Mapping[str, Any], given: Mapping[str, str], prometheus: Prometheus, shown: Range
) -> dict[str, str]:
    """Return what each variable stands for: as given, else the first that Prometheus knows, else
    what the board was saved with. Raises Unanswered."""
    found = dict(shown.words(15.0))
    for variable in boards.variables(model):
        name = str(variable.get("name"))
        known = _known(variable, found, prometheus, shown)
        if name in given and (given[name] in known or not known or name == "environment"):
            found[name] = given[name]
        elif known:
            found[name] = known[0]
    return found


def _known(
    variable: Mapping[str, Any], found: Mapping[str, str], prometheus: Prometheus, shown: Range
) -> list[str]:
    """Return the values that a variable can have."""
    asked = variable.get("query") or ""
    text = str(asked.get("query", "") if isinstance(asked, Mapping) else asked)
    if variable.get("type") == "query":
        if wanted := _VALUES.fullmatch(text.strip()):
            words: dict[str, Any] = {"start": shown.start, "end": shown.end}
            if wanted[1]:
                words["match[]"] = filled(wanted[1].strip(), found)
            known = prometheus.get(f"label/{wanted[2]}/values", words)
            return [str(each) for each in known]
    if variable.get("type") in ("custom", "interval"):
        return [each.strip() for each in text.split(",") if each.strip()]
    if variable.get("type") in ("constant", "textbox"):
        return [text]
    current = (variable.get("current") or {}).get("value") or []
    return [str(each) for each in ([current] if isinstance(current, str) else current)]
