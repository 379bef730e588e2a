"""The one vocabulary: what dashboards, alerts, `inv monitor` and a deploy's watch ask for.

Each is a recording rule of prometheus/rules/recording.yml or a metric that docs/METRICS.md names; a
test holds them together. Labels: `job` (the app), `environment`, and where it is said `instance`,
or `release` (the release's id) and `host`.
"""

from __future__ import annotations

SCRAPED = "pi-forge"  # the job in prometheus.yml that scrapes the service itself, whatever its name

# By job and environment, over 5 minutes.
RATE = "job:http_requests:rate5m"  # requests per second
ERRORS = "job:http_errors:rate5m"  # of 5xx among them, per second
ERROR_RATIO = "job:http_error_ratio:rate5m"  # of 5xx among them, 0 to 1; absent without traffic
P50 = "job:http_latency_seconds:p50_5m"
P95 = "job:http_latency_seconds:p95_5m"
P99 = "job:http_latency_seconds:p99_5m"
IN_FLIGHT = "job:http_active_requests:sum"
CPU = "job:process_cpu:rate5m"  # processors in use, 1 is one of them
CPU_MAX = "job:process_cpu:max_rate5m"  # of the busiest instance
MEMORY = "job:process_memory_bytes:sum"
MEMORY_MAX = "job:process_memory_bytes:max"  # of the largest instance
UP = "job:up:sum"  # instances that answer their scrape
INSTANCES = "job:up:count"  # instances that should
AVAILABILITY = "job:up:avg"  # 0 to 1

# By job, environment, release and host, over 1 minute: what a deploy's watch judges by.
WATCH_REQUESTS = "release:http_requests:increase1m"  # requests within the minute
WATCH_ERROR_RATIO = "release:http_error_ratio:rate1m"
WATCH_P95 = "release:http_latency_seconds:p95_1m"
WATCH_IN_FLIGHT = "release:http_active_requests:sum"

# By job, environment and http_route, over 5 minutes: the slowest routes.
ROUTE_RATE = "route:http_requests:rate5m"
ROUTE_P95 = "route:http_latency_seconds:p95_5m"

# The ratio of requests that may fail, without labels: prometheus/optional/slo.yml, where it is on.
OBJECTIVE = "slo:http_error_budget:ratio"

# What the service itself counts: the requests, by instance, method, route and status.
REQUESTS = "http_server_request_duration_seconds_count"

# What Prometheus scrapes of the service itself: when each process began (Unix time, seconds).
STARTED = "process_start_time_seconds"

# By job, environment and integration ("slack", "email", …): what Alertmanager has delivered since
# it was started; 0 where a receiver's secret is missing.
NOTIFIED = "integration:alertmanager_notifications_delivered:sum"
