"""The gate `incident`: while one is open, only what mends it is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from ..errors import Refused
from ..incident import record
from .about import About, Answer


def incident(about: About) -> Answer:
    """No incident of the environment is open, but for those that this mends.

    One whose page doesn't say where it is (any more), as in a merge, may be here.
    """
    name = about.environment.name
    known = record.every(about.root)
    own = [each for each in known if each.open and each.environment in (name, "")]
    left = [each for each in own if each.name not in about.fixes]
    if not left:
        fixed = ", ".join(each.name for each in own)
        return Answer(says=f"it mends {fixed}" if own else "none is open")
    many = len(left) > 1
    names = ",".join(each.name for each in own)
    what = ", ".join(map(_told, left))
    return Answer(
        f"{'incidents are' if many else 'an incident is'} open on {name}, {what}: deploy what mends"
        f" {'them' if many else 'it'} with `inv deploy --env={name} --fixes={names}`, or say"
        f" `state: closed` in {record.DIRECTORY}/{left[0].name}.md."
    )


def _told(found: record.Incident) -> str:
    where = "" if found.environment else "; its page names no environment"
    return f"{found.name} ({found.title}{where})"


def parse(fixes: str, root: Path) -> tuple[str, ...]:
    """Return the incidents that `--fixes` names, with commas between.

    Raises Refused for one that is unknown or closed: a mistyped name must mend nothing.
    """
    names = tuple(dict.fromkeys(name.strip() for name in fixes.split(",") if name.strip()))
    if not names:
        return ()
    known = record.every(root)
    for name in names:
        _refuse_unfit(name, known)
    return names


def _refuse_unfit(name: str, known: Sequence[record.Incident]) -> None:
    found = next((each for each in known if each.name == name), None)
    if found is not None and found.open:
        return
    what = "is closed already" if found else f"is no incident below {record.DIRECTORY}"
    names = ", ".join(each.name for each in known if each.open) or "none"
    raise Refused(f"--fixes: {name!r} {what}; open are: {names}.", kind="config")
