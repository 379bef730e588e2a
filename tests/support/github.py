"""GitHub, as far as gh needs it for a release: it keeps what it is told, and what it was asked.

It answers at the paths of GitHub's REST API, as an Enterprise server has them, below /api/v3. How
that is served, and git beside it, is in github_served.py.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "acme/shop"
REPO = f"/api/v3/repos/{NAME}"
UPLOADS = f"/api/uploads/repos/{NAME}/releases"
TOKEN = "ghp_sentinel0123456789abcdefghijklmnopqr"


@dataclass
class Asked:
    """A request, as it came. body: JSON where it was some, else its bytes."""

    method: str
    path: str
    query: dict[str, str]
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class GitHub:
    """What GitHub has, for a test to fill and to look at.

    pulls: by number, as the API tells them, with `commits` (hashes) and `reviews` of our own.
    checks, statuses: by commit, as the API tells them.
    failing: (method, regular expression of the path) and the (status, message or whole body) given
    instead; a status of 0 cuts the connection.
    """

    bare: Path
    host: str = ""
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    checks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    releases: dict[int, dict[str, Any]] = field(default_factory=dict)
    content: dict[int, bytes] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    failing: dict[tuple[str, str], tuple[int, str | bytes]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    page: int = 100  # how much a page holds at most
    private: bool = False  # whether git has to log in, too, as for a private repository and a push
    digests: bool = True  # whether it tells attachments' hashes, as newer servers do

    @property
    def url(self) -> str:
        return f"https://{self.host}/{NAME}.git"

    @property
    def repository(self) -> str:
        return f"{self.host}/{NAME}"

    def pull(self, number: int, *commits: str, **said: Any) -> None:
        """Have a merged pull request of jane's that brought the commits."""
        usual = {
            "number": number,
            "title": f"Change {number}",
            "user": {"login": "jane"},
            "merged_at": "2026-11-25T10:00:00Z",
            "base": {"ref": "main"},
            "commits": commits,
            "reviews": [],
        }
        self.pulls[number] = {**usual, **said}

    def review(self, number: int, who: str, state: str, place: str = "MEMBER") -> None:
        """Add a review. state: such as APPROVED. place: of `who` in the repository."""
        said = {"user": {"login": who}, "state": state, "author_association": place}
        self.pulls[number]["reviews"].append(said)

    def check(self, commit: str, name: str, conclusion: str | None = "success") -> None:
        """Have a check run of a commit; without a conclusion it goes on."""
        status = "completed" if conclusion else "in_progress"
        said = {"name": name, "status": status, "conclusion": conclusion}
        self.checks.setdefault(commit, []).append(said)

    def release(self, tag: str, **said: Any) -> dict[str, Any]:
        """Have a release."""
        number = len(self.releases) + 1
        base = f"https://{self.host}"
        self.releases[number] = {
            "id": number,
            "node_id": f"R{number}",
            "url": f"{base}{REPO}/releases/{number}",
            "upload_url": f"{base}{UPLOADS}/{number}/assets{{?name,label}}",
            "html_url": f"{base}/{NAME}/releases/tag/{tag}",
            "tag_name": tag,
            "name": "",
            "body": "",
            "draft": False,
            "prerelease": False,
            "make_latest": "",
            "assets": [],
            **said,
        }
        return self.releases[number]

    def attach(self, number: int, name: str, content: bytes, **said: Any) -> dict[str, Any]:
        """Attach a file to a release."""
        made: dict[str, Any] = {"id": len(self.content) + 1, "name": name, "size": len(content)}
        made |= {"state": "uploaded", "label": ""}
        made["url"] = f"https://{self.host}{REPO}/releases/assets/{made['id']}"
        if self.digests:
            made["digest"] = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.content[made["id"]] = content
        self.releases[number]["assets"].append(made | said)
        return made

    def attached(self, number: int = 1) -> dict[str, bytes]:
        """What is attached to a release, by name."""
        return {each["name"]: self.content[each["id"]] for each in self.releases[number]["assets"]}

    def changes(self) -> list[str]:
        """The requests that were meant to change something."""
        return [str(each) for each in self.asked if each.method != "GET"]

    def ref(self, name: str) -> str:
        """The object of a reference of the git repository, "" for none."""
        argv = ["git", "-C", str(self.bare), "rev-parse", "--verify", "--quiet", name]
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


Answer = tuple[int, Any]
NOT_FOUND: Answer = (404, {"message": "Not Found"})


