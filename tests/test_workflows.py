"""The workflows for GitHub: what two linters say of them, and what their steps do when they run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Make
from tests.support import golang, pages
from tests.support.authority import Authority
from tests.support.github import TOKEN
from tests.support.github_served import serve
from tests.support.project import Project
from tests.support.shop import Shop

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".github/workflows"
BIN = Path(sys.executable).parent
INJECTED = "\"; touch injected; $(touch injected) `touch injected` ' ${HOME}"


def workflow(name: str) -> dict[str, Any]:
    found = yaml.load((PLACE / f"{name}.yml").read_text(), yaml.BaseLoader)
    assert isinstance(found, dict)
    return found


WORKFLOWS = {file.stem: workflow(file.stem) for file in sorted(PLACE.glob("*.yml"))}
STEPS = {
    f"{name}: {step['name']}": step
    for name, found in WORKFLOWS.items()
    for job in found["jobs"].values()
    for step in job["steps"]
    if "run" in step
}


def run(
    step: dict[str, Any],
    root: Path,
    home: Path,
    given: Mapping[str, str],
    more: Mapping[str, str] = {},
) -> subprocess.CompletedProcess[str]:
    """Run a step as a runner does.

    given: what GitHub would put in, by the last word of its name; what it has nothing for is empty.
    more: variables that the machine has.
    """

    process = started(step, root, home, given, more)
    try:
        said, wrong = process.communicate(timeout=120)
    finally:
        process.kill()
    return subprocess.CompletedProcess(step["run"], process.returncode, said, wrong)


def started(
    step: dict[str, Any],
    root: Path,
    home: Path,
    given: Mapping[str, str],
    more: Mapping[str, str] = {},
) -> subprocess.Popen[str]:
    """Start a step: a script of it is what a runner hands to bash."""

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ *[\w.]*?(\w+) *\}\}", lambda m: given.get(m[1], ""), text)

    script = home / "step.sh"
    script.write_text(step["run"])
    kept = {"PATH": os.environ["PATH"], "HOME": str(home), "USER": "runner"}
    kept |= {name: text for name, text in os.environ.items() if name.startswith("COV")}
    variables = {name: filled(text) for name, text in step.get("env", {}).items()}
    return subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
        cwd=root,
        env={**kept, **more, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_actionlint_has_nothing_to_say() -> None:
    argv = [str(golang.program("actionlint")), "-no-color", *map(str, PLACE.glob("*.yml"))]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_has_nothing_to_say() -> None:
    """What can be injected, what may too much, what isn't pinned; offline, as it asks GitHub."""
    argv = [f"{BIN}/zizmor", "--offline", "--persona=auditor", "--no-progress", str(PLACE)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_one_command_of_ours(name: str) -> None:
    command = STEPS[name]["run"].removeprefix("exec ")
    assert "\n" not in command.strip() and "${{" not in command
    if re.fullmatch(r"scripts/setup( --dev)?", command):
        return
    (words,) = pages.typed(command.removeprefix("scripts/with-key "))
    pages.parse(words)
    named = set(re.findall(r"\$(\w+)", command))
    assert named <= set(STEPS[name].get("env", {}))
    assert all(f'"${variable}"' in command for variable in named), "each in quotes"


def test_checks_are_called_as_the_phases_and_stand_for_them() -> None:
    jobs = WORKFLOWS["check"]["jobs"]
    ours = yaml.safe_load((ROOT / "invoke.yaml").read_text())
    for phase in ("lint", "test"):
        assert jobs[phase]["name"] == phase and ours[phase]["checks"] == [phase]
        assert any(f"inv {phase}" in step.get("run", "") for step in jobs[phase]["steps"])


def test_hosts_are_worked_on_one_at_a_time_and_nobody_is_cut_short() -> None:
    deploy, rollback = WORKFLOWS["deploy"], WORKFLOWS["rollback"]
    assert deploy["concurrency"] == rollback["concurrency"]
    assert deploy["concurrency"]["cancel-in-progress"] == "false"
    for each in (deploy["jobs"]["deploy"], rollback["jobs"]["rollback"]):
        assert each["environment"] == "${{ inputs.environment }}", "its approvals and its secrets"


def installed(root: Path) -> None:
    """Have what scripts/setup makes: our own, by a link."""
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "inv").symlink_to(BIN / "inv")
    with (root / ".git" / "info" / "exclude").open("a") as exclude:
        exclude.write(".venv\n")


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    """A project whose `staging` lets in nobody but the key that an agent has."""
    made = lasting(hosts=1)
    installed(made.root)
    made.others = {"staging": made.at(confirm=True)}
    (made.root / "ssh_config").write_text("")
    made.configure()
    made.commit("staging")
    for version in ("v1.0.0", "v1.1.0"):
        made.commit(version, **{"note.txt": version})
        made.git("tag", version)
    (made.root / "known_hosts").unlink()
    return made


