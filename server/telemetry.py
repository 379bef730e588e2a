"""Metrics and traces, sent to a collector by OTLP. Imported only where ENABLE_TELEMETRY is true.

FastAPI measures and traces each request by itself; here is where that goes, what the process takes,
and what of the business was counted. Nothing here is in a request's way: it is kept in memory and
sent by threads of its own, and dropped where nobody takes it.
"""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from socket import gethostname
from threading import Thread
from time import monotonic
from uuid import uuid4

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from starlette.types import Scope

from .business import Business
from .release import NAME, UNKNOWN, Release

INTERVAL = 15_000.0
"""Milliseconds between two exports of metrics, unless OTEL_METRIC_EXPORT_INTERVAL says others."""

LAST = 1.0
"""Seconds that sending what is left may take when the service ends."""

PROBES = ("/api/health", "/metrics")
"""Paths that are asked by what watches the service: no traffic, so neither counted nor traced."""

STATM = "/proc/self/statm"


class Telemetry:
    """The two ways out of this process. It is one of the observers of requests, too (`meter`)."""

    def __init__(self, environ: Mapping[str, str], release: Release) -> None:
        """Begin to send; OTEL_EXPORTER_OTLP_ENDPOINT and its like say where to, and how."""
        resource = Resource.create(described(environ, release))
        interval = float(environ.get("OTEL_METRIC_EXPORT_INTERVAL") or INTERVAL)
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(), interval)
        self._meters = MeterProvider([reader], resource, shutdown_on_exit=False)
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        _process(self._meters.get_meter(NAME))
        self.config: TelemetryConfig = {
            "meter_provider": self._meters,
            "tracer_provider": self._tracers,
            "logs": False,  # they go to standard error, with the trace's id: see logs.py
            "operation_spans": False,
            "auto_configure": False,
            "exclude": _probe,
        }

    def count(self, business: Business) -> None:
        """Send what `business` counts, from now on."""
        meter = self._meters.get_meter(NAME)
        _counter(meter, "pi_forge.usage", "What was used.", "feature", business.usage)
        said = "Users who became customers."
        _counter(meter, "pi_forge.conversions", said, "plan", business.conversions)

    @staticmethod
    def ids() -> dict[str, str]:
        """Return what the request at hand is found by in a store of traces; {} without one."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return {}
        names = {"trace_id": trace.format_trace_id(context.trace_id)}
        return {**names, "span_id": trace.format_span_id(context.span_id)}

    def began(self, scope: Scope) -> None:
        """Hear of a request that has arrived: FastAPI has opened its span already."""

    def ended(self, scope: Scope, status: int, seconds: float) -> None:
        """Hear that it is over. What it died of is told where its span is closed: it takes the
        span's ids along."""
        if (error := sys.exc_info()[1]) is not None:
            error.__dict__.setdefault("trace_ids", self.ids())

    def stop(self) -> None:
        """Send what is left, and return within LAST seconds: who hangs is left behind."""
        until = monotonic() + LAST
        ways: tuple[Callable[[], None], ...] = (self._meters.shutdown, self._tracers.shutdown)
        threads = [Thread(target=way, daemon=True) for way in ways]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, until - monotonic()))


def described(environ: Mapping[str, str], release: Release) -> dict[str, str]:
    """Return the attributes of this process's resource.

    The release's id is its version: it is what a deploy is judged by. Each process is an instance
    of its own, so that what one counted is never taken for another's.
    """
    return {
        "service.name": environ.get("OTEL_SERVICE_NAME") or NAME,
        "service.version": release.version if release.id == UNKNOWN else release.id,
        "service.instance.id": str(uuid4()),
        "deployment.environment.name": release.environment,
        "host.name": release.host or gethostname(),
    }


def _probe(scope: Scope) -> bool:
    return scope.get("path") in PROBES


def _counter(meter: Meter, name: str, said: str, label: str, counts: Mapping[str, int]) -> None:
    def read(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(value, {label: key}) for key, value in counts.items()]

    meter.create_observable_counter(name, [read], "", said)


def _process(meter: Meter) -> None:
    """Tell of the process, by the names of OpenTelemetry's conventions."""

    def cpu(_: CallbackOptions) -> Iterable[Observation]:
        spent = os.times()
        modes = {"user": spent.user, "system": spent.system}
        return [Observation(seconds, {"cpu.mode": mode}) for mode, seconds in modes.items()]

    def memory(_: CallbackOptions) -> Iterable[Observation]:
        with open(STATM, encoding="ascii") as pages:  # proc(5): the second is what is resident
            return [Observation(int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))]

    meter.create_observable_counter("process.cpu.time", [cpu], "s", "Processor time.")
    if os.path.exists(STATM):  # Linux only
        said = "Memory that is resident."
        meter.create_observable_up_down_counter("process.memory.usage", [memory], "By", said)
