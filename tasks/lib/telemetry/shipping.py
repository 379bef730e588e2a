"""What an environment's own stack needs on its host: its files, and what Compose is told."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from ..developer.compose import file
from ..errors import Refused
from ..settings import Environment
from .composed import PORTS, URLS

OVERLAY = "docker-compose.remote.yml"
FILES = ("otel-collector-config.yaml", "otel-collector-remote.yaml", "prometheus.yml")
DIRECTORIES = ("prometheus", "alertmanager", "grafana")
TARGETS = Path("prometheus/targets/service")
TLS_PORT = 4319  # where services on other hosts send to, unless observability.otlp says another
# Of our own environment, what Compose there is told: secrets go this way, and no other.
PASSED = (
    "GRAFANA_ADMIN_PASSWORD",
    "ALERTMANAGER_CONFIG",
    "COLLECTOR_IMAGE",
    "PROMETHEUS_IMAGE",
    "ALERTMANAGER_IMAGE",
    "GRAFANA_IMAGE",
    "OTLP_TLS_ADDRESS",
    *PORTS.values(),
)
# Who reads what when it starts: the beginning of a file's name, and the service.
READERS = {
    "otel-collector": "otel-collector",
    "collector/": "otel-collector",
    "prometheus.yml": "prometheus",
    "prometheus/rules/": "prometheus",
    "alertmanager/alertmanager.yml": "alertmanager",
    "alertmanager/teams.yml": "alertmanager",
    "alertmanager/templates/": "alertmanager",
    "grafana/provisioning/": "grafana",
}


def name(app: str, environment: str) -> str:
    """Return what the stack is called on its host: its directory, and Compose's project."""
    return f"{app}-{environment}-stack"


def files(root: Path, environment: str) -> dict[str, str]:
    """Return the files to ship, by their path, in Base64. Raises Refused where one is missing.

    Of those that Prometheus asks, only the environment's own are among them: here is not there.
    """
    compose = file(root)
    named = [*((compose.name,) if compose else ("docker-compose.yml",)), OVERLAY, *FILES]
    if missing := [each for each in named if not (root / each).is_file()]:
        raise Refused(f"{', '.join(missing)} of the stack is missing here.", kind="config")
    for place in DIRECTORIES:
        found = (each for each in sorted((root / place).rglob("*")) if each.is_file())
        named += [str(each.relative_to(root)) for each in found if _goes(each, root, environment)]
    return {each: base64.b64encode((root / each).read_bytes()).decode() for each in named}


def _goes(path: Path, root: Path, environment: str) -> bool:
    if path.name.startswith("."):
        return False
    return path.parent != root / TARGETS or path.stem == environment


def variables(root: Path, app: str, environment: Environment) -> dict[str, str]:
    """Return what Compose is told there, beside what the file itself says."""
    own = environment.observability
    compose = file(root)
    said = {key: os.environ[key] for key in PASSED if os.environ.get(key)}
    for key, variable in URLS.items():
        if url := getattr(own, key):
            said[variable] = url
    return {
        **said,
        "OTLP_TLS_PORT": str(port(environment)),
        "COMPOSE_PROJECT_NAME": re.sub(r"[^a-z0-9_-]", "_", name(app, environment.name).lower()),
        "COMPOSE_FILE": f"{compose.name if compose else 'docker-compose.yml'}:{OVERLAY}",
    }


def port(environment: Environment) -> int:
    """Return the port that services on other hosts send to."""
    said = urlsplit(environment.observability.otlp)
    return said.port or TLS_PORT


def readers(changed: list[str]) -> list[str]:
    """Return the services that have to start again for files that have changed."""
    found = {who for each in changed for begin, who in READERS.items() if each.startswith(begin)}
    return sorted(found)


def endpoint(environment: Environment, host: str) -> str:
    """Return where services on other hosts send to; host: where the stack is."""
    own = environment.observability.otlp
    if own.startswith("https://"):
        return own.rstrip("/")
    return f"https://{f'[{host}]' if ':' in host else host}:{port(environment)}"
