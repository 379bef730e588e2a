"""Bringing a board that was made in Grafana into the repository."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Mapping

from .. import console, git, sound
from ..declare import Outcome
from ..errors import Refused
from ..telemetry.grafana import Grafana, Unreachable
from . import boards
from .boards import SOURCE
from .world import World, known, nobody

# What is a matter of one Grafana, or of how a board was exported from one.
OWN = ("id", "version", "iteration", "gnetId", "__inputs", "__requires", "__elements", "meta")
REFRESH = "30s"
UID = re.compile(r"[A-Za-z0-9_-]{1,40}")


def normalised(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a board as it is kept: without what is one Grafana's own, asking the data source that
    the reader chooses, up to now, refreshed, its panels in the order in which they are read."""
    kept: dict[str, Any] = _asking({k: v for k, v in model.items() if k not in OWN})
    kept["templating"] = {"list": _variables(boards.variables(kept))}
    if kept.get("time", {}).get("to") != "now":
        kept["time"] = {"from": "now-1h", "to": "now"}
    kept["refresh"] = kept.get("refresh") or REFRESH
    if "panels" in kept:
        kept["panels"] = sorted(kept["panels"], key=_place)
    return kept


def essence(model: Mapping[str, Any]) -> list[object]:
    """Return what makes a board what it is: Grafana brings the rest of it to its own version."""
    asked = [(query.name, query.expression, query.nothing) for query in boards.queries(model)]
    placed = sorted((str(panel.get("title")), _place(panel)) for panel in boards.panels(model))
    return [model.get("title"), sorted(asked), placed]


def text(model: Mapping[str, Any]) -> str:
    """Return the file of a normalised board: keys in order, so that a diff shows what changed."""
    return json.dumps(model, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _asking(value: Any) -> Any:
    """Return the same with every Prometheus called by the variable."""
    if isinstance(value, list):
        return [_asking(each) for each in value]
    if not isinstance(value, dict):
        return value
    changed = {key: _asking(each) for key, each in value.items()}
    source = changed.get("datasource")
    if isinstance(source, str) and not source.startswith("-- "):
        source = {"type": "prometheus"}
    if isinstance(source, dict) and source.get("type") == "prometheus":
        changed["datasource"] = {"type": "prometheus", "uid": f"${{{SOURCE}}}"}
    return changed


def _variables(found: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    kept = [dict(each) for each in found]
    if not any(each.get("name") == SOURCE for each in kept):
        kept.insert(0, {"name": SOURCE, "type": "datasource", "query": "prometheus"})
    for each in kept:
        if each.get("type") in ("query", "datasource"):
            each["current"] = {}  # what was chosen when it was saved
            each["options"] = []
    return kept


def _place(panel: Mapping[str, Any]) -> tuple[int, int]:
    grid = panel.get("gridPos", {})
    return int(grid.get("y", 0)), int(grid.get("x", 0))


def save(world: World, uid: str, role: str) -> Outcome:
    """Write the board `uid` of Grafana to its file. role: the folder of one that has none yet; ""
    is the folder that Grafana has it in.

    Raises Refused where Grafana has no such board, where it has a fault, and where the file has
    changes that git doesn't have.
    """
    if not UID.fullmatch(uid):
        raise Refused(f"{uid!r} is no uid: it is in a dashboard's address after /d/.")
    with Grafana(world.places.grafana) as grafana:
        try:
            found = grafana.board(uid)
        except Unreachable as error:
            if error.kind == "absent":
                raise nobody(uid, (str(each["uid"]) for each in grafana.boards())) from None
            raise
    model = normalised(found.model)
    if wrong := [*boards.faults(model)]:
        raise Refused(
            f"{uid} is not fit to be kept: mend in Grafana what is named, then save it again.",
            kind="board",
            evidence="\n".join(f"- {each}" for each in wrong),
        )
    file = _file(world, uid, role or found.folder.lower())
    written, before = text(model), file.read_text() if file.exists() else ""
    shown = file.relative_to(world.root)
    told = {"board": uid, "file": str(shown), "changed": written != before}
    if written == before:
        console.say(f"{shown} already is as in Grafana.")
        return Outcome(told)
    _uncommitted(world.root, file)
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    beside.write_text(written)
    beside.rename(file)
    console.say(f"{shown} is as in Grafana; see `git diff -- {shown}`, then commit it.")
    return Outcome(told)


def _file(world: World, uid: str, role: str) -> Path:
    if (board := known(world, uid)) and board.path:
        return board.path
    if not sound.name(role):
        raise Refused("Say whose board it is, as in --role=sre; its file is named by its uid.")
    return world.root / world.settings.directory / role / f"{uid}.json"


def _uncommitted(root: Path, file: Path) -> None:
    """Raise Refused where the file has changes that git doesn't have."""
    if not file.exists():
        return
    if git.Git(root)("status", "--porcelain", "--ignored", "--", str(file)).strip():
        raise Refused(
            f"{file.relative_to(root)} has changes that git doesn't have: commit or restore it "
            "first, then save it again.",
            kind="board",
        )
