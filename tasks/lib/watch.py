"""Is the new release as good as it has to be?

What sources measured against thresholds: PASS, FAIL or NODATA. The worst of them decides.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, Protocol

from .duration import show
from .hostlist import counted

if TYPE_CHECKING:
    from .settings import Thresholds

PASS, FAIL, NODATA = "PASS", "FAIL", "NODATA"


@dataclass(frozen=True)
class Measured:
    """What a source knows of a release: how many requests, and how many of them failed.

    p95: seconds, None where no request was answered well. slow: how many were slower than the
    threshold. in_flight: requests that are being answered, None where it doesn't say. wrong: what
    was last seen to be wrong. down: what doesn't answer at all. unknown: why nothing is known.
    """

    requests: float = 0
    errors: float = 0
    p95: float | None = None
    slow: float = 0
    in_flight: float | None = None
    wrong: str = ""
    down: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def ratio(self) -> float:
        """Failed requests per request."""
        return self.errors / self.requests if self.requests else 0.0


Reading = Mapping[str, Measured]  # by what each is about: a host, or "" for all of it


class Source(Protocol):
    """Where a watch looks: requests of our own, or what Prometheus has from everybody's."""

    def look(self) -> None:
        """Measure once; what can't be measured is part of what is then known."""

    def known(self, whole: bool) -> Reading:
        """Return what is known of the latest minute, or of the `whole` watch where it says so."""


Sources = Mapping[str, Source]
Readings = Mapping[str, Reading]


@dataclass(frozen=True)
class Verdict:
    """What the watch found.

    samples: requests; error_ratio: failed ones among them; p95_seconds: of the good ones; in_flight
    as it was last seen; None without data. seconds: how long was watched.
    """

    verdict: str
    samples: int
    error_ratio: float | None
    p95_seconds: float | None
    seconds: float
    why: str
    in_flight: int | None = None

    def document(self) -> dict[str, Any]:
        """Return it for `--json` and the journal."""
        return asdict(self)


Verdicts = Mapping[str, Mapping[str, Verdict]]  # by source, and by what each is about


def judge(
    measured: Measured, limits: Thresholds, seconds: float, final: bool = False
) -> Verdict | None:
    """Decide on what was measured; None while it is too early to say.

    limits: the thresholds; seconds: how long has been watched; final: the time is up. Early is only
    said what more of the same would not change: `failures` requests failed, or that many were slow
    and `failures` times `interval` has gone by, so that one cold start is nobody's end.
    """

    def verdict(name: str, why: str) -> Verdict:
        return _verdict(name, measured, seconds, why)

    if measured.unknown or not (measured.requests or measured.down):
        nothing = measured.unknown or "nothing could be measured"
        return verdict(NODATA, nothing) if final else None
    if measured.down:
        return verdict(FAIL, f"{counted(measured.down)} does not answer its scrape")
    requests, errors = round(measured.requests), round(measured.errors)
    of, last = f"{errors} of {requests} requests", measured.wrong and f", last: {measured.wrong}"
    if measured.ratio > limits.error_ratio and (final or errors >= limits.failures):
        over = f"error ratio {measured.ratio:.3f} over {limits.error_ratio:g}"
        return verdict(FAIL, f"{over} ({of}){last}")
    p95, lasting = measured.p95, seconds >= limits.failures * limits.interval
    slow = p95 is not None and p95 > limits.p95
    if slow and (final or (lasting and measured.slow >= limits.failures)):
        return verdict(FAIL, f"p95 {p95:.3f} s over {limits.p95:g} s in {requests} requests")
    shown = "-" if p95 is None else f"{p95:.3f}"
    said = f"error ratio {measured.ratio:.3f}, p95 {shown} s in {requests} requests"
    return verdict(PASS, said) if final else None


def _verdict(name: str, measured: Measured, seconds: float, why: str) -> Verdict:
    known = measured.requests > 0
    return Verdict(
        name,
        round(measured.requests),
        round(measured.ratio, 4) if known else None,
        None if measured.p95 is None else round(measured.p95, 4),
        round(seconds, 3),
        why,
        None if measured.in_flight is None else round(measured.in_flight),
    )


