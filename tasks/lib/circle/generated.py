"""Pages that are generated: written, or held against what they would be now."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Mapping

from .. import console
from ..declare import Outcome
from ..errors import NotClosed, Refused

SHOWN = 20  # lines of a difference
# What stands at the head of each page: one without it is somebody's own.
SAID = "Generated: see `inv circle.runbook`."
MARK = f"<!-- {SAID} -->"  # as Markdown has it, of which GitHub shows nothing
HEAD = 200


def carry_out(root: Path, pages: Mapping[str, str], check: bool) -> Outcome:
    """Write the pages, or with `check` only look.

    pages: what each should say, by its path below `root`. Raises NotClosed (kind "drift") where one
    differs and was only looked at, Refused where one was written by somebody, or can't be written.
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
    for name in drifted:
        if (said := _there(root / name)) and SAID not in said[:HEAD]:
            raise Refused(f"{name} was written by hand: move it, then run `inv circle.runbook`.")
    for name, text in drifted.items():
        _write(root / name, text)
    for name in pages:
        console.say(f"{name}: {'written' if name in drifted else 'is as the phases declare'}")
    return Outcome({"pages": list(pages), "written": list(drifted)})


def _there(page: Path) -> str:
    return page.read_text(encoding="utf-8", errors="replace") if page.is_file() else ""


def _write(page: Path, text: str) -> None:
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        why = error.strerror or error
        raise Refused(f"{page} can't be written ({why}): run `ls -ld {page.parent}`.") from None


def _difference(root: Path, name: str, wanted: str) -> str:
    here = _there(root / name).splitlines()
    lines = list(
        difflib.unified_diff(here, wanted.splitlines(), name, "declared", lineterm="", n=0)
    )
    more = [f"… and {len(lines) - SHOWN} lines more"] if len(lines) > SHOWN else []
    return "\n".join(lines[:SHOWN] + more)
