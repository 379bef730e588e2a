"""The circle of closure: composes the phases and declares every default. No logic."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from invoke.collection import Collection

# The phases live in tasks/, which has no __init__.py: Invoke, pytest and mypy all load this file
# first, and this line lets Python find the phases as its submodules.
__path__ = [__file__.removesuffix(".py")]

# Invoke keeps Python from storing compiled code, which is meant for a short tasks.py; compiling all
# of this again for every `inv --list` would cost more than the rest of it.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from tasks import (  # noqa: E402
    alert,
    circle,
    deploy,
    host,
    lint,
    monitor,
    preaggregate,
    release,
    rollback,
    test,
    visualize,
)
from tasks.lib import project  # noqa: E402

project.begin(Path(__file__).parent)

# Each can be set in invoke.yaml, and all but the lists by a variable: INVOKE_SERVICE_KEEP=2.
# (`strategy` alone has its default in the types: it is text or a mapping, and Invoke keeps to one.)
# tests/test_tasks.py holds them against the types in tasks/lib/settings.py, which say what each is.
DEFAULTS: dict[str, Any] = {
    "app": "app",
    "remote": "origin",
    "default_environment": "sandbox",
    "sandbox": {"hosts": 1, "port": 8000, "directory": ".sandbox"},
    "contacts": {},
    "stack": {
        "prometheus": "http://127.0.0.1:9090",
        "alertmanager": "http://127.0.0.1:9093",
        "grafana": "http://127.0.0.1:3000",
        "otlp": "http://127.0.0.1:4318",
        "recipes": "http://127.0.0.1:4320",
        "collector": "http://127.0.0.1:8888",
        "collector_metrics": "http://127.0.0.1:8889",
        "collector_health": "http://127.0.0.1:13133",
    },
    "host": {
        "requirements": ["requirements-dev.txt", "requirements.txt"],
        "serve": "python -m uvicorn server.main:app --reload --reload-dir server --port {port}",
        "port": 8000,
    },
    "lint": {
        "exclude": [],
        "scripts": ["scripts"],
        "hooks": True,
        "types": True,
        "black": True,
        "checks": [],
    },
    "notify": {"environments": [], "begun": False, "limit": "3s", "board": "pi-forge"},
    "test": {
        "directory": "tests",
        "suites": {},
        "options": [],
        "source": ["server"],
        "coverage": 80.0,
        "critical": {},
        "slow": "60s",
        "checks": [],
    },
    "preaggregate": {"requests": 50, "paths": ["/"], "start": "3m"},
    "release": {
        "branch": "main",
        "prefix": "v",
        "files": {},
        "changelog": "CHANGELOG.md",
        "review": True,
        "draft": False,
        "attachments": [],
    },
    "monitor": {
        "cpu": 0.9,
        "memory": "",
        "errors": 0,
        "lines": 100,
        "refresh": "5s",
        "window": "30m",
        "metrics": "/api/metrics",
    },
    "visualize": {
        "directory": "grafana/dashboards",
        "slow": "2s",
        "stale": "2m",
        "refresh": "1m",
        "skew": "5s",
    },
    "alert": {
        "directory": "alertmanager",
        "pages": "docs/alerts",
        "response": "15m",
        "false_positives": 0.1,
        "tested": "30d",
        "limit": "2m",
        "pagerduty": "https://api.pagerduty.com",
        "opsgenie": "https://api.opsgenie.com",
    },
    # What `inv circle.run --path=NAME` runs. A step that ends with ? informs: the path goes on.
    "circle": {
        "paths": {
            "circle": [
                "lint",
                "host",
                "test",
                "preaggregate",
                "release",
                "deploy",
                "monitor",
                "visualize",
                "alert",
            ],
            "feature": ["lint", "host", "test", "preaggregate", "release"],
            "bug": [
                "monitor? --env=production",
                "visualize? --env=production",
                "lint",
                "test",
                "release",
                "deploy --env=staging",
                "deploy --env=production",
                "monitor --env=production",
            ],
            "production-down": [
                "alert.ack? --env=production",
                "monitor? --env=production",
                "rollback --env=production",
                "visualize? --env=production",
                "lint",
                "test",
            ],
            "monitoring": [
                "preaggregate --env=local",
                "monitor --env=local",
                "visualize --env=local",
                "alert",
            ],
            "regular": [
                "lint",
                "test",
                "preaggregate",
                "release",
                "deploy --env=staging",
                "deploy --env=production",
                "monitor --env=production",
            ],
        },
    },
    "scorecard": {"deploy": "30m", "rollback": "5m", "success": 0.95},
    "incident": {"draft": True, "limit": "20s", "same": "4h"},
    "service": {
        "hosts": [],
        "url": "",
        "front": "http://127.0.0.1:80",
        "path": "",
        "after": "",
        "watch": "15m",
        "confirm": False,
        "approve": False,
        "overlap": "watch",
        "standby": False,
        "keep": 5,
        "python": "python3",
        "adapter": "auto",
        "gates": ["lint", "test", "release", "budget", "incident"],
        "freeze": [],
        "directory": "",
        "requirements": "server/requirements.txt",
        "run": "python -m uvicorn server.main:app --uds {socket} --no-access-log",
        "processes": {},
        "health": "/api/health",
        "version_path": "/api/version",
        "host_header": "",
        "smoke": [],
        "hooks": {
            "build": "",
            "backup": "",
            "before_start": "",
            "after_switch": "",
            "after_close": "",
            "before_rollback": "",
        },
        "required": [],
        "shared_paths": [],
        "include": [],
        "schema": "compatible",
        "limits": {
            "connect": "10s",
            "stage": "10m",
            "hook": "10m",
            "start": "60s",
            "drain": "30s",
            "lease": "30s",
            "verify": "10s",
            "step": "60s",
        },
        "thresholds": {
            "error_ratio": 0.01,
            "p95": "1s",
            "interval": "1s",
            "failures": 3,
            "requests": 20,
            "nodata": "fail",
            "paths": ["/"],
        },
        "server": {
            "admin": "root",
            "authorized_keys": [],
            "packages": [],
            "body": "10m",
            "timeout": "60s",
            "metrics": ["/metrics"],
            "metrics_from": ["127.0.0.1", "::1"],
            "tls": {"certificate": "", "key": "", "certbot": ""},
        },
        "resources": {"memory": "", "cpu": "", "tasks": 0, "files": 16384},
        "observability": {
            "prometheus": "",
            "alertmanager": "",
            "grafana": "",
            "otlp": "",
            "collector": "",
            "collector_metrics": "",
            "collector_health": "",
            "host": "",
            "watch": False,
            "minimum": 20,
            "export": "15s",
            "scrape": "15s",
        },
        "ssh_config": "~/.ssh/config",
    },
    "environments": {
        "sandbox": {
            "hosts": [],
            "url": "",
            "after": "",
            "watch": "5s",
            "confirm": False,
            "approve": False,
            "adapter": "process",
            "gates": [],
            "freeze": [],
            "ssh_config": "",
        },
    },
}

ns = Collection(
    lint,
    host,
    test,
    preaggregate,
    release,
    deploy,
    rollback,
    monitor,
    visualize,
    alert,
    circle,
)
ns.configure(DEFAULTS)
