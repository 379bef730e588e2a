"""Rows of the runbook's troubleshooting that are also told where nothing has failed.

Cheap to import: the phase's declaration has them, too.
"""

from __future__ import annotations

from ..declare import Row

SLOW = Row(
    "The tests are slow",
    "Run them on every core: `inv test --parallel`; the slowest are named above.",
    output=r"\btimeout \(?>|timed out",
)
