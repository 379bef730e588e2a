"""`inv circle.adopt`: into a repository, again, and with what has changed on both sides since."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.lib.adopt import merging, parts
from tasks.lib.adopt.parts import File
from tasks.lib.errors import NotClosed, Refused
from tests.support import adopted
from tests.support.adopted import SHOP, adopt, clean, git, inv


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adopted.recipes(tmp_path_factory.mktemp("recipes") / "circle")


@pytest.fixture(scope="module")
def shop(recipes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with the recipes in it; tests clone it."""
    root = adopted.repository(tmp_path_factory.mktemp("shop") / "shop", SHOP)
    adopt(recipes, root, hosts={"production": "deploy@a.example.com, deploy@b.example.com"})
    return root


@pytest.fixture
def own(shop: Path, tmp_path: Path) -> Path:
    """A clone of the shop with the recipes, to change."""
    git(tmp_path, "clone", "-q", str(shop), "shop")
    for name, value in (("user.name", "t"), ("user.email", "t@example.invalid")):
        git(tmp_path / "shop", "config", name, value)
    return tmp_path / "shop"


@pytest.fixture
def newer(recipes: Path, tmp_path: Path) -> Path:
    """A clone of the recipes, in which they can be changed."""
    return adopted.recipes_of(recipes, tmp_path / "newer")


def test_one_commit_has_it_all_and_leaves_what_was_there(shop: Path) -> None:
    assert clean(shop)
    assert git(shop, "rev-list", "--count", "HEAD") == "2"
    changed = git(shop, "diff", "--name-status", "HEAD~", "HEAD").splitlines()
    assert {line for line in changed if not line.startswith("A\t")} == {"M\t.gitignore"}
    assert (shop / "README.md").read_text() == SHOP["README.md"]
    assert (shop / "tasks/requirements.txt").is_file()
    assert (shop / "tasks/LICENSE").is_file()
    assert not (shop / "server").exists()
    assert "-r requirements.txt" in (shop / "requirements-service.in").read_text()
    assert "uvicorn==" in (shop / "requirements-service.txt").read_text()


def test_what_was_there_by_a_name_of_ours_stays_and_is_remembered(shop: Path) -> None:
    assert (shop / "docker-compose.yml").read_text() == SHOP["docker-compose.yml"]
    told = json.loads((shop / parts.RECORD).read_text())
    assert told["kept"] == ["docker-compose.yml"]


def test_what_is_found_is_in_its_configuration(shop: Path) -> None:
    said = yaml.safe_load((shop / "invoke.yaml").read_text())
    assert said["app"] == "shop"
    service = said["service"]
    assert service["run"] == "python -m uvicorn shop.main:app --uds {socket} --no-access-log"
    assert (service["health"], service["version_path"]) == ("/healthz", "/version")
    assert service["smoke"] == [{"path": "/", "status": 200}]
    production = said["environments"]["production"]
    assert production["hosts"] == ["deploy@a.example.com", "deploy@b.example.com"]
    assert (shop / ".gitignore").read_text().startswith("*.log\n.venv/\n")


def test_the_service_s_name_is_everywhere(shop: Path) -> None:
    for path in git(shop, "ls-files", "-z").split("\0"):
        if path and path != "tasks/lib/adopt/parts.py":
            assert "pi-forge" not in path
            assert b"pi-forge" not in (shop / path).read_bytes().lower(), path
    assert "job_name: shop\n" in (shop / "prometheus.yml").read_text()
    assert (shop / "grafana/dashboards/sre/shop-dashboard.json").is_file()


