"""The root: what is in the circle, what it costs to list, and what it says to a mistake."""

from __future__ import annotations

import copy
import gc
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
from invoke.collection import Collection
from invoke.tasks import Task

import tasks
from tasks.lib import config
from tasks.lib.circle import standing
from tasks.lib.phase import Phase
from tests.support import pages

ROOT = Path(__file__).resolve().parents[1]
CIRCLE = standing.PHASES
HEAVY = (
    "rich",
    "msgspec",
    "fabric",
    "paramiko",
    "requests",
    "git",
    "asyncssh",
    "aiohttp",
    "psutil",
)


def phase_of(name: str) -> Phase:
    """Return the declaration of a phase, which is the module's own constant."""
    found = getattr(getattr(tasks, name), "PHASE")
    assert isinstance(found, Phase)
    return found


def walk(collection: Collection, above: str = "") -> Iterator[tuple[str, Task]]:  # type: ignore
    for name, task in collection.tasks.items():
        yield f"{above}{name}", task
    for name, below in collection.collections.items():
        yield from walk(below, f"{above}{name}.")


TASKS = dict(walk(tasks.ns))


def options_of(name: str) -> dict[str, str]:
    """Return the options of a task and their help (Invoke empties `help` as it reads it)."""
    asked = copy.copy(TASKS[name])
    asked.help = dict(asked.help)
    return {str(argument.name): argument.help or "" for argument in asked.get_arguments()}


