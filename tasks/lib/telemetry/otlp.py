"""OTLP's JSON, as far as it is written here by hand.

Source: https://opentelemetry.io/docs/specs/otlp/ (JSON Protobuf encoding).
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence


def attributes(of: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return labels as OTLP has them."""
    return [{"key": key, "value": {"stringValue": value}} for key, value in of.items()]


def request(
    about: Mapping[str, str], scope: str, metrics: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the request that tells of `metrics`. about: the resource's attributes; scope: whose
    they are."""
    scoped = {"scope": {"name": scope}, "metrics": list(metrics)}
    resource = {"attributes": attributes(about)}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [scoped]}]}
