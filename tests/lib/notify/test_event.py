"""What is told of a deploy or rollback, and as what each receiver takes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.lib.errors import Interrupted, NotClosed, Refused, Trouble
from tasks.lib.notify import event as events
from tasks.lib.notify.event import Event, board, headline, outcome
from tasks.lib.notify.payloads import generic, slack, teams

EVENT = Event(
    kind="deploy",
    app="shop",
    environment="production",
    outcome="closed",
    version="v1.4.0",
    commit="0123456789abcdef",
    before="20260101T000000Z-v1.3.0-aaaaaaa",
    release="20260102T000000Z-v1.4.0-0123456",
    hosts=("web1", "web2", "web3", "web4"),
    who="jo@laptop",
    seconds=75.4,
    at=1_767_312_000.0,
    why="error ratio 0.000, p95 0.010 s in 900 requests",
    board="https://grafana.example.com/d/pi-forge?from=1",
)
LOST = EVENT._replace(
    kind="rollback",
    outcome="failed",
    reason="checkout <answers> 500 & more",
    why="The rollback failed at check on web1.",
    contacts={"team lead": "Slack #shop"},
)


@pytest.mark.parametrize(
    ("kind", "error", "detail", "ended"),
    [
        pytest.param("deploy", None, {}, "closed", id="closed"),
        pytest.param("deploy", NotClosed(""), {"reverted": True}, "taken back", id="back"),
        pytest.param("deploy", Interrupted(""), {"reverted": True}, "taken back", id="ctrl-c"),
        pytest.param("deploy", Interrupted(""), {}, "interrupted", id="ctrl-c before the switch"),
        pytest.param("deploy", NotClosed(""), {}, "failed", id="failed"),
        pytest.param("rollback", Refused(""), {}, "refused", id="refused"),
        pytest.param(
            "rollback", NotClosed("", kind="infrastructure"), {}, "troubled", id="goes on"
        ),
        pytest.param("rollback", NotClosed("", kind="host"), {}, "failed", id="rollback failed"),
    ],
)
def test_an_end_has_a_name(
    kind: str, error: Trouble | None, detail: dict[str, Any], ended: str
) -> None:
    assert outcome(kind, error, detail) == ended


@pytest.mark.parametrize(
    ("kind", "ended", "said"),
    [
        ("deploy", "begun", "shop v1.4.0 is being deployed to production"),
        ("deploy", "closed", "shop v1.4.0 is live on production"),
        ("deploy", "taken back", "shop v1.4.0 was taken back from production"),
        ("deploy", "refused", "The deploy of shop v1.4.0 to production was refused"),
        ("deploy", "failed", "The deploy of shop v1.4.0 to production failed"),
        ("rollback", "begun", "shop: production is being rolled back to v1.4.0"),
        ("rollback", "closed", "shop: production was rolled back to v1.4.0"),
        ("rollback", "failed", "shop: the rollback of production failed"),
        ("rollback", "interrupted", "shop: the rollback of production was interrupted"),
    ],
)
def test_a_headline_says_what_and_where(kind: str, ended: str, said: str) -> None:
    assert headline(EVENT._replace(kind=kind, outcome=ended)) == said


def test_who_goes_past_a_gate_is_told_of_first() -> None:
    forced = EVENT._replace(forced=("lint", "freeze"), fixes=("2026-11-25-x",), reason="it burns")
    assert headline(forced) == "FORCED past lint and freeze: shop v1.4.0 is live on production"
    told = dict(events.facts(forced))
    assert (told["Forced past"], told["Reason"]) == ("lint, freeze", "it burns")
    assert told["Fixes"] == "2026-11-25-x"


def test_what_is_not_known_is_left_out() -> None:
    names = [name for name, _ in events.facts(EVENT._replace(outcome="begun"))]
    assert names == ["From", "To", "Commit", "Hosts", "By"]
    assert dict(events.facts(EVENT))["Took"] == "1m15s"
    assert dict(events.facts(EVENT._replace(before="")))["From"] == "nothing"


def test_the_link_is_about_the_environment_and_begins_before_it() -> None:
    link = board("https://g.example.com/", "pi-forge", "a b", 1000.0)
    assert link == "https://g.example.com/d/pi-forge?var-environment=a+b&from=100000&to=now"
    assert board("", "pi-forge", "x", 1) == board("https://g", "", "x", 1) == ""


def test_slack_is_sent_blocks_and_a_text_for_the_notification() -> None:
    told = slack(EVENT)
    assert told["text"] == "shop v1.4.0 is live on production"
    header, section, why, actions = told["blocks"]
    assert header == {
        "type": "header",
        "text": {
            "type": "plain_text",
            "text": ":white_check_mark: shop v1.4.0 is live on production",
        },
    }
    assert {"type": "mrkdwn", "text": "*Hosts*\n4 hosts: web[1-4]", "verbatim": True} in section[
        "fields"
    ]
    assert why["text"]["text"].startswith("error ratio 0.000")
    (button,) = actions["elements"]
    assert button["type"] == "button" and button["url"] == EVENT.board


def test_to_slack_data_is_no_markup() -> None:
    told = json.dumps(slack(LOST))
    assert "checkout &lt;answers&gt; 500 &amp; more" in told and "<answers>" not in told
    assert ":rotating_light:" in told and "team lead: Slack #shop" in told


def test_teams_is_sent_a_message_with_an_adaptive_card() -> None:
    told = teams(EVENT)
    assert told["type"] == "message"
    (attachment,) = told["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert card["type"] == "AdaptiveCard" and card["version"] == "1.4"
    title, facts, why = card["body"]
    assert (title["text"], title["color"]) == ("shop v1.4.0 is live on production", "good")
    assert {"title": "By", "value": "jo@laptop"} in facts["facts"]
    assert why["wrap"] and "900 requests" in why["text"]
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Board", "url": EVENT.board}]


def test_to_teams_data_is_no_markup() -> None:
    told = json.dumps(teams(LOST._replace(why="[click](http://evil) *now*")))
    assert "[click](" not in told.replace("\\\\", "") or "\\\\[click\\\\](" in told
    assert "attention" in told and "team lead: Slack \\\\#shop" in told


@pytest.mark.parametrize("receiver", [slack, teams])
def test_however_much_is_said_it_is_taken(receiver: Any) -> None:
    told = receiver(LOST._replace(why="x" * 100_000, environment="e" * 300, board=""))
    assert len(json.dumps(told)) < 20_000
    if receiver is slack:
        assert len(told["blocks"][0]["text"]["text"]) <= 150
        assert "actions" not in [block["type"] for block in told["blocks"]]


def test_the_generic_webhook_is_sent_all_of_it() -> None:
    told = json.loads(json.dumps(generic(LOST)))
    assert told["v"] == 1 and told["headline"] == "shop: the rollback of production failed"
    assert told["hosts"] == ["web1", "web2", "web3", "web4"]
    assert told["contacts"] == {"team lead": "Slack #shop"}
    assert (told["before"], told["release"]) == (LOST.before, LOST.release)
    assert told["seconds"] == 75.4 and told["reason"] == LOST.reason
