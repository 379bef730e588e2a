"""Run gh, GitHub's command: it never prompts, and what it holds of secrets is never shown.

Through `gh api` alone, and its paths of GitHub's REST API: they are the same in every version of gh
and name a release by its id, where `gh release` goes by tag, of which there may be several drafts.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from .convert import ONE
from .errors import Refused
from .git import STEERING

SECONDS = 60.0  # for a question; a file takes as long as it takes

# What would have it ask about something else, or print more than the answer.
_STEERING = ("GH_REPO", "GH_DEBUG", "DEBUG", "GH_FORCE_TTY", "CLICOLOR_FORCE", *STEERING)
_PLAIN = {
    "GH_PROMPT_DISABLED": "1",
    "GH_NO_UPDATE_NOTIFIER": "1",
    "NO_COLOR": "1",
    "LC_ALL": "C",
}

# By what gh says: the kind of the failure and its sentence, which names the next command. The first
# that fits counts. (Status codes and limits: the REST API's documentation, "Troubleshooting".)
_FAILURES = (
    (
        r"rate limit|HTTP 429",
        "limit",
        "{host} has had too many requests of this login for now: wait, `gh api rate_limit` says"
        " how long",
    ),
    (
        r"HTTP 401|gh auth login",
        "login",
        "{host} does not take this login: `gh auth login --hostname {host}`, or renew its token in"
        " the environment",
    ),
    (
        r"HTTP 403",
        "denied",
        "{host} does not let this login do that: `gh auth refresh --hostname {host} --scopes repo`",
    ),
    (
        r"HTTP 404",
        "absent",
        "{host} has no {name}, or hides it from this login: `gh repo view {repository}`",
    ),
    (
        r"HTTP 4\d\d",
        "refused",
        "{host} does not take that, as it says: {said}; look at `gh release list --repo"
        " {repository}`",
    ),
    (
        r"HTTP 5\d\d",
        "trouble",
        "{host} has trouble of its own ({said}): `gh api rate_limit` tells when it answers again",
    ),
    (
        r"x509|certificate",
        "network",
        "{host} shows a certificate that is not trusted here: `gh auth status --hostname {host}`",
    ),
    (
        r"",
        "network",
        "{host} could not be reached ({said}): `gh api rate_limit` tells when it answers again",
    ),
)

T = TypeVar("T")

_TOO_OLD = "gh is too old: install 2.17 or newer, `gh --version`"


class Gh(NamedTuple):
    """gh for one repository. root: where it runs. repository: HOST/OWNER/NAME."""

    root: Path
    repository: str

    @property
    def host(self) -> str:
        return self.repository.partition("/")[0]

    @property
    def name(self) -> str:
        """The repository on its host: OWNER/NAME."""
        return self.repository.partition("/")[2]

    def missing(self) -> str:
        """Return "" where gh is there and has a login for the host, which isn't asked; else what
        is missing, with the command that mends it."""
        if not shutil.which("gh"):
            return "gh is not installed or not in PATH: install it, then `gh auth login`"
        # It prints the token, which is not kept.
        done = self._run(["auth", "token", "--hostname", self.host], b"", SECONDS)
        if done.returncode == 0:
            return ""
        if b"unknown command" in done.stderr:
            return _TOO_OLD
        return f"gh has no login for {self.host}: `gh auth login --hostname {self.host}`"

    def api(self, path: str, kind: type[T], *, method: str = "GET", body: Any = None) -> T:
        """Return what the API answers, as a `kind`. path: below that of the repository.

        Raises Refused (kinds: see above) with one clause that names the next command.
        """
        given = json.dumps(body).encode() if body is not None else b""
        words = ["--input", "-"] if body is not None else []
        return self._read(self._api(self._path(path), method, words, given), kind)[0]

    def listed(self, path: str, kind: type[T]) -> list[T]:
        """Return everything of a list, of all its pages. Raises Refused."""
        pages = self.pages(path, list[kind])  # type: ignore[valid-type]
        return [each for page in pages for each in page]

    def pages(self, path: str, kind: type[T]) -> list[T]:
        """Return every page of what is told in pages. Raises Refused."""
        joined = "&" if "?" in path else "?"
        words = f"{self._path(path)}{joined}per_page=100"
        return self._read(self._api(words, "GET", ["--paginate"]), kind)

    def delete(self, path: str) -> None:
        """Have something deleted. Raises Refused."""
        self._api(self._path(path), "DELETE", [])

    def content(self, path: str) -> bytes:
        """Return a file. Raises Refused."""
        accept = ["--header", "Accept: application/octet-stream"]
        return self._api(self._path(path), "GET", accept, seconds=None)

    def upload(self, url: str, file: Path) -> None:
        """Send a file to an address of the API. Raises Refused."""
        kind = ["--header", "Content-Type: application/octet-stream"]
        self._api(url, "POST", [*kind, "--input", str(file.absolute())], seconds=None)

    def _read(self, answer: bytes, kind: type[T]) -> list[T]:
        """Return what is said: one thing after the other, as older versions print pages."""
        decoder, found, at = json.JSONDecoder(), list[T](), 0
        try:
            text = answer.decode().strip()
            while at < len(text):
                part, at = decoder.raw_decode(text, at)
                with ONE:
                    found.append(msgspec.convert(part, kind))
                at += len(text[at:]) - len(text[at:].lstrip())
            if found:
                return found
        except ValueError:  # msgspec's own is one of them
            pass
        raise Refused(
            f"{self.host} answers what GitHub does not: `gh repo view {self.repository}`",
            kind="answer",
        )

    def _path(self, path: str) -> str:
        return f"repos/{self.name}/{path}"

    def _api(
        self,
        url: str,
        method: str,
        words: list[str],
        stdin: bytes = b"",
        seconds: float | None = SECONDS,
    ) -> bytes:
        try:
            done = self._run(["api", url, "--method", method, *words], stdin, seconds)
        except FileNotFoundError:
            raise Refused(self.missing(), kind="login") from None
        except subprocess.TimeoutExpired:
            raise self._failure(f"no answer within {seconds:g} s") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace")
            # Who may read, but not write, is told that there is nothing.
            raise self._failure(said if method == "GET" else said.replace("HTTP 404", "HTTP 403"))
        return done.stdout

    def _run(
        self, words: list[str], stdin: bytes, seconds: float | None
    ) -> subprocess.CompletedProcess[bytes]:
        kept = {name: text for name, text in os.environ.items() if name not in _STEERING}
        return subprocess.run(
            ["gh", *words],
            cwd=self.root,
            env={**kept, **_PLAIN, "GH_HOST": self.host},
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
        )

    def _failure(self, said: str) -> Refused:
        text = hidden(said).strip()
        kind, sentence = next(
            (kind, words) for fits, kind, words in _FAILURES if re.search(fits, text, re.I)
        )
        first = (text.splitlines() or ["it said nothing"])[0].removeprefix("gh: ")
        first = re.sub(r'^\w+ "[^"]*": ', "", first)  # the address, before what is wrong with it
        known = {"host": self.host, "name": self.name, "repository": self.repository}
        return Refused(sentence.format(**known, said=first), kind=kind, evidence=text)


def hidden(text: str) -> str:
    """Return `text` without the tokens that gh finds in the environment, and without what looks
    like one (GitHub's documentation, "Token formats")."""
    own = (
        os.environ.get("GH_TOKEN"),
        os.environ.get("GITHUB_TOKEN"),
        os.environ.get("GH_ENTERPRISE_TOKEN"),
        os.environ.get("GITHUB_ENTERPRISE_TOKEN"),
    )
    for token in filter(None, own):
        text = text.replace(token, "…")
    return re.sub(r"\b(gh[opsru]_|github_pat_)\w+", "…", text)
