"""A stand-in for the docker command, for a stack whose programs the test runs itself.

Images can't be had everywhere. What it answers is Docker's own form, as tests/system has it from
the real one; what is asked of it is written down, and nothing is started or ended by it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import yaml

_SCRIPT = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"$here/asked"
case "$*" in
    "compose version") exit 0 ;;
    "version "*) cat "$here/daemon" >&2; [ ! -s "$here/daemon" ] ;;
    "compose config") cat docker-compose.yml ;;
    "compose up"*) touch "$here/up" ;;
    "compose down"*) rm -f "$here/up" ;;
    "compose ps"*) [ ! -e "$here/up" ] || cut -d ' ' -f 1 "$here/ids" ;;
    "compose logs"*) echo "the log, as asked"
        case "$*" in *--follow*) exec sleep 300 ;; esac ;;
    "compose run"*) cat "$here/validate"; [ ! -s "$here/validate" ] ;;
    *NetworkSettings.Networks*) echo '{"intake": {"IPAddress": "127.0.0.1", "IPPrefixLen": 8}}' ;;
    "inspect "*) cat "$here/states" ;;
    "exec "*) echo "127.0.0.1 host.docker.internal" ;;
    "logs "*) echo "the last line of its log" ;;
esac
"""
SERVICES = ("alertmanager", "grafana", "otel-collector", "prometheus")


class Docked:
    """The command, in a directory of its own; `path` is PATH with it first."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True)
        (home / "docker").write_text(_SCRIPT)
        (home / "docker").chmod(0o755)
        for name in ("daemon", "validate"):
            (home / name).write_text("")
        (home / "ids").write_text("".join(f"{name}\n" for name in SERVICES))
        self.states()
        self.path = f"{home}{os.pathsep}{os.environ['PATH']}"

    def states(self, **wrong: str) -> None:
        """Have every service run, but those that are given with another status."""
        lines = (
            {
                "id": name,
                "name": f"/project-{name}-1",
                "state": {"Status": wrong.get(name.replace("-", "_"), "running"), "ExitCode": 1},
                "labels": {"com.docker.compose.service": name},
                "ports": {},
            }
            for name in SERVICES
        )
        (self.home / "states").write_text("".join(f"{json.dumps(each)}\n" for each in lines))

    def compose(self, root: Path, **ports: int) -> None:
        """Write the project's Compose file; ports: what a service publishes on loopback."""
        said = {name: {"ports": [f"127.0.0.1:{port}:1"]} for name, port in ports.items()}
        (root / "docker-compose.yml").write_text(yaml.safe_dump({"services": said}))

    def asked(self) -> list[str]:
        """Return the command lines so far."""
        file = self.home / "asked"
        return file.read_text().splitlines() if file.exists() else []
