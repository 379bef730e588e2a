"""The watch of a deploy on three hosts with the reference service, a real collector and a real
Prometheus: what is bad is taken back, by probes and by Prometheus, and what is good never is.

Times are of `tests/benchmarks/watching.py`, which measures the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.support import judged
from tests.support.judged import FAILING, GOOD, SLOW, Ground
from tests.support.rig import until


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with judged.ground(tmp_path_factory.mktemp("judged")) as made:
        made.configure(prometheus=False)
        made.project.document("deploy", "--watch=0s")
        yield made


@pytest.mark.parametrize(("behaviour", "why"), [(FAILING, "error ratio"), (SLOW, "p95")])
def test_a_bad_release_is_taken_back_by_the_probes(
    ground: Ground, behaviour: str, why: str
) -> None:
    ground.configure(prometheus=False)
    before = ground.project.current()
    told = ground.deploy(behaviour, "2m", code=1)
    watch = told["detail"]["watch"]
    assert (watch["verdict"], told["detail"]["reverted"]) == ("FAIL", True)
    assert watch["why"].startswith(why) and watch["seconds"] < 60
    assert {ground.project.current(n) for n in (1, 2, 3)} == {before}


@pytest.mark.parametrize(("behaviour", "why"), [(FAILING, "error ratio"), (SLOW, "p95")])
def test_what_only_users_see_is_taken_back_by_prometheus(
    ground: Ground, behaviour: str, why: str
) -> None:
    ground.configure(prometheus=True, paths=["/"])
    before = ground.project.current()
    told = ground.deploy(behaviour, "3m", code=1)
    assert "FAIL: Prometheus: host" in told["error"]["message"]
    assert why in told["error"]["message"] and told["detail"]["reverted"]
    found = told["detail"]["watches"]["watch"]
    assert found["probes"]["all"]["verdict"] == "PASS"
    failed = [each for each in found["Prometheus"].values() if each["verdict"] == "FAIL"]
    assert failed and all(each["samples"] >= 20 for each in failed)
    assert told["detail"]["watch"]["seconds"] < 120
    assert {ground.project.current(n) for n in (1, 2, 3)} == {before}


def test_a_good_one_under_the_same_load_passes_by_both(ground: Ground) -> None:
    ground.configure(prometheus=True)
    told = ground.deploy(GOOD, "12s", code=0)
    found = told["detail"]["watches"]["watch"]
    assert found["probes"]["all"]["verdict"] == "PASS"
    assert {n: each["verdict"] for n, each in found["Prometheus"].items()} == {
        "host1": "PASS",
        "host2": "PASS",
        "host3": "PASS",
    }
    for each in found["Prometheus"].values():
        assert each["error_ratio"] == 0 and each["p95_seconds"] < 1
        assert each["in_flight"] is not None and each["samples"] >= 20
    entry = ground.project.root / ".circle" / "journal.jsonl"
    assert '"in_flight":' in entry.read_text().splitlines()[-1]


def test_a_canary_is_judged_by_its_own_series(ground: Ground) -> None:
    ground.configure(prometheus=True, paths=["/"], strategy="canary: 1")
    before = ground.project.current()
    told = ground.deploy(FAILING, "3m", code=1)
    found = told["detail"]["watches"]["watch.1"]
    assert found.keys() == {"probes", "Prometheus"} and found["Prometheus"].keys() == {"host1"}
    assert found["Prometheus"]["host1"]["verdict"] == "FAIL"
    assert ground.project.current(1) == before
    outcomes = {name: host["outcome"] for name, host in told["detail"]["hosts"].items()}
    assert outcomes == {"host1": "reverted", "host2": "aborted", "host3": "aborted"}


def test_a_watch_that_is_too_short_for_prometheus_is_refused(ground: Ground) -> None:
    ground.configure(prometheus=True, strategy="all")
    told = ground.project.document("deploy", "--watch=5s", code=2)
    assert "surely knows of a release after 11s (`--watch=11s`)" in told["error"]["evidence"]
    plan = ground.project.document("deploy", "--watch=1m", "--plan")
    (does,) = [step["does"] for step in plan["steps"] if step["name"] == "watch"]
    assert does.endswith("switched back about 3s (by Prometheus 7s to 11s) after it turns bad")


def test_a_rollback_is_watched_the_same(ground: Ground) -> None:
    ground.configure(prometheus=True, strategy="all")
    with ground.load():
        words = ("rollback", "--env=sandbox", "--watch=12s")
        told = ground.project.document(*words)
    found = told["detail"]["watches"]["watch"]["Prometheus"]
    assert {each["verdict"] for each in found.values()} == {"PASS"}
    ground.project.quiet()
    ground.project.document("deploy", "--watch=0s")
    done = ground.project.inv("rollback", "--env=sandbox", "--watch=1s")
    assert "Prometheus is not asked: sandbox is watched for 1s" in done.stderr


def test_prometheus_stopped_amid_the_watch_is_no_data(ground: Ground) -> None:
    """The last one: it isn't started again."""
    ground.configure(prometheus=True)
    ground.project.document("deploy", "--watch=0s")
    before = ground.project.current()

    def stop() -> None:
        until(lambda: ground.project.current() != before, "it switched")
        time.sleep(2)
        ground.stop()

    stopping = threading.Thread(target=stop)
    stopping.start()
    told = ground.deploy(GOOD, "12s", code=1)
    stopping.join()
    assert told["error"]["kind"] == "nodata"
    said = told["error"]["message"]
    assert "failed at watch: NODATA: Prometheus: host1, host2, host3: at worst" in said
    assert "did not answer" in said and "is bad" not in said
    found = told["detail"]["watches"]["watch"]
    assert found["probes"]["all"]["verdict"] == "PASS" and told["detail"]["reverted"]
    assert {ground.project.current(n) for n in (1, 2, 3)} == {before}
    refused = ground.project.document("deploy", "--watch=12s", code=2)
    assert "the watch's Prometheus answers" in refused["error"]["message"]
    # A rollback is not refused for it, and doesn't say what it can't know.
    words = ("rollback", "--env=sandbox", "--watch=11s")
    told = ground.project.document(*words, code=1)
    assert told["error"]["kind"] == "nodata" and ground.project.current() != before
    assert (
        "whether the trouble is over is not known (NODATA: Prometheus" in told["error"]["message"]
    )
    assert "Nothing could be measured after it, or Prometheus is away" in [
        row["issue"] for row in told["troubleshooting"]
    ]
