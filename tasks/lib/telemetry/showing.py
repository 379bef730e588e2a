"""The last hops: Grafana, which shows what Prometheus has, and Alertmanager, which tells of it."""

from __future__ import annotations

import os

from . import pages
from .flow import Broken, Flow, Seen, Unknown
from .grafana import Grafana
from .prometheus import Prometheus

SENT = "prometheus_notifications_sent"
ERRORS = "prometheus_notifications_errors"


def grafana(flow: Flow) -> Seen:
    """Look whether Grafana answers, and its database with it."""
    with Grafana(flow.places.grafana, pages.LIMIT) as asked:
        if wrong := asked.answers():
            raise Broken(wrong)
    return Seen(True, f"{flow.places.grafana} answers, its database is ok")


def datasource(flow: Flow) -> Seen:
    """Look whether Grafana has Prometheus as a data source, and reaches it."""
    if not (os.environ.get("GRAFANA_TOKEN") or os.environ.get("GRAFANA_ADMIN_PASSWORD")):
        raise Unknown("GRAFANA_ADMIN_PASSWORD is not set; `inv host` writes one into .env")
    with Grafana(flow.places.grafana, pages.LIMIT) as asked:
        found = [each for each in asked.sources() if each.type == "prometheus"]
        troubles = {each: wrong for each in found if (wrong := asked.source_trouble(each.uid))}
    if not found:
        raise Broken(
            f"Grafana at {flow.places.grafana} has no data source of type prometheus: "
            "grafana/provisioning/datasources/ is not mounted or not read; see "
            "`inv preaggregate.logs --service=grafana`.",
            datasources=0,
        )
    for each, wrong in troubles.items():
        raise Broken(
            f"Grafana's data source {each.name} doesn't reach Prometheus at {each.url}: {wrong}.",
            datasources=len(found),
        )
    names = ", ".join(each.name for each in found)
    return Seen(True, f"its data source {names} reaches Prometheus", {"datasources": len(found)})


def alertmanager(flow: Flow) -> Seen:
    """Look whether Alertmanager is ready."""
    url = f"{flow.places.alertmanager}/-/ready"
    try:
        page = pages.get(url)
    except pages.Away as away:
        raise Broken(
            f"Alertmanager doesn't answer at {url} ({away}): see `inv preaggregate.logs "
            "--service=alertmanager`, then run `inv preaggregate`."
        ) from None
    if page.status != 200:
        raise Broken(
            f"Alertmanager says at {url} that it is not ready ({page.status}).", status=page.status
        )
    return Seen(True, f"{url} answers 200", {"status": 200})


def connected(flow: Flow) -> Seen:
    """Look whether Prometheus knows an Alertmanager, and what it told it has arrived."""
    with Prometheus(flow.places.prometheus) as prometheus:
        known = prometheus.get("alertmanagers")["activeAlertmanagers"]
    if not known:
        raise Broken(
            "Prometheus is connected to no Alertmanager: there is no file for it in "
            "prometheus/targets/alertmanager/, or `alerting:` in prometheus.yml doesn't name it.",
            alertmanagers=0,
        )
    sent, errors = _notifications(flow)
    measured = {"alertmanagers": len(known), "sent": sent, "errors": errors}
    where = ", ".join(str(each["url"]) for each in known)
    if errors and errors >= sent:
        raise Broken(
            f"Prometheus could not tell Alertmanager at {where} a single alert ({errors:g} "
            "failed): it has to be reached from where Prometheus runs.",
            **measured,
        )
    besides = f", {errors:g} of {sent:g} alerts failed" if errors else ""
    return Seen(True, f"Prometheus tells {where}{besides}", measured)


def _notifications(flow: Flow) -> tuple[float, float]:
    """Return how many alerts Prometheus has sent, and how many of those it couldn't."""
    try:
        page = pages.get(f"{flow.places.prometheus}/metrics")
    except pages.Away:
        return 0.0, 0.0  # it may be kept from us; that one is known holds
    found = list(pages.samples(page.text))
    return pages.total(found, SENT) or 0.0, pages.total(found, ERRORS) or 0.0
