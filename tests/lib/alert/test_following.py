"""What of an alert was delivered, as Alertmanager counts it; a newer one says by whom, too."""

from __future__ import annotations

import time

from tasks.lib.alert import following
from tasks.lib.alert.following import Leg
from tasks.lib.alert.receivers import Receiver, Way
from tasks.lib.telemetry.alertmanager import Alertmanager
from tests.support.web import Answer, serve

PAGER, CHANNEL = (Leg(name, Way("slack", 1)) for name in ("pager", "channel"))
# As 0.28 and newer show it with the feature flag receiver-name-in-metrics.
APART = """# TYPE alertmanager_notification_requests_total counter
alertmanager_notification_requests_total{integration="slack",receiver_name="pager"} 7
alertmanager_notification_requests_total{integration="slack",receiver_name="channel"} 5
alertmanager_notification_requests_failed_total{integration="slack",receiver_name="pager"} 2
alertmanager_notification_requests_failed_total{integration="slack",receiver_name="channel"} 1
alertmanager_notifications_failed_total{integration="slack",reason="a",receiver_name="pager"} 1
alertmanager_notifications_failed_total{integration="slack",reason="b",receiver_name="pager"} 1
alertmanager_notification_latency_seconds_bucket{integration="slack",receiver_name="pager",le="1"} 9
"""
BEFORE = {
    ("notification_requests", "slack", "pager"): 6.0,
    ("notification_requests", "slack", "channel"): 4.0,
    ("notification_requests_failed", "slack", "pager"): 1.0,
    ("notification_requests_failed", "slack", "channel"): 1.0,
    ("notifications_failed", "slack", "pager"): 1.0,
}


def test_a_newer_alertmanager_tells_one_slack_from_another() -> None:
    with serve({"/metrics": Answer(200, APART)}) as site, Alertmanager(site.url) as told:
        counters = told.counters()
        found = following.follow(told, [PAGER, CHANNEL], BEFORE, 5.0, time.monotonic())
    assert counters[("notifications_failed", "slack", "pager")] == 2, "reasons are added up"
    assert {each.receiver: each.outcome for each in found} == {
        "pager": "failed",
        "channel": "delivered",
    }


def test_of_several_of_a_kind_each_has_to_arrive() -> None:
    two = Leg("pager", Way("slack", 2))
    text = 'alertmanager_notification_requests_total{integration="slack"} 1\n'
    with serve({"/metrics": Answer(200, text)}) as site, Alertmanager(site.url) as told:
        (found,) = following.follow(told, [two], {}, 0.5, time.monotonic())
    assert found.outcome == "not sent"


def test_what_fails_again_and_again_is_not_waited_for_to_the_end() -> None:
    """It tries for as long as the group's interval; nothing is given up yet."""
    text = """alertmanager_notification_requests_total{integration="slack"} 3
alertmanager_notification_requests_failed_total{integration="slack"} 3
"""
    with serve({"/metrics": Answer(200, text)}) as site, Alertmanager(site.url) as told:
        (found,) = following.follow(told, [PAGER], {}, 1.0, time.monotonic())
    assert found.outcome == "failed"


def test_a_way_without_its_secret_is_not_gone() -> None:
    lacking = Receiver("pager", (Way("slack", 1), Way("email", 1, ("smtp_password",))))
    assert following.legs([lacking, Receiver("nobody", ())], ["pager", "nobody"]) == [PAGER]
    (left,) = following.unset([lacking])
    assert (left.way, left.outcome, left.why) == (
        "email",
        "not configured",
        "without smtp_password",
    )
