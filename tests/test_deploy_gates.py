"""What comes before a deploy to servers: the tag, the environment before, keys, and a word."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import Project

Make = Callable[..., Project]


@pytest.fixture(scope="module")
def shared(lasting: Make) -> Project:
    """A project with a remote, and a tag v1 that is on it."""
    project = lasting(hosts=2)
    remote = project.root.parent / "remote.git"
    project.git("init", "-q", "--bare", str(remote))
    project.git("remote", "add", "origin", str(remote))
    project.git("tag", "-a", "v1", "-m", "one")
    project.git("push", "-q", "origin", "main", "v1")
    return project


@pytest.fixture
def project(shared: Project) -> Project:
    """The module's project, with the environments staging and production, a host each."""
    shared.git("checkout", "-q", "-f", "main")
    environments(shared)
    return shared


def environments(project: Project, **production: Any) -> None:
    staging = project.at(1, gates=["release"])
    project.others = {
        "staging": staging,
        "production": project.at(2, **{"gates": ["release"], "after": "staging", **production}),
    }
    project.configure()


def names(project: Project) -> dict[str, str]:
    """The name of each environment's host."""
    return {name: said["hosts"][0] for name, said in project.others.items()}


def test_only_what_closed_in_staging_goes_to_production(project: Project) -> None:
    host = names(project)["staging"]
    told = project.document("deploy", "--env=production", "--version=v1", code=2)
    assert told["error"]["kind"] == "prerequisite"
    assert "it has closed where it has to before" in told["error"]["message"]
    assert f"v1 has not closed on staging ({host})" in told["error"]["evidence"]
    assert "inv deploy --env=staging --version=v1" in told["error"]["evidence"]
    assert not list(project.host(2).iterdir())
    first = project.document("deploy", "--env=staging", "--version=v1", "--watch=300ms")["detail"]
    assert first["hosts"] == {host: {"outcome": "closed"}}
    assert first["watch"]["verdict"] == "PASS"
    told = project.document("deploy", "--env=production", "--version=v1")
    assert project.current(2) == told["detail"]["release"]
    assert told["next"] == "inv monitor --env=production"
    # A version that staging was rolled back from has not closed there.
    project.commit("two", "")
    project.git("tag", "v2")
    project.git("push", "-q", "origin", "v2")
    project.document("deploy", "--env=staging", "--version=v2")
    project.document("rollback", "--env=staging")
    told = project.document("deploy", "--env=production", "--version=v2", code=2)
    assert "v2 has not closed on staging" in told["error"]["evidence"]


def test_all_that_is_missing_is_named_together(project: Project) -> None:
    environments(project, url="", watch="5s")
    project.commit("not tagged", "")
    done = project.inv("deploy", "--env=production")
    assert done.returncode == 2
    said = done.stderr
    assert (
        "refused to start and changed nothing; missing: the release is tagged and pushed," in said
    )
    assert "main is not a tag, and production takes tags only" in said
    assert "main has not closed on staging" in said
    assert "environments.production has no url to watch; run `inv deploy --watch=0s`" in said
    assert "`git tag -a vX.Y.Z" in said and "Runbook: A gate refuses →" in said
    project.git("tag", "v9")
    told = project.document("deploy", "--env=staging", "--version=v9", code=2)
    assert "git push origin v9" in told["error"]["evidence"]


def test_an_untagged_commit_goes_where_that_is_allowed(project: Project) -> None:
    commit = project.commit("not tagged", "")
    project.others = {"staging": project.at(1, gates=[])}
    project.configure()
    told = project.document("deploy", "--env=staging", f"--version={commit[:9]}")
    assert told["detail"]["commit"] == commit


