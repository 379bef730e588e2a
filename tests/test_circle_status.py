"""`inv circle.status` as a person and a script meet it: real repositories, hosts and journals."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tasks.lib.circle.lines import HostLine, Line
from tests.conftest import Make
from tests.support.around import kill_host, told
from tests.support.project import Project
from tests.support.terminal import Terminal, plain

NEXT = "Next: inv lint"
PAGE = """---
environment: sandbox
state: open
opened: 2026-01-05T09:00:00Z
---
# The shop was slow

- [ ] Add an index
"""


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    """Two hosts of the sandbox, of which one is also the only one of staging; the first release is
    on all of them, the second on the sandbox alone, by somebody whose journal is not here."""
    made = lasting(hosts=2)
    other = str(made.root / ".sandbox" / "host1" / "other")  # which the host's front doesn't serve
    example = {"hosts": ["deploy@a.your-domain.com"], "after": "staging", "gates": []}
    made.others = {
        "staging": made.at(path=other, version_path=""),
        "production": example,
    }
    made.configure()
    made.commit("first")
    made.git("tag", "v1")
    for env in ("sandbox", "staging"):
        assert made.document("deploy", f"--env={env}")["outcome"] == "closed"
    return made


def look(project: Project, *words: str, code: int = 0) -> dict[str, Any]:
    found = project.document("circle.status", *words, code=code)["detail"]
    assert isinstance(found, dict)
    return found


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_it_is_drawn_plainly_where_nobody_sees_colours(project: Project) -> None:
    done = project.inv("circle.status", "--version=v1")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    shown = done.stdout.splitlines()
    assert re.fullmatch(r"v1 \([0-9a-f]{7}\): first", shown[0])
    assert "   1 lint ○ ──> 2 host ○ ──> 3 test ○ ──> 4 preaggregate ○ ──> 5 release ○" in shown
    assert "  10 alert ○ <─ 9 visualize ○ <─ 8 monitor ○ <─ 7 rollback – <─ 6 deploy ✓" in shown
    for env in ("sandbox", "staging"):
        assert any(re.match(rf"✓ +{env} +closed +\d\d:\d\dZ, .* ago .*@", each) for each in shown)
        assert any(
            re.match(rf"{env} +serves v1 \(.*\), this commit, since", each) for each in shown
        )
    assert any("production   not set up: its hosts are the example's" in each for each in shown)
    assert shown[-1] == NEXT and "\x1b" not in done.stdout
    assert max(map(len, shown)) <= 100


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}], ids=["colours", "NO_COLOR"])
def test_on_a_terminal_it_fits_80_columns(project: Project, variables: dict[str, str]) -> None:
    terminal = Terminal(project, 80, "circle.status", "--version=v1", **variables)
    assert terminal.end() == 0
    assert ("\x1b[32m" in terminal.said) == (not variables), "the green of what has closed"
    shown = plain(terminal.said)
    assert max(map(len, shown)) <= 80, [each for each in shown if len(each) > 80]
    assert "  10 alert ○ <─ 9 visualize ○ <─ 8 monitor ○ <─ 7 rollback – <─ 6 deploy ✓" in shown


def test_a_document_has_all_of_it(project: Project) -> None:
    found = look(project, "--version=v1")
    assert found["version"] == "v1" and found["tagged"] and found["checked_out"]
    assert found["chain"] == ["staging"] and found["troubles"] == []
    deploy = found["phases"]["deploy"]["environments"]
    assert {name: each["state"] for name, each in deploy.items()} == {
        "sandbox": "closed",
        "staging": "closed",
    }
    assert deploy["staging"]["seconds"] > 0 and deploy["staging"]["who"]
    states = {name: each["state"] for name, each in found["environments"].items()}
    assert states == {"sandbox": "answers", "staging": "answers", "production": "not set up"}


def test_hosts_say_what_this_clones_journal_does_not(project: Project) -> None:
    journal = project.root / ".circle" / "journal.jsonl"
    kept = journal.read_bytes()
    try:
        journal.unlink()
        deploy = look(project, "--version=v1", "--env=staging")["phases"]["deploy"]
        there = deploy["environments"]["staging"]
        assert (deploy["shown"], there["state"], there["seconds"]) == ("closed", "closed", None)
        assert there["who"] and there["at"]
        assert list(deploy["environments"]) == ["staging"]
    finally:
        journal.write_bytes(kept)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--version=v9",), "No tag, branch or commit here is called v9"),
        (("--env=nowhere",), "There is no environment 'nowhere'; there are:"),
    ],
)
def test_what_there_is_not_is_one_sentence(
    project: Project, words: tuple[str, ...], said: str
) -> None:
    done = project.inv("circle.status", *words)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(said) and done.stderr.count("\n") == 1


def test_an_open_incident_is_trouble_and_a_follow_up_a_reminder(project: Project) -> None:
    page = project.root / "docs" / "incidents" / "2026-01-05-slow.md"
    page.parent.mkdir(parents=True)
    other = page.parents[1] / "other.md"
    try:
        page.write_text(PAGE)
        other.write_text("x")
        done = project.inv("circle.status", "--version=v1")
        assert "The working tree differs from it" in done.stdout
        assert done.returncode == 1 and "incident 2026-01-05-slow is open" in done.stderr
        assert "Open incident 2026-01-05-slow (sandbox): The shop was slow" in done.stdout
        page.write_text(PAGE.replace("state: open", "state: closed"))
        other.unlink()
        done = project.inv("circle.status", "--version=v1")
        assert done.returncode == 0 and "  - Add an index" in done.stdout
        assert "The working tree differs" not in done.stdout  # the page keeps nothing from counting
        assert look(project, "--version=v1", "--env=staging")["incidents"] == []
    finally:
        page.unlink()
        other.unlink(missing_ok=True)


def test_a_run_that_nobody_settled_is_trouble_and_comes_first(project: Project) -> None:
    path, live = project.host(2) / "run" / "pending.json", project.current()
    promise = {"run": "deploy-1", "kind": "deploy", "way": "back", "release": live, "from": ""}
    path.write_text(json.dumps(promise))
    try:
        done = project.inv("circle.status", "--version=v1")
        assert done.returncode == 1
        assert "sandbox: an interrupted deploy is pending on host2" in done.stderr
        assert done.stderr.rstrip().endswith("Next: inv deploy.status --env=sandbox")
    finally:
        path.unlink()


def test_a_release_that_was_left_and_hosts_that_differ(project: Project) -> None:
    project.commit("second")
    project.git("tag", "v2")
    project.document("deploy")
    project.document("rollback", "--env=sandbox")
    found = look(project, code=1)
    assert found["phases"]["deploy"]["environments"]["sandbox"]["state"] == "left"
    assert found["troubles"] == ["sandbox was rolled back from this commit"]
    assert found["environments"]["staging"]["troubles"] == []
    back = look(project, "--version=v1")["phases"]["rollback"]["environments"]["sandbox"]
    assert back["state"] == "closed" and back["who"]
    project.document("deploy", "--without=host2")
    done = project.inv("circle.status")
    assert done.returncode == 1
    assert re.search(r"sandbox +serves v2 \(\w+\) and v1 \(\w+\)\n +host1 serves \S+;", told(done))


def test_a_host_that_does_not_answer_is_told_and_no_trouble(project: Project) -> None:
    project.document("deploy")
    kill_host(project, 2)
    done = project.inv("circle.status")
    assert done.returncode == 0, done.stderr
    assert re.search(r"sandbox +serves v2 \(\w+\), this commit", done.stdout)
    assert re.search(r"^ +no answer from host2: .* can't be reached", done.stdout, re.MULTILINE)
    assert project.inv("host", "--env=sandbox").returncode == 0  # which starts it again


def test_every_line_is_as_the_schema_says(project: Project) -> None:
    project.commit("bad", "exit-at-start")
    project.document("deploy", code=1)
    (project.root / "given.env").write_text("A=1\n")
    project.document("deploy.env", "--push=given.env", code=0)
    project.inv("lint")
    project.inv("release")
    here = lines(project.root / ".circle" / "journal.jsonl")
    there = [*project.journal(1), *project.journal(2)]
    assert {"closed", "troubled", "refused"} <= {line["outcome"] for line in here}
    assert {"switched", "closed", "aborted", "pushed"} <= {line["event"] for line in there}
    for line in here:
        assert msgspec.convert(line, Line).v == 1
    for line in there:
        assert msgspec.convert(line, HostLine).v == 1
