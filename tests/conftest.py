"""Fixtures of the tests of whole phases, of faults and of real hosts.

See tests/support/, tests/faults/world.py and tests/system/.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import NodeManager

from tests.faults.hosts import Ground
from tests.faults.sandbox import SandboxGround
from tests.faults.world import World, Worlds
from tests.support.authority import Authority
from tests.support.bench import Bench, ours_apart
from tests.support.project import Project
from tests.support.shop import Shop, identity
from tests.system import engine, image
from tests.system.hosts import DebianGround


def pytest_addoption(parser: pytest.Parser) -> None:
    said = "fail where a test is skipped: what it needs is missing"
    parser.addoption("--no-skips", action="store_true", help=said)


class Share(LoadScopeScheduling):  # type: ignore[misc]  # it has no types of its own
    """What a test process takes at a time: a file's tests; of those on two grounds, what is on one.

    They share what is slow to put up, and some go on from where the one before has ended.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        words = re.split(r"[\[\]-]", test) if "/faults/" in file else []
        return f"{file} {'debian' if 'debian' in words else ''}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Share:
    """Share out the tests so, whatever `--dist` says but `no`."""
    return Share(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever is done to real hosts is of the system's tests: `-m system`.

    What is slow comes first, so that test processes side by side end at about the same time; and
    what is on one ground together, since who goes from one to the other puts hosts up anew.
    """

    def ground(item: pytest.Item) -> str:
        if item.path.parent.name == "system":
            return "system"
        return str(item.callspec.params.get("worlds", "")) if hasattr(item, "callspec") else ""

    for item in items:
        if "docker" in getattr(item, "fixturenames", ()) or ground(item) == "system":
            item.add_marker("system")
    slow = ("system", "debian", "sandbox", "")
    items.sort(key=lambda item: (slow.index(ground(item)), item.path.parent.name != "tests"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("no_skips"):
        report.outcome = "failed"
    return report


MEASURING = "COVERAGE_PROCESS_CONFIG"  # by it coverage measures what a test starts
MEASURED = os.environ.get(MEASURING, "")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave what the tests of faults and of real hosts start unmeasured.

    It runs what other tests have run, too, and measuring costs a process half of its time again.
    """
    if item.path.parent.name in ("faults", "system"):
        os.environ.pop(MEASURING, None)
    elif MEASURED:
        os.environ[MEASURING] = MEASURED


def pytest_configure() -> None:
    """Have fixtures put away what they made also when somebody ends the tests."""

    def end(*_: object) -> None:
        pytest.exit("ended by SIGTERM", 143)

    signal.signal(signal.SIGTERM, end)
    # Seconds that xdist gives its processes for that, once it has interrupted them; 10 is too few.
    NodeManager.EXIT_TIMEOUT = 120


Make = Callable[..., Project]


def _projects(base: Path) -> Iterator[Make]:
    made: list[Project] = []

    def project(**about: Any) -> Project:
        found = Project(base / f"project {len(made)}", **about)
        made.append(found)
        started = found.inv("host", "--env=sandbox")
        assert started.returncode == 0, started.stdout + started.stderr
        return found

    yield project
    for each in made:
        stopped = each.inv("host.down", "--env=sandbox")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make a scratch project whose sandbox runs: `make(hosts=3, service={...})`. It is gone at the
    end."""
    yield from _projects(tmp_path)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """As `make`, for projects that the tests of a module share."""
    yield from _projects(tmp_path_factory.mktemp("lasting"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """What signs the certificate of an HTTPS server of the tests."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def docker() -> Iterator[engine.Engine]:
    """The container engine behind real hosts; where what it needs is missing, that is said."""
    if wrong := engine.missing():
        pytest.skip(wrong)
    made = engine.Engine()
    yield made
    made.close()


@pytest.fixture(scope="session")
def debian(docker: engine.Engine) -> str:
    """The image of a Debian server."""
    return image.image(docker)


# A case of the fault tests runs in the sandbox and on real hosts.
GROUNDS = ["sandbox", pytest.param("debian", marks=pytest.mark.system)]


@pytest.fixture(scope="session", params=GROUNDS)
def worlds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worlds]:
    ground: Ground = SandboxGround()
    if request.param == "debian":
        docker = request.getfixturevalue("docker")
        ground = DebianGround(docker, request.getfixturevalue("debian"))
    made = Worlds(tmp_path_factory.mktemp("faults"), ground)
    yield made
    made.close()


@pytest.fixture
def world(worlds: Worlds) -> World:
    """Three hosts with nothing under way, all on one release, with another to go back to."""
    return worlds.clean()


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Git knows who commits here, and nothing else of this machine's settings."""
    identity(monkeypatch, tmp_path)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A project to release, with its remote."""
    return Shop.new(tmp_path)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs and measures these tests is kept from the tests that they run."""
    ours_apart(monkeypatch)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A project whose tests are run."""
    return Bench.made(tmp_path / "a project")
