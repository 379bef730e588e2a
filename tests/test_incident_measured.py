"""An incident that a real Prometheus measured while its hosts are away."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tasks.lib import journal
from tasks.lib.incident import record
from tasks.lib.moment import iso
from tasks.lib.telemetry import names
from tests.support import observed
from tests.support.past import Past
from tests.support.project import GIT, ROOT

LIVE = 3600  # seconds that the bad release was live
GOOD, BAD = "20261125T100000Z-v1-aaaaaaa", "20261125T110000Z-v2-bbbbbbb"


class Page(NamedTuple):
    """file: the page. text: what it says. said: what was printed. seconds: how long it took."""

    file: Path
    text: str
    said: str
    seconds: float


def past(now: float) -> str:
    """A release that failed for 6 of every 10 requests, an hour long, until five minutes ago."""
    over = now - 300
    begun = over - LIVE
    made = Past(now - 7200, now, job="demo", environment="production")

    def counter(rate: float, first: float, last: float) -> object:
        def value(at: float) -> float | None:
            return rate * (at - first) if first < at <= last else None

        return value

    for code, rate in (("200", 4.0), ("500", 6.0)):
        value = counter(rate, begun, over)
        made.add(names.REQUESTS, value, release=BAD, http_response_status_code=code)  # type: ignore
    whole = counter(10.0, now - 7200, now)
    made.add(names.REQUESTS, whole, release=GOOD, http_response_status_code="200")  # type: ignore
    bad = lambda at: 0.6 if begun < at <= over else 0.0  # noqa: E731
    made.add(names.ERROR_RATIO, bad)
    for name, value in ((names.RATE, 10.0), (names.P50, 0.1), (names.P95, 0.4), (names.P99, 0.9)):
        made.add(name, value)
    firing = lambda at: 1.0 if begun + 600 < at <= over else None  # noqa: E731
    labels = {"alertname": "HighErrorRatio", "alertstate": "firing", "severity": "critical"}
    made.add("ALERTS", firing, **labels)
    return made.text()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    root, home = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("prometheus")
    now = time.time()
    observed.backfill(observed.linked(home), past(now))
    for name in ("tasks.py", "tasks"):
        (root / name).symlink_to(ROOT / name)
    subprocess.run([*GIT, "init", "-q"], cwd=root, check=True)
    detail = {"environment": "production", "release": GOOD, "from": BAD, "reason": "it fails"}
    line = {"phase": "deploy", "outcome": "closed", "at": iso(now - 300 - LIVE)}
    path = journal.where(root)
    journal.append({**line, "detail": {"environment": "production", "release": BAD}}, path)
    line = {"phase": "rollback", "outcome": "closed", "at": iso(now - 300)}
    journal.append({**line, "detail": detail}, path)
    with observed.prometheus(home) as url:
        said = {
            "app": "demo",
            "stack": {"prometheus": url, "alertmanager": "http://127.0.0.1:1"},
            "environments": {"production": {"hosts": ["me@127.0.0.1:1"], "url": url}},
        }
        (root / "invoke.yaml").write_text(yaml.safe_dump(said))
        argv = [sys.executable, "-m", "invoke", "rollback.incident", "--env=production"]
        begun = time.monotonic()
        done = subprocess.run(argv, cwd=root, capture_output=True, text=True, timeout=60)
        spent = time.monotonic() - begun
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (root / record.DIRECTORY).glob("*.md")
    yield Page(file, file.read_text(), done.stdout, spent)


def row(text: str, begins: str) -> list[str]:
    (found,) = [line for line in text.splitlines() if line.startswith(f"| {begins} |")]
    return found.strip("| ").split(" | ")[1:]


def test_how_many_requests_failed_is_what_was_counted(page: Page) -> None:
    assert row(page.text, BAD) == ["36,000", "21,600", "60 %"]
    every, failed, ratio = row(page.text, "all of production")
    assert failed == "21,600"
    assert abs(int(every.replace(",", "")) - 72_600) <= 300  # a minute more, and two samples
    assert 29.5 <= float(ratio.removesuffix(" %")) <= 30.0


def test_how_long_it_was_over_its_bound(page: Page) -> None:
    found = re.search(r"ratio over five minutes: 60 %\. Time over its bound: (\w+)\.", page.text)
    assert found and found[1] in ("1h", "59m45s", "1h15s", "1h30s")
    assert row(page.text, "Was live for")[0].startswith("1h, from ")


def test_the_alert_is_on_the_timeline(page: Page) -> None:
    fired = "alert HighErrorRatio (critical) fired"
    times = re.findall(r"^\| [\d: -]+ \| (alert [^|]+) \|", page.text, re.MULTILINE)
    assert [fired, "alert HighErrorRatio (critical) was over after 50m"] == times
    assert "Which alerts fired is not known" not in page.text


def test_the_graphs_are_files_beside_the_page_that_need_nothing_else(page: Page) -> None:
    files = re.findall(r"^!\[([^\]]+)\]\(([^)]+)\)$", page.text, re.MULTILINE)
    assert [title for title, _ in files] == ["Requests", "Error ratio", "Latency"]
    for title, name in files:
        text = (page.file.parent / name).read_text()
        assert name.startswith(f"{page.file.stem}/") and "url(" not in text
        drawn = ET.fromstring(text)
        space = "{http://www.w3.org/2000/svg}"
        assert drawn.tag == f"{space}svg" and drawn.findtext(f"{space}title") == title
        assert drawn.findall(f"{space}path[@class='line c1']")
        marked = [
            each.text for each in drawn.iter(f"{space}text") if "label" in each.get("class", "")
        ]
        assert {"D1", "R1", "A1"} <= set(marked)
    latency = (page.file.parent / files[2][1]).read_text()
    assert ">p50</text>" in latency and ">p99</text>" in latency


def test_hosts_that_are_away_and_a_clone_without_history_cost_only_what_they_know(
    page: Page,
) -> None:
    assert re.search(r"What the hosts' journals have is not known: .*127\.0\.0\.1", page.text)
    assert "this clone has no commit aaaaaaa: `git fetch --all --tags`." in page.text
    assert "Its log is not known: " in page.text
    assert "# it fails\n" in page.text and page.seconds < 40
