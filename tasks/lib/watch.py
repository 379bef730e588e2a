"""Is the new release as good as it has to be?

Samples from a source against thresholds: PASS, FAIL or NODATA.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Callable, Mapping, Protocol, Sequence

from .hostlist import counted

if TYPE_CHECKING:
    from .settings import Thresholds

PASS, FAIL, NODATA = "PASS", "FAIL", "NODATA"


@dataclass(frozen=True)
class Sample:
    """One measurement: whether the request was answered well, in how many seconds, and what was
    wrong."""

    ok: bool
    seconds: float
    wrong: str = ""


class Source(Protocol):
    """Where samples come from; a Prometheus joins behind the same method."""

    def sample(self) -> Sequence[Sample]:
        """Return what one round measured; nothing where nothing could be."""


@dataclass(frozen=True)
class Verdict:
    """What the watch found.

    error_ratio: bad samples per sample; p95_seconds: of the good ones; None without data.
    """

    verdict: str
    samples: int
    error_ratio: float | None
    p95_seconds: float | None
    seconds: float
    why: str

    def document(self) -> dict[str, Any]:
        """Return it for `--json` and the journal."""
        return asdict(self)


def judge(
    samples: Sequence[Sample], limits: Thresholds, seconds: float, final: bool
) -> Verdict | None:
    """Decide on all samples so far; None while it is too early to say.

    limits: the thresholds; seconds: how long has been watched; final: the time is up.
    """
    if not samples:
        nodata = Verdict(NODATA, 0, None, None, seconds, "nothing could be measured")
        return nodata if final else None
    bad = [sample for sample in samples if not sample.ok]
    ratio = len(bad) / len(samples)
    good = sorted(sample.seconds for sample in samples if sample.ok)
    p95 = good[math.ceil(0.95 * len(good)) - 1] if good else None

    def verdict(name: str, why: str) -> Verdict:
        return Verdict(
            name, len(samples), round(ratio, 4), p95 and round(p95, 4), round(seconds, 3), why
        )

    if ratio > limits.error_ratio and (final or len(bad) >= limits.failures):
        said = f"error ratio {ratio:.3f} over {limits.error_ratio:g}"
        of = f"{len(bad)} of {len(samples)} requests"
        return verdict(FAIL, f"{said} ({of}), last: {bad[-1].wrong}")
    slow = p95 is not None and p95 > limits.p95
    if slow and (final or len(good) >= 20):
        return verdict(FAIL, f"p95 {p95:.3f} s over {limits.p95:g} s in {len(samples)} requests")
    shown = "-" if p95 is None else f"{p95:.3f}"
    return (
        verdict(PASS, f"error ratio {ratio:.3f}, p95 {shown} s in {len(samples)} requests")
        if final
        else None
    )


def watch(
    source: Source,
    limits: Thresholds,
    seconds: float,
    each_round: Callable[[Sequence[Sample], float], str],
) -> Verdict:
    """Watch for `seconds`, or until it is clear that the release fails.

    each_round: called after every round with all samples and the seconds so far; a sentence from it
    ends the watch as FAIL (a host was lost).
    """
    return watch_each(
        lambda: {"": source.sample()},
        limits,
        seconds,
        lambda samples, spent: each_round(samples[""], spent),
    )[""]


def watch_each(
    sample: Callable[[], Mapping[str, Sequence[Sample]]],
    limits: Thresholds,
    seconds: float,
    each_round: Callable[[Mapping[str, Sequence[Sample]], float], str],
) -> dict[str, Verdict]:
    """Watch several sources, each judged by itself: a bad one isn't diluted by good ones.

    sample: what each measured in one round, by name, the same names every time. each_round: as for
    `watch`. Ends for all when the time is up or one fails; returns the verdicts by name.
    """
    samples: dict[str, list[Sample]] = {}
    begun = time.monotonic()
    while True:
        at = time.monotonic()
        for name, found in sample().items():
            samples.setdefault(name, []).extend(found)
        spent = time.monotonic() - begun
        stop = each_round(samples, spent)
        if stop:
            ended = round(spent, 3)
            return {n: Verdict(FAIL, len(s), None, None, ended, stop) for n, s in samples.items()}
        verdicts = _verdicts(samples, limits, spent, final=spent >= seconds)
        if verdicts:
            return verdicts
        rest = min(limits.interval - (time.monotonic() - at), seconds - spent)
        time.sleep(max(0.0, rest))


def worst(verdicts: Mapping[str, Verdict]) -> Verdict:
    """Return the verdict that speaks for all; its `why` names the hosts that share it."""
    order = (FAIL, NODATA, PASS)

    def rank(each: Verdict) -> tuple[float, ...]:
        return order.index(each.verdict), -(each.error_ratio or 0), -(each.p95_seconds or 0)

    found = min(verdicts.values(), key=rank)
    alike = [name for name, each in verdicts.items() if each.verdict == found.verdict]
    at_worst = "at worst " if len(alike) > 1 else ""
    return replace(found, why=f"{counted(alike)}: {at_worst}{found.why}")


def patience(limits: Thresholds) -> float:
    """Return how long a probe waits for its answer, in seconds."""
    return max(1.0, 5 * limits.p95)


def _verdicts(
    samples: Mapping[str, Sequence[Sample]], limits: Thresholds, spent: float, final: bool
) -> dict[str, Verdict]:
    """Return every verdict when the watch is over, {} while it goes on."""
    early = [judge(each, limits, spent, final) for each in samples.values()]
    if not any(early):
        return {}
    ended = {name: judge(each, limits, spent, True) for name, each in samples.items()}
    return {name: verdict for name, verdict in ended.items() if verdict is not None}


class Probes:
    """Requests of our own to public addresses, on all paths at once."""

    def __init__(self, urls: Sequence[str], limits: Thresholds, host_header: str = "") -> None:
        import requests

        self._limits = limits
        self._places = [url.rstrip("/") + path for url in urls for path in limits.paths]
        self._headers = {
            "User-Agent": "circle-of-closure",
            **({"Host": host_header} if host_header else {}),
        }
        self._session = requests.Session()
        self._session.trust_env = False
        self._pool = ThreadPoolExecutor(max(1, len(self._places)))

    def sample(self) -> list[Sample]:
        return list(self._pool.map(self._probe, self._places))

    def close(self) -> None:
        self._pool.shutdown(wait=False)
        self._session.close()

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
