"""What arrives on a host: every kind of file as it was committed, what is shared, what is built."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.project import GIT, Project

Make = Callable[..., Project]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345678\n"


@pytest.fixture(scope="module")
def shared(lasting: Make) -> Project:
    return lasting()


@pytest.fixture
def project(shared: Project) -> Project:
    """The module's project with its first commit's tree again."""
    shared.git("rm", "-rqf", "--ignore-unmatch", ".")
    shared.git(
        "clean", "-xffdq", "-e", ".sandbox", "-e", ".circle", "-e", "tasks*", "-e", "scripts"
    )
    shared.git("checkout", "-q", "main~0", "--", ".")
    first = shared.git("rev-list", "--max-parents=0", "HEAD").split()[-1]
    shared.git("rm", "-rqf", "--ignore-unmatch", ".")
    shared.git("clean", "-ffdq")
    shared.git("checkout", "-q", first, "--", ".")
    shared.service = {}
    shared.configure()
    shared.commit("as at first")
    return shared


def arrived(project: Project) -> Path:
    """Deploy, and return where the release is."""
    release = project.document("deploy")["detail"]["release"]
    return project.host() / "releases" / str(release)


def test_files_arrive_as_they_were_committed(project: Project) -> None:
    names = [
        "a b.txt",
        "größe.txt",
        "日本/文 字.txt",
        'it\'s "so".txt',
        "-rf",
        "deep/er/$HOME;.txt",
    ]
    for name in names:
        place = project.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"this is {name}")
    (project.root / "program").write_text("#!/bin/sh\n")
    (project.root / "program").chmod(0o755)
    (project.root / "nothing").write_text("")
    (project.root / "bytes").write_bytes(bytes(range(256)) * 300)
    links = {"link": "a b.txt", "deep/up": "../größe.txt", "folder": "日本", "gone": "/no/where"}
    for name, target in links.items():
        (project.root / name).symlink_to(target)
    (project.root / ".gitattributes").write_text(
        "internal.txt export-ignore\ntests export-ignore\n"
    )
    (project.root / "tests").mkdir()
    (project.root / "tests" / "test_it.py").write_text("never shipped")
    (project.root / "internal.txt").write_text("never shipped")
    project.commit("many kinds")
    place = arrived(project)
    for name in names:
        assert (place / name).read_text() == f"this is {name}"
    for name, target in links.items():
        assert os.readlink(place / name) == target
    assert (place / "program").stat().st_mode & 0o777 == 0o750
    assert (place / "nothing").stat().st_mode & 0o777 == 0o640
    assert (place / "nothing").read_bytes() == b""
    assert (place / "bytes").read_bytes() == bytes(range(256)) * 300
    assert not (place / "internal.txt").exists() and not (place / "tests").exists()
    # All of it is what a rollback checks.
    second = arrived(project)
    (second.parent / place.name / "größe.txt").write_text("changed")
    told = project.document("rollback", "--env=sandbox", code=2)
    assert "größe.txt" in told["error"]["message"]


def test_a_shallow_clone_deploys(project: Project, tmp_path: Path) -> None:
    project.commit("newest", **{"note.txt": "from the top"})
    git = project.root / ".git"
    exclude = (git / "info" / "exclude").read_text()
    clone = tmp_path / "shallow"
    words = ("clone", "-q", "--depth=1", project.root.as_uri(), str(clone))
    subprocess.run([*GIT, *words], check=True)
    git.rename(tmp_path / "whole")
    shutil.move(clone / ".git", git)
    (git / "info" / "exclude").write_text(exclude)
    try:
        assert project.git("rev-parse", "--is-shallow-repository") == "true"
        assert project.git("rev-list", "--count", "HEAD") == "1"
        assert (arrived(project) / "note.txt").read_text() == "from the top"
    finally:
        shutil.rmtree(git)
        (tmp_path / "whole").rename(git)


def test_submodules_are_refused_or_included(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "library"
    subprocess.run([*GIT, "init", "-q", str(other)], check=True)
    (other / "library.py").write_text("ANSWER = 42\n")
    subprocess.run([*GIT, "-C", str(other), "add", "-A"], check=True)
    subprocess.run([*GIT, "-C", str(other), "commit", "-qm", "one"], check=True)
    project.git(
        "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "vendor/it"
    )
    project.commit("with a submodule")
    told = project.document("deploy", code=2)
    assert "lack its submodules (vendor/it)" in told["error"]["message"]
    assert "git submodule update --init --recursive" in told["error"]["message"]
    project.configure(include=["vendor/it"])
    assert (arrived(project) / "vendor" / "it" / "library.py").read_text() == "ANSWER = 42\n"


def test_lfs_pointers_are_refused_or_included(project: Project) -> None:
    project.commit("with a pointer", **{"big.bin": POINTER.format("0" * 64)})
    told = project.document("deploy", code=2)
    assert "Git LFS pointers instead of files (big.bin)" in told["error"]["message"]
    (project.root / "big.bin").write_bytes(b"what `git lfs pull` brings" * 1000)
    project.configure(include=["big.bin"])
    assert (arrived(project) / "big.bin").read_bytes().startswith(b"what `git lfs pull` brings")


def test_what_git_lacks_goes_too(project: Project) -> None:
    (project.root / ".gitignore").write_text("dist\n")
    (project.root / "dist" / "css").mkdir(parents=True)
    (project.root / "dist" / "css" / "main.css").write_text("made by a build")
    project.commit("ignores what is built")
    assert not (arrived(project) / "dist").exists()
    project.configure(include=["dist/"])
    assert (arrived(project) / "dist" / "css" / "main.css").read_text() == "made by a build"
    project.configure(include=["nowhere"])
    told = project.document("deploy", code=2)
    assert "`include` names nowhere, which is not there: build it first" in told["error"]["message"]


def test_what_is_shared_outlives_releases(project: Project) -> None:
    project.configure(shared_paths=["uploads", "data/state.db", "cache"])
    files = {"uploads/first.txt": "came with the first", "data/state.db": "rows", "data/more": "x"}
    project.commit("with data", **files)
    first = arrived(project)
    shared = project.host() / "shared"
    assert (first / "uploads").is_symlink() and (first / "data" / "state.db").is_symlink()
    assert (shared / "uploads" / "first.txt").read_text() == "came with the first"
    assert (shared / "cache").is_dir() and (first / "data" / "more").read_text() == "x"
    # What the service writes into one release is in the next, and in the one before.
    (first / "uploads" / "user.txt").write_text("from a user")
    (first / "data" / "state.db").write_text("more rows")
    project.commit("other data", **{"uploads/first.txt": "another", "data/state.db": "no rows"})
    second = arrived(project)
    assert (second / "uploads" / "user.txt").read_text() == "from a user"
    assert (second / "uploads" / "first.txt").read_text() == "came with the first"
    assert (second / "data" / "state.db").read_text() == "more rows"
    (second / "data" / "state.db").write_text("most rows")
    project.document("rollback", "--env=sandbox")
    assert (project.host() / "current" / "data" / "state.db").read_text() == "most rows"


def test_a_service_in_a_subdirectory(project: Project) -> None:
    place = project.root / "services" / "the api"
    place.mkdir(parents=True)
    (project.root / "app.py").rename(place / "app.py")
    (project.root / "BEHAVIOUR").unlink()
    project.git("add", "-A")
    project.git("commit", "-qm", "moved")
    hook = "sh -c 'pwd > where; test -f app.py'"
    project.configure(directory="services/the api", hooks={"before_start": hook})
    release = arrived(project)
    assert json.loads(project.front("/api/version")[1])["release"] == release.name
    told = Path((release / "services" / "the api" / "where").read_text().strip())
    assert told.samefile(release / "services" / "the api")
    project.configure(directory="services/nowhere")
    told_error = project.document("deploy", code=2)["error"]
    assert told_error["kind"] == "config"
    assert "services/nowhere is not in main" in told_error["message"]


def wheel(place: Path, version: str) -> None:
    """Write a wheel of one module, `tiny`, by hand (PEP 427)."""
    about = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(place / f"tiny-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny.py", f"VERSION = {version!r}\n")
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n"
        )
        archive.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{about}/RECORD", f"tiny.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n")


def test_releases_that_need_the_same_share_a_venv(project: Project, tmp_path: Path) -> None:
    wheel(tmp_path, "1.0")
    wheel(tmp_path, "2.0")
    needs = f"--no-index\n--find-links {tmp_path.as_uri()}\ntiny=={{}}\n"
    hook = 'python -c \'import tiny, sys; open("built", "w").write(tiny.VERSION + sys.prefix)\''
    project.configure(requirements="needs.txt", hooks={"build": hook})
    project.commit("needs", **{"needs.txt": needs.format("1.0")})
    first = arrived(project)
    venvs = project.host() / "venvs"
    (made,) = venvs.iterdir()
    assert (first / "built").read_text() == f"1.0{made}"
    project.commit("the same needs", **{"note.txt": "changed"})
    second = arrived(project)
    assert (second / "built").read_text() == f"1.0{made}" and list(venvs.iterdir()) == [made]
    assert made.stat().st_mode & 0o222 == 0, "a venv that is shared could be changed"

    project.commit("other needs", **{"needs.txt": needs.format("2.0")})
    third = arrived(project)
    assert (third / "built").read_text().startswith("2.0") and len(list(venvs.iterdir())) == 2

    project.commit("needs what is nowhere", **{"needs.txt": needs.format("3.0")})
    told = project.document("deploy", code=1)
    assert told["error"]["kind"] == "venv" and "tiny==3.0" in told["error"]["evidence"]
    assert "pip can't make the virtual environment" in [
        row["issue"] for row in told["troubleshooting"]
    ]
    assert len(list(venvs.iterdir())) == 2 and project.current() == third.name


def test_a_second_upload_is_only_what_changed(project: Project) -> None:
    big = os.urandom(3_000_000)
    (project.root / "big").write_bytes(big)
    project.commit("something big")
    arrived(project)
    packs = project.host() / "repo.git" / "objects"
    before = sum(path.stat().st_size for path in packs.rglob("*") if path.is_file())
    project.commit("something small", **{"note.txt": "small"})
    assert (arrived(project) / "big").read_bytes() == big
    after = sum(path.stat().st_size for path in packs.rglob("*") if path.is_file())
    assert after - before < 50_000
