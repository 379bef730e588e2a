"""Which files are looked at, what the project's own files say to the tools, and YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lib.errors import Refused
from tasks.lib.lint import changed, configured, shipped, yamlfiles
from tasks.lib.lint.settings import Lint
from tasks.lib.lint.tree import read
from tests.lib.scratch import Scratch


@pytest.fixture
def repository(tmp_path: Path) -> Scratch:
    scratch = Scratch.new(tmp_path / "origin")
    scratch.commit({"kept.py": "", "gone.py": "", "pkg/a.py": "", "pkg/b.yaml": ""})
    return scratch


def chosen(scratch: Scratch, branch: str = "main", below: str = "") -> set[str]:
    tree = changed.narrowed(read(scratch.path / below, Lint()), "origin", branch)
    return set(tree.some())


def test_the_main_branch_is_the_remotes(repository: Scratch, tmp_path: Path) -> None:
    clone = Scratch.clone(repository, tmp_path / "clone")
    clone.git("checkout", "--quiet", "-b", "feature")
    clone.commit({"pkg/a.py": "X = 1\n"})
    repository.commit({"later.py": ""})
    clone.git("fetch", "--quiet")
    clone.git("rm", "--quiet", "gone.py")
    clone.write({"staged.py": "", "new/one.py": "", "ünï.py": ""})
    clone.git("add", "staged.py")
    assert chosen(clone) == {"pkg/a.py", "staged.py", "new/one.py", "ünï.py"}
    assert chosen(clone, below="pkg") == {"a.py"}, "a project in a part of a repository"
    assert "pkg/a.py" in chosen(clone, "elsewhere"), "what the remote calls its main branch"
    clone.git("checkout", "--quiet", "--detach")
    clone.git("remote", "set-head", "origin", "--delete")
    assert "pkg/a.py" in chosen(clone)
    assert chosen(clone, "feature") == {"staged.py", "new/one.py", "ünï.py"}


def test_nothing_to_compare_with_is_refused(repository: Scratch, tmp_path: Path) -> None:
    repository.git("branch", "--move", "trunk")
    with pytest.raises(Refused, match="There is no branch main .*`release: branch:`"):
        chosen(repository)
    assert chosen(repository, "trunk") == set()
    repository.git("checkout", "--quiet", "--orphan", "other")
    repository.commit({"x.py": ""})
    with pytest.raises(Refused, match="git fetch --unshallow"):
        chosen(repository, "trunk")


def test_more_than_a_tool_can_be_told_is_refused(repository: Scratch) -> None:
    repository.write({f"{n:04}{'x' * 200}.txt": "" for n in range(500)})
    with pytest.raises(Refused, match="500 files differ from main, too many"):
        chosen(repository)


def test_what_the_tools_own_files_say(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    assert configured.black(root, "force-exclude") == "" and configured.mypy(root) is None
    assert configured.flake8(root, "extend-exclude") == []
    (root / "pyproject.toml").write_text(
        '[tool.black]\nforce_exclude = "x"\n[tool.mypy]\nstrict = true\n'
        '[tool.flake8]\nextend-exclude = ["docs", "a/b"]\n'
    )
    assert configured.flake8(root, "extend-exclude") == ["docs", str(root / "a/b")]
    (root / "setup.cfg").write_text("[metadata]\nname = x\n")
    (root / ".flake8").write_text("[flake8]\nextend_exclude =\n    docs,\n    a/b  c\n")
    assert configured.black(root, "force-exclude") == "x"
    assert configured.flake8(root, "extend-exclude") == ["docs", str(root / "a/b"), "c"]
    assert configured.mypy(root) == {"strict": True}
    (root / "tox.ini").write_text("[flake8]\nextend-exclude = tox\n")
    assert configured.flake8(root, "extend-exclude") == ["tox"], "it comes before .flake8"
    (root / "mypy.ini").write_text("[mypy]\nfiles = a.py\n")
    assert configured.mypy(root) == {"files": "a.py"}, "it comes before pyproject.toml"
    inner = root / "inner"
    inner.mkdir()
    assert configured.black_root(inner) == root
    assert configured.flake8(inner, "extend-exclude") == ["tox"]
    for name in ("pyproject.toml", "tox.ini", "mypy.ini"):
        (root / name).write_bytes(b"\xff[")
    assert configured.black(root, "force-exclude") == ""
    assert configured.flake8(root, "extend-exclude") == ["docs", str(root / "a/b"), "c"]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("a: 1\n---\nb: !unknown {x: [1, &y 2, *y]}\n", ()),
        ("", ()),
        ("a: 1\nb: [\n", ((3, "unparsed YAML"),)),
        ("a:\n  b: 1\n  c: 2\n  b: 3\na: 1\n", ((5, "duplicate key"), (4, "duplicate key"))),
        ("1: a\n'1': b\n", ()),
        ("a: &x {b: *x}\n", ()),
        ("a: *nowhere\n", ((1, "unparsed YAML"),)),
        ("{{ template }}: x\n", ()),
        ("a: \x01\n", ((1, "unparsed YAML"),)),
    ],
)
def test_yaml(tmp_path: Path, text: str, faults: tuple[tuple[int, str], ...]) -> None:
    (tmp_path / "a.yaml").write_text(text)
    parsed, seconds = yamlfiles.parse(tmp_path, ["a.yaml"])
    assert sorted((line, rule) for line, rule, _ in parsed[0].faults) == sorted(faults)
    found = yamlfiles.result(parsed, seconds).found
    assert (found.files, found.findings) == (1, len(faults))
    assert found.text.count("\n") == len(faults) and (not faults or "a.yaml:" in found.text)


def test_each_file_goes_to_the_tool_that_knows_it(repository: Scratch) -> None:
    repository.commit(
        {
            "scripts/run": "#!/usr/bin/env bash\n",
            "scripts/a b.sh": "x\n",
            "scripts/tool.py": "#!/bin/sh\n",
            "scripts/data": "x\n",
            "other/run": "#!/bin/sh\n",
            "docker-compose.yml": "services: {}\n",
            "docker-compose.override.yml": "services: {}\n",
            "conf/p.yml": "scrape_configs: []\n",
            "conf/rules/r.yaml": "groups: []\n",
            "conf/grafana.yaml": "apiVersion: 1\ngroups: []\n",
            "am.yml": "route: {}\nreceivers: []\n",
            "otel.yaml": "receivers: {}\nservice: {}\n",
        }
    )
    tree = read(repository.path, Lint())
    parsed, _ = yamlfiles.parse(tree.root, tree.some(*yamlfiles.SUFFIXES))
    wanted = shipped.wanted(tree, ("scripts",), parsed)
    argvs = {each.name: each.tool(Path("/bin/tool")).argv[1:] for each in wanted}
    assert argvs == {
        "shellcheck": ("--format=gcc", "scripts/a b.sh", "scripts/run"),
        "compose": ("compose", "config", "--quiet"),
        "prometheus": ("check", "config", "--syntax-only", "conf/p.yml"),
        "rules": ("check", "rules", "conf/rules/r.yaml"),
        "alertmanager": ("check-config", "am.yml"),
    }
    tools = {each.name: (each.program, each.about) for each in wanted}
    assert tools["compose"] == ("docker", "docker-compose.yml")
    assert tools["alertmanager"] == ("amtool", "am.yml")
