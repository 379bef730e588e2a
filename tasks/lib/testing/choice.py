"""What of the tests is run and how: from a command line to pytest's."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, NamedTuple, Sequence

from ..errors import Refused

if TYPE_CHECKING:
    from .settings import Testing

# Options of pytest that leave out no test; whatever else is passed on may.
_WITH_VALUE = frozenset(
    "-n -W -r --tb --maxfail --durations --color --capture --dist --timeout --junit-xml --junitxml"
    " --log-cli-level".split()
)
_ALONE = re.compile(
    r"-v+|-q+|-[xsl]|-[nrW].+|--verbose|--quiet|--exitfirst|--showlocals|--pdb|--full-trace"
    r"|--no-header|--no-summary|--setup-show|--strict[a-z-]*"
)


class Choice(NamedTuple):
    """What of the tests is run, and how.

    suite: a name below the directory of tests, or one that is configured. keyword: pytest's -k.
    failed: those that failed the last time. parallel: on every core. coverage: measure what they
    reach. brief: as the runbook's validation has it, up to the first failure, and leaving nothing
    behind. more: passed on to pytest as it is. usual: what PYTEST_ADDOPTS passes on.
    """

    suite: str = ""
    keyword: str = ""
    failed: bool = False
    parallel: bool = False
    coverage: bool = False
    brief: bool = False
    more: tuple[str, ...] = ()
    usual: tuple[str, ...] = ()

    @property
    def chosen(self) -> str:
        """What was chosen by one of our own options, as it was written; "" for every test."""
        said = [f"--suite={self.suite}"] if self.suite else []
        said += [f"-k {shlex.quote(self.keyword)}"] if self.keyword else []
        return " ".join(said + ["--failed"] * self.failed)

    @property
    def part(self) -> str:
        """What may leave out tests, as it was written; "" where all of them are run."""
        left = [shlex.join([word]) for word in _selecting((*self.usual, *self.more))]
        return " ".join([self.chosen] * bool(self.chosen) + left)


def _selecting(words: Sequence[str]) -> Iterator[str]:
    following = iter(words)
    for word in following:
        if word in _WITH_VALUE:
            next(following, None)
        elif not (_ALONE.fullmatch(word) or word.startswith("--cov") or _valued(word)):
            yield word


def _valued(word: str) -> bool:
    return word.split("=", 1)[0] in _WITH_VALUE and "=" in word


def passed_on() -> tuple[str, ...]:
    """Return the words after `--` on our command line.

    Invoke keeps them joined to one text, in which words that hold spaces can't be told apart, and
    gives them to no task; it divides the line at the first `--`, whatever stands before it.
    """
    line = sys.argv[1:]
    return tuple(line[line.index("--") + 1 :]) if "--" in line else ()


def usual() -> tuple[str, ...]:
    """Return the options that PYTEST_ADDOPTS gives to pytest; it splits them in the same way."""
    try:
        return tuple(shlex.split(os.environ.get("PYTEST_ADDOPTS", "")))
    except ValueError as error:
        raise Refused(f"PYTEST_ADDOPTS can't be read ({error}): correct it.") from None


def paths(testing: Testing, root: Path, suite: str) -> tuple[str, ...]:
    """Return what pytest is given for a suite, nothing for "".

    Raises Refused, with the names that there are, where there is none of that name.
    """
    if not suite:
        return ()
    if suite in testing.suites:
        return testing.suites[suite]
    directory = testing.directory.rstrip("/")
    for name in (suite, f"{suite}.py", f"test_{suite}", f"test_{suite}.py"):
        below = f"{directory}/{name}"
        if ".." not in name.split("/") and (root / below).exists():
            return (below,)
    if suite.startswith(f"{directory}/"):
        return paths(testing, root, suite.removeprefix(f"{directory}/"))
    raise Refused(
        f"There is no suite {suite!r}; there are: {', '.join(_known(testing, root)) or 'none'}. "
        f"Others can be named in invoke.yaml under `test: suites:`."
    )


def _known(testing: Testing, root: Path) -> list[str]:
    directory = root / testing.directory
    files = [*directory.glob("test_*.py"), *directory.glob("*_test.py")]
    below = [path for path in directory.glob("[!_.]*/") if any(path.rglob("*test*.py"))]
    return sorted({*testing.suites, *(path.stem for path in files), *(p.name for p in below)})


class Files(NamedTuple):
    """Where pytest writes what is read back. junit, coverage: files. cache: its memory of what
    failed, None for the project's own. html: a directory for people, None for no report."""

    junit: Path
    coverage: Path
    cache: Path | None = None
    html: Path | None = None


def files(choice: Choice, testing: Testing, root: Path, place: Path) -> Files:
    """Return where pytest writes, in the directory `place` that is gone afterwards.

    Where the reader asks for JUnit's file, that is the one: pytest writes only one.
    """
    junit = place / "junit.xml"
    words = (*choice.usual, *testing.options, *choice.more)
    for word, following in zip(words, (*words[1:], "")):
        option, _, value = word.partition("=")
        if option in ("--junit-xml", "--junitxml"):
            junit = root / os.path.expanduser(os.path.expandvars(value or following))
    kept = choice.coverage and not choice.brief
    cache = place / "cache" if choice.brief else None
    return Files(junit, place / "coverage.json", cache, root / "htmlcov" if kept else None)


def words(choice: Choice, testing: Testing, given: Sequence[str], files: Files) -> list[str]:
    """Return pytest's arguments. given: files, directories and tests, of the suite."""
    said = [*testing.options, f"--junit-xml={files.junit}", "-o", "junit_family=xunit1"]
    if choice.brief:
        said += ["--maxfail=1", "-q", "-o", f"cache_dir={files.cache}"]
    if choice.keyword:
        said += ["-k", choice.keyword]
    if choice.failed:
        said += ["--last-failed"]
    if choice.parallel:
        said += ["-n", "auto"]
    if choice.coverage:
        said += [f"--cov={source}" for source in testing.source]
        said += ["--cov-report=term-missing:skip-covered", f"--cov-report=json:{files.coverage}"]
        said += [f"--cov-report=html:{files.html}"] if files.html else []
    return [*said, *given, *choice.more]
