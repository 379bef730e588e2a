"""The phase pre-aggregate: bring the stack up, have the service send to it, prove the flow."""

from __future__ import annotations

from .. import console
from ..declare import Outcome
from ..developer import stack
from ..errors import Interrupted, NotClosed
from ..telemetry import doctor, hops, keeping
from ..telemetry.flow import Flow, Hop
from ..telemetry.prometheus import Unanswered
from . import bringing, ending, record, showing, traffic
from .world import World


def prove(world: World) -> Outcome:
    """Start what doesn't run, send requests, and walk until their count has risen by as many.

    Raises Refused (nothing was started), NotClosed (of the kind of the hop that is broken, or of
    what didn't come up), and Interrupted, which says what runs.
    """
    try:
        with record.alone(world.root):
            now = bringing.bring(world)
        flow = _sent(now)
        steps = hops.walk(flow, hops.FLOW, wait=True, told=doctor.tell, waits=_waits)
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted; {ending.left(world)}") from None
    detail = doctor.detail(flow, steps) | {"sent": flow.sent, "started": bringing.started(now)}
    try:
        doctor.insist(flow, steps)
    except NotClosed as error:
        error.detail.update(detail)
        raise
    _links(now)
    return Outcome(detail=detail, world=now)


def _sent(world: World) -> Flow:
    """Send the requests, and return the flow with what was counted before them."""
    flow, about = world.flow, world.settings.preaggregate
    if not flow.service or hops.look(hops.SENDING[0], flow).holds is False:
        return flow  # the walk says so
    try:
        before = keeping.counts(flow)
    except Unanswered:
        return flow
    with showing.progress("Sending requests", about.requests) as told:
        sent = traffic.send(flow.service, about.paths, about.requests, told)
    console.say(f"Sent {sent} requests to {flow.service}.")
    return flow._replace(sent=sent, before=before)


def _waits(hop: Hop, patience: float) -> None:
    console.say(f"  waiting    {hop.name}: up to {patience:g} s")


def _links(world: World) -> None:
    places = world.flow.places
    console.say(f"Prometheus: {places.prometheus}  Grafana: {places.grafana}")


def docker(world: World) -> str:
    """Probe: there is what the stack is started with."""
    return world.lacks


def ports(world: World) -> str:
    """Probe: nobody else has the stack's ports."""
    return world.taken


def tested(world: World) -> str:
    """Probe: this commit's tests have closed."""
    return world.tested


def servable(world: World) -> str:
    """Probe: the service answers, or can be started."""
    return world.unservable


def containers(world: World) -> str:
    """Probe: every container of the stack is up."""
    if world.place is None:
        return ""
    return world.lacks or stack.troubled(world.place)


def flows(world: World) -> str:
    """Probe: every hop from the service to Prometheus holds."""
    wrong = hops.broken(hops.walk(world.flow, hops.FLOW))
    return f"broken at “{wrong.name}”: {wrong.said.rstrip('.')}" if wrong else ""


def scraped(world: World) -> str:
    """Probe: Prometheus scrapes the service itself."""
    return _wrong(world, "up")


def counted(world: World) -> str:
    """Probe: the service's requests are counted in Prometheus."""
    return _wrong(world, "counted")


def grafana(world: World) -> str:
    """Probe: Grafana answers."""
    return _wrong(world, "grafana")


def _wrong(world: World, kind: str) -> str:
    (hop,) = (each for each in hops.ALL if each.kind == kind)
    seen = hops.look(hop, world.flow)
    return seen.said.rstrip(".") if seen.holds is False else ""
