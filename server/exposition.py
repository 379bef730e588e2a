"""What /metrics says to Prometheus: that this process lives, since when, and what it is.

All that is counted goes by OTLP; said here as well, each sum over both would be twice what it is.
Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format, version 0.0.4).
"""

from .release import Release

TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(release: Release, since: float, started: bool, sending: bool) -> str:
    """Return the text.

    since: when the process began, in Unix seconds. started: whether requests can be served.
    sending: whether telemetry is sent.
    """
    names = {"version": release.version, "commit": release.commit, "release": release.id}
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in names.items())
    return (
        "# HELP pi_forge_build_info What runs here; the value is always 1.\n"
        "# TYPE pi_forge_build_info gauge\n"
        f"pi_forge_build_info{{{labels}}} 1\n"
        "# HELP pi_forge_started Whether it is started (1) or starting or stopping (0).\n"
        "# TYPE pi_forge_started gauge\n"
        f"pi_forge_started {int(started)}\n"
        "# HELP pi_forge_telemetry_enabled Whether it sends metrics and traces (1) or not (0).\n"
        "# TYPE pi_forge_telemetry_enabled gauge\n"
        f"pi_forge_telemetry_enabled {int(sending)}\n"
        "# HELP process_start_time_seconds When this process began, in seconds of Unix time.\n"
        "# TYPE process_start_time_seconds gauge\n"
        f"process_start_time_seconds {since:.3f}\n"
    )


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
