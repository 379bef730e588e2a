"""Which release a rollback would return to, and whether it is kept running for that."""

from __future__ import annotations

from host import Host


def target(host: Host) -> str:
    """The newest release that closed here before the current one and wasn't left since, or "".

    Only of those that are complete here.
    """
    current, history = host.current(), host.closed()
    closed = [entry["release"] for entry in history]
    before = history[: closed.index(current)] if current in closed else history
    fit = [entry["release"] for entry in before if not entry["left"]]
    return next((name for name in reversed(fit) if name != current and host.manifest(name)), "")


def standby(host: Host) -> str:
    """The release that is to run beside the current one, whose manifest says whether; or ""."""
    wanted = (host.manifest(host.current()) or {}).get("standby") is True
    return target(host) if wanted else ""
