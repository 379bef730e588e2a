"""Stands in for Grafana, which is not to be had here: its HTTP API on a free loopback port.

What it answers follows the API's documentation (developer-resources/api-reference/http-api). It
reads the provisioning that ships, as Grafana does, and passes queries on to a real Prometheus.
"""

from __future__ import annotations

import base64
import http.server
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import requests
import yaml

from tests.support.web import served

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse"


@dataclass
class Grafana:
    """A running one. What it does wrong is set while it runs.

    hosts: what the names in the URLs of data sources lead to, as in the stack's own network.
    database, delay, delayed: its state, and seconds before a query with that in it is passed on.
    """

    url: str
    hosts: dict[str, str]
    sources: dict[str, dict[str, Any]]
    boards: dict[str, dict[str, Any]]
    folders: list[str]
    token: str = "glsa_test"
    database: str = "ok"
    delay: float = 0.0
    delayed: str = ""
    annotations: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def model(self, uid: str) -> dict[str, Any]:
        """Return a board's model, to be changed as if in Grafana."""
        found = self.boards[uid]["dashboard"]
        assert isinstance(found, dict)
        return found


def provisioned(place: Path) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Return data sources and boards by uid, and folders, of what `place` (grafana/) has."""
    sources: dict[str, dict[str, Any]] = {}
    boards: dict[str, dict[str, Any]] = {}
    folders: list[str] = []
    for file in sorted((place / "provisioning" / "datasources").glob("*.y*ml")):
        for each in yaml.safe_load(_expanded(file.read_text()))["datasources"]:
            sources[each["uid"]] = {"id": len(sources) + 1, "readOnly": True, **each}
    for file in sorted((place / "provisioning" / "dashboards").glob("*.y*ml")):
        for provider in yaml.safe_load(_expanded(file.read_text()))["providers"]:
            folders.append(provider["folder"])
            where = place / Path(provider["options"]["path"]).relative_to("/etc/grafana")
            for board in sorted(where.glob("**/*.json")):
                model = json.loads(board.read_text())
                model |= {"id": len(boards) + 1, "version": 1}
                boards[model["uid"]] = _board(model, provider)
    return sources, boards, folders


def _expanded(text: str) -> str:
    """What Grafana makes of variables in provisioning: here none is set."""
    return re.sub(r"\$(\$|\w+|\{\w+\})", lambda found: "$" if found[1] == "$" else "", text)


def _board(model: dict[str, Any], provider: Mapping[str, Any]) -> dict[str, Any]:
    url = f"/d/{model['uid']}/{re.sub(r'[^a-z0-9]+', '-', model['title'].lower())}"
    meta = {"url": url, "folderTitle": provider["folder"], "folderUid": provider["folderUid"]}
    return {"dashboard": model, "meta": meta | {"provisioned": True}}


@contextmanager
def serve(
    prometheus: str, place: Path = ROOT / "grafana", password: str = PASSWORD
) -> Iterator[Grafana]:
    """Run until the block ends; http://prometheus:9090 is `prometheus`."""
    hosts = {"prometheus:9090": prometheus}
    grafana = Grafana("", hosts, *provisioned(place))
    basic = base64.b64encode(f"admin:{password}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            self._answered("GET")

        def do_POST(self) -> None:
            self._answered("POST")

        def _answered(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            grafana.asked.append(f"{method} {self.path}")
            given = self.headers.get("Authorization", "")
            known = given in (f"Basic {basic}", f"Bearer {grafana.token}")
            status, said = answer(grafana, method, self.path, body, known)
            sent = said if isinstance(said, bytes) else json.dumps(said).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)
            except OSError:
                self.close_connection = True  # who asked did not wait

    with served(Handler) as grafana.url:
        yield grafana


def answer(grafana: Grafana, method: str, asked: str, body: bytes, known: bool) -> tuple[int, Any]:
    """Return status and body of one request; `known`: whether it logged in."""
    path, words = urlsplit(asked).path, parse_qs(urlsplit(asked).query)
    if path == "/api/health":
        state = {"commit": "0", "database": grafana.database, "version": "13.2.0"}
        return 200 if grafana.database == "ok" else 503, state
    if not known:
        return 401, {"message": "Invalid username or password", "statusCode": 401}
    if method == "POST" and path == "/api/annotations":
        grafana.annotations.append({"id": len(grafana.annotations) + 1, **json.loads(body)})
        return 200, {"message": "Annotation added", "id": len(grafana.annotations)}
    if found := re.fullmatch(r"/api/datasources/(?:proxy/)?uid/([\w-]+)/?(.*)", path):
        return _source(grafana, method, found[1], found[2], asked, body)
    return _got(grafana, path, words)


def _source(
    grafana: Grafana, method: str, uid: str, rest: str, asked: str, body: bytes
) -> tuple[int, Any]:
    if uid not in grafana.sources:
        return 404, {"message": "Data source not found"}
    place = grafana.hosts.get(urlsplit(grafana.sources[uid]["url"]).netloc, "")
    query = urlsplit(asked).query
    if "/proxy/" in asked:
        time.sleep(grafana.delay if grafana.delayed in unquote_plus(body.decode()) else 0)
        return _passed(method, f"{place}/{rest}{'?' * bool(query)}{query}", body)
    if rest == "health":
        status, said = _passed("POST", f"{place}/api/v1/query", b"query=1%2B1")
        if status == 200:
            return 200, {"message": "Successfully queried the Prometheus API.", "status": "OK"}
        why = f'Post "{grafana.sources[uid]["url"]}/api/v1/query": connection refused'
        return 400, {"message": f"{why} - There was an error", "status": "ERROR"}
    return 200, grafana.sources[uid]


def _passed(method: str, url: str, body: bytes) -> tuple[int, Any]:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        got = requests.request(method, url, data=body, headers=form if body else {}, timeout=20)
        return got.status_code, got.content
    except requests.RequestException:
        return 502, {"message": "Bad Gateway"}


def _got(grafana: Grafana, path: str, words: Mapping[str, list[str]]) -> tuple[int, Any]:
    if path == "/api/datasources":
        return 200, [*grafana.sources.values()]
    if path == "/api/folders":
        return 200, [{"id": 1, "uid": name.lower(), "title": name} for name in grafana.folders]
    if path == "/api/dashboards/home":
        return 200, {"dashboard": grafana.model("pi-forge"), "meta": {"isHome": True}}
    if path == "/api/search":
        text = words.get("query", [""])[0].lower()
        found = [b for b in grafana.boards.values() if text in b["dashboard"]["title"].lower()]
        return 200, [
            {"uid": b["dashboard"]["uid"], "title": b["dashboard"]["title"], "type": "dash-db"}
            | {key: b["meta"][key] for key in ("url", "folderTitle", "folderUid")}
            for b in found
        ]
    if path == "/api/annotations":
        tags = set(words.get("tags", []))
        start, end = float(words["from"][0]), float(words["to"][0])
        marks = [a for a in grafana.annotations if start <= a["time"] <= end]
        return 200, [a for a in marks if tags <= set(a["tags"])]
    if named := re.fullmatch(r"/api/dashboards/uid/([\w-]+)", path):
        board = grafana.boards.get(named[1])
        return (200, board) if board else (404, {"message": "Dashboard not found"})
    return 404, {"message": "Not found"}
