"""Three hosts of the sandbox, some of which lack what the others can go back to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Make
from tests.support.around import processes, until
from tests.support.project import Project

HOSTS = (1, 2, 3)
ROLLBACK = ("rollback", "--env=sandbox")


def deploy(project: Project, *words: str, **files: str) -> str:
    project.commit("change", **files)
    return str(project.document("deploy", *words)["detail"]["release"])


def lose_disk(project: Project, number: int) -> None:
    """All that was deployed to a host is gone, and what ran."""
    root = project.host(number).resolve()
    for process in processes("app.py"):
        if process.cwd().startswith(str(root)):
            process.kill()
    shutil.rmtree(root, onerror=None)
    root.mkdir()


def same(project: Project, release: str) -> None:
    """Every host serves it, and has the same under its name."""
    for number in HOSTS:
        assert project.current(number) == release
        assert json.loads(project.front("/api/version", number)[1])["release"] == release
    own = ("venv", "interpreter", "adapter", "host")
    said = [{k: v for k, v in manifest(project, n, release).items() if k not in own} for n in HOSTS]
    assert said[0] == said[1] == said[2]
    assert [manifest(project, n, release)["host"] for n in HOSTS] == ["host1", "host2", "host3"]
    listed = {(place(project, number, release) / ".files").read_text() for number in HOSTS}
    assert len({"".join(sorted(text.splitlines(True))) for text in listed}) == 1
    assert project.inv("deploy.status").returncode == 0


def place(project: Project, number: int, release: str) -> Path:
    return project.host(number) / "releases" / release


def manifest(project: Project, number: int, release: str) -> dict[str, Any]:
    told = json.loads((place(project, number, release) / ".release.json").read_text())
    assert isinstance(told, dict)
    return told


def events(project: Project, number: int) -> list[str]:
    return [entry["event"] for entry in project.journal(number)]


@pytest.fixture
def project(make: Make) -> Project:
    return make(hosts=3)


def test_a_host_added_later_is_deployed_to_and_catches_up(project: Project) -> None:
    one = deploy(project, "--without=host3", **{"note.txt": "one"})
    two = deploy(project, "--without=host3", **{"note.txt": "two"})
    three = deploy(project, **{"note.txt": "three"})
    same(project, three)
    project.env(3, GREETING="its own")
    planned = project.document(*ROLLBACK, "--plan")
    assert planned["release"] == two
    assert "host3 first gets it from this clone" in json.dumps(planned["steps"])
    assert not place(project, 3, two).exists()
    assert project.document(*ROLLBACK)["detail"]["to"] == two
    same(project, two)
    assert json.loads(project.front("/", 3)[1])["greeting"] == "its own"
    assert (place(project, 3, two) / "note.txt").read_text() == "two"
    assert events(project, 3)[-3:] == ["caught-up", "switched", "closed"]
    assert "caught-up" not in events(project, 1)
    assert project.document(*ROLLBACK)["detail"]["to"] == one  # and once more
    same(project, one)
    told = project.document(*ROLLBACK, code=2)
    assert told["error"]["kind"] == "no-target"
    four = deploy(project)
    same(project, four)
    assert project.document(*ROLLBACK)["detail"]["to"] == one  # its journal has it as closed now
    same(project, one)


def test_lost_pruned_and_damaged_each_is_made_whole(project: Project) -> None:
    one, two = (deploy(project, **{"note.txt": note}) for note in ("one", "two"))
    project.quiet()
    lose_disk(project, 1)
    shutil.rmtree(place(project, 2, one))
    assert project.document(*ROLLBACK)["detail"]["to"] == one
    same(project, one)
    assert events(project, 1) == ["caught-up", "switched", "closed"]
    assert project.document(*ROLLBACK, f"--to={two}")["detail"]["to"] == two
    same(project, two)
    project.quiet()
    (place(project, 2, one) / "note.txt").write_text("somebody was here")
    (place(project, 3, one) / "app.py").unlink()
    assert project.document(*ROLLBACK, f"--to={one}")["detail"]["to"] == one
    same(project, one)
    assert (place(project, 2, one) / "note.txt").read_text() == "one"


def test_damaged_on_every_host_there_is_nothing_to_be_like(project: Project) -> None:
    one, two = deploy(project), deploy(project)
    project.quiet()
    for number in HOSTS:
        (place(project, number, one) / "BEHAVIOUR").write_text("changed")
    told = project.document(*ROLLBACK, code=2)
    assert told["error"]["kind"] == "damaged"
    assert {project.current(number) for number in HOSTS} == {two}


def test_what_closed_on_some_only_is_never_chosen(project: Project) -> None:
    one = deploy(project)
    deploy(project, "--without=host2")
    three = deploy(project)
    assert project.document(*ROLLBACK)["detail"]["to"] == one
    assert project.document(*ROLLBACK, f"--to={three}")["outcome"] == "closed"


def test_this_clone_has_to_have_it(project: Project, tmp_path: Path) -> None:
    one, two = deploy(project, **{"note.txt": "one"}), deploy(project, **{"note.txt": "two"})
    project.quiet()
    shutil.rmtree(place(project, 2, one))
    commit = manifest(project, 1, one)["commit"]
    away = tmp_path / "away.git"
    project.git("clone", "-q", "--bare", str(project.root), str(away))
    project.git("remote", "add", "origin", f"file://{away}")
    git = project.root / ".git"
    (git / "shallow").write_text(f"{project.git('rev-parse', 'HEAD')}\n")
    project.git("reflog", "expire", "--expire=now", "--all")
    project.git("gc", "-q", "--prune=now")
    told = project.document(*ROLLBACK, code=2)
    assert told["error"]["kind"] == "version"
    assert "`git fetch --unshallow origin`, then roll back again" in told["error"]["message"]
    assert {project.current(number) for number in HOSTS} == {two}
    project.git("fetch", "-q", "--unshallow", "origin")
    assert project.git("cat-file", "-t", commit) == "commit"
    assert project.document(*ROLLBACK)["detail"]["to"] == one
    same(project, one)


def test_files_that_git_does_not_have_can_not_be_made_again(project: Project) -> None:
    (project.root / ".git" / "info" / "exclude").open("a").write("dist\n")
    (project.root / "dist").write_text("built by hand")
    project.configure(include=["dist"])
    one, two = deploy(project), deploy(project)
    project.quiet()
    shutil.rmtree(place(project, 3, one))
    told = project.document(*ROLLBACK, code=2)
    assert told["error"]["kind"] == "version"
    said = "was deployed with files that git doesn't have (`include`), so host3 can't get it"
    assert said in told["error"]["message"]
    assert "inv deploy --env=sandbox --version=" in told["error"]["message"]
    assert {project.current(number) for number in HOSTS} == {two}


def test_hosts_that_disagree_about_it_are_not_believed(project: Project) -> None:
    one, two = deploy(project), deploy(project)
    project.quiet()
    shutil.rmtree(place(project, 3, one))
    told = manifest(project, 2, one)
    told["processes"]["web"] = "sh -c evil"
    (place(project, 2, one) / ".release.json").write_text(json.dumps(told))
    said = project.document(*ROLLBACK, code=2)
    assert said["error"]["kind"] == "damaged" and "host1, host2" in said["error"]["message"]
    assert {project.current(number) for number in HOSTS} == {two}
    assert not place(project, 3, one).exists()


def test_what_was_caught_up_stays_when_the_rollback_is_given_up(project: Project) -> None:
    one, two = deploy(project), deploy(project)
    project.quiet()
    shutil.rmtree(place(project, 3, one))
    environment = place(project, 1, one) / ".env"
    environment.write_text('PATH="/nowhere"\nPYTHONHOME="/nowhere"\n')  # it will not start there
    assert project.document(*ROLLBACK, code=1)["error"]["kind"] == "start"
    assert {project.current(number) for number in HOSTS} == {two}
    environment.write_text("")
    until(lambda: (place(project, 3, one) / ".release.json").exists(), "it stays")
    assert project.document(*ROLLBACK)["detail"]["to"] == one
    same(project, one)
