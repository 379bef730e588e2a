"""What a deploy takes as hosts are added: seconds per step, the operator's memory and processor
time, and how often it connects to each host.

Run it: `python tests/benchmarks/scale.py [--hosts 1,10,25,50] [--runs 5]`.

Each host is an OpenSSH server of its own on loopback, with its own host key and its own directory
for the application; one nginx (without it, a sandbox front each) is the front of all. Medians of
RUNS code-only deploys of a small service, no watch. Operator and hosts share this machine's
processors, so the seconds are mostly the hosts' (each has a login, an interpreter, a service and a
stop to do); what the operator itself takes is `own`, the seconds of processor time of its process,
and `memory`, its peak in MiB.
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

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.openssh import OpenSSH, served  # noqa: E402
from tests.support.project import Project  # noqa: E402

STEPS = ("lock", "stage", "start", "switch", "verify", "confirm", "close")
PLACES = "SCALE_PLACES"  # a file: for each SSH port the path and the front that its host has

# As users have it: with it, all of ours would be compiled anew for every command.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


class Farm:
    """`count` hosts below `base`, and a project that deploys to them."""

    def __init__(self, base: Path, count: int, open_: contextlib.ExitStack) -> None:
        self.base, self.servers = base, [served_host(base, n, open_) for n in range(count)]
        ports = free_ports(count)
        roots = [server.directory / "srv" for server in self.servers]
        open_.enter_context(fronts(base, list(zip(ports, roots, strict=True))))
        places = {
            str(server.port): {"path": str(root), "front": f"http://127.0.0.1:{port}"}
            for server, port, root in zip(self.servers, ports, roots, strict=True)
        }
        (base / "places.json").write_text(json.dumps(places))
        key = f"Host *\n  IdentityFile {self.servers[0].identity}\n  IdentitiesOnly yes\n"
        (base / "ssh_config").write_text(key)
        environment = {
            "hosts": [server.address for server in self.servers],
            "adapter": "process",
            "ssh_config": str(base / "ssh_config"),
            "gates": [],
            "watch": "0s",
        }
        limits = {"lease": "60s", "connect": "60s", "start": "120s", "drain": "5s", "step": "60s"}
        service = {"limits": limits, "keep": 2}
        self.project = Project(base / "project", service=service, others={"scale": environment})
        known = "".join(server.known for server in self.servers)
        (self.project.root / "known_hosts").write_text(known)

    def inv(self, *words: str) -> dict[str, Any]:
        """Run `inv words… --json` as the operator; its detail, with what its process took."""
        argv = [sys.executable, __file__, "--operate", *words, "--env=scale", "--json"]
        env = {**self.project.variables(), PLACES: str(self.base / "places.json")}
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as told:
            began = time.monotonic()
            child = subprocess.Popen(
                argv,
                cwd=self.project.root,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=told,
            )
            _, status, took = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.monotonic() - began
            out.seek(0), told.seek(0)
            said = out.read(), told.read().decode()
        assert child.returncode == 0, said[1]
        detail: dict[str, Any] = json.loads(said[0])["detail"]
        own = took.ru_utime + took.ru_stime
        return {**detail, "seconds": seconds, "own": own, "memory": took.ru_maxrss / 1024}

    def connections(self) -> int:
        """The most connections that any host has accepted until now."""
        return max(server.logged("Connection from") for server in self.servers)

    def quiet(self) -> None:
        """Wait until every host has ended its run and drained the release before."""
        until = time.monotonic() + 120
        while any(self._busy(server.directory / "srv") for server in self.servers):
            assert time.monotonic() < until, "hosts are still at work"
            time.sleep(0.1)

    def _busy(self, root: Path) -> bool:
        several = len([*root.glob("releases/*/run/web.json")]) > 1
        return several or (root / "run" / "run.sock").exists()


def free_ports(count: int) -> list[int]:
    """Return free ports, no two the same: all are held until the last is found."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]


def served_host(base: Path, number: int, open_: contextlib.ExitStack) -> OpenSSH:
    """Start a host's sshd; all let in the key of the first."""
    directory = base / f"host{number}"
    directory.mkdir(mode=0o755)
    for name in ("identity", "identity.pub") if number else ():
        shutil.copy(base / "host0" / name, directory / name)
    return open_.enter_context(served(directory))