def answer(hub: GitHub, asked: Asked) -> Answer:
    """Return status and JSON body for a request that may be made."""
    routes: list[tuple[str, str, Any]] = [
        ("GET", rf"{REPO}/commits/([0-9a-f]+)/pulls", _pulls),
        ("GET", rf"{REPO}/commits/([0-9a-f]+)/check-runs", _checks),
        ("GET", rf"{REPO}/commits/([0-9a-f]+)/status", _status),
        ("GET", rf"{REPO}/pulls/(\d+)/reviews", _reviews),
        ("GET", rf"{REPO}/releases", lambda hub, asked: (200, [*hub.releases.values()][::-1])),
        ("GET", rf"{REPO}/releases/tags/(.+)", _by_tag),
        ("POST", rf"{REPO}/releases", _create),
        ("PATCH", rf"{REPO}/releases/(\d+)", _edit),
        ("POST", rf"{UPLOADS}/(\d+)/assets", _upload),
        ("DELETE", rf"{REPO}/releases/assets/(\d+)", _detach),
        ("GET", rf"{REPO}/releases/assets/(\d+)", _content),
        ("GET", rf"{REPO}/git/ref/(tags/.+)", _ref),
        ("POST", rf"{REPO}/issues", _issue),
    ]
    for method, expression, act in routes:
        found = re.fullmatch(expression, asked.path)
        if found and method == asked.method:
            told: Answer = act(hub, asked, *found.groups())
            return told
    return NOT_FOUND


def _pulls(hub: GitHub, asked: Asked, commit: str) -> Answer:
    if not hub.ref(f"{commit}^{{commit}}"):
        return 422, {"message": f"No commit found for SHA: {commit}"}
    ours = ("commits", "reviews")
    return 200, [
        {name: said for name, said in pull.items() if name not in ours}
        for pull in hub.pulls.values()
        if commit in pull["commits"]
    ]


def _checks(hub: GitHub, asked: Asked, commit: str) -> Answer:
    if not hub.ref(f"{commit}^{{commit}}"):
        return 422, {"message": f"No commit found for SHA: {commit}"}
    found = hub.checks.get(commit, [])
    return 200, {"total_count": len(found), "check_runs": found}


def _status(hub: GitHub, asked: Asked, commit: str) -> Answer:
    found = hub.statuses.get(commit, [])
    return 200, {"state": "pending", "total_count": len(found), "statuses": found}


def _reviews(hub: GitHub, asked: Asked, number: str) -> Answer:
    return 200, hub.pulls[int(number)]["reviews"]


def _by_tag(hub: GitHub, asked: Asked, tag: str) -> Answer:
    each = hub.releases.values()
    return next(((200, r) for r in each if r["tag_name"] == tag and not r["draft"]), NOT_FOUND)


def _create(hub: GitHub, asked: Asked) -> Answer:
    if _by_tag(hub, asked, asked.body["tag_name"]) != NOT_FOUND:
        errors = [{"resource": "Release", "code": "already_exists", "field": "tag_name"}]
        return 422, {"message": "Validation Failed", "errors": errors}
    return 201, hub.release(asked.body["tag_name"], **{**asked.body})


def _edit(hub: GitHub, asked: Asked, number: str) -> Answer:
    if int(number) not in hub.releases:
        return NOT_FOUND
    hub.releases[int(number)].update(asked.body)
    return 200, hub.releases[int(number)]


def _upload(hub: GitHub, asked: Asked, number: str) -> Answer:
    if asked.query["name"] in hub.attached(int(number)):
        return 422, {"message": "Validation Failed", "errors": [{"code": "already_exists"}]}
    return 201, hub.attach(int(number), asked.query["name"], asked.body)


def _detach(hub: GitHub, asked: Asked, asset: str) -> Answer:
    for release in hub.releases.values():
        release["assets"] = [each for each in release["assets"] if each["id"] != int(asset)]
    return 204, None


def _content(hub: GitHub, asked: Asked, asset: str) -> Answer:
    return 200, hub.content[int(asset)]


def _ref(hub: GitHub, asked: Asked, name: str) -> Answer:
    found = hub.ref(f"refs/{name}")
    return (200, {"ref": f"refs/{name}", "object": {"sha": found}}) if found else NOT_FOUND


def _issue(hub: GitHub, asked: Asked) -> Answer:
    number = len(hub.issues) + 1
    made = {"number": number, "html_url": f"https://{hub.host}/{NAME}/issues/{number}"}
    hub.issues.append({**asked.body, **made})
    return 201, hub.issues[-1]
