"""The first hops: the service, what it sends, and the collector that takes it in."""

from __future__ import annotations

from . import pages
from .flow import LOCAL, Broken, Flow, Seen, Unknown
from .settings import Stack

ACCEPTED = "otelcol_receiver_accepted_metric_points"
REFUSED = "otelcol_receiver_refused_metric_points"
SENT = "otelcol_exporter_sent_metric_points"
FAILED = "otelcol_exporter_send_failed_metric_points"
EXPORTER = "prometheus"  # in the name of the exporter that Prometheus scrapes
INFO = "target_info"  # of every service, whatever it counts, and without its environment
RECIPES = "recipes"  # in the name of the receiver and exporter of the recipes' own telemetry
ENABLED = "telemetry_enabled"  # how the name of the service's own gauge ends


def answers(flow: Flow) -> Seen:
    """Look whether the service answers its health check."""
    url = _of(flow.service, "the address of the service") + flow.health
    try:
        page = pages.get(url)
    except pages.Away as away:
        raise Broken(f"The service doesn't answer at {url} ({away}): {_start(flow)}.") from None
    if page.status != 200:
        raise Broken(
            f"The service answers {page.status} at {url}: see what its log says.",
            status=page.status,
        )
    return Seen(True, f"{url} answers 200", {"status": 200})


def exports(flow: Flow) -> Seen:
    """Look whether the service shows its own metrics, and runs with telemetry."""
    url = _of(flow.service, "the address of the service") + flow.metrics
    try:
        page = pages.get(url)
    except pages.Away as away:
        raise Broken(f"{url} doesn't answer ({away}): see the service's log.") from None
    if page.status in (401, 403, 404) and not flow.service.startswith("http://127."):
        raise Unknown(f"{url} is not open to this machine ({page.status})")
    found = list(pages.samples(page.text)) if page.status == 200 else []
    if not found:
        raise Broken(
            f"{url} answers {page.status} and shows no metrics in Prometheus's text format: "
            f"it is what Prometheus scrapes{_other(flow)}.",
            status=page.status,
        )
    if any(each.name.endswith(ENABLED) and each.value == 0 for each in found):
        raise Broken(
            "The service runs with telemetry off, as ENABLE_TELEMETRY isn't true there: "
            f"{_enable(flow)}.",
            samples=len(found),
        )
    return Seen(True, f"{url} shows {len(found)} samples", {"samples": len(found)})


def healthy(flow: Flow) -> Seen:
    """Look whether the collector says that it is healthy."""
    url = _of(flow.places.collector_health, "the collector's health check")
    try:
        page = pages.get(url)
    except pages.Away as away:
        raise Broken(
            f"The collector doesn't answer at {url} ({away}): see `inv preaggregate.logs "
            "--service=otel-collector`, then run `inv preaggregate`."
        ) from None
    if page.status != 200:
        raise Broken(
            f"The collector says at {url} that it is not healthy ({page.status}): see "
            "`inv preaggregate.logs --service=otel-collector`.",
            status=page.status,
        )
    return Seen(True, f"{url} answers 200", {"status": 200})


def received(flow: Flow) -> Seen:
    """Look whether the collector has taken in what services send."""
    found = _own(flow)
    accepted = pages.total(found, ACCEPTED, RECIPES) or 0.0
    refused = pages.total(found, REFUSED, RECIPES) or 0.0
    measured = {"accepted": accepted, "refused": refused}
    if not accepted and refused:
        raise Broken(
            f"The collector refused all {refused:g} points it was sent: see `inv preaggregate.logs "
            "--service=otel-collector`; it may be short of memory.",
            **measured,
        )
    if not accepted:
        raise Broken(
            "The collector has received nothing from a service: it has to be started with "
            f"OTEL_EXPORTER_OTLP_ENDPOINT={flow.places.otlp}, or with ENABLE_TELEMETRY=false to "
            "go without.",
            **measured,
        )
    besides = f", and refused {refused:g}" if refused else ""
    return Seen(True, f"it has accepted {accepted:g} points{besides}", measured)


def exported(flow: Flow) -> Seen:
    """Look whether the collector shows the service's series to Prometheus."""
    found = _own(flow)
    sent = pages.total(found, SENT, RECIPES, EXPORTER) or 0.0
    failed = pages.total(found, FAILED, RECIPES, EXPORTER) or 0.0
    measured = {"sent": sent, "failed": failed}
    if not sent:
        raise Broken(
            "The collector has passed nothing on to its Prometheus exporter"
            f"{f' ({failed:g} points failed)' if failed else ''}: correct the pipeline of metrics "
            "in otel-collector-config.yaml.",
            **measured,
        )
    besides = f"; {failed:g} failed" if failed else ""
    return Seen(True, f"it has passed on {sent:g} points{besides}", measured)


def exposed(flow: Flow) -> Seen:
    """Look whether the service's series are among those that the collector shows."""
    url = _of(flow.places.collector_metrics, "the page of the collector that Prometheus scrapes")
    try:
        page = pages.get(f"{url}/metrics")
    except pages.Away as away:
        raise Unknown(f"{url} is not open to this machine ({away})") from None
    found = list(pages.samples(page.text))
    own = [each for each in found if each.labels.get("job") == flow.job and each.name != INFO]
    there = {each.labels.get("environment", "") for each in own}
    if flow.environment not in there:
        others = ", ".join(sorted(each or "none" for each in there))
        said = f"as environment {others}, not {flow.environment}" if own else "none of them"
        raise Broken(
            f"The collector shows {len(found)} samples, {flow.job}'s {said}: see "
            "OTEL_SERVICE_NAME and ENVIRONMENT of the service, or wait for its next "
            "export.",
            samples=len(found),
        )
    count = sum(each.labels.get("environment", "") == flow.environment for each in own)
    return Seen(True, f"{url}/metrics shows {count} samples of {flow.job}", {"samples": count})


def _start(flow: Flow) -> str:
    if flow.environment == LOCAL:
        where = flow.places.otlp
        to = "" if where in ("", Stack().otlp) else f" OTEL_EXPORTER_OTLP_ENDPOINT={where}"
        return f"start it with `ENABLE_TELEMETRY=true{to} inv host.serve`"
    return f"see `inv deploy.status --env={flow.environment}`"


def _other(flow: Flow) -> str:
    """Return what else may be at the port of the service on this machine."""
    if flow.environment != LOCAL:
        return ""
    return "; a sandbox has that port unless it is told another: `inv host.down --env=sandbox`"


def _enable(flow: Flow) -> str:
    if flow.environment == LOCAL:
        return "end it, then " + _start(flow)
    push = f"inv deploy.env --env={flow.environment} --push=FILE"
    return f"put ENABLE_TELEMETRY=true into its file, `{push}`, then deploy"


def _own(flow: Flow) -> list[pages.Sample]:
    """Return what the collector says of itself."""
    url = _of(flow.places.collector, "the collector's own metrics")
    try:
        page = pages.get(f"{url}/metrics")
    except pages.Away as away:
        raise Unknown(f"{url}/metrics is not open to this machine ({away})") from None
    return list(pages.samples(page.text))


def _of(url: str, what: str) -> str:
    if not url:
        raise Unknown(f"{what} is not open to this machine")
    return url.rstrip("/")