def test_a_staging_that_does_not_answer_is_no_leave(project: Project) -> None:
    staging, production = project.others["staging"], project.others["production"]
    for said, words in (
        ({"hosts": ["sandbox@127.0.0.1:1"]}, "[127.0.0.1]:1 can't be reached"),
        ({"python": "python9"}, "staging could not be asked whether v1 closed there"),
    ):
        project.others = {"staging": {**staging, **said}, "production": production}
        project.configure()
        told = project.document("deploy", "--env=production", "--version=v1", code=2)
        assert words in told["error"]["evidence"]


def typed(project: Project, text: str, *words: str) -> tuple[int, str]:
    """Run `inv words…` at a terminal on which `text` is typed; its code and what it said."""
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "invoke", *words]
    child = subprocess.Popen(
        argv,
        cwd=project.root,
        env=project.variables(),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.close(theirs)
    os.write(ours, text.encode())
    try:
        return child.wait(90), child.communicate()[0]
    finally:
        os.close(ours)


def test_where_it_is_asked_for_the_environments_name_is_typed(project: Project) -> None:
    environments(project, confirm=True, after="")
    words = ("deploy", "--env=production", "--version=v1")
    before = project.current(2)
    assert "add `--env=production --yes`" in project.document(*words, code=2)["error"]["message"]
    code, said = typed(project, "staging\n", *words)
    assert (code, project.current(2)) == (2, before)
    assert "production was not typed; nothing was changed" in said
    code, said = typed(project, "production\n", *words)
    assert code == 0, said
    assert "Type production to go on" in said and project.current(2) != before
    assert project.document(*words, "--yes")["outcome"] == "closed"
    done = project.inv(
        "deploy", "--version=v1", "--yes", env={"INVOKE_DEFAULT_ENVIRONMENT": "production"}
    )
    assert done.returncode == 2 and "--yes needs --env=production" in done.stderr


def test_a_rollback_names_the_environment_of_the_newest_deploy_and_asks(project: Project) -> None:
    project.document("deploy", "--env=staging", "--version=v1")
    project.document("deploy", "--env=staging", "--version=v1")
    before = project.current(1)
    told = project.document("rollback", code=2)
    assert "Roll staging back has to be confirmed: add `--env=staging --yes`" in (
        told["error"]["message"]
    )
    told = project.document("rollback", "--yes", code=2)
    assert "--yes needs --env=staging" in told["error"]["message"]
    code, said = typed(project, "production\n", "rollback")
    assert (code, project.current(1)) == (2, before)
    code, said = typed(project, "staging\n", "rollback", "--reason=it broke")
    assert code == 0, said
    assert "Roll staging back. Type staging to go on" in said
    assert project.current(1) != before
    assert project.journal(1)[-1]["reason"] == "it broke"


def test_a_rollback_is_approved_where_that_is_asked_for(project: Project) -> None:
    environments(project, approve=True, after="")
    for _ in range(2):
        project.document("deploy", "--env=production", "--version=v1")
    before = project.current(2)
    told = project.document("rollback", "--env=production", code=2)
    assert "the rollback is approved" in told["error"]["message"]
    assert "inv rollback --approved-by=NAME" in told["error"]["evidence"]
    assert project.current(2) == before
    told = project.document("rollback", "--env=production", "--approved-by=Ann", "--watch=0s")
    assert told["detail"]["approved_by"] == "Ann"
    assert project.journal(2)[-1]["approved_by"] == "Ann"
    line = (project.root / ".circle" / "journal.jsonl").read_text().splitlines()[-1]
    assert json.loads(line)["detail"]["approved_by"] == "Ann"


def test_hosts_that_refuse_the_login_are_named(project: Project) -> None:
    one, two = names(project).values()
    (
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(project.root / "other_key")],
            check=True,
        )
        if not (project.root / "other_key").exists()
        else None
    )
    (project.root / "ssh_config").write_text(
        f'Host *\n  IdentityFile "{project.root / "other_key"}"\n  IdentitiesOnly yes\n'
    )
    both = {**project.others["staging"], "hosts": [one, two], "gates": []}
    project.others = {"staging": both}
    project.configure()
    told = project.document("deploy", "--env=staging", code=2)
    assert told["error"]["kind"] == "auth"
    assert one in told["error"]["message"] and two in told["error"]["message"]
    assert told["troubleshooting"][0]["issue"] == "A host refuses the login"
    done = project.inv("rollback", "--env=staging")
    assert done.returncode == 2 and one in done.stderr and two in done.stderr


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        pytest.param("hostkey-unknown", "inv host.trust --env=staging", id="unknown"),
        pytest.param("hostkey-changed", "", id="changed"),
    ],
)
def test_a_host_whose_key_is_not_the_known_one_is_refused(
    project: Project, tmp_path: Path, kind: str, says: str
) -> None:
    known = project.root / "known_hosts"
    lines = [line.split(" ", 1) for line in known.read_text().splitlines()]
    if kind == "hostkey-unknown":
        known.write_text("")
    else:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")],
            check=True,
        )
        other = " ".join((tmp_path / "key.pub").read_text().split()[:2])
        known.write_text("".join(f"{name} {other}\n" for name, _ in lines))
    before = project.current(1)
    told = project.document("deploy", "--env=staging", "--version=v1", code=2)
    assert told["error"]["kind"] == kind
    assert says in told["error"]["message"]
    assert names(project)["staging"].partition("@")[2].partition(":")[0] in told["error"]["message"]
    assert project.current(1) == before