def test_its_rules_hold_there_under_its_name(shop: Path) -> None:
    program = shutil.which("promtool")
    if not program:
        pytest.skip("promtool is missing")
    tests = ("prometheus/tests/instances.yml", "prometheus/tests/alerts/ServiceDown.yml")
    for words in (("check", "config", "prometheus.yml"), ("test", "rules", *tests)):
        done = subprocess.run([program, *words], cwd=shop, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert 'job="shop"' in (shop / tests[0]).read_text()


def test_where_it_stands_is_shown_there(own: Path) -> None:
    done = inv(own, "circle.status")
    assert "Next: inv lint" in done.stdout, done.stdout + done.stderr


def test_its_runbook_is_its_own(own: Path) -> None:
    done = inv(own, "circle.runbook", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (own / "docs/RUNBOOK.md").read_text().splitlines()[1] == "# Runbook of shop"


def test_a_page_that_somebody_wrote_stays(recipes: Path, tmp_path: Path) -> None:
    root = adopted.repository(tmp_path / "shop", {**SHOP, "docs/RUNBOOK.md": "Ours.\n"})
    adopt(recipes, root)
    assert (root / "docs/RUNBOOK.md").read_text() == "Ours.\n"
    assert (root / "docs/DEV_REFERENCE.md").is_file()


def test_again_there_is_nothing_to_do(
    recipes: Path, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = git(own, "rev-parse", "HEAD")
    adopt(recipes, own)
    assert "nothing to do" in capsys.readouterr().out
    assert git(own, "rev-parse", "HEAD") == head and clean(own)


def test_an_update_keeps_what_was_changed_here(newer: Path, own: Path) -> None:
    page = Path("docs/alerts/HighErrorRate.md")
    adopted.commit(own, {str(page): (own / page).read_text() + "\nCall the shop.\n"})
    (own / "docs/alerts/Watchdog.md").unlink()
    adopted.commit(own, {"tasks/lib/own.py": "", "docs/alerts/HighLatency.md": "Mine.\n"})
    there = (newer / page).read_text().replace("# HighErrorRate\n", "# HighErrorRate of pi-forge\n")
    (newer / "docs/alerts/HighLatency.md").unlink()
    watchdog = (newer / "docs/alerts/Watchdog.md").read_text() + "\nMore.\n"
    pages = {str(page): there, "docs/alerts/Watchdog.md": watchdog, "tasks/lib/new.py": "NEW = 1\n"}
    adopted.commit(newer, {**pages, "docker-compose.yml": "services: {new: {}}\n"})
    adopt(newer, own)
    text = (own / page).read_text()
    assert text.startswith("# HighErrorRate of shop\n") and text.endswith("\nCall the shop.\n")
    assert (own / "docs/alerts/HighLatency.md").read_text() == "Mine.\n"
    assert not (own / "docs/alerts/Watchdog.md").exists()
    assert (own / "tasks/lib/new.py").is_file() and (own / "tasks/lib/own.py").is_file()
    assert (own / "docker-compose.yml").read_text() == SHOP["docker-compose.yml"]
    assert clean(own)
    head = git(newer, "rev-parse", "HEAD")
    assert json.loads((own / parts.RECORD).read_text())["commit"] == head


def test_a_conflict_is_told_and_can_be_left(newer: Path, own: Path) -> None:
    page = "docs/alerts/HighErrorRate.md"
    adopted.commit(own, {page: (own / page).read_text().replace("# High", "# Too high", 1)})
    adopted.commit(newer, {page: (newer / page).read_text().replace("# High", "# Very high", 1)})
    head = git(own, "rev-parse", "HEAD")
    with pytest.raises(NotClosed, match=f"Both changed the same lines of {page}"):
        adopt(newer, own)
    assert git(own, "rev-parse", "HEAD") == head
    assert git(own, "diff", "--name-only", "--diff-filter=U") == page
    assert "<<<<<<<" in (own / page).read_text()
    git(own, "reset", "-q", "--hard")
    assert clean(own)


def test_where_it_wants_other_versions_than_inv_both_fit_one_environment(
    recipes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = adopted.repository(
        tmp_path / "shop", {**SHOP, "requirements.txt": "fastapi\npackaging==23.2\n"}
    )
    adopt(recipes, root)
    for name in ("tasks/requirements.txt", "requirements-service.txt", "requirements-tools.txt"):
        assert "packaging==23.2 " in (root / name).read_text()
    assert "inv is locked in tasks/requirements.txt to its versions of packaging" in (
        capsys.readouterr().err
    )
    assert "tasks/requirements.txt" in json.loads((root / parts.RECORD).read_text())["kept"]


def test_a_plan_changes_nothing(recipes: Path, tmp_path: Path) -> None:
    root = adopted.repository(tmp_path / "shop", SHOP)
    head = git(root, "rev-parse", "HEAD")
    adopt(recipes, root, plan=True)
    assert git(root, "rev-parse", "HEAD") == head and clean(root)


def test_the_command_says_it_as_one_document(recipes: Path, own: Path, tmp_path: Path) -> None:
    root = adopted.repository(tmp_path / "new", SHOP)
    done = inv(recipes, "circle.adopt", str(root), "--plan", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["outcome"] == "closed" and told["detail"]["kept"] == ["docker-compose.yml"]
    (own / "new.txt").write_text("")
    done = inv(recipes, "circle.adopt", str(own))
    assert done.returncode == 2 and "not committed (new.txt)" in done.stderr


@pytest.mark.parametrize(
    ("files", "said", "sentence"),
    [
        ({"tasks.py": ""}, {}, r"It has a tasks\.py of its own"),
        ({"tasks/a.py": ""}, {}, r"It has a tasks/ of its own"),
        ({"invoke.yaml": ""}, {}, r"It has a invoke\.yaml of its own"),
        ({"scripts": ""}, {}, r"Its scripts is a file"),
        ({"prometheus.yml/a": ""}, {}, r"Its prometheus\.yml/ is a directory"),
        ({"shop/main.py": ""}, {}, r"No FastAPI, .* --module"),
        ({}, {"module": "shop:other"}, r"shop:other is no application.*: shop\.main:app"),
        ({}, {"name": "My Shop"}, r"'My Shop' can't be its name: --name wants"),
        ({}, {"run": "python app.py"}, r"--run needs \{socket\}"),
        ({}, {"health": "health"}, r"health is no path"),
        ({}, {"requirements": "no.txt"}, r"no\.txt is no file"),
        ({}, {"hosts": {"production": "a, b;c"}}, "'b;c' is no address of a host"),
        ({"requirements-tools.txt": "tox\n"}, {}, r"It has a requirements-tools\.txt of its own"),
        ({"requirements-service.txt": ""}, {}, r"It has a requirements-service\.txt of its own"),
        ({"requirements.txt": "fastapi==999\n"}, {}, r"can't be locked as it is written"),
    ],
)
def test_it_is_refused_and_nothing_changes(
    recipes: Path, files: dict[str, str], said: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    root = adopted.repository(tmp_path / "shop", {**SHOP, **files})
    head = git(root, "rev-parse", "HEAD")
    with pytest.raises(Refused, match=sentence):
        adopt(recipes, root, **said)
    assert git(root, "rev-parse", "HEAD") == head and clean(root)


def test_what_is_no_clean_repository_is_refused(recipes: Path, shop: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(Refused, match="not in a git repository"):
        adopt(recipes, empty)
    git(empty, "init", "-q")
    with pytest.raises(Refused, match="no commit yet"):
        adopt(recipes, empty)
    root = adopted.repository(tmp_path / "shop", SHOP)
    with pytest.raises(Refused, match="is a part of"):
        adopt(recipes, root / "shop")
    (root / "new.txt").write_text("")
    with pytest.raises(Refused, match=r"not committed \(new\.txt\)"):
        adopt(recipes, root)
    with pytest.raises(Refused, match="the recipes themselves"):
        adopt(recipes, recipes)
    with pytest.raises(Refused, match="adopted themselves"):
        adopt(shop, root)


def test_a_file_that_git_ignores_is_not_overwritten(recipes: Path, tmp_path: Path) -> None:
    root = adopted.repository(tmp_path / "shop", {**SHOP, ".gitignore": "prometheus.yml\n"})
    (root / "prometheus.yml").write_text("mine\n")
    with pytest.raises(Refused, match="move them") as told:
        adopt(recipes, root)
    assert "prometheus.yml" in told.value.evidence
    assert (root / "prometheus.yml").read_text() == "mine\n" and clean(root)


def test_an_unknown_commit_of_the_recipes_is_told(recipes: Path, own: Path) -> None:
    record = json.loads((own / parts.RECORD).read_text())
    adopted.commit(own, {parts.RECORD: json.dumps({**record, "commit": "1" * 40})})
    with pytest.raises(Refused, match="has no commit 111111111111"):
        adopt(recipes, own)


A, B, C = (File("100644", text) for text in (b"a\n", b"b\n", b"c\n"))


@pytest.mark.parametrize(
    ("base", "own", "new", "written", "told"),
    [
        (A, A, B, B, ""),
        (A, B, A, "left", ""),
        (A, B, B, "left", ""),
        (A, A, None, None, ""),
        (A, B, None, "left", "no longer"),
        (A, None, B, "left", "deleted here"),
        (None, None, B, B, ""),
        (None, A, B, "left", "is yours"),
        (None, B, B, "left", ""),
    ],
)
def test_what_an_update_writes(
    base: File | None, own: File | None, new: File | None, written: object, told: str
) -> None:
    found = merging.decide(
        {"x": base} if base else {}, {"x": new} if new else {}, lambda _: own, merging.merged
    )
    assert found.files.get("x", "left") == written
    assert told in found.told.get("x", "") and bool(told) == bool(found.told)


def test_both_changed_one_line() -> None:
    found = merging.decide({"x": A}, {"x": B}, lambda _: C, merging.merged)
    assert list(found.conflicts) == ["x"]
