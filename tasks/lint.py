"""Step 1, lint: syntax closure."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .lib.phase import Check, Next, Phase, Row, later, unbuilt

PHASE = Phase(
    number=1,
    name="lint",
    closure="Syntax closure",
    purpose="Make the code clean, alike and free of syntax errors before it is tried.",
    prerequisites=(
        Check("virtual environment with the tools in it", unbuilt, "scripts/setup"),
        Check(
            "changes committed, to tell a reformatting apart",
            unbuilt,
            "git status",
            False,
        ),
    ),
    procedure=(
        "Format the code: `black .`.",
        "Check its style: `flake8 .`.",
        "Check its types: `mypy`.",
        "Run the hooks, where they are configured: `pre-commit run --all-files`.",
        "Correct what is left by hand, and repeat until nothing is reported.",
    ),
    validation=(
        Check("black has nothing to change", unbuilt, "black ."),
        Check("flake8 has nothing to say", unbuilt, "flake8 ."),
        Check("mypy has nothing to say", unbuilt, "mypy"),
    ),
    troubleshooting=(
        Row("Black changes more than you want", "Look at [tool.black] in pyproject.toml."),
        Row(
            "Flake8 reports too much",
            "Set what to ignore, with the reason, in .flake8; .venv belongs into its exclude.",
            output=r"\b[EFWC]\d{1,3}\b",
        ),
        Row(
            # The page says `pre-commit install`, which adds the git hook and mends no failing run.
            "A hook of pre-commit fails",
            "Run the hook that it names alone: `pre-commit run HOOK --all-files --verbose`.",
            output=r"pre-commit|hook id",
        ),
    ),
    next=Next(closed="inv host", troubled="inv lint"),
)


@task(default=True, help={"check": "Only look whether the phase holds; change nothing."})
def lint(c: Context, check: bool = False) -> None:
    """Format the code and check its style."""
    later(PHASE, "black . && flake8 . && mypy")
