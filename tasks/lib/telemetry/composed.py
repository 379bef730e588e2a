"""The stack of docker-compose.yml as the configuration has it: its ports and addresses."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from ..developer.compose import Here
from .settings import Stack

# By the key of `stack:`, the variable of docker-compose.yml that has its port.
PORTS = {
    "prometheus": "PROMETHEUS_PORT",
    "alertmanager": "ALERTMANAGER_PORT",
    "grafana": "GRAFANA_PORT",
    "otlp": "OTLP_PORT",
    "recipes": "RECIPES_PORT",
    "collector": "COLLECTOR_PORT",
    "collector_metrics": "COLLECTOR_METRICS_PORT",
    "collector_health": "COLLECTOR_HEALTH_PORT",
}
# And the one that has its address as people reach it: what a notification links to.
URLS = {
    "prometheus": "PROMETHEUS_URL",
    "alertmanager": "ALERTMANAGER_URL",
    "grafana": "GRAFANA_URL",
}
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def here(root: Path, stack: Stack) -> Here:
    """Return the stack on this machine, for `developer.stack`; its ports are those of `stack`."""
    return Here(root, variables(stack), {"otel-collector": stack.collector_health})


def variables(stack: Stack) -> dict[str, str]:
    """Return what docker-compose.yml is to be told, so that `stack:` is the one place for it."""
    said = {variable: getattr(stack, key) for key, variable in URLS.items()}
    for key, variable in PORTS.items():
        address = urlsplit(getattr(stack, key))
        if address.hostname in LOOPBACK and address.port:
            said[variable] = str(address.port)
    return said
