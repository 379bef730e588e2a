"""Who has approved of the changes of a release, as GitHub's pull requests tell it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Iterable, TypeVar

import msgspec

from .errors import Refused
from .gh import Gh
from .git import Git

AT_ONCE = 8  # requests side by side; GitHub allows 100

SHOWN = 50  # letters of a title

# Whose word counts: on a public repository anybody may review.
_INSIDE = ("OWNER", "MEMBER", "COLLABORATOR")


class Account(msgspec.Struct):
    """Who wrote something."""

    login: str


class Pull(msgspec.Struct):
    """A pull request, as the API tells it. user: None for somebody whose account is gone."""

    number: int
    title: str
    user: Account | None = None
    merged_at: str | None = None


class Review(msgspec.Struct):
    """A review, as the API tells it. author_association: who its author is to the repository."""

    state: str
    user: Account | None = None
    author_association: str = ""


Key = TypeVar("Key")
Value = TypeVar("Value")


def unreviewed(
    root: Path,
    repository: str,
    since: str,
    until: str,
    exempt: Callable[[str], bool] = lambda commit: False,
) -> list[str]:
    """Return what nobody has approved of among the changes since..until, in words.

    A commit is approved of where a merged pull request with it has an approving review, by somebody
    of the repository other than its author, that the same reviewer has not taken back. since: ""
    for the beginning. exempt: tells of a commit without a pull request that it needs none.
    Raises Refused where GitHub can't be asked.
    """
    span = f"{since}..{until}" if since else until
    listed = Git(root)("log", "--format=%H %s", "--end-of-options", span, "--")
    lines = listed.decode("utf-8", "replace").splitlines()
    subjects = {commit: subject for commit, _, subject in (line.partition(" ") for line in lines)}
    gh = Gh(root, repository)
    found = _each(lambda commit: _merged(gh, commit), subjects)
    pulls = {pull.number: pull for each in found.values() for pull in each}
    approved = _each(lambda number: _approved(gh, pulls[number]), pulls)
    told: dict[str, None] = {}  # in the order of the commits, each once
    for commit, each in found.items():
        if not each and not exempt(commit):
            told[f"{commit[:7]} ({_short(subjects[commit])}) belongs to no merged pull request"] = (
                None
            )
        elif not any(approved[pull.number] for pull in each):
            told |= dict.fromkeys(_unapproved(pull) for pull in each)
    return list(told)


def _each(ask: Callable[[Key], Value], about: Iterable[Key]) -> dict[Key, Value]:
    """Return what is told about each, asked for side by side."""
    keys = list(about)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            return dict(zip(keys, pool.map(ask, keys)))
        except BaseException:  # the first that fails is told: nobody waits for the others
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _merged(gh: Gh, commit: str) -> list[Pull]:
    """Return the merged pull requests with a commit; none for one that GitHub doesn't have."""
    try:
        pulls = gh.listed(f"commits/{commit}/pulls", Pull)
    except Refused as error:
        if error.kind == "refused":
            return []
        raise
    return [pull for pull in pulls if pull.merged_at]


def _approved(gh: Gh, pull: Pull) -> bool:
    last: dict[str, str] = {}
    for review in gh.listed(f"pulls/{pull.number}/reviews", Review):
        inside = review.author_association in _INSIDE
        if inside and review.state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            last[_login(review.user)] = review.state
    last.pop(_login(pull.user), None)
    return "APPROVED" in last.values()


def _login(account: Account | None) -> str:
    """Return who it is; whose account is gone is nobody in particular."""
    return account.login if account else ""


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _unapproved(pull: Pull) -> str:
    return f"#{pull.number} ({_short(pull.title)}) has no approving review"
