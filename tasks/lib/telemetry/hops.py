"""The walk along the telemetry, hop by hop, from the service to Grafana and Alertmanager.

`inv preaggregate` proves the first part of it, `inv monitor.doctor` walks all of it. The first
broken hop is named; those behind it are not asked, as they would only say the same in other words.
"""

from __future__ import annotations

import time
from typing import Callable, Sequence

from . import keeping, sending, showing
from .flow import BROKEN, HOLDS, UNASKED, UNKNOWN, Broken, Flow, Hop, Seen, Step, Unknown
from .grafana import Unreachable
from .prometheus import Unanswered

SENDING = (
    Hop("the service answers", "service", sending.answers),
    Hop("the service shows its metrics", "exports", sending.exports),
    Hop("the collector is healthy", "collector", sending.healthy),
    Hop("the collector received", "received", sending.received, (2, 0)),
    Hop("the collector passed on", "exported", sending.exported, (1, 0)),
    Hop("the collector shows the series", "exposed", sending.exposed, (2, 0)),
)
KEEPING = (
    Hop("Prometheus answers", "prometheus", keeping.answers),
    Hop("Prometheus scrapes the collector", "scrape", keeping.scraped, (0, 2)),
    Hop("Prometheus scrapes the service", "up", keeping.up, (0, 2)),
    Hop("requests are counted", "counted", keeping.counted, (2, 2)),
    Hop("it is kept as configured", "kept", keeping.kept),
)
SHOWING = (
    Hop("Grafana answers", "grafana", showing.grafana),
    Hop("Grafana reaches Prometheus", "datasource", showing.datasource),
    Hop("Alertmanager answers", "alertmanager", showing.alertmanager),
    Hop("Prometheus tells Alertmanager", "connected", showing.connected, (0, 1)),
)
FLOW = SENDING + KEEPING
ALL = FLOW + SHOWING

GRACE = 5.0  # seconds beyond the exports and scrapes that a hop may take
PAUSE = 0.5  # seconds between two looks at a hop that doesn't hold yet


def walk(
    flow: Flow,
    hops: Sequence[Hop] = ALL,
    *,
    wait: bool = False,
    told: Callable[[Step], None] = lambda step: None,
    waits: Callable[[Hop, float], None] = lambda hop, patience: None,
) -> tuple[Step, ...]:
    """Look at each hop in turn, up to the first that is broken; return a step for each of `hops`.

    wait: give each hop the exports and scrapes that it takes after a start. told: is called with
    each step as it is known, waits with a hop that doesn't hold yet and the seconds that it has.
    Raises nothing of what the programs say or don't.
    """
    steps: list[Step] = []
    for hop in hops:
        if broken(steps):
            step = Step(hop.name, hop.kind, UNASKED, "")
        else:
            step = _step(hop, _patient(hop, flow, waits) if wait else look(hop, flow))
        steps.append(step)
        told(step)
    return tuple(steps)


def look(hop: Hop, flow: Flow) -> Seen:
    """Return what one look at a hop finds, whatever becomes of it."""
    try:
        return hop.look(flow)
    except Broken as error:
        return error.seen
    except Unknown as error:
        return Seen(None, str(error))
    except (Unanswered, Unreachable) as error:
        return Seen(False, str(error))


def broken(steps: Sequence[Step]) -> Step | None:
    """Return the step that is broken, None where none is: there is one at most."""
    return next((each for each in steps if each.state == BROKEN), None)


def known(steps: Sequence[Step]) -> bool:
    """Tell whether anything is known. A program that doesn't answer, where nothing else could be
    seen, says more of where we look from than of the telemetry; the service itself is another
    matter."""
    wrong = broken(steps)
    return bool(wrong and wrong.kind == "service") or any(each.state == HOLDS for each in steps)


def _patient(hop: Hop, flow: Flow, waits: Callable[[Hop, float], None]) -> Seen:
    exports, scrapes = hop.rounds
    seen = look(hop, flow)
    if seen.holds is not False or not any(hop.rounds):
        return seen
    patience = exports * flow.export + scrapes * flow.scrape + GRACE
    waits(hop, patience)
    until = time.monotonic() + patience
    while seen.holds is False and time.monotonic() < until:
        time.sleep(PAUSE)
        seen = look(hop, flow)
    return seen


def _step(hop: Hop, seen: Seen) -> Step:
    state = {True: HOLDS, False: BROKEN, None: UNKNOWN}[seen.holds]
    return Step(hop.name, hop.kind, state, seen.said, dict(seen.measured))
