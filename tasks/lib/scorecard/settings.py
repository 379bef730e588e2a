"""The targets that are the scorecard's own, and what is unsound in them.

Those of alerts and of coverage are where they are enforced: `alert:` and `test:`.
"""

from __future__ import annotations

from typing import Iterator

from ..duration import Seconds
from ..strict import Strict


class Scorecard(Strict, frozen=True):
    """What the figures should be.

    deploy: seconds from the tag to verified. rollback: seconds from the decision to verified.
    success: the share of deployments that succeed, 0 to 1.
    """

    deploy: Seconds = Seconds(1800)
    rollback: Seconds = Seconds(300)
    success: float = 0.95


def faults(card: Scorecard) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key, what was expected, and the value."""
    for key in ("deploy", "rollback"):
        if not getattr(card, key) > 0:
            yield key, "a duration over 0s", getattr(card, key)
    if not 0 < card.success <= 1:
        yield "success", "a share over 0, up to 1", card.success
