"""`inv circle.status`: where a commit stands, and what should not be so."""

from __future__ import annotations

from .. import console
from ..declare import Outcome
from ..errors import NotClosed
from . import picture, showing
from .following import following, wrong
from .seen import World


def status(world: World) -> Outcome:
    """Show it. Raises NotClosed where something is not as it should be."""
    states = {p: picture.state(p, s, world.about.chain) for p, s in world.found.items()}
    open_ones = [each.name for each in world.incidents if each.open]
    troubles = wrong(world.found, world.places, open_ones)
    command = following(world.about, world.found, world.places)
    showing.show(world, states)
    detail = showing.document(world, states, troubles)
    if troubles:
        raise NotClosed(
            f"{world.source.version} is not as it should be: {'; '.join(troubles)}.",
            kind="standing",
            detail=detail,
            next=command,
        )
    if not command:
        console.say(f"The circle has closed for {world.source.version}.")
    return Outcome(detail, next=command)
