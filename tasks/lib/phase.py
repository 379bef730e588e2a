"""A phase as its module sees it: the words of its declaration, and `run`, which gives them effect.

Every `inv --list` reads the declarations. What runs a phase is imported when one runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .declare import Check, Next, Outcome, Phase, Row, probe

__all__ = ["Check", "Next", "Outcome", "Phase", "Row", "probe", "run"]

if TYPE_CHECKING:
    from .running import run
else:

    def run(*args: Any, **options: Any) -> None:
        """Run a phase: see `running.run`."""
        from . import running

        running.run(*args, **options)
