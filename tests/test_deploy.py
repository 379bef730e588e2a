"""Deploys in the sandbox, over real SSH and HTTP: what is deployed, and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.project import SERVICE, Project

Make = Callable[..., Project]
QUICK = {**SERVICE["limits"], "start": "2s", "hook": "2s"}


@pytest.fixture(scope="module")
def shared(lasting: Make) -> Project:
    return lasting()


@pytest.fixture
def project(shared: Project) -> Project:
    """The module's project, as it was configured at first, its service well."""
    shared.service = {}
    shared.configure()
    shared.commit("well again")
    return shared


def live(project: Project) -> tuple[str, str]:
    """What users get: the release that answers, and its greeting."""
    status, body = project.front("/api/version")
    assert status == 200
    return json.loads(body)["release"], json.loads(body)["greeting"]


def test_the_first_deploy_has_no_way_back_but_to_nothing(project: Project) -> None:
    assert project.current() == ""
    for behaviour in ("exit-at-start", "wrong-release"):
        project.configure(limits=QUICK)
        project.commit("bad", behaviour)
        told = project.document("deploy", code=1)
        assert told["outcome"] == "troubled" and not told["detail"]["reverted"]
        assert "serves nothing, as before" in told["error"]["message"]
    project.configure(smoke=[{"path": "/", "status": 200, "text": "goodbye"}])
    project.commit("not what is wanted")
    told = project.document("deploy", code=1)
    assert told["detail"]["reverted"] and told["error"]["kind"] == "verify"
    assert "does not show 'goodbye'" in told["error"]["message"]
    assert "nothing to go back to" in told["error"]["message"]
    assert project.current() == "" and project.front()[0] == 503
    assert project.releases() == set() or all(
        entry["event"] != "closed" for entry in project.journal()
    )


def test_deploys_what_is_named_and_nothing_else(project: Project) -> None:
    first = project.commit("tagged", **{"note.txt": "one"})
    project.git("tag", "v1.0.0")
    second = project.commit("more", **{"note.txt": "two"})
    project.git("branch", "side", first)
    (project.root / "note.txt").write_text("not committed")
    cases = [
        (("deploy",), "main", second, "two"),
        (("deploy", "--version=v1.0.0"), "v1.0.0", first, "one"),
        (("deploy", "--version=side"), "side", first, "one"),
        (("deploy", f"--version={second[:10]}"), second[:10], second, "two"),
    ]
    for words, version, commit, note in cases:
        done = project.inv(*words, "--json")
        told = json.loads(done.stdout)
        detail = told["detail"]
        assert (told["outcome"], detail["commit"]) == ("closed", commit), words
        assert version in (detail["version"], detail["commit"][:10])
        assert "changes that are not committed are not deployed: note.txt" in done.stderr
        assert live(project)[0] == project.current() == detail["release"]
        assert (project.host() / "current" / "note.txt").read_text() == note
    project.git("checkout", "-q", "--", "note.txt")
    project.git("checkout", "-q", first)
    assert project.document("deploy")["detail"]["version"] == "v1.0.0"
    project.git("checkout", "-q", "main")


def test_the_same_version_again_is_a_new_release_with_the_newest_environment(
    project: Project,
) -> None:
    project.env(GREETING="one\ttwo 'three' $(four) \"five\"")
    first = project.document("deploy")["detail"]["release"]
    assert live(project) == (first, "one\ttwo 'three' $(four) \"five\"")
    project.env(GREETING="changed")
    assert live(project) == (first, "one\ttwo 'three' $(four) \"five\"")
    second = project.document("deploy")["detail"]
    assert second["release"] != first and second["from"] == first
    assert live(project) == (second["release"], "changed")
    assert (project.host() / "current" / ".env").stat().st_mode & 0o777 == 0o600
    project.document("rollback", "--env=sandbox")
    assert live(project) == (first, "one\ttwo 'three' $(four) \"five\"")


def test_missing_variables_are_refused_by_name(project: Project) -> None:
    before, kept = project.current(), project.releases()
    project.configure(required=["DATABASE_URL", "GREETING", "TOKEN"])
    told = project.document("deploy", code=2)
    assert told["error"]["kind"] == "gate" and told["outcome"] == "refused"
    assert "host1: the environment lacks DATABASE_URL, TOKEN;" in told["error"]["message"]
    assert "inv deploy.env --env=sandbox --push=FILE" in told["error"]["message"]
    assert (project.current(), project.releases()) == (before, kept)
    project.env(DATABASE_URL="x", GREETING="", TOKEN="y")
    assert project.document("deploy")["outcome"] == "closed"


