"""Dashboards as JSON: where they are kept, what is in them, and what is not sound in one.

Source: Grafana's documentation, "Dashboard JSON model".
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple

from .. import duration
from ..errors import Refused

SOURCE = "datasource"  # the variable by which a board names its data source
OLD = {"graph", "singlestat", "table-old", "grafana-piechart-panel", "grafana-worldmap-panel"}
COLUMNS = 24  # of the grid that panels lie on


class Board(NamedTuple):
    """A dashboard: its model, the folder it is for (a role), and the file that it is from."""

    model: Mapping[str, Any]
    role: str
    path: Path | None = None

    @property
    def uid(self) -> str:
        return str(self.model.get("uid") or "")

    @property
    def title(self) -> str:
        return str(self.model.get("title") or self.uid)


class Query(NamedTuple):
    """What a panel asks: the words it shows where there is nothing, the data source's type and uid
    as they are written, and whether one moment is asked for or a range."""

    panel: str
    ref: str
    expression: str
    nothing: str
    source: str
    uid: str
    instant: bool

    @property
    def name(self) -> str:
        return f"{self.panel} ({self.ref})"


def read(directory: Path) -> tuple[Board, ...]:
    """Return the dashboards below `directory`, a folder a role, in the order of their paths.

    Raises Refused (kind "board") where a file is no dashboard, or two have one uid.
    """
    found = tuple(_board(path) for path in sorted(directory.glob("*/*.json")))
    seen: dict[str, Path | None] = {}
    for board in found:
        if board.uid in seen:
            raise Refused(
                f"{board.path} and {seen[board.uid]} both have the uid {board.uid}: give one of "
                "them another.",
                kind="board",
            )
        seen[board.uid] = board.path
    return found


def _board(path: Path) -> Board:
    try:
        model = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Refused(
            f"{path} can't be read as JSON ({error}): correct it.", kind="board"
        ) from None
    if not isinstance(model, dict) or not model.get("uid") or "panels" not in model:
        raise Refused(
            f"{path} is no dashboard: it needs uid and panels; save one with `inv visualize.save`.",
            kind="board",
        )
    return Board(model, path.parent.name, path)


def panels(model: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the panels, those in collapsed rows too, rows themselves apart."""
    for panel in model.get("panels", ()):
        if panel.get("type") == "row":
            yield from panel.get("panels", ())
        else:
            yield panel


def queries(model: Mapping[str, Any]) -> Iterator[Query]:
    """Yield what the panels ask, hidden queries too: others may be computed from them."""
    for panel in panels(model):
        defaults = panel.get("fieldConfig", {}).get("defaults", {})
        for target in panel.get("targets", ()):
            source = target.get("datasource") or panel.get("datasource") or {}
            named = source if isinstance(source, dict) else {"uid": source}
            yield Query(
                str(panel.get("title") or panel.get("id")),
                str(target.get("refId", "A")),
                str(target.get("expr") or ""),
                str(defaults.get("noValue") or ""),
                str(named.get("type") or "prometheus"),
                str(named.get("uid") or ""),
                bool(target.get("instant")) and not target.get("range"),
            )


def faults(model: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is not sound in a board, each in a few words."""
    if "panels" not in model:
        yield "it has no panels: the newer schema (v2) isn't read here, export it as classic JSON"
    if model.get("schemaVersion", 0) < 36:
        yield "its schemaVersion is older than 36 (Grafana 9)"
    if not model.get("title"):
        yield "it has no title"
    if not any(
        each.get("type") == "datasource" and each.get("name") == SOURCE for each in variables(model)
    ):
        yield f"it has no variable `{SOURCE}` of the type datasource"
    yield from _ids(model)
    yield from _places([panel for panel in model.get("panels", ())])
    for panel in panels(model):
        if panel.get("type") in OLD:
            yield f"panel {panel.get('title')!r} is of a type of Angular's: {panel.get('type')}"
    for query in queries(model):
        if query.source == "prometheus" and query.uid not in (f"${{{SOURCE}}}", f"${SOURCE}"):
            yield f"{query.name} names the data source {query.uid!r}, not ${{{SOURCE}}}"


def timing(model: Mapping[str, Any], longest: float) -> Iterator[str]:
    """Yield what keeps a board from showing what is now. longest: seconds of its refresh."""
    if (to := model.get("time", {}).get("to")) != "now":
        yield f"its range ends at {to}, not now"
    refresh = str(model.get("refresh") or "")
    if not re.fullmatch(r"(\d+[smhd])+", refresh):
        yield "it does not refresh by itself"
    elif duration.parse(refresh) > longest:
        yield f"it refreshes every {refresh}, which is more than {duration.show(longest)}"


def _ids(model: Mapping[str, Any]) -> Iterator[str]:
    shown = {id(panel): panel for panel in (*model.get("panels", ()), *panels(model))}
    ids = [panel.get("id") for panel in shown.values()]
    for twice in sorted({str(each) for each in ids if ids.count(each) > 1}):
        yield f"panel id {twice} is given more than once"


def _places(shown: list[Mapping[str, Any]]) -> Iterator[str]:
    taken: dict[tuple[int, int], Any] = {}
    for panel in shown:
        grid = panel.get("gridPos") or {}
        x, y, w, h = (int(grid.get(key, -1)) for key in "xywh")
        if min(x, y) < 0 or min(w, h) < 1 or x + w > COLUMNS:
            yield f"panel {panel.get('title')!r} lies outside of the grid"
            continue
        cells = {(column, row) for column in range(x, x + w) for row in range(y, y + h)}
        for other in sorted({str(taken[cell]) for cell in cells & taken.keys()}):
            yield f"panels {panel.get('title')!r} and {other!r} overlap"
        taken |= dict.fromkeys(cells, panel.get("title"))


def variables(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the board's variables."""
    return list(model.get("templating", {}).get("list", ()))


def span(model: Mapping[str, Any]) -> float:
    """Return how many seconds the board shows; an hour where it says nothing of the kind."""
    found = re.fullmatch(r"now-(\d+)([smhdw])", str(model.get("time", {}).get("from", "")))
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    return float(found[1]) * units[found[2]] if found else 3600.0


def drawn(
    model: Mapping[str, Any], names: tuple[str, ...]
) -> Iterator[tuple[str, str, tuple[float, ...]]]:
    """Yield, for each panel that asks for one of these alone or first: its title, which, and the
    bounds that it draws."""
    for panel in panels(model):
        asked = " ".join(str(target.get("expr", "")) for target in panel.get("targets", ()))
        for name in names:
            if name in asked:
                steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {})
                values = (step.get("value") for step in steps.get("steps", ()))
                yield (
                    str(panel.get("title")),
                    name,
                    tuple(float(value) for value in values if value is not None),
                )
