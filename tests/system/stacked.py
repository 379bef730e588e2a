"""The shipped stack on a real engine, with stand-ins for its images.

Each is made of the program as Debian or its own Go modules have it, and bears the pinned name while
the tests run. Grafana can't be made so: it is left out by a profile that nobody asks for.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tasks.lib.developer.compose import Done, Here
from tests.support import collector, observed
from tests.system.engine import LABEL, Engine

ROOT = Path(__file__).parents[2]
SHIPPED = (
    "docker-compose.yml",
    "docker-compose.remote.yml",
    "otel-collector-config.yaml",
    "otel-collector-remote.yaml",
    "prometheus.yml",
    "prometheus",
    "alertmanager",
    "grafana",
)
LEFT_OUT = "grafana"
TEMPLATES = Path("/usr/share/prometheus/alertmanager")
LENT = Path("/run/circle-images.lock")  # held by each who has them under the pinned names
BUSYBOX = Path("/bin/busybox")
# As the images have them: the user, the data's directory, the program's place.
PROGRAMS: dict[str, tuple[str, str, str]] = {
    "otel-collector": ("10001", "", "otelcol-contrib"),
    "prometheus": ("nobody", "prometheus", "bin/prometheus"),
    "alertmanager": ("nobody", "alertmanager", "bin/alertmanager"),
}
PORTS = (
    "OTLP",
    "RECIPES",
    "COLLECTOR",
    "COLLECTOR_METRICS",
    "COLLECTOR_HEALTH",
    "PROMETHEUS",
    "ALERTMANAGER",
    "GRAFANA",
)


def missing() -> str:
    """Return "" where stand-ins can be made here, else what is missing, in a sentence."""
    wanted = {"prometheus": "prometheus", "amtool": "prometheus-alertmanager"}
    packages = [package for program, package in wanted.items() if not shutil.which(program)]
    packages += [] if BUSYBOX.exists() else ["busybox-static"]
    return f"stand-in images need: apt install {' '.join(packages)}" if packages else ""


def pinned() -> dict[str, str]:
    """Return, by service, the name of the image that the shipped file pins."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    names = {name: str(service["image"]) for name, service in services.items()}
    return {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", image) for name, image in names.items()}


@contextlib.contextmanager
def images(engine: Engine) -> Iterator[dict[str, str]]:
    """Have every image but Grafana's under its pinned name; an image that is there is left alone,
    and a stand-in loses that name at the end, lest anybody takes it for the real one: where test
    processes share them, when the last one has ended."""
    lent = []
    with LENT.open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            for service in PROGRAMS:
                name, made = pinned()[service], _made(engine, service)
                if _id(engine, name) in ("", _id(engine, made)):
                    engine.run("tag", made, name)
                    lent.append(name)
            yield pinned()
        finally:
            with contextlib.suppress(BlockingIOError):  # others are at it still
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for name in lent:
                    engine.run("rmi", name)


def stand_ins(engine: Engine) -> dict[str, str]:
    """Return the variables by which Compose takes the stand-ins by names of their own, which test
    processes side by side may do."""
    variables = {service: service.split("-")[-1].upper() for service in PROGRAMS}
    return {f"{name}_IMAGE": _made(engine, service) for service, name in variables.items()}


def _id(engine: Engine, name: str) -> str:
    return engine.run("images", "--no-trunc", "-q", name)


def _made(engine: Engine, service: str) -> str:
    """Return the stand-in for a service's image, by a name of our own; it is kept."""
    user, data, place = PROGRAMS[service]
    program = _program(service)
    said = f"1 {PROGRAMS[service]} {hashlib.sha256(program.read_bytes()).hexdigest()}"
    name = f"circle-stack:{service}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"
    if not _id(engine, name):
        with tempfile.TemporaryDirectory(prefix="circle-stack-") as root:
            _fill(Path(root), program, place, data)
            _import(engine, Path(root), name, place, user)
    return name


def _program(service: str) -> Path:
    if service == "otel-collector":
        return collector.binary()
    name = observed.alertmanager() if service == "alertmanager" else service
    return Path(shutil.which(name) or "")


def _fill(root: Path, program: Path, place: str, data: str) -> None:
    """Make an image's tree: the program, what it is linked with, and what asks for its health."""
    files = {program: place}
    linked = subprocess.run(["ldd", str(program)], capture_output=True, text=True).stdout
    files |= {Path(found): found[1:] for found in re.findall(r"(/\S+) \(0x", linked)}
    if data == "alertmanager" and TEMPLATES.is_dir():  # Debian's looks for them there
        shutil.copytree(TEMPLATES, root / str(TEMPLATES)[1:])
    if data:  # the collector's has no shell, and nothing else either
        files[BUSYBOX] = "bin/wget"
        for name in ("sh", "cat", "touch", "id"):
            (root / "bin").mkdir(exist_ok=True)
            (root / "bin" / name).symlink_to("wget")
        (root / data).mkdir()
        shutil.chown(root / data, 65534, 65534)
        (root / "etc").mkdir()
        (root / "etc/passwd").write_text("nobody:x:65534:65534:nobody:/:/bin/sh\n")
        (root / "etc/group").write_text("nogroup:x:65534:\n")
    for file, where in files.items():
        (root / where).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, root / where)
        (root / where).chmod(0o755)
    root.chmod(0o755)


