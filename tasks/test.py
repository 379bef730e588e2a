"""Step 3, test: validation closure."""

from __future__ import annotations

from functools import partial

from invoke.context import Context
from invoke.tasks import task

from .lib import project
from .lib.phase import Check, Next, Outcome, Phase, Row, probe, run
from .lib.testing.rows import SLOW

_holds = partial(probe, "testing.closure")

PHASE = Phase(
    number=3,
    name="test",
    closure="Validation closure",
    purpose="Show that the code does what it should, also when something goes wrong.",
    prerequisites=(
        Check("a virtual environment", _holds("isolated"), "inv host", required=False),
        # The page installs server/requirements.txt, which has no pytest in it.
        Check("the test dependencies", _holds("installed"), "pip install pytest pytest-cov"),
        Check("linted code", _holds("linted"), "inv lint", required=False),
    ),
    procedure=(
        "Run every test, with telemetry off: `inv test`, which is `pytest`.",
        "Where some fail, look into them and run those again: `inv test --failed`.",
        "Run a suite alone: `inv test --suite=test_main`, or `inv test -- tests/test_main.py -v`.",
        "Measure what the tests reach: `inv test --coverage`.",
        "Read htmlcov/index.html in a browser: `inv test --coverage --open`.",
        "See that the critical paths (`test.critical` in invoke.yaml) are covered by over 80 %.",
    ),
    validation=(
        # Pytest prints also when all is well: the exit code is what counts, not silence.
        Check("every test passes", _holds("passes"), "inv test"),
        Check("the tests reach enough of the code", _holds("reaches"), "inv test --coverage"),
    ),
    troubleshooting=(
        Row(
            "A dependency is missing",
            "Install what the tests need: `pip install -r server/requirements.txt`, or the module"
            " that is named; for one of the project's own, `pip install -e .`.",
            output=r"ModuleNotFoundError|ImportError|No module named",
        ),
        Row(
            "Tests can't connect",
            "`inv test` sets ENABLE_TELEMETRY=false, as `pytest` by hand needs it; start what else"
            " they connect to, or leave them out with `-k`.",
            output=r"Connection ?Error|Connection ?refused|:4318",
        ),
        Row(
            "A fixture isn't found",
            "Look at the imports of the test file, at conftest.py and at pytest's configuration.",
            output=r"fixture '.*' not found",
        ),
        Row(
            "No test is found",
            "Look at --suite, -k and pytest's testpaths; files are named test_*.py, tests test_*.",
            kinds=("nothing",),
        ),
        Row(
            "The tests reach too little",
            "Test the lines that are listed as missing; htmlcov/index.html shows them.",
            kinds=("coverage",),
        ),
        SLOW,
    ),
    next=Next(closed="inv preaggregate", troubled="inv test --failed"),
)


@task(
    default=True,
    help={
        "suite": "Some of the tests: a name below tests/, or of `test.suites` in invoke.yaml.",
        "keyword": "Only tests whose names fit the expression, as pytest's -k.",
        "failed": "Only tests that failed the last time; all of them where none did.",
        "parallel": "Run them on every core, with pytest-xdist.",
        "coverage": "Measure what they reach, and hold it to what the configuration asks for.",
        "open": "Measure it, and show the report in a browser.",
        "check": "Only look whether every test passes, up to the first that does not.",
        "json": "Print one JSON document on standard output, everything else on standard error.",
    },
)
def test(
    c: Context,
    suite: str = "",
    keyword: str = "",
    failed: bool = False,
    parallel: bool = False,
    coverage: bool = False,
    open: bool = False,
    check: bool = False,
    json: bool = False,
) -> None:
    """Run the tests and measure what they reach; what follows `--` is pytest's own.

    Example: inv test --coverage -- -x tests
    """
    from .lib import config
    from .lib.testing import choice, closure

    measured = coverage or open
    seen: list[closure.World] = []

    def world() -> closure.World:
        more, usual = choice.passed_on(), choice.usual()
        chosen = choice.Choice(suite, keyword, failed, parallel, measured, check, more, usual)
        found = closure.read(project.root(c), config.load(c), chosen)
        seen.append(closure.seen(found) if check else found)
        return seen[0]

    def procedure() -> Outcome:
        return closure.test(seen[0], open)

    # Nothing holds or doesn't where it was not measured.
    phase = PHASE if measured else PHASE._replace(validation=PHASE.validation[:1])
    run(phase, c, procedure, world=world, check=check, as_json=json, validate=False, proves=True)
