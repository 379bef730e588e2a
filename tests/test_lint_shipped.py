"""What `inv lint` makes of what is shipped beside the code.

shellcheck, promtool, amtool and Compose are the real ones where they are installed. A stand-in for
Docker takes down how it was asked, or has no Compose.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import composing
from tests.support.linted import Linted, table
from tests.support.observed import ROOT, need

SCRIPT = '#!/bin/sh\necho "$1"\n'
PROMETHEUS = "rule_files: [/etc/prometheus/*.yml]\nscrape_configs: [{job_name: a}]\n"
RULES = "groups: [{name: a, rules: [{record: 'a:b', expr: 'sum(b)'}]}]\n"
ALERTMANAGER = "route: {receiver: a}\nreceivers: [{name: a}]\n"


@pytest.fixture
def project(tmp_path: Path) -> Linted:
    return Linted(tmp_path / "shipping")


def stand_in(project: Linted, name: str, script: str) -> None:
    program = project.root / ".venv/bin" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_yaml_is_read_wherever_it_lies(project: Linted) -> None:
    project.git.write({"deep/er/twice.yaml": "a: 1\nb: 2\na: 3\n", "bad.yml": "a: [\n"})
    done = project.inv("lint", "--check", code=1)
    assert "deep/er/twice.yaml:3: duplicate key: a\n" in done.stdout
    assert "bad.yml:2: unparsed YAML: " in done.stdout
    assert table(done.stdout)["yaml"] == ("2", "2")
    assert "yaml has 2 findings" in done.stderr and "Correct what is named above." in done.stderr
    project.git.write({"deep/er/twice.yaml": "a: 1\n", "bad.yml": "a: []\n"})
    project.inv("lint", "--check", code=0)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_scripts_are_checked_where_they_are_configured_to_be(project: Linted) -> None:
    project.git.write({"scripts/go": SCRIPT, "bin/run.sh": SCRIPT.replace('"', "")})
    assert table(project.inv("lint", "--check", code=0).stdout)["shellcheck"] == ("1", "0")
    project.git.write({"invoke.yaml": "lint: {scripts: [scripts, bin]}\n"})
    done = project.inv("lint", "--check", code=1)
    assert table(done.stdout)["shellcheck"] == ("2", "1")
    assert "  SC2086 × 1: Double quote to prevent" in done.stdout
    assert "# shellcheck disable=SC2086" in done.stdout


def test_what_is_not_looked_at_is_said(project: Linted) -> None:
    project.git.write(
        {
            "scripts/go": SCRIPT,
            "docker-compose.yml": "services: {}\n",
            "prometheus.yml": PROMETHEUS,
            "prometheus/rules.yml": RULES,
            "alertmanager/alertmanager.yml": ALERTMANAGER,
        }
    )
    stand_in(project, "git", f'exec {shutil.which("git")} "$@"')
    done = project.inv("lint", "--check", code=0, PATH="/nowhere")
    left = re.findall(r"^Left out: (.+)\.$", done.stdout, re.MULTILINE)
    assert left == [
        "shellcheck: shellcheck is not installed (scripts/go)",
        "compose: docker is not installed (docker-compose.yml)",
        "prometheus: promtool is not installed (prometheus.yml)",
        "rules: promtool is not installed (prometheus/rules.yml)",
        "alertmanager: amtool is not installed (alertmanager/alertmanager.yml)",
    ]


# By the check's name: program, file, what it says rightly, and what makes that wrong.
CONFIGURED = {
    "prometheus": ("promtool", "prometheus.yml", PROMETHEUS, ("job_name", "jab_name")),
    "rules": ("promtool", "prometheus/rules.yml", RULES, ("sum(b)", "sum(b+)")),
    "alertmanager": ("amtool", "am.yml", ALERTMANAGER, ("receiver: a", "receiver: b")),
}


def test_its_own_tool_judges_a_configuration(project: Linted) -> None:
    for program in ("promtool", "amtool"):
        if found := shutil.which(program):
            (project.root / ".venv/bin" / program).symlink_to(found)
        else:  # what it says is its own affair; that it is asked, and heard, is not
            wrong = "jab_name|sum[(]b[+]|receiver: b"
            stand_in(project, program, f"for last; do :; done; ! grep -qE '{wrong}' \"$last\"")
    project.git.write({file: right for _, file, right, _ in CONFIGURED.values()})
    found_right = table(project.inv("lint", "--check", code=0).stdout)
    project.git.write({file: right.replace(*w) for _, file, right, w in CONFIGURED.values()})
    done = project.inv("lint", "--check", code=1)
    for name in CONFIGURED:
        assert (found_right[name], table(done.stdout)[name]) == (("1", "0"), ("1", "1"))
        assert f"{name} failed with exit code 1, as it says above" in done.stderr


def test_a_receiver_that_only_a_newer_amtool_knows_leaves_the_others_judged(
    project: Linted,
) -> None:
    need("amtool")
    teams = ALERTMANAGER.replace("[{name: a}]", "[{name: a, msteamsv2_configs: []}]")
    project.git.write({"am.yml": ALERTMANAGER, "teams.yml": teams})
    version = subprocess.run(["amtool", "--version"], capture_output=True, text=True).stdout
    done = project.inv("lint", "--check", code=0)
    older = bool(re.search(r"version 0\.(1\d|2[0-7])\.", version))
    said = "Left out: teams: this amtool is older than 0.28"
    assert (said in done.stdout) is older
    assert table(done.stdout)["alertmanager"] == ("1", "0")
    project.git.write({"teams.yml": teams.replace("route", "rout")})
    assert "teams" not in table(project.inv("lint", "--check", code=0).stdout)
    project.git.write({"teams.yml": teams.replace("receiver: a", "receiver: b, typo: c")})
    project.inv("lint", "--check", code=1)


COMPOSED = "services: {a: {image: a, environment: {B: '${B:?it has none}'}}}\n"


@pytest.mark.parametrize("version", [1, 2])
def test_compose_itself_judges_its_file(project: Linted, tmp_path: Path, version: int) -> None:
    """Whether the variables that it has to have are set on this machine is not what lint is for."""
    need("docker", "docker-compose")
    config = tmp_path / "docker"
    (composing.configured(config) if version == 2 else config.mkdir())
    shutil.copy(ROOT / "docker-compose.yml", project.root)
    said = {"DOCKER_CONFIG": str(config)}
    assert table(project.inv("lint", "--check", code=0, **said).stdout)["compose"] == ("1", "0")
    project.git.write({"docker-compose.yml": COMPOSED})
    assert table(project.inv("lint", "--check", code=0, **said).stdout)["compose"] == ("1", "0")
    project.git.write({"docker-compose.yml": COMPOSED.replace("image", "imago")})
    done = project.inv("lint", "--check", code=1, **said)
    assert "compose failed with exit code 1" in done.stderr and "imago" in done.stdout


def test_compose_reads_the_files_as_docker_would(project: Linted) -> None:
    names = ("docker-compose.yml", "docker-compose.override.yml")
    project.git.write(dict.fromkeys(names, "services: {}\n"))
    stand_in(project, "docker", 'pwd > ../asked; echo "$@" >> ../asked; echo why; exit 15')
    done = project.inv("lint", "--check", code=1)
    asked = (project.root.parent / "asked").read_text()
    assert asked == f"{project.root}\ncompose config --quiet\n"
    assert "\nwhy\n" in done.stdout
    assert "compose failed with exit code 15" in done.stderr
    stand_in(project, "docker", "echo \"docker: 'compose' is not a docker command.\"; exit 1")
    for name in ("git", "sh"):
        stand_in(project, name, f'exec {shutil.which(name)} "$@"')
    done = project.inv("lint", "--check", code=0, PATH="/nowhere")
    assert "Left out: compose: this Docker has no Compose." in done.stdout
