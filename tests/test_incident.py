"""Incidents as they are drafted: of rollbacks, and of deploys that were taken back, on a host."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tasks.lib.incident import record
from tests.support.project import Project

Make = Callable[..., Project]

SENTINEL = "Xy7kQ2mP9vL4nB8s"
REASON = f"No checkout | <script> ---\n`x` @bob password={SENTINEL}r"
APP = Path(__file__).parent / "support" / "app.py"
JANE = ("-c", "user.name=Jane Doe", "-c", "user.email=jane@example.invalid")


class Life(NamedTuple):
    """A project whose production was deployed to three times and rolled back once.

    page: what was drafted; said: what the rollback printed after it had ended.
    """

    project: Project
    good: str
    bad: str
    page: Path
    said: str

    def incident(self, *words: str, code: int = 0) -> str:
        done = self.project.inv("rollback.incident", *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def life(lasting: Make) -> Life:
    project = lasting()
    project.sections = {"incident": {"draft": True, "limit": "10s"}}
    project.others = {"production": project.at()}
    project.default = "production"
    project.configure()
    project.env(SECRET=f"{SENTINEL}e")
    project.commit("first")
    good = project.document("deploy", "--env=production")["detail"]["release"]
    project.git(*JANE, "commit", "-q", "--allow-empty", "-m", "Sell <b>more</b> | now, @bob")
    app = f'print("ready\\n```\\nAuthorization: Bearer {SENTINEL}l")\n' + APP.read_text()
    subject = f"Log a lot, mail x@example.invalid, token={SENTINEL}c"
    project.commit(subject, "say-secret", **{"app.py": app})
    bad = project.document("deploy", "--env=production")["detail"]["release"]
    project.inv("monitor.note", f"it is slow, secret={SENTINEL}n", "--env=production")
    done = project.inv("rollback", "--env=production", f"--reason={REASON}")
    assert done.returncode == 0, done.stdout + done.stderr
    (page,) = (project.root / record.DIRECTORY).glob("*.md")
    return Life(project, good, bad, page, done.stdout.partition("Next:")[2] + done.stderr)


def test_a_rollback_drafts_a_page_once_it_has_ended(life: Life) -> None:
    found = record.read(life.page)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-no-checkout-script-x-bob-password", found.name)
    assert (found.environment, found.state, found.follow_ups) == ("production", "open", ())
    assert found.title == "No checkout | <script> --- `x` @bob password=***"
    assert f"Drafted docs/incidents/{found.name}.md" in life.said
    assert f"inv deploy --env=production --fixes={found.name}" in life.said
    assert f"inv rollback.incident --close={found.name}" in life.said
    rollback = json.loads(
        (life.project.root / ".circle/journal.jsonl").read_text().splitlines()[-1]
    )
    assert rollback["phase"] == "rollback" and rollback["outcome"] == "closed"


def test_it_says_what_was_done_and_what_came_with_the_release(life: Life) -> None:
    text = life.page.read_text()
    head = record.parted(text)[0]
    assert (head["from"], head["to"]) == (life.bad, life.good)
    assert f"| Left | {life.bad} |" in text and f"| Back on | {life.good} |" in text
    times = [row for row in text.splitlines() if re.match(r"\| \d{4}-", row)]
    kinds = [row.split(" | ")[1].split(" ")[0] for row in times]
    assert kinds == ["deploy", "deploy", "note:", "rollback"]
    assert times == sorted(times)
    assert "2 commits, by Jane Doe, t:" in text
    assert re.search(
        r"- `[0-9a-f]{7}` Sell \\<b\\>more\\</b\\> \\\| now, @\u200bbob, Jane Doe, ", text
    )
    for title in ("Cause", "Follow-ups", "People"):
        assert f"\n## {title}\n" in text
    assert "\n- [ ]\n" in text and "- wrote what came with the release: Jane Doe, t\n" in text


def test_what_is_not_known_is_said(life: Life) -> None:
    text = life.page.read_text()
    assert "What Prometheus measured is not known: Prometheus at http" in text
    assert "Which alerts fired is not known" in text and "There are none: Prometheus" in text
    assert not life.page.with_suffix("").exists()


def test_the_log_is_of_the_release_that_was_left(life: Life) -> None:
    text = life.page.read_text().partition("## Log of the release")[2]
    assert "````text\nready\n```\nAuthorization: ***\nthe password is ***\n````\n" in text


def test_no_secret_and_no_address_is_on_it(life: Life) -> None:
    text = life.page.read_text()
    assert SENTINEL not in text and "example.invalid" not in text
    assert "<script>" not in text and not re.search(r"(?<!\w)@bob", text)


def test_what_follows_belongs_to_the_incident_that_is_open(life: Life) -> None:
    before = life.page.read_text()
    told = life.project.document("rollback.incident", "--env=production", "--title=Another")
    assert (told["incident"], told["new"], told["added"]) == (life.page.stem, False, 0)
    assert life.page.read_text() == before
    life.project.inv("monitor.note", "it is quick again", "--env=production")
    life.page.write_text(before.replace("\n", "\r\n").replace("first", "edited"), newline="")
    said = life.incident("--env=production")
    assert f"{life.page.stem}.md is open for production:\n1 row added to its timeline" in said
    after = life.page.read_bytes().decode()
    life.page.write_text(before)
    rows = [line for line in after.split("\r\n") if re.match(r"\| \d{4}-", line)]
    assert "note: it is quick again" in rows[-1] and len(rows) == 5
    assert after.count("\r\n") == after.count("\n") == before.count("\n") + 1


def test_the_page_is_no_change_that_keeps_a_commit_from_being_proved(life: Life) -> None:
    from tasks.lib import evidence

    assert "docs/" in life.project.git("status", "--porcelain")
    assert not evidence.state(life.project.root).changed
    other = life.project.root / "docs" / "other.md"
    other.write_text("x")
    assert evidence.state(life.project.root).changed
    other.unlink()


def test_the_gate_lets_pass_what_names_it_until_it_is_closed(life: Life) -> None:
    project, name = life.project, life.page.stem
    project.others = {"production": {**project.others["production"], "gates": ["incident"]}}
    project.configure()
    told = project.document("deploy", "--env=production", code=2)
    assert f"--fixes={name}" in told["error"]["evidence"]
    said = life.incident(f"--close={name}", code=2)
    assert "says nothing below `## Cause` yet" in said
    text = life.page.read_text()
    life.page.write_text(
        text.replace("## Cause\n", "## Cause\n\nA null.\n").replace("- [ ]\n", "- [ ] test it\n")
    )
    told = project.document("rollback.incident", f"--close=docs/incidents/{name}.md")
    assert (told["closed"], told["follow_ups"]) == (True, ["test it"])
    found = record.read(life.page)
    assert not found.open and record.parted(life.page.read_text())[0]["closed"].endswith("Z")
    assert "is closed already" in life.incident(f"--close={name}")
    project.document("deploy", "--env=production", "--plan")
    assert "'x' is no incident below docs/incidents; open are: none." in life.incident(
        "--close=x", code=2
    )
    assert "leave them out" in life.incident("--close=x", "--since=1h", code=2)


def test_a_deploy_that_its_watch_takes_back_drafts_one_with_what_it_measured(life: Life) -> None:
    project = life.project
    project.commit("Well again")
    project.document("deploy", "--env=production")
    project.commit("Fail after a while", "errors=1 good=5")
    done = project.inv("deploy", "--env=production", "--watch=5s")
    assert done.returncode == 1, done.stdout + done.stderr
    (page,) = set(life.page.parent.glob("*.md")) - {life.page}
    assert f"Drafted docs/incidents/{page.name}" in done.stdout
    text = page.read_text()
    assert "# A deploy was taken back from production\n" in text
    assert "| What | deployed, and taken back |" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| the watch of its deploy (")]
    requests, failed, ratio = row.strip("| ").split(" | ")[1:]
    assert int(failed) == 3 <= int(requests) and ratio.endswith(" %")
    # What is then rolled back is the same trouble.
    page_before = page.read_text()
    done = project.inv("rollback", "--env=production", "--reason=to be sure")
    assert f"{page.stem}.md is open for production:\n1 row added" in done.stdout
    assert page.read_text() != page_before and "to be sure" in page.read_text()


def test_what_is_refused_planned_checked_or_ended_by_hand_drafts_nothing(life: Life) -> None:
    pages = {*life.page.parent.iterdir()}
    for words in (("--plan",), ("--check",), ("--to=nothing",)):
        life.project.inv("rollback", "--env=production", *words)
    assert {*life.page.parent.iterdir()} == pages


def test_in_the_sandbox_only_who_asks_gets_a_page(life: Life) -> None:
    project = life.project
    pages = {*life.page.parent.glob("*.md")}
    project.inv("rollback", "--env=sandbox")
    said = life.incident("--env=sandbox", "--issue", code=2)
    assert "The remote origin is not on GitHub" in said
    assert {*life.page.parent.glob("*.md")} == pages
    told = project.document("rollback.incident", "--env=sandbox", "--title=Größer/../als")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-grosser-als", told["incident"])
