"""Sending to real receivers on this machine: those that take it, fail, dawdle, or are none."""

from __future__ import annotations

import socket
import time

import pytest

from tasks.lib.notify.sending import Delivery, Job, jobs
from tests.lib.notify.test_event import EVENT
from tests.support.web import Answer, serve

SECRET = "/services/T0/B0/sentinel-5e1"
NAMES = {"Slack": "SLACK_WEBHOOK_URL", "Teams": "TEAMS_WEBHOOK_URL"}
NAMES["the webhook"] = "NOTIFY_WEBHOOK_URL"


def told(**addresses: str) -> dict[str, Job]:
    """What is to be done where the environment has these addresses alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES.values():
            patch.setenv(name, addresses.get(name, ""))
        return jobs(EVENT, 30)


def test_each_variable_is_a_receiver_of_its_own() -> None:
    with serve({"/slack": Answer(), "/teams": Answer(202), "/own": Answer(204)}) as site:
        addresses = {
            "SLACK_WEBHOOK_URL": f"{site.url}/slack",
            "TEAMS_WEBHOOK_URL": f"{site.url}/teams",
            "NOTIFY_WEBHOOK_URL": f"{site.url}/own",
        }
        assert set(told(**addresses)) == set(NAMES)
        assert Delivery(told(**addresses)).ended(5) == {}
    sent = dict(site.posted)
    assert set(sent) == {"/slack", "/teams", "/own"}
    assert sent["/slack"]["text"] == sent["/own"]["headline"]
    assert sent["/teams"]["attachments"][0]["content"]["body"]


def test_without_an_address_nothing_is_to_be_done() -> None:
    assert told(SLACK_WEBHOOK_URL=" ") == {}


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        pytest.param("{url}/broken", "it answered 500", id="broken"),
        pytest.param("{url}/moved", "it answered 302", id="moved"),
        pytest.param("{url}/none", "it answered 404", id="not there"),
        pytest.param(f"http://127.0.0.1:{closed_port()}", "it did not answer", id="away"),
        pytest.param("hooks.slack.com", "its address in .env is no URL", id="no URL"),
        pytest.param("http://[::1/x", "it ", id="not even readable"),
    ],
)
def test_what_goes_wrong_is_said_without_the_address(address: str, said: str) -> None:
    with serve({f"/broken{SECRET}": Answer(500), f"/moved{SECRET}": Answer(302, to="/")}) as site:
        url = address.format(url=site.url) + SECRET
        wrong = Delivery(told(SLACK_WEBHOOK_URL=url)).ended(5)["Slack"]
    assert wrong.startswith(said) and "sentinel" not in wrong and "127.0.0.1" not in wrong
    assert len(site.posted) <= 1


def test_nobody_is_waited_for_longer_than_the_limit() -> None:
    with serve({"/": Answer(wait=1.5), "/quick": Answer()}) as site:
        slow = told(SLACK_WEBHOOK_URL=site.url + "/")
        quick = told(TEAMS_WEBHOOK_URL=site.url + "/quick")
        begun = time.monotonic()
        wrong = Delivery(slow | quick).ended(0.3)
        assert time.monotonic() - begun < 1.4, "it waited for the answer"
    assert wrong == {"Slack": "it did not answer in time"}


def test_a_bug_in_one_of_them_is_what_went_wrong() -> None:
    wrong = Delivery({"x": lambda: "".join([][0])}).ended(5)
    assert wrong == {"x": "it failed (IndexError)"}
