"""Requests of our own, as a source of a watch: some in every round, counted over the last minute.

As few as show an error ratio of 5 % within three rounds on three hosts, and never more than a few
at once: what is watched must not be brought down by being watched.
"""

from __future__ import annotations

import itertools
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Sequence

from .watch import Measured, Reading

if TYPE_CHECKING:
    from .settings import Thresholds

WINDOW = 60.0  # seconds, as of Prometheus's rules for a watch
AT_ONCE = 4  # requests to one address


@dataclass(frozen=True)
class Sample:
    """One measurement: whether the request was answered well, in how many seconds, and what was
    wrong."""

    ok: bool
    seconds: float
    wrong: str = ""


class Samples:
    """All samples so far, with the time of each round."""

    def __init__(self) -> None:
        self._rounds: list[tuple[float, Sequence[Sample]]] = []

    def add(self, found: Sequence[Sample]) -> None:
        """Add a round's."""
        self._rounds.append((time.monotonic(), found))

    def measured(self, limits: Thresholds, whole: bool) -> Measured:
        """Return what they say, of the last minute or of all of them."""
        since = -math.inf if whole else time.monotonic() - WINDOW
        return summed([each for at, found in self._rounds if at >= since for each in found], limits)


def summed(samples: Sequence[Sample], limits: Thresholds) -> Measured:
    """Return what `samples` say together; the p95 is of those that were answered well."""
    bad = [sample for sample in samples if not sample.ok]
    good = sorted(sample.seconds for sample in samples if sample.ok)
    p95 = good[math.ceil(0.95 * len(good)) - 1] if good else None
    slow = sum(1 for seconds in good if seconds > limits.p95)
    return Measured(len(samples), len(bad), p95, slow, wrong=bad[-1].wrong if bad else "")


def patience(limits: Thresholds) -> float:
    """Return how long a probe waits for its answer, in seconds."""
    return max(1.0, 5 * limits.p95)


def asked(limits: Thresholds) -> list[str]:
    """Return the paths that one address is asked in a round; all of them at least once."""
    count = max(limits.requests, len(limits.paths))
    return list(itertools.islice(itertools.cycle(limits.paths), count))


class Probes:
    """Requests to public addresses, spread over each round."""

    def __init__(self, urls: Sequence[str], limits: Thresholds, host_header: str = "") -> None:
        import requests

        self._limits, self._samples = limits, Samples()
        self._urls = [url.rstrip("/") for url in urls]
        self._headers = {
            "User-Agent": "circle-of-closure",
            **({"Host": host_header} if host_header else {}),
        }
        self._session = requests.Session()
        self._session.trust_env = False
        self._pool = ThreadPoolExecutor(max(1, AT_ONCE * len(self._urls)))

    def look(self) -> None:
        """Do one round, which takes no longer than `interval` and its last answer."""
        self._samples.add(self.sample())

    def known(self, whole: bool) -> Reading:
        """Return what all addresses together have shown."""
        return {"": self._samples.measured(self._limits, whole)}

    def sample(self) -> list[Sample]:
        """Return what one round measured."""
        paths, until = asked(self._limits), time.monotonic() + self._limits.interval
        walks = [
            self._pool.submit(self._walk, url, paths[first::AT_ONCE], until)
            for url in self._urls
            for first in range(min(AT_ONCE, len(paths)))
        ]
        return [sample for walk in walks for sample in walk.result()]

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.shutdown(wait=False)
        self._session.close()

    def _walk(self, url: str, paths: Sequence[str], until: float) -> list[Sample]:
        """Ask one path after the other, at even distances, and rest as long as the answer took."""
        return list(self._asked(url, paths, until))

    def _asked(self, url: str, paths: Sequence[str], until: float) -> Iterator[Sample]:
        pace = (until - time.monotonic()) / len(paths)
        for left in range(len(paths), 0, -1):
            yield (sample := self._probe(url + paths[-left]))
            rest = max(sample.seconds, pace - sample.seconds)
            if left == 1 or time.monotonic() + rest >= until:
                return
            time.sleep(rest)

    def _probe(self, place: str) -> Sample:
        import requests

        begun = time.monotonic()
        try:
            timeout = patience(self._limits)
            answer = self._session.get(place, headers=self._headers, timeout=timeout)
        except requests.RequestException as error:
            return Sample(False, time.monotonic() - begun, f"{place} gave {type(error).__name__}")
        spent = time.monotonic() - begun
        # A throttled answer says that we ask too much, not that the release is bad.
        ok = answer.status_code < 500 or answer.status_code == 429
        return Sample(ok, spent, "" if ok else f"{place} answered {answer.status_code}")