@contextlib.contextmanager
def fronts(base: Path, sites: list[tuple[int, Path]]) -> Iterator[None]:
    """Serve each port from the current release below its root, by nginx or by sandbox fronts."""
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if nginx:
        config = base / "nginx.conf"
        config.write_text(_nginx(base, sites))
        argvs = [[nginx, "-c", str(config), "-e", str(base / "nginx.log")]]
        children = [subprocess.Popen(argv) for argv in argvs]
    else:
        children = [
            subprocess.Popen([sys.executable, __file__, "--front", str(port)], cwd=root.parent)
            for port, root in sites
        ]
    try:
        yield
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait()


def _nginx(base: Path, sites: list[tuple[int, Path]]) -> str:
    servers = "\n".join(
        f"""server {{ listen 127.0.0.1:{port};
            location / {{ proxy_pass http://unix:{root}/current/run/app.sock:;
                proxy_http_version 1.1; proxy_set_header Connection close; }} }}"""
        for port, root in sites
    )
    paths = "\n".join(
        f"{what}_temp_path {base}/nginx-{what};"
        for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""  # the roots are below a private directory
    return f"""{user} daemon off; pid {base}/nginx.pid; events {{ worker_connections 1024; }}
        http {{ access_log off; {paths} {servers} }}"""


def operate(words: list[str]) -> None:
    """`inv words…`, where each host has the path and the front that SCALE_PLACES says."""
    import dataclasses

    sys.path[0] = os.getcwd()  # the project in the current directory is what deploys
    from invoke.main import program

    from tasks.lib import target

    found, places = target.targets, json.loads(Path(os.environ[PLACES]).read_text())

    def placed(*more: Any) -> Any:
        return tuple(
            dataclasses.replace(each, **places[str(each.address.port)]) for each in found(*more)
        )

    target.targets = placed  # type: ignore[assignment]
    program.run(["inv", *words])


def front(port: int) -> None:
    """The sandbox's front of the host whose directory this is."""
    import asyncio

    from tasks.lib.sandbox.front import Front

    async def serve() -> None:
        await Front().start(socket.create_server(("127.0.0.1", port)))
        await asyncio.Event().wait()

    asyncio.run(serve())


def measure(count: int, runs: int) -> dict[str, Any]:
    """Return a row of medians for `count` hosts."""
    with tempfile.TemporaryDirectory(prefix="scale-") as place, contextlib.ExitStack() as open_:
        farm = Farm(Path(place), count, open_)
        farm.inv("deploy")
        found, connections = [], []
        for number in range(runs):
            farm.quiet()
            farm.project.commit(f"change {number}", f"nothing-{number}")
            before = farm.connections()
            found.append(farm.inv("deploy"))
            connections.append(farm.connections() - before)
        farm.quiet()
        stop(farm)
    middle = statistics.median
    steps = {step: middle([each["steps"][step] for each in found]) for step in STEPS}
    figures = {
        what: middle([each[what] for each in found]) for what in ("seconds", "own", "memory")
    }
    return {"hosts": count, **steps, **figures, "connections per host": max(connections)}


def stop(farm: Farm) -> None:
    """End the services that still run."""
    for server in farm.servers:
        for record in (server.directory / "srv").glob("releases/*/run/*.json"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                os.killpg(json.loads(record.read_text())["pid"], 15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", default="1,10,25,50")
    parser.add_argument("--runs", type=int, default=5)
    said = parser.parse_args()
    head = False
    for count in (int(text) for text in said.hosts.split(",")):
        found = measure(count, said.runs)
        if not head:
            print("| " + " | ".join(found) + " |")
            print("|" + "--:|" * len(found))
            head = True
        cells = [f"{each:.2f}" if isinstance(each, float) else str(each) for each in found.values()]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--operate"]:
        operate(sys.argv[2:])
    elif sys.argv[1:2] == ["--front"]:
        front(int(sys.argv[2]))
    else:
        main()
