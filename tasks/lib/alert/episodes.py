"""When each alert fired and was over, from Prometheus's own ALERTS series, and who answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Mapping, NamedTuple

from . import acks
from .rules import HEARTBEAT

if TYPE_CHECKING:
    from ..telemetry.alertmanager import Silence
    from ..telemetry.prometheus import Prometheus
    from .acks import Said
    from .rules import Rule

# An alert that is gone for no longer than this, in seconds, was not over: so long may it take until
# Prometheus knows of it again after a restart.
GAP = 120.0
EVALUATION = 15.0  # seconds between two looks at a rule that is no longer there to say


class Episode(NamedTuple):
    """One time that an alert fired in an environment, whatever number of instances it was about.

    fired, resolved: Unix seconds; None while it still fires. labels: of one of them. answer: the
    first acknowledgement. verdict: the last one that was given. held: whether a silence held from
    before it fired, so that nobody was told.
    """

    alert: str
    environment: str
    severity: str
    fired: float
    resolved: float | None
    labels: Mapping[str, str]
    answer: Said | None = None
    verdict: str = ""
    held: bool = False

    def seconds(self, now: float) -> float:
        """Return how long it fired."""
        return (self.resolved or now) - self.fired

    @property
    def response(self) -> float | None:
        """Seconds until somebody answered; None where nobody did, or nobody was told."""
        return self.answer.at - self.fired if self.answer and not self.held else None


def read(
    prometheus: Prometheus, rules: Iterable[Rule], seconds: float, end: float
) -> list[Episode]:
    """Return what fired in the `seconds` until `end` (Unix time), the oldest first; the heartbeat
    is no news. Raises Unanswered."""
    intervals = {rule.name: rule.interval for rule in rules}
    selector = f'ALERTS{{alertstate="firing", alertname!="{HEARTBEAT}"}}'
    spans: dict[tuple[str, str], list[tuple[float, float, Mapping[str, str]]]] = {}
    for series in prometheus.samples(selector, seconds, end):
        labels = {k: v for k, v in series.labels.items() if k not in ("__name__", "alertstate")}
        key = (labels["alertname"], labels.get("environment", ""))
        every = intervals.get(key[0], EVALUATION)
        times = [at for at, _ in series.points]
        spans.setdefault(key, []).extend((*span, labels) for span in runs(times, every))
    found = [
        Episode(name, environment, labels.get("severity", ""), first, _over(last, end), labels)
        for (name, environment), each in spans.items()
        for first, last, labels in _merged(each)
    ]
    return sorted(found, key=lambda each: (each.fired, each.alert))


def runs(times: Iterable[float], every: float) -> list[tuple[float, float]]:
    """Return when what was seen at `times`, looked at `every` so many seconds, began and ended."""
    found: list[tuple[float, float]] = []
    for at in times:
        if found and at - found[-1][1] <= max(GAP, 4 * every):
            found[-1] = (found[-1][0], at + every)
        else:
            found.append((at, at + every))
    return found


def _merged(
    spans: list[tuple[float, float, Mapping[str, str]]],
) -> list[tuple[float, float, Mapping[str, str]]]:
    """Join what overlaps or follows at once: about several instances, it is one trouble."""
    found: list[tuple[float, float, Mapping[str, str]]] = []
    for first, last, labels in sorted(spans, key=lambda span: span[0]):
        if found and first <= found[-1][1] + GAP:
            found[-1] = (found[-1][0], max(last, found[-1][1]), found[-1][2])
        else:
            found.append((first, last, labels))
    return found


def _over(last: float, end: float) -> float | None:
    """Return when it was over; None where it was still seen within the gap."""
    return last if last + GAP < end else None


def mine(found: Iterable[Episode], environment: str) -> list[Episode]:
    """Return those of `environment`, or of none; "" is all."""
    return [each for each in found if not environment or each.environment in ("", environment)]


def joined(found: list[Episode], silences: Iterable[Silence]) -> list[Episode]:
    """Return the episodes with what was answered to each."""
    kept = list(silences)
    answers = acks.read(kept)
    return [_answered(each, _until(each, found), kept, answers) for each in found]


def _until(episode: Episode, found: list[Episode]) -> float:
    """Return until when an answer is one to this episode: the next one, or a day after its end."""
    later = [
        each.fired
        for each in found
        if (each.alert, each.environment) == (episode.alert, episode.environment)
        and each.fired > episode.fired
    ]
    ends = episode.resolved + acks.DAY if episode.resolved else float("inf")
    return min([ends, *later])


def _answered(
    episode: Episode,
    until: float,
    silences: list[Silence],
    answers: list[tuple[Silence, Said]],
) -> Episode:
    own = [
        said
        for silence, said in answers
        if silence.fits(episode.labels) and episode.fired <= said.at < until
    ]
    held = any(
        silence.fits(episode.labels) and silence.start < episode.fired < silence.end
        for silence in silences
    )
    verdicts = [said.verdict for said in own if said.verdict]
    return episode._replace(
        answer=own[0] if own else None, verdict=verdicts[-1] if verdicts else "", held=held
    )


def plain(episode: Episode, now: float) -> dict[str, Any]:
    """Return it as plain objects."""
    answer = episode.answer
    return {
        "alert": episode.alert,
        "environment": episode.environment,
        "severity": episode.severity,
        "fired": episode.fired,
        "resolved": episode.resolved,
        "seconds": episode.seconds(now),
        "acknowledged": answer.at if answer else None,
        "response_seconds": episode.response,
        "by": answer.by if answer else "",
        "reason": answer.reason if answer else "",
        "verdict": episode.verdict,
        "silenced": episode.held,
    }
