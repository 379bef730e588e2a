"""Where the time of a deploy and a rollback goes: per step, on 1, 3 and 9 sandbox hosts, near and
50 ms away.

Run it: `python tests/benchmarks/deploying.py [--runs 5] [--hosts 1,3,9] [--round-trips 0,0.05]`.
Medians of RUNS code-only deploys of a small service, no watch. "own" is what is left of the whole
command (interpreter, imports, git, SSH, everything) when the service's own start-up is taken off;
that is measured beside it, by starting the same service by hand until it answers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.project import Project  # noqa: E402
from tests.support.proxy import Proxy  # noqa: E402

STEPS = ("lock", "stage", "start", "switch", "verify", "confirm", "close")


# As users have it: with it, all of ours would be compiled anew for every command.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def start_up(project: Project) -> float:
    """Return the seconds from starting the service by hand to its first answer."""
    with tempfile.TemporaryDirectory() as place:
        for name in ("app.py", "BEHAVIOUR"):
            shutil.copy(project.root / name, place)
        began = time.monotonic()
        child = subprocess.Popen([sys.executable, "app.py", "app.sock"], cwd=place)
        try:
            while time.monotonic() < began + 30:
                with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
                    link.connect(f"{place}/app.sock")
                    link.sendall(b"GET /api/health HTTP/1.0\r\n\r\n")
                    if link.recv(12):
                        return time.monotonic() - began
                time.sleep(0.001)
            raise SystemExit("the service did not start")
        finally:
            child.terminate()
            child.wait()


@contextlib.contextmanager
def far(project: Project, round_trip: float) -> Iterator[None]:
    """Have the operator reach every host through a proxy that takes `round_trip` seconds."""
    base = project.root / ".sandbox"
    state, known = base / "state.json", base / "known_hosts"
    before = state.read_text(), known.read_text()
    said = json.loads(before[0])
    with contextlib.ExitStack() as open_:
        lines = before[1]
        for host in said["hosts"] if round_trip else ():
            proxy = open_.enter_context(Proxy(host["ssh_port"], round_trip / 2))
            lines += before[1].replace(f":{host['ssh_port']} ", f":{proxy.port} ")
            host["ssh_port"] = proxy.port
        known.write_text(lines)
        state.write_text(json.dumps(said))
        try:
            yield
        finally:
            state.write_text(before[0])
            known.write_text(before[1])


def timed(project: Project, *words: str) -> dict[str, Any]:
    """Run `inv words… --json`; its detail with `seconds` of the whole command."""
    began = time.monotonic()
    told = project.document(*words)
    detail: dict[str, Any] = told["detail"]
    return {**detail, "seconds": time.monotonic() - began}


def measure(hosts: int, round_trips: list[float], runs: int) -> Iterator[dict[str, Any]]:
    """Yield a row of medians for each round trip on a sandbox of `hosts` hosts."""
    with tempfile.TemporaryDirectory() as place:
        project = Project(Path(place) / "project", hosts=hosts)
        assert project.inv("host", "--env=sandbox").returncode == 0
        try:
            timed(project, "deploy")
            for round_trip in round_trips:
                with far(project, round_trip):
                    yield row(project, hosts, round_trip, runs)
        finally:
            project.inv("host.down", "--env=sandbox")


def row(project: Project, hosts: int, round_trip: float, runs: int) -> dict[str, Any]:
    """Deploy and roll back `runs` times; the medians."""
    deploys, rollbacks, starts = [], [], []
    for number in range(runs):
        project.commit(f"change {number}", f"nothing-{number}")
        deploys.append(timed(project, "deploy"))
        starts.append(start_up(project))
        rollbacks.append(timed(project, "rollback", "--env=sandbox"))
        time.sleep(1.5)  # let the drains of this pair end, so that they are not measured
    middle = statistics.median
    steps = {step: middle([each["steps"][step] for each in deploys]) for step in STEPS}
    whole, service = middle([each["seconds"] for each in deploys]), middle(starts)
    return {
        "hosts": hosts,
        "round trip": round_trip,
        **steps,
        "deploy": whole,
        "start-up": service,
        "own": whole - service,
        "rollback": middle([each["seconds"] for each in rollbacks]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hosts", default="1,3,9")
    parser.add_argument("--round-trips", default="0,0.05")
    said = parser.parse_args()
    round_trips = [float(text) for text in said.round_trips.split(",")]
    head = False
    for hosts in (int(text) for text in said.hosts.split(",")):
        for found in measure(hosts, round_trips, said.runs):
            if not head:
                print("| " + " | ".join(found) + " |")
                print("|" + "--:|" * len(found))
                head = True
            cells = [
                f"{value:.2f}" if isinstance(value, float) else str(value)
                for value in found.values()
            ]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
