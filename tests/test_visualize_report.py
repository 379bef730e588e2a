"""`inv visualize.report`: a period in one file, as whoever gets it by mail would see it."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import grafana as stand_in
from tests.support import observed
from tests.support.grafana import Grafana
from tests.support.shown import Shown, metrics

HOUR = 3600
EVIL = "<script>alert(1)</script>&lt;img src=https://evil.invalid/x&gt;"


class Past(NamedTuple):
    """A Prometheus with a day in which 36 minutes were bad, from `bad` on (Unix time)."""

    url: str
    now: float
    bad: float


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    home, now = observed.linked(tmp_path_factory.mktemp("prometheus")), time.time()
    bad = now - 5 * HOUR

    def errors(at: float) -> float:
        return 0.035 if bad <= at < bad + 36 * 60 else 0.002

    def p95(at: float) -> float:
        return 1.4 if bad <= at < bad + 30 * 60 else 0.25

    def rate(at: float) -> float | None:
        return None if now - 15 * HOUR < at < now - 14 * HOUR else 30 + math.sin(at)

    observed.backfill(
        home, metrics(now - 24 * HOUR, now + 600, error_ratio=errors, p95=p95, rate=rate)
    )
    with observed.prometheus(home) as url:
        yield Past(url, now, bad)


@pytest.fixture(scope="module")
def grafana(past: Past) -> Iterator[Grafana]:
    with stand_in.serve(past.url) as served:
        for kind, text, ago in (
            ("deploy", "v1.4.0 closed", 20 * HOUR),
            ("deploy", f"v1.5.0 {EVIL}", 5 * HOUR + 60),
            ("rollback", "back to v1.4.0", 4.4 * HOUR),
            ("note", "the database was slow", 9 * HOUR),
        ):
            at = round((past.now - ago) * 1000)
            mark = {"text": text, "tags": [kind, "local"], "time": at, "timeEnd": at + 90_000}
            served.annotations.append({"id": at, **mark})
        other = {"text": "elsewhere", "tags": ["deploy", "production"], "time": 1000 * past.now}
        served.annotations.append({"id": 1, **other})
        yield served


@pytest.fixture
def shown(past: Past, grafana: Grafana, tmp_path: Path) -> Shown:
    return Shown(tmp_path / "a project", past.url, grafana.url)


@pytest.fixture(scope="module")
def file(past: Past, grafana: Grafana, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of that day."""
    shown = Shown(tmp_path_factory.mktemp("report") / "a project", past.url, grafana.url)
    done = shown.inv("visualize.report", f"--file={shown.root / 'day.html'}")
    assert done.returncode == 0, done.stdout + done.stderr
    return shown.root / "day.html"


@pytest.fixture(scope="module")
def text(file: Path) -> str:
    return file.read_text()


@pytest.fixture(scope="module")
def page(text: str) -> Seen:
    return Seen(text)


