"""Step 3, test: validation closure."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .lib.phase import Check, Next, Phase, Row, later, unbuilt

PHASE = Phase(
    number=3,
    name="test",
    closure="Validation closure",
    purpose="Show that the code does what it should, also when something goes wrong.",
    prerequisites=(
        Check("virtual environment", unbuilt, "scripts/setup"),
        # The page installs server/requirements.txt, which has no pytest in it.
        Check("test dependencies", unbuilt, "pip install -r requirements-dev.txt"),
        Check("the code is linted", unbuilt, "inv lint", required=False),
    ),
    procedure=(
        "Run every test: `pytest`.",
        "Run one suite alone where something fails: `pytest tests/test_main.py -v`.",
        "Measure what the tests reach: `pytest --cov=server --cov-report=html`.",
        "Read htmlcov/index.html in a browser.",
        "See that the critical paths are covered by more than 80 %.",
    ),
    validation=(
        # Pytest prints also when all is well: the exit code is what counts, not silence.
        Check("every test passes", unbuilt, "pytest --maxfail=1"),
        Check(
            "coverage of the service is above 80 %",
            unbuilt,
            "pytest --cov=server --cov-report=term-missing --cov-fail-under=80",
        ),
    ),
    troubleshooting=(
        Row(
            "A dependency is missing",
            "Install what the tests need: `pip install -r requirements-dev.txt`.",
            output=r"ModuleNotFoundError|ImportError|No module named",
        ),
        Row(
            "Tests can't connect to the collector",
            "Switch telemetry off for them: `ENABLE_TELEMETRY=false pytest`.",
            output=r"Connection ?Error|Connection refused|:4318",
        ),
        Row(
            "A fixture isn't found",
            "Look at the imports of the test file and at [tool.pytest.ini_options].",
            output=r"fixture '.*' not found",
        ),
        Row(
            "The tests are slow",
            "Run them on every core: `pytest -n auto`; `--durations=10` names the slowest.",
            output=r"Timeout",
        ),
    ),
    next=Next(closed="inv preaggregate", troubled="inv test"),
)


@task(default=True, help={"check": "Only look whether the phase holds; change nothing."})
def test(c: Context, check: bool = False) -> None:
    """Run the tests and measure what they cover."""
    later(PHASE, "scripts/test")
