"""What a walk along the telemetry is told as: to whoever looks on, and in the end."""

from __future__ import annotations

from typing import Any, Sequence

from .. import console
from ..declare import Outcome
from ..errors import NotClosed, Refused
from . import hops
from .flow import BROKEN, UNASKED, UNKNOWN, Flow, Hop, Step


def examine(flow: Flow, path: Sequence[Hop] = hops.ALL) -> Outcome:
    """Walk along the telemetry of `flow`, tell of each hop, and name the first that is broken.

    Raises NotClosed (of the hop's kind) for a broken one, Refused where nothing can be known.
    """
    console.say(f"From {flow.job} in {flow.environment} to who looks at it:")
    steps = hops.walk(flow, path, told=tell)
    insist(flow, steps)
    return Outcome(detail=detail(flow, steps))


def tell(step: Step) -> None:
    """Print a line about a hop, but of those that nobody looked at."""
    if step.state == BROKEN:
        console.say(f"  broken     {step.name}; what is behind it was not looked at")
    elif step.state != UNASKED:
        state = "not known" if step.state == UNKNOWN else "holds"
        console.say(f"  {state:<9}  {step.name}: {step.said}")


def insist(flow: Flow, steps: Sequence[Step]) -> None:
    """Raise NotClosed for the broken hop, Refused where nothing is known of any."""
    found = detail(flow, steps)
    wrong = hops.broken(steps)
    if not hops.known(steps):
        why = wrong.said if wrong else "none of its programs has an address."
        raise Refused(
            f"Nothing can be known of {flow.environment} from here: {why}",
            kind=wrong.kind if wrong else "config",
            detail=found,
        )
    if wrong:
        raise NotClosed(f"Broken at “{wrong.name}”: {wrong.said}", kind=wrong.kind, detail=found)


def detail(flow: Flow, steps: Sequence[Step]) -> dict[str, Any]:
    """Return a walk for the journal and the --json document."""
    wrong = hops.broken(steps)
    return {
        "environment": flow.environment,
        "broken": wrong.kind if wrong else "",
        "hops": [step._asdict() | {"measured": dict(step.measured)} for step in steps],
    }
