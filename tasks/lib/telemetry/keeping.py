"""The hops at Prometheus: that it answers, scrapes, counts and keeps."""

from __future__ import annotations

import re
from typing import Any, Mapping

from .flow import Broken, Flow, Seen
from .names import REQUESTS, SCRAPED
from .prometheus import Prometheus, Value, matching

COLLECTOR = "otel-collector"
TARGETS = "prometheus/targets"
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


def answers(flow: Flow) -> Seen:
    """Look whether Prometheus evaluates queries."""
    with _asked(flow) as prometheus:
        if wrong := prometheus.answers():
            raise Broken(wrong)
    return Seen(True, f"{flow.places.prometheus} evaluates queries")


def scraped(flow: Flow) -> Seen:
    """Look whether Prometheus scrapes the collector."""
    with _asked(flow) as prometheus:
        return _up(prometheus, {"job": COLLECTOR}, "collector")


def up(flow: Flow) -> Seen:
    """Look whether Prometheus scrapes the service itself."""
    with _asked(flow) as prometheus:
        labels = {"job": SCRAPED, "environment": flow.environment}
        return _up(prometheus, labels, "service")


def counts(flow: Flow) -> dict[frozenset[tuple[str, str]], float]:
    """Return the service's request counts by series, as Prometheus knows them. Raises
    Unanswered."""
    with _asked(flow) as prometheus:
        found = prometheus.query(REQUESTS + matching(flow.labels))
    return {frozenset(each.labels.items()): each.value for each in found}


def counted(flow: Flow) -> Seen:
    """Look whether the service's requests are counted in Prometheus: all of those sent, if any."""
    now = counts(flow)
    rose = sum(max(0.0, value - flow.before.get(key, 0.0)) for key, value in now.items())
    if not now:
        raise Broken(
            f"Prometheus has no request counts of {flow.job} in {flow.environment}: send it some "
            "with `inv preaggregate`, or wait for the next export and scrape.",
            requests=0,
        )
    if flow.sent and rose < flow.sent:
        raise Broken(
            f"The request count in Prometheus rose by {rose:g}, not by the {flow.sent} that were "
            "sent: compare `export` and `scrape` under `observability:` with what the service and "
            "prometheus.yml have.",
            rose=rose,
            sent=flow.sent,
        )
    if flow.sent:
        said = f"the request count rose by {rose:g} ({flow.sent} were sent)"
        return Seen(True, said, {"rose": rose, "sent": flow.sent})
    return Seen(True, f"{rose:g} requests are counted", {"requests": rose})


def kept(flow: Flow) -> Seen:
    """Look whether Prometheus scrapes as often, and keeps data as long, as the configuration
    says."""
    with _asked(flow) as prometheus:
        retention = str(prometheus.get("status/runtimeinfo").get("storageRetention", ""))
        jobs = {SCRAPED, COLLECTOR}
        found = [each for each in _targets(prometheus) if each["labels"].get("job") in jobs]
    intervals = sorted({str(each.get("scrapeInterval") or "") for each in found} - {""})
    measured = {"retention": retention, "scrape": intervals}
    days = flow.retention / 86400
    by_time = retention.split(" ")[0]
    if seconds(by_time) < flow.retention:
        raise Broken(
            f"Prometheus keeps data for {retention or 'no known time'}, not for {days:g} days: "
            f"start it with --storage.tsdb.retention.time={days:g}d.",
            **measured,
        )
    if any(seconds(each) != flow.scrape for each in intervals):
        raise Broken(
            f"Prometheus scrapes every {', '.join(intervals)}, not every {flow.scrape:g} s: "
            "correct scrape_interval in prometheus.yml, or `observability: scrape:` in "
            "invoke.yaml.",
            **measured,
        )
    said = f"scraped every {', '.join(intervals)}, kept for {by_time}"
    return Seen(True, said, measured)


def seconds(said: str) -> float:
    """Return the seconds of a duration as Prometheus writes it (`1d12h`), 0 for none of those."""
    parts = re.findall(r"(\d+)(ms|[smhdwy])", said)
    whole = "".join(number + unit for number, unit in parts) == said
    return float(sum(int(number) * _UNITS[unit] for number, unit in parts)) if whole else 0.0


def _up(prometheus: Prometheus, labels: Mapping[str, str], folder: str) -> Seen:
    """Look whether each target with these labels was scraped; say why one was not."""
    named = " in ".join(labels.values())
    found = prometheus.query("up" + matching(labels))
    targets = _targets(prometheus, labels)
    down = [each for each in targets if each.get("health") == "down"]
    measured = {"up": sum(each.value == 1 for each in found), "targets": len(targets)}
    if not targets:
        raise Broken(
            f"Prometheus has no target {named}: there is no file for it in {TARGETS}/{folder}/, "
            "or scrape_configs in prometheus.yml don't name it.",
            **measured,
        )
    if down:
        why = "; ".join(f"{each['scrapeUrl']}: {each.get('lastError') or 'down'}" for each in down)
        raise Broken(f"Prometheus can't scrape {named} ({why}){_way(why)}.", **measured)
    if len(found) < len(targets) or measured["up"] < len(found):
        raise Broken(
            f"Prometheus has not scraped {named} yet ({measured['up']} of {len(targets)}): look "
            "again after its scrape_interval.",
            **measured,
        )
    return Seen(True, f"up{matching(labels)} is 1{_times(found)}", measured)


def _way(why: str) -> str:
    """Return what else to say of a service on this machine that containers don't reach."""
    if "host.docker.internal" not in why:
        return ""
    return ": `inv preaggregate` opens the way there, unless a firewall closes it to containers"


def _times(found: tuple[Value, ...]) -> str:
    return f" for each of {len(found)}" if len(found) > 1 else ""


def _targets(
    prometheus: Prometheus, labels: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return the targets that Prometheus scrapes, those with `labels` where some are given."""
    found = prometheus.get("targets", {"state": "active"})["activeTargets"]
    wanted = (labels or {}).items()
    return [each for each in found if wanted <= each["labels"].items()]


def _asked(flow: Flow) -> Prometheus:
    return Prometheus(flow.places.prometheus)