def test_a_public_address_that_serves_something_else_is_found_out(project: Project) -> None:
    environments(project, after="", gates=[])
    project.document("deploy", "--env=staging", "--version=v1")
    project.document("deploy", "--env=production", "--version=main")
    project.others = {"staging": {**project.others["staging"], "url": project.at(2)["url"]}}
    project.configure()
    before = project.current(1)
    told = project.document("deploy", "--env=staging", "--version=v1", code=1)
    assert told["error"]["kind"] == "health" and told["detail"]["reverted"]
    assert "/api/version" in told["error"]["message"]
    assert project.current(1) == before
    check = project.document("deploy", "--env=staging", "--check", code=1)
    assert "the version is the release's" in check["error"]["message"]
    project.others = {"staging": {**project.others["staging"], "url": ""}}
    project.configure()
    check = project.document("deploy", "--env=staging", "--check", code=1)
    assert "environments.staging has no url to ask" in check["error"]["evidence"]


@pytest.mark.parametrize(
    ("said", "where"),
    [
        pytest.param({"hosts": ["-oProxyCommand=touch pwned"]}, "hosts", id="an option as host"),
        pytest.param({"hosts": ["a b"]}, "a b", id="a host with a space"),
        pytest.param({"hosts": ["$(touch pwned)"]}, "touch pwned", id="shell as host"),
        pytest.param({"path": "/srv/../etc"}, "path", id="a path that leads elsewhere"),
        pytest.param({"python": "python3; touch pwned"}, "python", id="shell as python"),
        pytest.param({"hooks": {"build": "true\ntouch pwned"}}, "build", id="two lines"),
        pytest.param({"processes": {"a'b": "true"}}, "processes", id="a quote in a process"),
    ],
)
def test_configuration_that_tries_to_be_shell_is_refused(
    project: Project, said: dict[str, Any], where: str
) -> None:
    project.others = {"staging": {**project.others["staging"], **said}}
    project.configure()
    told = project.document("deploy", "--env=staging", "--version=v1", code=2)
    assert told["error"]["kind"] == "config" and where in told["error"]["message"]
    assert not list(project.root.parent.rglob("pwned"))


def test_an_app_with_a_quote_in_its_name_is_refused(project: Project) -> None:
    file = project.root / "invoke.yaml"
    file.write_text(file.read_text().replace("app: demo", 'app: "de\'mo"'))
    told = project.document("deploy", "--env=staging", "--version=v1", code=2)
    project.configure()
    assert told["error"]["kind"] == "config" and "app" in told["error"]["message"]
