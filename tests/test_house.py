"""The rules of the house, each as a test over all files that are or would be committed."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from tasks.lib.alert.secrets import VARIABLES

ROOT = Path(__file__).parents[1]
LOCKS = [
    "requirements",
    "requirements-dev",
    "server/requirements",
    "tests/benchmarks/peers/requirements",
]
LOCKS += ["docs/examples/flask/requirements", "docs/examples/static/requirements"]
# What takes long to import: `inv --list` must not pay for it.
HEAVY = {"aiohttp", "asyncssh", "fabric", "git", "msgspec", "opentelemetry", "paramiko", "psutil"}
HEAVY |= {"requests", "rich"}
# Variables that the system sets or everyone knows; .env.example is about those that are ours.
SYSTEM = {"HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "TMPDIR", "USER"}
SYSTEM |= {"NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"}
SYSTEM |= {
    "PYTEST_ADDOPTS",
    "SSH_AUTH_SOCK",
    "VIRTUAL_ENV",
    "XDG_RUNTIME_DIR",
    "BASH_SOURCE",
    "CDPATH",
    "EUID",
    "SUDO_USER",
}
# What .env.example names as the service's own: here nothing reads it.
SERVICE = {"SUPABASE_URL", "SUPABASE_KEY", "JWT_SECRET", "GRAFANA_ADMIN_PASSWORD"}
# What OpenTelemetry reads by itself.
SERVICE |= {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"}
# What is handed to Alertmanager is read by the names of the files that it has them in.
SERVICE |= set(VARIABLES.values()) - {"SLACK_WEBHOOK_URL", "TEAMS_WEBHOOK_URL"}


@cache
def files() -> tuple[Path, ...]:
    """Return the files that git has, and those that it would take, relative to the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    found = (Path(name) for name in sorted(set(listed.split("\0"))) if name)
    return tuple(path for path in found if (ROOT / path).is_file())


def python() -> list[Path]:
    """Return the Python files, relative to the root."""
    return [path for path in files() if path.suffix == ".py"]


def shell() -> list[Path]:
    """Return the shell scripts, relative to the root, by their first line."""
    first = re.compile(rb"#!\s*\S*[/ ](sh|bash)\b")
    return [path for path in files() if first.match((ROOT / path).read_bytes()[:40])]


@cache
def tree(path: Path) -> ast.Module:
    """Return what a Python file says."""
    return ast.parse((ROOT / path).read_bytes(), str(path))


def test_invoke_and_python_see_one_module_called_tasks() -> None:
    assert not (ROOT / "tasks/__init__.py").exists()
    assert (ROOT / "tasks.py").is_file()


def test_files_stay_short() -> None:
    lengths = {str(path): len((ROOT / path).read_bytes().splitlines()) for path in python()}
    assert {path: n for path, n in lengths.items() if n > 300} == {}


def test_functions_stay_short() -> None:
    long = {
        f"{path}: {node.name}": length
        for path in python()
        if path.parts[0] != "tests"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and (length := node.end_lineno - node.lineno + 1) > 50
    }
    assert long == {}


def imports(nodes: list[ast.stmt]) -> Iterator[str]:
    """Yield what statements import as they are run, by absolute or relative name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module.rstrip('.')}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            yield from imports(node.body + node.orelse)
        elif isinstance(node, ast.Try | ast.With):
            yield from imports(node.body)


def test_what_is_heavy_is_imported_where_it_is_used() -> None:
    """A phase, and all that importing one brings with it, is imported by `inv --list`."""
    modules = [path for path in python() if path.parts[0] in ("tasks.py", "tasks")]
    here = {str(path.with_suffix("")).replace("/", "."): path for path in modules}
    reached = {Path("tasks.py"), *(path for path in modules if len(path.parts) == 2)}
    heavy = set()
    queue = list(reached)
    while queue:
        path = queue.pop()
        for name in imports(tree(path).body):
            if name.split(".")[0] in HEAVY:
                heavy.add(f"{path} imports {name}")
            other = here.get(absolute(path, name))
            if other and other not in reached:
                reached.add(other)
                queue.append(other)
    assert heavy == set()


def absolute(path: Path, name: str) -> str:
    """Return the module that `name` is when it is imported in the file `path`."""
    level = len(name) - len(name.lstrip("."))
    if not level:
        return name
    return ".".join([*path.parts[: len(path.parts) - level], name[level:]])


def test_the_library_knows_no_phase() -> None:
    phases = {path.stem for path in python() if len(path.parts) == 2 and path.parts[0] == "tasks"}
    wrong = {
        f"{path} imports {name}"
        for path in python()
        if path.parts[:2] == ("tasks", "lib")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in imports([node])
        if absolute(path, name).split(".")[:1] == ["tasks"]
        and absolute(path, name).split(".")[1:2]
        and absolute(path, name).split(".")[1] in phases
    }
    assert wrong == set()


def test_the_agent_needs_nothing_but_python() -> None:
    halves = ("scripts/agent/", "scripts/prepare/", "scripts/stack/")
    agent = [path for path in python() if str(path).startswith(halves)]
    agent.append(Path("tasks/lib/developer/venv.py"))  # scripts/setup runs it before all else
    own = {path.stem for path in agent}
    outside = {
        f"{path} imports {name}"
        for path in agent
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in imports([node])
        if not name.startswith(".")
        and name.split(".")[0] not in sys.stdlib_module_names | own | {"__future__", "agent"}
    }
    assert outside == set()


def constants() -> dict[str, str]:
    """Return every module-level name that stands for a text, as keys of the environment may."""
    return {
        target.id: node.value.value
        for path in python()
        for node in tree(path).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }


def keys_read(path: Path) -> Iterator[ast.expr]:
    """Yield the keys that a Python file asks the environment for."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Subscript(value=asked, slice=key, ctx=ast.Load()):
                pass
            case ast.Call(func=ast.Attribute(value=asked, attr="get"), args=[key, *_]):
                pass
            case ast.Call(func=ast.Attribute(attr="getenv") as asked, args=[key, *_]):
                pass
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[asked]):
                pass
            case _:
                continue
        if ast.unparse(asked).split(".")[-1] in ("environ", "getenv"):
            yield key


