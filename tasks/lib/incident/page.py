"""The page of an incident, in Markdown: what is known, what is not, and what people have to say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, NamedTuple, Sequence

from ..duration import show
from ..visualize.drawing import number
from .asking import Had
from .case import Case
from .changes import MANY, Changes
from .figures import Counted, Measured
from .timeline import Happened, moment
from .words import fenced, logged, plain, said

if TYPE_CHECKING:
    from .changes import Commit

CAUSE, FOLLOW_UPS, TIMELINE = "Cause", "Follow-ups", "Timeline"
UNKNOWN = "not known"
HEAD = "| when, UTC | what | by |"
_ROW = re.compile(r"\| \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \|")
LAST = 40  # lines of each host's log


class Facts(NamedTuple):
    """All that a page says.

    name: of the page. title: what it is called. kept: values that may be on no page. at: when it
    was drafted. happened: the timeline; hosts, alerts: "" or why they told nothing. plots: the file
    of each graph, by its title, from the page. contacts: the roles that can be called.
    """

    name: str
    environment: str
    title: str
    kept: tuple[str, ...]
    at: float
    case: Case
    happened: tuple[Happened, ...]
    hosts: str
    alerts: str
    measured: Had[Measured]
    changes: Had[Changes]
    log: Had[Mapping[str, Sequence[str]]]
    plots: Mapping[str, str]
    contacts: tuple[str, ...]

    def text(self, text: str) -> str:
        """Return a text of somebody's as the page may have it."""
        return plain(text, self.kept)

    def why(self, text: str) -> str:
        """Return a reason of ours, which may name a command."""
        return self.text(text).replace("\\`", "`").rstrip(".")


def render(facts: Facts) -> str:
    """Return the whole page."""
    parts = (
        _front(facts),
        f"# {facts.text(facts.title)}",
        _opening(facts),
        "## What was done\n\n" + _done(facts),
        "## Impact\n\n" + _impact(facts),
        f"## {TIMELINE}\n\n" + _timeline(facts),
        "## What came with the release\n\n" + _changes(facts),
        "## Graphs\n\n" + _graphs(facts),
        "## Log of the release\n\n" + _log(facts),
        f"## {CAUSE}\n\n<!-- What made it happen, and why nothing held it back before. -->",
        f"## {FOLLOW_UPS}\n\n<!-- What, who, until when: a line each. Tick what is done. -->\n\n"
        "- [ ]",
        "## People\n\n" + _people(facts),
    )
    return "\n\n".join(parts) + "\n"


def _front(facts: Facts) -> str:
    from .record import front

    case = facts.case
    values = {"environment": facts.environment, "state": "open", "opened": _iso(facts.at)}
    if case.since is not None:
        values["live"] = _iso(case.since)
    if case.kind:
        values |= {"ended": _iso(case.at), "from": case.left, "to": case.back}
    return front(values)


def _iso(at: float) -> str:
    return moment(at).replace(" ", "T") + "Z"


