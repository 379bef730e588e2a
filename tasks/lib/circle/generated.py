"""Pages that are generated: written, or held against what they would be now."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Mapping

from .. import console
from ..declare import Outcome
from ..errors import NotClosed

SHOWN = 20  # lines of a difference


def carry_out(root: Path, pages: Mapping[str, str], check: bool) -> Outcome:
    """Write the pages, or with `check` only look.

    pages: what each should say, by its path below `root`. Raises NotClosed (kind "drift") where one
    differs and was only looked at.
    """
    drifted = {name: text for name, text in pages.items() if _there(root / name) != text}
    if check and drifted:
        names = " and ".join(drifted)
        raise NotClosed(
            f"{names} drifted from what the phases declare: run `inv circle.runbook`.",
            kind="drift",
            evidence="\n".join(_difference(root, name, text) for name, text in drifted.items()),
            detail={"drifted": list(drifted)},
            next="inv circle.runbook",
        )
    for name, text in drifted.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    for name in pages:
        console.say(f"{name}: {'written' if name in drifted else 'is as the phases declare'}")
    return Outcome({"pages": list(pages), "written": list(drifted)})


def _there(page: Path) -> str:
    return page.read_text(encoding="utf-8") if page.is_file() else ""


def _difference(root: Path, name: str, wanted: str) -> str:
    here = _there(root / name).splitlines()
    lines = list(
        difflib.unified_diff(here, wanted.splitlines(), name, "declared", lineterm="", n=0)
    )
    more = [f"… and {len(lines) - SHOWN} lines more"] if len(lines) > SHOWN else []
    return "\n".join(lines[:SHOWN] + more)