def variables_read() -> set[str]:
    """Return the names of the environment variables that the code reads, tests apart."""
    known = constants()
    names = set()
    for path in python():
        if path.parts[0] == "tests":
            continue
        for key in keys_read(path):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                names.add(key.value)
            elif isinstance(key, ast.Name) and key.id in known:
                names.add(known[key.id])
    for path in shell():
        text = (ROOT / path).read_text()
        set_here = re.findall(r"^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)
        names |= set(re.findall(r"\$\{?([A-Z][A-Z0-9_]*)", text)) - set(set_here)
    for path in (p for p in files() if p.suffix in (".yml", ".yaml") and p.parts[0] != "tests"):
        names |= set(re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)", (ROOT / path).read_text()))
    return names - SYSTEM


def test_the_example_environment_names_every_variable() -> None:
    text = (ROOT / ".env.example").read_text()
    named = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == variables_read() | SERVICE


def pins(lock: str) -> dict[str, set[str]]:
    """Return which versions of which package a lock allows."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / f"{lock}.txt").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


@pytest.mark.parametrize("lock", LOCKS)
class TestLocks:
    """What is installed is what was looked at, wherever it is fetched from."""

    def test_every_package_has_hashes(self, lock: str) -> None:
        text = re.sub(r"\\\n", "", (ROOT / f"{lock}.txt").read_text())
        packages = [
            line for line in text.splitlines() if line and not line.lstrip().startswith("#")
        ]
        line = re.compile(r"[A-Za-z0-9._-]+==\S+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
        assert [each for each in packages if not line.fullmatch(each)] == []

    def test_it_names_no_place(self, lock: str) -> None:
        places = r"://|--(extra-)?index-url|--find-links|--trusted-host|@ "
        assert re.search(places, (ROOT / f"{lock}.txt").read_text()) is None

    def test_it_holds_what_is_asked_for(self, lock: str) -> None:
        asked = re.findall(r"^[a-z][a-z0-9_-]*", (ROOT / f"{lock}.in").read_text(), re.MULTILINE)
        assert asked
        assert set(asked) - set(pins(lock)) == set()


@pytest.mark.parametrize("lock", ["requirements", "server/requirements"])
def test_the_tests_run_the_versions_that_are_shipped(lock: str) -> None:
    tested = pins("requirements-dev")
    assert {name: tested.get(name) for name in pins(lock)} == pins(lock)


def test_hooks_before_a_commit_need_no_network() -> None:
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]
    assert {hook["language"] for repo in repos for hook in repo["hooks"]} == {"system"}


def test_what_is_run_by_name_can_be_run() -> None:
    started = [path for path in files() if (ROOT / path).read_bytes().startswith(b"#!")]
    assert {Path(".ci/run"), Path("scripts/setup"), Path("scripts/test")} <= set(started)
    assert [path for path in started if not (ROOT / path).stat().st_mode & 0o111] == []


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shell_scripts_are_sound() -> None:
    found = subprocess.run(
        ["shellcheck", *map(str, shell())], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.stdout + found.stderr == ""


def test_the_tools_agree_on_how_long_a_line_is() -> None:
    black = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["black"]
    assert f"max-line-length = {black['line-length']}\n" in (ROOT / ".flake8").read_text()