def watch(
    sources: Sources,
    limits: Thresholds,
    seconds: float,
    each_check: Callable[[Readings, float], str],
) -> Verdicts:
    """Watch for `seconds`, or until it is clear that the release fails.

    each_check: called after every check with what is known and the seconds so far; a sentence from
    it ends the watch as FAIL (a host was lost). What each source and part is about is judged by
    itself, so that a bad one isn't diluted by good ones; one that fails ends it for all.
    """
    begun = time.monotonic()
    while True:
        at = time.monotonic()
        for source in sources.values():
            source.look()
        spent = time.monotonic() - begun
        recent = {name: source.known(False) for name, source in sources.items()}
        if stop := each_check(recent, spent):
            return _each(recent, lambda known: _verdict(FAIL, known, spent, stop))
        early = _failing(recent, limits, spent)
        if early or spent >= seconds:
            whole = {name: source.known(True) for name, source in sources.items()}
            ended = _each(whole, lambda known: _final(known, limits, spent))
            return {name: {**each, **early.get(name, {})} for name, each in ended.items()}
        rest = min(limits.interval - (time.monotonic() - at), seconds - spent)
        time.sleep(max(0.0, rest))


def _final(measured: Measured, limits: Thresholds, spent: float) -> Verdict:
    found = judge(measured, limits, spent, final=True)
    assert found is not None
    return found


def _failing(readings: Readings, limits: Thresholds, spent: float) -> dict[str, dict[str, Verdict]]:
    """Return what is clear before the time is up, by source."""
    found: dict[str, dict[str, Verdict]] = {}
    for name, reading in readings.items():
        for about, measured in reading.items():
            if verdict := judge(measured, limits, spent):
                found.setdefault(name, {})[about] = verdict
    return found


def _each(readings: Readings, verdict: Callable[[Measured], Verdict]) -> Verdicts:
    return {
        name: {about: verdict(measured) for about, measured in reading.items()}
        for name, reading in readings.items()
    }


def worst(verdicts: Mapping[str, Verdict]) -> Verdict:
    """Return the verdict that speaks for all; its `why` names those that share it."""
    found = min(verdicts.values(), key=_rank)
    alike = [name for name, each in verdicts.items() if each.verdict == found.verdict]
    if alike == [""]:
        return found
    at_worst = "at worst " if len(alike) > 1 else ""
    return replace(found, why=f"{counted(alike)}: {at_worst}{found.why}")


def deciding(verdicts: Verdicts) -> tuple[str, Verdict]:
    """Return the source that decides, the one with the worst verdict, and that."""
    found = {name: worst(each) for name, each in verdicts.items()}
    name = min(found, key=lambda each: (_ORDER.index(found[each].verdict), list(found).index(each)))
    return name, found[name]


_ORDER = (FAIL, NODATA, PASS)


def _rank(each: Verdict) -> tuple[float, ...]:
    return _ORDER.index(each.verdict), -(each.error_ratio or 0), -(each.p95_seconds or 0)


def told(readings: Readings, spent: float) -> str:
    """Return in one line what a check measured, source by source."""
    parts = (f"{name} {_summed(reading.values())}" for name, reading in readings.items())
    return f"{show(round(spent, 1)):>6}  " + "; ".join(parts)


def _summed(measured: Iterable[Measured]) -> str:
    every = list(measured)
    known = [each for each in every if not each.unknown]
    if not known:
        return every[0].unknown if every else "nothing"
    errors, requests = sum(e.errors for e in known), sum(e.requests for e in known)
    slowest = max((e.p95 for e in known if e.p95 is not None), default=None)
    flying = [e.in_flight for e in known if e.in_flight is not None]
    down = {name for e in known for name in e.down}
    said = f"{round(errors)}/{round(requests)} bad"
    said += "" if slowest is None else f" p95 {show(slowest)}"
    said += f", {round(sum(flying))} in flight" if flying else ""
    said += f", {len(down)} down" if down else ""
    return said + (f", {len(every) - len(known)} unknown" if len(known) < len(every) else "")