def _import(engine: Engine, root: Path, name: str, place: str, user: str) -> None:
    changes = [f'ENTRYPOINT ["/{place}"]', f"USER {user}", "ENV PATH=/bin"]
    words = [word for change in changes for word in ("--change", change)]
    tar = subprocess.run(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE, check=True)
    engine.run("import", *words, "-", name, data=tar.stdout)


class Stacked:
    """A copy of the shipped files as they are, on free ports, in a project of its own.

    home: where. variables: of Compose, beyond those that make it so.
    """

    def __init__(self, engine: Engine, home: Path, variables: Mapping[str, str]) -> None:
        self.engine, self.home = engine, home
        home.mkdir(parents=True)
        for name in SHIPPED:
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, home / name)
        self.ports = {name: observed.port() for name in PORTS}
        self.project = f"circle-{os.getpid()}-{secrets.token_hex(2)}"
        self._overlay()
        self.variables = {
            **{f"{name}_PORT": str(number) for name, number in self.ports.items()},
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_FILE": f"docker-compose.yml{os.pathsep}tests.yml",
            "GRAFANA_ADMIN_PASSWORD": "not-admin",
            **({"DOCKER_HOST": engine.env["DOCKER_HOST"]} if "DOCKER_HOST" in engine.env else {}),
            **variables,
        }
        health = f"http://127.0.0.1:{self.ports['COLLECTOR_HEALTH']}"
        # The stack as `developer.stack` is given it.
        self.place = Here(home, self.variables, {"otel-collector": health})

    def _overlay(self) -> None:
        """Say what tests alone need: whose it is, so that what a killed test has left is found."""
        read = yaml.safe_load((self.home / "docker-compose.yml").read_text())
        labels = {"labels": {LABEL: str(os.getpid())}}
        said: dict[str, dict[str, dict[str, Any]]] = {
            kind: {name: dict(labels) for name in read[kind]}
            for kind in ("services", "networks", "volumes")
        }
        for name, each in said["services"].items():
            if "healthcheck" in read["services"][name]:
                each["healthcheck"] = {"interval": "1s"}
        said["services"][LEFT_OUT]["profiles"] = ["left-out"]
        (self.home / "tests.yml").write_text(yaml.safe_dump(said))

    def url(self, name: str) -> str:
        """Return where a port of PORTS is reached."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        words = [f"label=com.docker.compose.{key}" for key in ("project", "service")]
        words = [f"{words[0]}={self.project}", f"{words[1]}={service}"]
        return self.engine.run("ps", "-aq", "--no-trunc", *(f"--filter={word}" for word in words))

    def remove(self) -> None:
        """Take away everything of it, volumes too."""
        self.compose("down", "--volumes", "--timeout", "20")

    def compose(self, *words: str, code: int = 0) -> str:
        """Run Compose and return both its streams."""
        done = self.place.run(*self.place.words, *words)
        assert done.code == code, done.err + done.out
        return done.out + done.err

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine says of a service's container."""
        found: list[dict[str, Any]] = json.loads(
            self.engine.run("inspect", self.container(service))
        )
        return found[0]

    def inside(self, service: str, *argv: str) -> Done:
        """Run a command in a service's container."""
        return self.place.run("docker", "exec", self.container(service), *argv)
