from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from tasks.lib.incident import drafting
from tasks.lib.incident.asking import Had
from tasks.lib.incident.case import Case
from tasks.lib.incident.figures import Measured
from tasks.lib.incident.reading import Read
from tasks.lib.incident.record import DIRECTORY
from tasks.lib.incident.timeline import Happened
from tasks.lib.visualize.period import Line, Measure, Plot, Span


def test_a_graph_is_whole_whatever_somebody_noted(tmp_path: Path) -> None:
    measure = Measure("Requests", "rate", (Line("requests", "x"),))
    plot = Plot(measure, (((1000.0, 1.0), (1100.0, 2.0)),))
    note = Happened(1050, 1050, "note", "note: \x1b[31m<b>\x00\udcff password=hunter2")
    measured = Had(Measured(None, None, None, None, (plot,)))
    nothing = Had(None)
    found = Read(Case("", 1100), Span(1000, 1100), (note,), "", "", measured, nothing, nothing)
    (tmp_path / DIRECTORY).mkdir(parents=True)
    assert drafting._drawn(tmp_path, "x", found, ()) == {"Requests": "x/requests.svg"}
    drawn = ElementTree.parse(tmp_path / DIRECTORY / "x" / "requests.svg")
    titles = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[-1] == "note: \\x1b[31m<b>\\x00\\udcff password=***"
