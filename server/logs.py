"""Logs as JSON, one object a line, so that whoever collects them need not guess."""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timezone
from time import monotonic

QUIET = 300.0
"""Seconds for which what sends telemetry doesn't repeat itself."""

SENDERS = ("opentelemetry", "urllib3")


class Lines(logging.Formatter):
    """A record as one line of JSON."""

    def __init__(self, release: str) -> None:
        """Name the release in each line."""
        super().__init__()
        self._release = release
        self.ids: Callable[[], dict[str, str]] = dict
        """What tells the ids of the trace that is at hand, by name."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: time (UTC), level, logger, message, release; the trace's ids and the
        exception where there are any."""
        error = record.exc_info[1] if record.exc_info else None
        at = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        said = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "release": self._release,
            **(getattr(error, "trace_ids", None) or self.ids()),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


class Seldom(logging.Filter):
    """Have those who send telemetry say each thing once in a while, and as no error of ours.

    A collector that is away for a night is no reason to fill the disk, or to call somebody.
    """

    def __init__(self) -> None:
        """Begin with nothing said yet."""
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is to be shown, and lower its level where it is a sender's."""
        if record.name.partition(".")[0] not in SENDERS:
            return True
        if record.levelno > logging.WARNING:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        key, now = (record.name, str(record.msg)), monotonic()
        if now - self._said.get(key, -QUIET) < QUIET:
            return False
        self._said[key] = now
        return True


def configure(release: str) -> Lines:
    """Have everything that is logged, by the server too, go to standard error as JSON.

    Returns what makes the lines.
    """
    handler, lines = logging.StreamHandler(), Lines(release)
    handler.setFormatter(lines)
    handler.addFilter(Seldom())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        if logger.handlers:  # who has none is to be silent: --no-access-log
            logger.handlers, logger.propagate = [], True
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    return lines