@pytest.fixture
def secrets(project: Project) -> dict[str, str]:
    base = project.root / ".sandbox"
    return {
        "SSH_KEY": (base / "user_key").read_text(),
        "SSH_KNOWN_HOSTS": (base / "known_hosts").read_text(),
    }


def test_a_version_is_deployed_and_taken_back(
    project: Project, secrets: dict[str, str], tmp_path: Path
) -> None:
    given = {"environment": "staging", "actor": "octocat", **secrets}
    for version in ("v1.0.0", "v1.1.0"):
        done = run(STEPS["deploy: Deploy"], project.root, tmp_path, {**given, "version": version})
        assert done.returncode == 0, done.stdout + done.stderr
        assert version in project.current()
    done = run(
        STEPS["rollback: Roll back"],
        project.root,
        tmp_path,
        {**given, "reason": INJECTED, "approved_by": "hubot"},
    )
    assert done.returncode == 0 and "v1.0.0" in project.current(), done.stdout + done.stderr
    entries = project.journal()
    told = [entry for entry in entries if entry.get("reason") == INJECTED]
    assert told and told[0]["approved_by"] == "hubot", "as it was typed"
    assert any(str(entry.get("who", "")).startswith("octocat@") for entry in entries)
    said = done.stdout + done.stderr
    assert not any(line in said for line in secrets["SSH_KEY"].splitlines() if line)
    assert (tmp_path / ".ssh/known_hosts").exists() and not (tmp_path / ".ssh/id").exists()


def test_a_deploy_whose_run_is_cancelled_takes_itself_back(
    project: Project, secrets: dict[str, str], tmp_path: Path
) -> None:
    """GitHub's runner interrupts the first process of the step, and nothing below it."""
    given = {"environment": "staging", "version": "v1.0.0", **secrets}
    assert run(STEPS["deploy: Deploy"], project.root, tmp_path, given).returncode == 0
    before = project.current()
    given |= {"version": "v1.1.0", "watch": "60s"}
    process = started(STEPS["deploy: Deploy"], project.root, tmp_path, given)
    try:
        assert process.stdout
        for line in process.stdout:
            if "a bad release is known after" in line:  # the watch begins
                break
        assert "v1.1.0" in project.current()
        process.send_signal(signal.SIGINT)
        said, wrong = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130 and project.current() == before, said + wrong


@pytest.mark.parametrize("field", ["environment", "version", "watch", "fixes"])
def test_nothing_that_is_typed_meets_a_shell(
    project: Project, secrets: dict[str, str], tmp_path: Path, field: str
) -> None:
    given = {"environment": "staging", "version": "v1.0.0", **secrets, field: INJECTED}
    done = run(STEPS["deploy: Deploy"], project.root, tmp_path, given)
    assert done.returncode == 2, done.stdout + done.stderr
    assert not [*project.root.glob("**/injected")] + [*tmp_path.glob("**/injected")]


@pytest.mark.skipif(shutil.which("gh") is None, reason="gh is not installed")
def test_a_version_is_released_with_the_token_that_the_step_has(tmp_path: Path) -> None:
    """No file of the clone has it: git asks gh, and gh has it from the step's variables."""
    authority = Authority(tmp_path)
    shop = Shop.new(tmp_path / "of")
    installed(shop.path)
    shop.remote.git("config", "http.receivepack", "true")
    with serve(shop.remote.path, authority) as hub:
        hub.private = True
        shop.git("remote", "set-url", "origin", hub.url)
        more = {
            "GH_HOST": hub.host,
            "GH_CONFIG_DIR": str(tmp_path / "gh"),
            "SSL_CERT_FILE": str(authority.file),
            "GIT_SSL_CAINFO": str(authority.file),
        }
        step = STEPS["release: Release"]
        given = {"bump": "minor", "actor": "octocat", "actor_id": "583231"}
        refused = run(step, shop.path, tmp_path, given, {**more, "GH_ENTERPRISE_TOKEN": "no"})
        assert refused.returncode == 2 and not hub.releases, refused.stdout + refused.stderr
        # Another host than github.com has its token in a variable of another name.
        done = run(step, shop.path, tmp_path, given, {**more, "GH_ENTERPRISE_TOKEN": TOKEN})
        assert done.returncode == 0, done.stdout + done.stderr
        assert [each["tag_name"] for each in hub.releases.values()] == ["v0.1.0"]
    assert TOKEN not in done.stdout + done.stderr + (shop.path / ".git/config").read_text()
    by = shop.git("show", "--no-patch", "--format=%an <%ae>", "v0.1.0^{commit}")
    assert by == "octocat <583231+octocat@users.noreply.github.com>"
