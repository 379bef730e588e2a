"""`inv test` where it goes wrong: each row of the runbook and each exit code of a real pytest."""

from __future__ import annotations


import pytest

from tasks.lib import evidence
from tests.support.bench import Bench

Said = pytest.CaptureFixture[str]
MISSING = "import no_such_module_7f3\n\n\ndef test_it():\n    pass\n"
REFUSED = "import socket\n\n\ndef test_it():\n    socket.create_connection(('127.0.0.1', {port}))\n"
SLEEPS = "import pytest, time\n\n\n@pytest.mark.timeout(1)\ndef test_it():\n    time.sleep(60)\n"
KILLED = "import os, time\n\n\ndef test_it():\n    os.kill(os.getpid(), 2)\n    time.sleep(9)\n"
BROKEN = "def pytest_runtest_protocol(item):\n    raise RuntimeError('a hook')\n"


pytestmark = pytest.mark.usefixtures("apart")


def closed_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("files", "more", "sentence", "row"),
    [
        ({"tests/test_it.py": MISSING}, (), "could not read a file of tests", "A dependency"),
        ({"tests/conftest.py": MISSING}, (), "could not read a conftest.py", "A dependency"),
        ({"tests/test_it.py": "def test_it(nope):\n    pass\n"}, (), "1 of 2", "A fixture"),
        ({"tests/test_it.py": REFUSED}, (), "1 of 2 tests failed", "Tests can't connect"),
        ({"tests/test_it.py": SLEEPS}, ("-p", "pytest_timeout"), "1 of 2", "The tests are slow"),
        ({}, ("-k", "nothing_like_it"), "No test was run with -k nothing_like_it", "No test"),
        ({}, ("--collect-only",), "No test was run with --collect-only", "No test is found"),
    ],
    ids=["module", "conftest", "fixture", "connection", "timeout", "none", "only listed"],
)
def test_the_runbooks_row_is_printed(
    bench: Bench,
    capfd: Said,
    files: dict[str, str | bytes],
    more: tuple[str, ...],
    sentence: str,
    row: str,
) -> None:
    bench.commit(
        {name: str(text).replace("{port}", str(closed_port())) for name, text in files.items()}
    )
    assert bench.inv(*more) == 1
    said = capfd.readouterr().err
    assert sentence in said and f"Runbook: {row}" in said
    assert said.count("Runbook:") == 1
    assert bench.last()["outcome"] == "troubled"


def test_the_check_prints_the_row_as_well(bench: Bench, capfd: Said) -> None:
    bench.commit({"tests/test_it.py": MISSING})
    assert bench.inv(check=True) == 1
    assert "No module named 'no_such_module_7f3'" in (said := capfd.readouterr().err)
    assert "Runbook: A dependency is missing" in said and not bench.entries()


def test_slow_tests_are_told_though_they_pass(bench: Bench, capfd: Said) -> None:
    assert bench.inv(settings={"slow": "1ms"}) == 0
    assert "Runbook: The tests are slow → Run them on every core" in capfd.readouterr().out
    assert bench.inv() == 0
    assert "Runbook" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--no-such-flag=1",), "pytest did not begin (unrecognized arguments: --no-such-flag=1)"),
        (("tests/nope.py",), "pytest did not begin (file or directory not found: tests/nope.py)"),
    ],
)
def test_what_pytest_does_not_understand_is_refused(
    bench: Bench, capfd: Said, more: tuple[str, ...], sentence: str
) -> None:
    assert bench.inv(*more) == 2
    assert f"{sentence}: correct that, then run `inv test`." in capfd.readouterr().err
    assert bench.last()["outcome"] == "refused"


def test_a_pytest_that_was_interrupted_is_130_and_says_how_far_it_came(
    bench: Bench, capfd: Said
) -> None:
    bench.commit({"tests/test_zz.py": KILLED})
    assert bench.inv() == 130
    assert "Interrupted; until then 1 passed and 0 failed, and nothing of it counts" in (
        capfd.readouterr().err
    )
    assert bench.last()["detail"]["partial"] == "interrupted"


def test_a_pytest_that_fails_itself_is_told_from_tests_that_do(bench: Bench, capfd: Said) -> None:
    bench.commit({"conftest.py": BROKEN})
    assert bench.inv() == 1
    assert "pytest itself failed; what it says of it is above." in capfd.readouterr().err
    bench.commit(
        {"conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 7\n"}
    )
    assert bench.inv() == 1
    assert "exit code 7 though no test failed" in capfd.readouterr().err


def test_a_later_failure_takes_back_what_was_proved(bench: Bench) -> None:
    switch = "import os\n\n\ndef test_it():\n    assert not os.environ.get('BREAK_7F3')\n"
    commit = bench.commit({"tests/test_switch.py": switch})
    assert bench.inv() == 0
    assert evidence.closed(bench.entries(), "test", commit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BREAK_7F3", "1")
        assert bench.inv() == 1
    assert evidence.closed(bench.entries(), "test", commit) is None