def inv(
    *words: str, at: Path = ROOT, flags: tuple[str, ...] = (), variables: dict[str, str] = {}
) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("INVOKE_")}
    return subprocess.run(
        [sys.executable, *flags, "-m", "invoke", *words],
        cwd=at,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of its own with the recipes in it, in a path with a space.

    They are linked, not copied, so that coverage counts what runs there.
    """
    root = tmp_path / "a project"
    root.mkdir()
    for name in ("tasks", "tasks.py"):
        (root / name).symlink_to(ROOT / name)
    return root


def test_the_circle_is_whole() -> None:
    assert set(CIRCLE) <= set(tasks.ns.collections)
    listed = inv("--list")
    assert listed.returncode == 0, listed.stderr
    for name in CIRCLE:
        assert re.search(rf"^\s+{name}\.\w+ \({name}\)", listed.stdout, re.MULTILINE), name


@pytest.mark.parametrize("name", CIRCLE)
def test_a_phase_is_the_default_task_of_its_collection(name: str) -> None:
    collection = tasks.ns.collections[name]
    assert collection.default and TASKS[f"{name}.{collection.default}"].is_default


@pytest.mark.parametrize(("number", "name"), list(enumerate(CIRCLE, 1)))
def test_a_phase_is_declared_in_full(number: int, name: str) -> None:
    phase = phase_of(name)
    assert (phase.number, phase.name) == (number, name)
    assert phase.closure.endswith(" closure") and phase.purpose.endswith(".")
    assert phase.prerequisites and phase.procedure and phase.validation and phase.troubleshooting
    assert all(step.endswith(".") for step in phase.procedure)
    for check in phase.prerequisites + phase.validation:
        assert check.name and check.mend, "a check says what mends it"
    for row in phase.troubleshooting:
        assert row.issue and row.solution.endswith(".")
        re.compile(row.output)


@pytest.mark.parametrize(
    ("name", "following"),
    [
        *zip(CIRCLE[:5], CIRCLE[1:6]),
        ("deploy", "monitor"),
        ("rollback", "monitor"),
        *zip(CIRCLE[7:], (*CIRCLE[8:], "lint")),
    ],
)
def test_each_phase_leads_on(name: str, following: str) -> None:
    command = phase_of(name).next.closed
    assert command.split()[:2] == ["inv", following]
    # What is printed to be pasted has to be a command that Invoke can read.
    words = {word.replace("-", "_") for word in re.findall(r" --([a-z-]+)", command)}
    assert words <= set(options_of(f"{following}.{tasks.ns.collections[following].default}"))


def test_a_deploy_in_trouble_leads_to_the_rollback() -> None:
    phase = phase_of("deploy")
    ways = [phase.next.troubled, *(row.solution for row in phase.troubleshooting)]
    assert any("inv rollback" in way for way in ways)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_tells_what_it_does_in_one_line_and_shows_it(name: str) -> None:
    doc = inspect.getdoc(TASKS[name].body) or ""
    told, *rest = doc.split("\n\n")
    assert re.fullmatch(r"[A-Z][a-z]+ .*\.", told), f"one line, ending with a dot: {doc!r}"
    assert not re.match(r"[A-Z][a-z]*[^s]s ", told), f"as a command, `Show`, not `Shows`: {doc!r}"
    assert len(rest) == 1, f"then a paragraph of its own, `Example: inv …`: {doc!r}"
    shown = re.findall(r"^Example: (inv .+)$", rest[0], re.MULTILINE)
    assert 0 < len(shown) == len(rest[0].splitlines()) <= 2, f"one example or two: {doc!r}"
    for command in shown:
        assert len(command) <= 68, "inv --help prints it in one line of 80 columns"
        (words,) = pages.typed(command)
        pages.parse(words)
        assert words[0] in (name, name.removesuffix(f".{words[0]}")), f"{command} is another's"


@pytest.mark.parametrize("name", TASKS)
def test_every_option_has_help_and_is_a_whole_word(name: str) -> None:
    for option, told in options_of(name).items():
        assert re.fullmatch(r"[a-z][a-z_]+", option), f"{name} --{option}"
        assert told, f"{name} --{option} has no help"


def test_listing_imports_nothing_heavy() -> None:
    listed = inv("--list", flags=("-X", "importtime"))
    assert listed.returncode == 0
    imported = set(re.findall(r"^import time:.*\|\s+(\w+)[\w.]*$", listed.stderr, re.MULTILINE))
    assert "invoke" in imported and "tasks" in imported
    assert not imported & set(HEAVY)


def test_what_was_imported_is_not_looked_through_for_garbage() -> None:
    assert gc.get_freeze_count() > 0, "it costs a sixth of `inv --list`"


def test_the_project_itself_is_configured_right() -> None:
    settings = read(ROOT)
    assert settings.app == "pi-forge" and settings.environment().name == "sandbox"
    staging, production = settings.environment("staging"), settings.environment("production")
    assert (staging.watch, production.watch, production.after) == (900, 1800, "staging")
    assert all("your-domain.com" in host for host in staging.hosts + production.hosts)
    assert set(settings.contacts) >= {"on-call engineer", "team lead"}


def read(root: Path) -> config.Settings:
    from invoke.config import Config
    from invoke.context import Context

    found = Config(project_location=root)
    found.load_project()
    found.load_collection(tasks.DEFAULTS)
    return config.load(Context(found))


@pytest.mark.parametrize(
    ("text", "variables", "sentence"),
    [
        ("a: [", {}, r"can't be read .*correct invoke\.yaml, then run"),
        ("service: [1]", {}, r"can't be read .*correct invoke\.yaml, then run"),
        ("", {"INVOKE_SERVICE_KEEP": "many"}, r"'many'.*correct INVOKE_SERVICE_KEEP, then"),
        ("", {"INVOKE_SERVICE_HOSTS": "a"}, r"list.*INVOKE_SERVICE_HOSTS, then run"),
    ],
)
def test_what_invoke_cannot_read_is_one_sentence(
    project: Path, text: str, variables: dict[str, str], sentence: str
) -> None:
    (project / "invoke.yaml").write_text(text)
    done = inv("monitor", at=project, variables=variables)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert re.search(sentence, done.stderr)


def test_secrets_of_the_file_reach_the_process_and_nothing_is_said(project: Path) -> None:
    (project / ".env").write_text("INVOKE_SERVICE_KEEP=many\nJWT_SECRET=sentinel-7f3\n")
    done = inv("monitor", at=project)
    assert "INVOKE_SERVICE_KEEP" in done.stderr, "what the file says is in the environment"
    assert "sentinel" not in done.stdout + done.stderr
    done = inv("monitor", at=project, variables={"INVOKE_SERVICE_KEEP": "2"})
    assert done.stderr.startswith("The sandbox isn't running")
