"""Step 1, lint: syntax closure."""

from __future__ import annotations

from functools import partial

from invoke.context import Context
from invoke.tasks import task

from .lib import project
from .lib.phase import Check, Next, Outcome, Phase, Row, probe, run

_holds = partial(probe, "lint.probes")
_PIP = ".venv/bin/python -m pip install"

PHASE = Phase(
    number=1,
    name="lint",
    closure="Syntax closure",
    purpose="Make the code clean, alike and free of syntax errors before it is tried.",
    prerequisites=(
        Check("virtual environment", _holds("environment"), "inv host", required=False),
        Check("Black", _holds("black"), f"{_PIP} black"),
        Check("Flake8", _holds("flake8"), f"{_PIP} flake8"),
        Check("pre-commit, which is configured", _holds("pre_commit"), f"{_PIP} pre-commit"),
        Check(
            "changes committed, to tell a reformatting apart",
            _holds("committed"),
            "git status",
            required=False,
        ),
        Check("git hooks of pre-commit", _holds("installed"), "inv lint.install", required=False),
    ),
    procedure=(
        "Format the code: `black .`.",
        "Check its style: `flake8 .`.",
        # Not on the page. Where a project has settings for it, its types are part of its syntax.
        "Check its types, where there are settings for it: `mypy`.",
        "Check the scripts and the configuration that are shipped: `shellcheck scripts/*`.",
        "Run the hooks, where they are configured: `pre-commit run --all-files`.",
        "Correct what is left by hand, and repeat until nothing is reported.",
    ),
    validation=(
        Check("Black has nothing to change", _holds("formatted"), "inv lint"),
        Check("Flake8 has nothing to say", _holds("styled"), "flake8"),
        Check("mypy has nothing to say", _holds("typed"), "mypy"),
        Check("what is shipped is sound", _holds("shipped"), "Correct what is named above."),
        Check("the hooks pass", _holds("hooked"), "pre-commit run --all-files"),
    ),
    troubleshooting=(
        Row(
            "Black can't parse a file",
            "Mend the line that is named; code for a newer Python needs target-version in"
            " [tool.black].",
            output=r"Black can't parse",
        ),
        Row(
            "Black changes more than you want",
            "Look at [tool.black] in pyproject.toml; `# fmt: skip` leaves one statement alone.",
            output=r"unformatted|black failed",
        ),
        Row(
            "Flake8 reports too much",
            "Set what to ignore, with the reason, as extend-ignore or per-file-ignores in .flake8;"
            " `# noqa: CODE` for one line.",
            output=r"flake8 (has|failed)",
        ),
        Row(
            # The page says `pre-commit install`, which adds the git hook and mends no failing run.
            "A hook of pre-commit fails",
            "Run the hook that it names alone: `pre-commit run HOOK --all-files --verbose`.",
            output=r"pre-commit (has|failed)",
        ),
        Row(
            "pre-commit refuses to install hooks",
            "git looks for them elsewhere: `git config --unset-all core.hooksPath`.",
            output=r"core\.hooksPath",
        ),
    ),
    next=Next(closed="inv host", troubled="inv lint"),
)

INSTALL = PHASE._replace(
    name="lint.install",
    purpose="Have the hooks of pre-commit run before each commit.",
    prerequisites=(
        Check("a git repository", _holds("repository"), "git init"),
        Check("hooks to install", _holds("hooks"), "Write .pre-commit-config.yaml first."),
        Check("pre-commit", _holds("installer"), f"{_PIP} pre-commit"),
    ),
    procedure=("Install the git hooks: `pre-commit install`.",),
    validation=(Check("the git hooks are there", _holds("lacking"), "pre-commit install"),),
    next=Next(closed="inv lint", troubled="inv lint.install"),
)

JSON = "Print one JSON document on standard output, everything else on standard error."


@task(
    default=True,
    help={
        "check": "Only look, with all tools at once; change nothing.",
        "changed": "Look only at what differs from the main branch, and at files new to git.",
        "json": JSON,
    },
)
def lint(c: Context, check: bool = False, changed: bool = False, json: bool = False) -> None:
    """Format the code and check its style.

    Example: inv lint --changed
    """
    from .lib import config
    from .lib.lint import steps, world

    seen: list[world.World] = []

    def look() -> world.World:
        seen.append(world.read(config.load(c), project.root(c), check, changed))
        return seen[0]

    def procedure() -> Outcome:
        return steps.check(seen[0]) if check else steps.mend(seen[0])

    run(PHASE, c, procedure, world=look, as_json=json, record=not check, proves=True)


@task(help={"json": JSON})
def install(c: Context, json: bool = False) -> None:
    """Install the git hooks that pre-commit is configured for.

    Example: inv lint.install
    """
    from .lib.lint import installing

    seen: list[installing.World] = []

    def look() -> installing.World:
        seen.append(installing.read(project.root(c)))
        return seen[0]

    run(INSTALL, c, lambda: installing.install(seen[0]), world=look, as_json=json)
