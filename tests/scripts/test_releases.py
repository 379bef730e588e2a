"""The story's four releases are what it says of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import releases
from tasks.lib.errors import Refused
from tasks.lib.source import resolve

ASK = """
import sys
from collections import Counter
from starlette.testclient import TestClient
from server.main import app

client = TestClient(app)
with client:
    assert client.get("/api/health").status_code == 200
    print(*[client.get("/").status_code for _ in range(int(sys.argv[1]))])
    print(client.get("/api/hello").status_code, client.get("/api/version").status_code)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> releases.Project:
    return releases.make(tmp_path_factory.mktemp("a story"))


def run(project: releases.Project, version: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python on a release's own files."""
    place = project.root.parent / f"{project.root.name} {version}"
    if not place.exists():
        subprocess.run(
            ["git", "-C", str(project.root), "worktree", "add", "-q", str(place), version],
            check=True,
        )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    return subprocess.run(
        [sys.executable, *command], cwd=place, env=environment, capture_output=True, text=True
    )


def test_each_version_is_a_tag(project: releases.Project) -> None:
    for version in ("v1", "v2", "v3", "v4"):
        found = resolve(project.root, version)
        assert (found.commit, found.tagged, found.dirty) == (project.commits[version], True, ())
    assert resolve(project.root).version == "v4"
    assert len(set(project.commits.values())) == 4


def test_v1_is_the_service_of_this_clone(project: releases.Project) -> None:
    done = run(project, "v1", "-c", ASK, "3")
    assert done.stdout.split() == ["200"] * 3 + ["404", "200"], done.stderr
    before = (releases.HERE / releases.MAIN).read_text()
    assert (project.root.parent / f"{project.root.name} v1" / releases.MAIN).read_text() == before


def test_v2_is_good_and_has_something_new(project: releases.Project) -> None:
    done = run(project, "v2", "-c", ASK, str(releases.GOOD + 20))
    assert set(done.stdout.split()) == {"200"}, done.stderr


def test_v3_does_not_start(project: releases.Project) -> None:
    done = run(project, "v3", "-c", "import server.main")
    assert done.returncode == 1
    assert done.stderr.endswith("RuntimeError: v3 was built without its settings\n")


def test_v4_is_good_until_it_has_traffic(project: releases.Project) -> None:
    done = run(project, "v4", "-c", ASK, str(releases.GOOD + 90))
    first, second = done.stdout.splitlines()
    answers = first.split()
    assert set(answers[: releases.GOOD]) == {"200"}
    assert answers[releases.GOOD :].count("500") == 60
    assert second == "200 200", "what is not / stays good"


def test_nothing_private_is_taken_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "clone"
    for place in ("tasks/.env", "server/main.py", "server/.env", "scripts/.venv/x", "scripts/try"):
        (here / place).parent.mkdir(parents=True, exist_ok=True)
        (here / place).write_text("x = 1\n")
    for name in ("tasks.py", ".gitignore"):
        (here / name).touch()
    monkeypatch.setattr(releases, "HERE", here)
    (tmp_path / "story").mkdir()
    root = releases.make(tmp_path / "story").root
    copied = {str(place.relative_to(root)) for place in root.rglob("*") if place.is_file()}
    assert {name for name in copied if not name.startswith(".git/")} == {
        *("tasks.py", ".gitignore", "invoke.yaml", "server/main.py", "scripts/try")
    }
    (here / "server/main.py").unlink()
    with pytest.raises(Refused, match="server/main.py is gone"):
        releases.make(tmp_path / "another")
