"""The same work by five ways to deploy, interleaved on the same real hosts: one table.

Run it as root: `python -m tests.benchmarks.peers [--hosts 1,4,8] [--round-trips 0,0.05] [--runs 5]
[--only ours,script] [--no-lost] [--start 0]`.

Medians of RUNS code-only deploys and rollbacks of a small
service, from the start of the command until every host's own nginx serves the other version
("served") and until the command has ended; "lost" is what users lost of 50 requests a second in
five deploys. Each peer is written as its own users would, and well: see the files beside this one.
The hosts are Debian containers on this machine, so all of them share its processors.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.peers import table, tools
from tests.benchmarks.peers.ansible import Ansible
from tests.benchmarks.peers.capistrano import Capistrano
from tests.benchmarks.peers.field import Field
from tests.benchmarks.peers.measure import Live, Timed, Versions, lost
from tests.benchmarks.peers.ours import Ours, Standby
from tests.benchmarks.peers.peer import HERE, Peer
from tests.benchmarks.peers.pyinfra import Pyinfra
from tests.benchmarks.peers.script import Script
from tests.support.project import Project
from tests.system import engine, image
from tests.system.site import Site

PEERS: tuple[type[Peer], ...] = (Ours, Standby, Script, Capistrano, Ansible, Pyinfra)
FILES = 100  # beside the service, of 4 KB each: the code of a small application


def main() -> None:
    """Measure what the command line names."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave nothing then, either
    parser = argparse.ArgumentParser(prog="peers", description=__doc__)
    parser.add_argument("--hosts", default="1,4,8")
    parser.add_argument("--round-trips", default="0,0.05", help="seconds")
    parser.add_argument("--runs", type=int, default=5, help="of each, up to 15")
    parser.add_argument("--only", default="", help=", ".join(each.name for each in PEERS))
    parser.add_argument("--start", type=float, default=0.0, help="seconds more that it starts")
    parser.add_argument("--no-lost", action="store_true", help="measure times only")
    said = parser.parse_args()
    chosen = [each for each in PEERS if each.name in said.only.split(",") or not said.only]
    wrong = engine.missing() or " ".join(filter(None, (each.missing() for each in chosen)))
    if wrong or not chosen:
        parser.error(wrong or "--only names no peer")
    counts = [int(text) for text in said.hosts.split(",")]
    trips = [float(text) for text in said.round_trips.split(",")]
    with tempfile.TemporaryDirectory(prefix="circle-peers-") as place:
        table.head()
        project = repository(Path(place) / "project", said.start)
        rows = measure(Path(place), project, chosen, counts, trips, said.runs, not said.no_lost)
        for each in rows:
            table.show(each)


def measure(
    place: Path,
    project: Project,
    chosen: Sequence[type[Peer]],
    counts: Sequence[int],
    trips: Sequence[float],
    runs: int,
    losing: bool,
) -> Iterator[list[table.Row]]:
    """Yield the rows of each number of hosts and round trip."""
    bin_ = tools.install(place / "tools", chosen)
    docker = engine.Engine()
    site = Site(docker, image.image(docker), max(counts))
    peers: list[Peer] = []
    try:
        ports = {each.name: 8001 + number for number, each in enumerate(chosen)}
        field = Field(site, place / "field", ports)
        versions = Versions(project)
        peers += [each(field, project, place / "peers", bin_) for each in chosen]
        for count in counts:
            for trip in trips:
                machines = site.machines[:count]
                with field.reached(machines, trip):
                    for peer in peers:
                        peer.aim(machines)
                    lives = [Live(peer) for peer in peers]
                    yield block(lives, versions, runs, count, trip, losing and trip == trips[0])
    finally:
        for peer in peers:
            peer.close()
        site.close()
        docker.close()


def repository(root: Path, start: float) -> Project:
    """The code that is deployed: some files, and the service, which starts `start` s later."""
    project = Project(root)
    service = (HERE / "service" / "app.py").read_text()
    pages = {f"pages/{number}.txt": os.urandom(1500).hex() for number in range(FILES)}
    project.commit(
        "the service", **{"app.py": service, "VERSION": "v0", "START": str(start), **pages}
    )
    return project


def block(
    lives: Sequence[Live], versions: Versions, runs: int, hosts: int, trip: float, losing: bool
) -> list[table.Row]:
    """Measure all peers in turn, RUNS times; a row for each."""
    deploys: dict[str, list[Timed]] = {live.peer.name: [] for live in lives}
    rollbacks: dict[str, list[Timed]] = {live.peer.name: [] for live in lives}
    for _ in range(2):  # what they start from, and go back to
        commit, version = versions.next()
        for live in lives:
            live.deploy(commit, version)
    for run in range(runs):
        commit, version = versions.next()
        for live in (*lives[run % len(lives) :], *lives[: run % len(lives)]):
            before = live.current
            deploys[live.peer.name].append(live.deploy(commit, version))
            rollbacks[live.peer.name].append(live.rollback(before))
            print(f"{hosts} hosts, {trip} s: {live.peer.name} {run + 1}", file=sys.stderr)
    missed = {live.peer.name: 0 for live in lives}
    for _ in range(5 if losing else 0):
        commit, version = versions.next()
        for live in lives:
            missed[live.peer.name] += lost(live, commit, version)
    return [
        table.Row(
            hosts,
            trip,
            name,
            middle(each.served for each in deploys[name]),
            middle(each.ended for each in deploys[name]),
            middle(each.served for each in rollbacks[name]),
            middle(each.ended for each in rollbacks[name]),
            missed[name] if losing else None,
            steps(deploys[name]),
            steps(rollbacks[name]),
        )
        for name in deploys
    ]


def middle(figures: Iterator[float]) -> float:
    """The median."""
    return statistics.median(list(figures))


def steps(runs: Sequence[Timed]) -> dict[str, float]:
    """The median of each step that a peer tells of."""
    names = runs[0].steps
    return {name: statistics.median([run.steps.get(name, 0.0) for run in runs]) for name in names}


if __name__ == "__main__":
    main()
