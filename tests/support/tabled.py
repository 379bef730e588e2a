"""What docs/EXPOSURE.md lists, table by table."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.support.observed import ROOT


class Row(NamedTuple):
    """What listens, on which address and port, as the table says it."""

    what: str
    address: str
    port: str


def listed(heading: str) -> set[Row]:
    """Return the rows of the table below a heading."""
    text = (ROOT / "docs" / "EXPOSURE.md").read_text()
    part = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|.*\|$", part, re.MULTILINE)
    return {Row(*each) for each in rows if each[1] != "address"}