def _opening(facts: Facts) -> str:
    fixes = f"inv deploy --env={facts.environment} --fixes={facts.name}"
    return (
        f"Drafted {moment(facts.at)} UTC from journals, Prometheus, Alertmanager and git: complete"
        f" it, and commit it with its graphs.\n\nWhat mends it is deployed with `{fixes}`. When the"
        f" cause is written down, `inv rollback.incident --close={facts.name}` closes it."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _done(facts: Facts) -> str:
    case, text = facts.case, facts.text
    if not case.kind:
        return f"No rollback, and no deploy that was taken back, is known of {facts.environment}."
    what = "rolled back" if case.kind == "rollback" else "deployed, and taken back"
    what = what if case.done else "a rollback that did not come to its end"
    left, back = ("Left", "Back on") if case.done else ("Was to be left", "For")
    lived = UNKNOWN
    if case.since is not None:
        lived = f"{show(round(case.at - case.since))}, from {moment(case.since)}"
    rows = [
        ("What", what),
        ("Ended", f"{moment(case.at)} UTC"),
        ("By", text(case.who) or UNKNOWN),
        (left, text(case.left) or UNKNOWN),
        (back, text(case.back) or "nothing"),
        ("Was live for", lived),
        ("Reason", text(said(case.reason, facts.kept)) or "none was given"),
        ("Why", text(case.why)),
    ]
    return _table(("", facts.environment), [row for row in rows if row[1]])


def _impact(facts: Facts) -> str:
    measured, rows = facts.measured.value, []
    if measured is not None:
        rows.append(("all of " + facts.environment, *_counted(measured.every)))
        if facts.case.left:
            rows.append((facts.text(facts.case.left), *_counted(measured.own)))
    if watch := facts.case.watch:
        rows.append(
            (f"the watch of its deploy ({facts.text(str(watch.get('why', '')))})", *_watched(watch))
        )
    head = ("requests while it was live, as counted of", "all", "failed", "error ratio")
    parts = [_table(head, rows)] if rows else []
    if measured is None:
        parts.append(f"What Prometheus measured is {UNKNOWN}: {facts.why(facts.measured.why)}.")
    else:
        highest = UNKNOWN if measured.highest is None else number(measured.highest, "ratio")
        over = UNKNOWN if measured.over is None else show(measured.over)
        parts.append(
            f"Highest error ratio over five minutes: {highest}. Time over its bound: {over}."
            " Counted is until a minute after it was left, as samples come in late; what never"
            " reached the service is not in it."
        )
    return "\n\n".join(parts)


def _counted(counted: Counted | None) -> tuple[str, str, str]:
    if counted is None:
        return UNKNOWN, UNKNOWN, UNKNOWN
    ratio = UNKNOWN if counted.ratio is None else number(counted.ratio, "ratio")
    return f"{counted.requests:,.0f}", f"{counted.failed:,.0f}", ratio


def _watched(watch: Mapping[str, Any]) -> tuple[str, str, str]:
    requests, ratio = watch.get("samples"), watch.get("error_ratio")
    if not isinstance(requests, (int, float)) or not isinstance(ratio, (int, float)):
        return UNKNOWN, UNKNOWN, UNKNOWN
    return f"{requests:,.0f}", f"{requests * ratio:,.0f}", number(ratio, "ratio")


def _timeline(facts: Facts) -> str:
    parts = ["\n".join([HEAD, "| --- | --- | --- |", *rows(facts.happened, facts.kept)])]
    if facts.hosts:
        parts.append(f"What the hosts' journals have is {UNKNOWN}: {facts.why(facts.hosts)}.")
    if facts.alerts:
        parts.append(f"Which alerts fired is {UNKNOWN}: {facts.why(facts.alerts)}.")
    return "\n\n".join(parts)


def rows(happened: Iterable[Happened], kept: Iterable[str]) -> Iterator[str]:
    """Yield a row of the timeline for each."""
    for each in happened:
        yield f"| {moment(each.at)} | {plain(each.text, kept)} | {plain(each.by, kept)} |"


def continued(text: str, happened: Iterable[Happened], kept: Iterable[str]) -> tuple[str, int]:
    """Return a page with the rows that are later than the last one of its timeline, and their
    number: 0 where there are none, or people have made something else of the table."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(end)
    begin = next((n for n, line in enumerate(lines) if line.strip() == f"## {TIMELINE}"), None)
    if begin is None:
        return text, 0
    stop = next((n for n in range(begin + 1, len(lines)) if lines[n].startswith("## ")), len(lines))
    found = [n for n in range(begin, stop) if _ROW.match(lines[n])]
    head = [n for n in range(begin, stop) if lines[n].startswith("| ---")]
    if not (found or head):
        return text, 0
    last = max((lines[n][2:21] for n in found), default="")
    new = [row for row in rows(happened, kept) if row[2:21] > last]
    at = (found or head)[-1] + 1
    return end.join([*lines[:at], *new, *lines[at:]]), len(new)


def _changes(facts: Facts) -> str:
    found, text = facts.changes.value, facts.text
    if found is None:
        return (
            f"The commits between the two releases are {UNKNOWN}: {facts.why(facts.changes.why)}."
        )
    if not found.number:
        lines = ["It has no commit that the other one hasn't."]
    else:
        by = ", ".join(text(name) for name in found.authors)
        lines = [f"{found.number} commit{'s' * (found.number != 1)}, by {by}:", ""]
        lines += [_commit(facts, each) for each in found.commits]
    if found.number > MANY:
        lines += ["", f"The newest {MANY} of them are listed."]
    if found.gone:
        lines += ["", f"It lacked {found.gone} of the commits of the release before it."]
    if found.cut:
        lines += ["", "This clone's history is cut (shallow), so there may be more."]
    return "\n".join(lines)


def _commit(facts: Facts, commit: Commit) -> str:
    merge = " (merge)" if commit.merge else ""
    told = f"{facts.text(commit.subject)}, {facts.text(commit.author)}, {commit.date}"
    return f"- `{commit.hash}`{merge} {told}"


def _graphs(facts: Facts) -> str:
    if facts.plots:
        return "\n\n".join(f"![{title}]({file})" for title, file in facts.plots.items())
    why = facts.why(facts.measured.why) or "Prometheus has nothing of this time"
    return f"There are none: {why}."


def _log(facts: Facts) -> str:
    if not facts.case.left:
        return "No release was left."
    if facts.log.value is None:
        return f"Its log is {UNKNOWN}: {facts.why(facts.log.why)}."
    if not any(facts.log.value.values()):
        return "It logged nothing."
    ids = (facts.case.left, facts.case.back)
    parts = []
    for host, lines in facts.log.value.items():
        text = logged("\n".join(lines), facts.kept, ids)  # as a whole: a key has several lines
        parts.append(f"{facts.text(host)}, the last lines:\n\n{fenced(text.splitlines())}")
    return "\n\n".join(parts)


def _people(facts: Facts) -> str:
    wrote = facts.changes.value.authors if facts.changes.value else ()
    took = dict.fromkeys(each.by for each in facts.happened if each.by)
    lines = [f"- wrote what came with the release: {', '.join(map(facts.text, wrote))}"] * bool(
        wrote
    )
    lines += [f"- took part: {', '.join(map(facts.text, took))}"] * bool(took)
    if facts.contacts:
        roles = ", ".join(map(facts.text, facts.contacts))
        lines.append(f"- can be asked: {roles} (`inv alert.contacts` says how)")
    return "\n".join([*lines, "- add who else was there, and who has to know of this:"])
