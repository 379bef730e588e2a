"""A sandbox for the tests, and a small service for behind its fronts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tasks.lib import ssh
from tasks.lib.sandbox import control, state
from tasks.lib.sandbox.state import Host
from tasks.lib.settings import Environment, Limits, Sandbox, Settings
from tasks.lib.target import Target, targets

# Answers with its release; /slow waits for a file, /cut and /half break off, /stream is sent in
# pieces.
SERVICE = """
import asyncio, os, pathlib, sys
from aiohttp import web

release = sys.argv[1]
here = pathlib.Path.cwd()
connections = set()

async def answer(request):
    connections.add(request.transport)
    headers = {"X-Release-Id": release, "X-Connections": str(len(connections))}
    if request.path == "/slow":
        (here / "asked").touch()
        while not (here / "go").exists():
            await asyncio.sleep(0.01)
            if request.transport is None or request.transport.is_closing():
                (here / "left").touch()
                break
    if request.path == "/silent":
        await asyncio.sleep(60)
    if request.path == "/cut":
        request.transport.abort()
    if request.path in ("/half", "/short"):
        size = 200000 if request.path == "/half" else 200
        response = web.StreamResponse(headers={**headers, "Content-Length": str(size)})
        await response.prepare(request)
        await response.write(b"x" * (size // 2))
        request.transport.close()
        return response
    if request.path == "/stream":
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        for number in range(3):
            await response.write(b"piece %d" % number)
            while not (here / f"go{number}").exists():
                await asyncio.sleep(0.01)
        return response
    if request.path == "/large":
        return web.Response(body=b"y" * 300000, headers=headers)
    if request.path == "/empty":
        return web.Response(status=204, headers=headers)
    if request.path == "/cookies":
        response = web.Response(text="two", headers=headers)
        response.set_cookie("one", "1")
        response.set_cookie("two", "2")
        return response
    if request.path == "/fail":
        return web.Response(status=503, text="my own", headers=headers)
    body = await request.read()
    return web.json_response(
        {"release": release, "method": request.method, "path": request.raw_path,
         "body": len(body), "headers": {k.lower(): v for k, v in request.headers.items()}},
        headers=headers)

async def main():
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.UnixSite(runner, "run/app.sock", backlog=2048).start()
    (here / "ready").touch()
    await asyncio.Event().wait()

asyncio.run(main())
"""


@dataclass
class Site:
    """A project with a sandbox, and what runs in it."""

    root: Path
    settings: Settings
    services: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def base(self) -> Path:
        return control.directory(self.settings, self.root)

    def start(self) -> tuple[Host, ...]:
        return control.start(self.settings, self.root)

    def targets(self) -> tuple[Target, ...]:
        environment = Environment(name="sandbox", limits=Limits())
        return targets(self.settings, environment, self.root)

    def serve(self, release: str, host: str = "host1") -> Path:
        """Start a service as a release of a host. Returns the release's directory."""
        directory = self.base / host / "srv" / "releases" / release
        (directory / "run").mkdir(parents=True)
        mark = {state.MARKER: str(self.base / host)}
        self.services.append(
            subprocess.Popen(
                [sys.executable, "-c", SERVICE, release], cwd=directory, env=os.environ | mark
            )
        )
        until((directory / "ready").exists)
        return directory

    def switch(self, release: str, host: str = "host1") -> None:
        """Point `current` at a release, as the agent does."""
        link = self.base / host / "srv" / f"current.{release}"
        link.symlink_to(f"releases/{release}")
        link.rename(link.with_name("current"))

    def stop(self) -> int:
        ended = control.stop(self.settings, self.root)
        for service in self.services:
            service.wait(10)
        return ended


def site(root: Path, hosts: int = 1, port: int = 0) -> Site:
    """Return a sandbox that isn't started yet; port 0 takes any for the first front."""
    root.mkdir(parents=True, exist_ok=True)
    return Site(root, Settings(sandbox=Sandbox(hosts=hosts, port=port)))


def until(holds: object, limit: float = 20.0) -> None:
    """Wait until a function returns true. The limit only ends a test that has failed."""
    deadline = time.monotonic() + limit
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


Make = Callable[..., Site]


def says(made: Site, command: str, number: int = 0) -> str:
    link = ssh.connect(made.targets()[number], Limits())
    channel = link.open(command)
    found = b"".join(iter(lambda: channel.read(65536, 20), b"")).decode()
    link.close()
    return found


def status(url: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=20).status_code