class Seen(HTMLParser):
    """What is in a page: its tags with attributes, and the cells of its tables, row by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.rows += [[]] if tag == "tr" else []
        self._cell = tag in ("td", "th")
        if self._cell:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._cell = False

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data


def test_the_figures_are_those_of_the_period(page: Seen) -> None:
    rows = {row[0]: row[1:] for row in page.rows if len(row) == 7}
    lowest, _, highest, last, bound, over = rows["error ratio"]
    assert (lowest, highest, last, bound, over) == ("0.2 %", "3.5 %", "0.2 %", "1 %", "36m")
    assert rows["p95"][2:] == ["1.4 s", "250 ms", "1 s", "30m"]
    assert rows["up"][:4] == ["2"] * 4 and rows["memory"][0] == "85.8 MiB"
    assert [row[0] for row in page.rows if len(row) == 2][1:] == [
        "/api/orders/{id}",
        "/api/health",
        "/",
    ], "the slowest first"


def test_what_happened_is_listed_and_marked(text: str, page: Seen) -> None:
    events = [row for row in page.rows if len(row) == 5][1:]
    assert [(row[0], row[3]) for row in events] == [
        ("D1", "deploy"),
        ("A1", "alert"),
        ("N1", "note"),
        ("D2", "deploy"),
        ("R1", "rollback"),
    ]
    assert events[0][2] == "1m30s" and "HighLatency (warning)" in events[1][4]
    assert "elsewhere" not in text, "another environment's"
    graphs = text.count("<svg")
    for mark in ("mark deploy", "mark rollback", "mark note", 'rect class="alert"'):
        assert text.count(mark) == graphs * (2 if mark == "mark deploy" else 1)
    assert text.count('class="bound"') == 2


def test_where_nothing_was_measured_the_line_has_a_gap(text: str) -> None:
    rate, *others = re.findall(r'<path class="line c1" d="([^"]*)"', text)
    assert rate.count("M") == 2 and [line.count("M") for line in others] == [1] * len(others)


def test_the_file_asks_nobody_for_anything(text: str, page: Seen) -> None:
    ours = text.replace("https://evil.invalid", "")  # which is just a text here
    assert not re.search(r"https?:|//[a-z]|url\(|@import|javascript:", ours, re.IGNORECASE)
    assert {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "a"} == set()
    assert all(not name.startswith("on") for _, given in page.tags for name in given)
    policy = next(given for tag, given in page.tags if given.get("http-equiv"))
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs: apt install chromium")
def test_a_browser_shows_all_of_it_and_finds_nothing_wrong(file: Path, tmp_path: Path) -> None:
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    words += [f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom"]
    done = subprocess.run(
        ["chromium", *words, file.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.count("<svg") == 7 and done.stdout.rstrip().endswith("</html>")
    assert "CONSOLE" not in done.stderr, done.stderr


def test_light_and_dark_have_every_colour(text: str) -> None:
    light, dark = re.findall(r":root \{(.*?)\}", text, re.DOTALL)
    colours = re.compile(r"--([\w-]+):")
    assert set(colours.findall(light)) == set(colours.findall(dark))
    assert set(re.findall(r"var\(--([\w-]+)\)", text)) == set(colours.findall(light))


def test_it_is_put_where_git_does_not_look(shown: Shown) -> None:
    done = shown.inv("visualize.report", "--since=2h")
    assert done.returncode == 0, done.stderr
    (file,) = (shown.root / ".circle/reports").iterdir()
    assert re.fullmatch(r"local-\d{8}T\d{4}Z-2h\.html", file.name) and file.name in done.stdout
    assert shown.git("status", "--porcelain") == ""
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_time_can_be_said_in_full(shown: Shown, past: Past) -> None:
    start = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(past.bad - 600))
    done = shown.inv("visualize.report", f"--since={start}", "--until=4h", "--json")
    told = json.loads(done.stdout)["detail"]
    assert told["from"].startswith(start.replace("T", " "))
    figures = {each["name"]: each for each in told["figures"]}
    assert figures["error ratio"]["over_seconds"] == 36 * 60
    assert [each["kind"] for each in told["events"]] == ["deploy", "rollback"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--since=yesterday"], "is not a duration"),
        (["--since=2026-99-01"], "is no time: write it as"),
        (["--since=1h", "--until=2h"], "from a minute to 400 days"),
        (["--since=1s"], "from a minute to 400 days"),
        (["--file=."], "is a directory"),
        (["--file=/proc/none/week.html"], "can't be written"),
        (["--env=nowhere"], "no environment 'nowhere'"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_sentence(shown: Shown, words: list[str], said: str) -> None:
    done = shown.inv("visualize.report", *words)
    assert done.returncode == 2 and said in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_period_without_data_is_not_drawn(shown: Shown) -> None:
    done = shown.inv("visualize.report", "--since=30d", "--until=20d")
    assert done.returncode == 1 and "has nothing of local from" in done.stderr
    assert not (shown.root / ".circle/reports").exists()


def test_without_grafana_the_journal_knows_the_deploys(shown: Shown, past: Past) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(past.now - HOUR))
    entry = {"v": 1, "at": at, "who": "ann@laptop", "phase": "deploy", "outcome": "closed"}
    detail = {"environment": "local", "version": "v1.6.0"}
    (shown.root / ".circle").mkdir()
    lines = [
        entry | {"seconds": 2.5, "detail": detail},
        entry | {"detail": detail | {"environment": "production"}},
        entry | {"outcome": "refused", "detail": detail},
        {"phase": "deploy"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (shown.root / ".circle/journal.jsonl").write_text(text)
    done = shown.inv("visualize.report", "--json", INVOKE_STACK_GRAFANA="http://127.0.0.1:1")
    assert done.returncode == 0 and "this clone's journal" in done.stderr
    told = [e for e in json.loads(done.stdout)["detail"]["events"] if e["kind"] == "deploy"]
    assert [each["text"] for each in told] == ["deploy of v1.6.0 closed (ann@laptop)"]