@pytest.mark.parametrize(
    ("behaviour", "kind", "said", "row"),
    [
        pytest.param("exit-at-start", "start", "ended before it answered", "fails", id="exits"),
        pytest.param("unhealthy", "health", "not healthy after 2 s", "health check", id="ill"),
        pytest.param("wrong-release", "health", "does not name", "health check", id="not itself"),
        pytest.param("start=30", "health", "no answer at its socket", "slowly", id="too slow"),
    ],
)
def test_a_release_that_is_not_well_is_never_seen(
    project: Project, behaviour: str, kind: str, said: str, row: str
) -> None:
    before = project.current()
    project.configure(limits=QUICK)
    project.commit("bad", behaviour)
    told = project.document("deploy", code=1)
    assert told["error"]["kind"] == kind
    assert said in told["error"]["message"]
    assert f"host1 still serves {before}" in told["error"]["message"]
    assert "load " in told["error"]["evidence"] and "disk free" in told["error"]["evidence"]
    assert any(row in each["issue"] or row in each["issue"] for each in told["troubleshooting"])
    assert told["next"] == "inv deploy.status --env=sandbox"
    assert live(project)[0] == project.current() == before
    assert told["detail"]["release"] not in project.releases()


def test_the_last_words_of_a_release_are_shown(project: Project) -> None:
    project.commit("bad", "exit-at-start")
    done = project.inv("deploy")
    assert done.returncode == 1
    assert "this release does not start" in done.stderr
    assert "Runbook: The deployment fails → " in done.stderr
    assert done.stderr.rstrip().splitlines()[-1] == "Next: inv deploy.status --env=sandbox"
    assert "Traceback" not in done.stderr


def test_a_health_check_that_throttles_is_not_down(project: Project) -> None:
    project.commit("throttled", "throttled")
    assert project.document("deploy", "--watch=500ms")["outcome"] == "closed"
    assert project.front("/api/health")[0] == 429


def test_the_check_changes_nothing_and_says_what_does_not_hold(project: Project) -> None:
    project.document("deploy")
    written = (project.host() / "journal.jsonl").read_bytes()
    assert project.document("deploy", "--check")["detail"]["checks"] == {
        "the health check answers 200": "holds",
        "the version is the release's": "holds",
        "the key features work": "holds",
        "every host serves the same release": "holds",
    }
    project.configure(
        health="/nowhere", smoke=[{"path": "/", "text": "goodbye"}], version_path="/api/version"
    )
    (project.host() / "current").rename(project.host() / "hidden")
    told = project.document("deploy", "--check", code=1)
    (project.host() / "hidden").rename(project.host() / "current")
    assert told["error"]["kind"] == "validation"
    for name in ("health check", "version is", "key features"):
        assert name in told["error"]["message"]
    assert (project.host() / "journal.jsonl").read_bytes() == written


@pytest.mark.parametrize(
    "words", [("deploy",), ("deploy", "--plan"), ("rollback", "--env=sandbox")]
)
def test_a_host_without_the_python_is_refused(project: Project, words: tuple[str, ...]) -> None:
    before = project.current()
    project.configure(python="python9")
    done = project.inv(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "host1" in done.stderr and "python9" in done.stderr
    assert "Traceback" not in done.stderr and project.current() == before


def test_two_hosts_are_one_deploy(make: Make) -> None:
    project = make(hosts=2)
    told = project.document("deploy")["detail"]
    assert told["hosts"] == {"host1": {"outcome": "closed"}, "host2": {"outcome": "closed"}}
    assert project.current(1) == project.current(2) == told["release"]
    first = told["release"]
    told = project.document("deploy", "--without=host2")["detail"]
    assert (project.current(1), project.current(2)) == (told["release"], first)
    assert project.journal(1)[-1]["without"] == ["host2"]
    drift = project.document("deploy", "--check", code=1)
    assert f"host2 serves {first}" in drift["error"]["evidence"]
    for words in ("--without=host1,host2", "--without=host9"):
        assert "host1, host2" in project.document("deploy", words, code=2)["error"]["message"]
    told = project.document("rollback", "--env=sandbox")["detail"]
    assert project.current(1) == project.current(2) == first
    assert told["hosts"] == {"host1": {"outcome": "closed"}, "host2": {"outcome": "closed"}}
    last = project.document("rollback", "--env=sandbox", code=2)  # neither has one before
    assert last["error"]["kind"] == "no-target"
    project.document("deploy")
    assert project.document("rollback", "--env=sandbox", "--plan")["release"] == first


@pytest.mark.parametrize(
    "version",
    ["$(touch pwned)", "; touch pwned", "--upload-pack=touch pwned", "`touch pwned`", "-x", "a\nb"],
)
def test_names_that_try_to_be_shell_are_refused(project: Project, version: str) -> None:
    told = project.document("deploy", f"--version={version}", code=2)
    assert told["outcome"] == "refused" and told["error"]["message"]
    assert not list(Path(project.root).rglob("pwned"))


def test_a_tag_that_looks_like_shell_is_carried_as_data(project: Project) -> None:
    project.git("tag", "v$(touch,pwned)`id`")
    told = project.document("deploy", "--version=v$(touch,pwned)`id`")["detail"]
    assert told["version"] == "v$(touch,pwned)`id`"
    assert "v__touch_pwned__id_-" in told["release"]
    assert not list(Path(project.root).rglob("pwned"))
    assert project.journal()[-1]["version"] == "v$(touch,pwned)`id`"
