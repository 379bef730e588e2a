"""The real Prometheus and Alertmanager on free loopback ports, reading the files that ship.

The files are linked into a directory of the test's own, where only the targets differ: what is
scraped, and who is told, is never edited into a copy.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

ROOT = Path(__file__).parents[2]
LIMIT = 30.0  # seconds for a program to be ready


def need(*programs: str) -> None:
    """Skip the test where one of the programs isn't installed."""
    packages = {
        "promtool": "prometheus",
        "alertmanager": "prometheus-alertmanager",
        "amtool": "prometheus-alertmanager",
    }
    if missing := sorted(packages.get(each, each) for each in programs if not shutil.which(each)):
        pytest.skip(f"needs: apt install {' '.join(dict.fromkeys(missing))}")


def alertmanager() -> str:
    """Return the name of Alertmanager's program: Debian calls it by its package."""
    return next((n for n in ("alertmanager", "prometheus-alertmanager") if shutil.which(n)), "")


def port() -> int:
    """Return a free loopback port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def targets(home: Path, job: str, *addresses: str, **labels: str) -> None:
    """Have Prometheus at `home` scrape (or, for "alertmanager", tell) these from now on.

    job: "service", "collector" or "alertmanager". One file for each set of labels.
    """
    folder = home / "prometheus" / "targets" / job
    folder.mkdir(parents=True, exist_ok=True)
    name = "-".join(labels.values()) or "test"
    written = folder / f".{name}.new"
    written.write_text(yaml.safe_dump([{"targets": list(addresses), "labels": labels}]))
    written.rename(folder / f"{name}.yml")


def linked(home: Path) -> Path:
    """Make `home` a place with the shipped prometheus.yml and rules, and no targets yet."""
    (home / "prometheus").mkdir(parents=True, exist_ok=True)
    (home / "prometheus.yml").symlink_to(ROOT / "prometheus.yml")
    (home / "prometheus" / "rules").symlink_to(ROOT / "prometheus" / "rules")
    return home


@contextmanager
def prometheus(home: Path, *flags: str) -> Iterator[str]:
    """Run Prometheus on what `linked(home)` made, and yield its URL; its data is home/data."""
    need("prometheus")
    url = f"http://127.0.0.1:{port()}"
    words = [
        "prometheus",
        f"--config.file={home / 'prometheus.yml'}",
        f"--storage.tsdb.path={home / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--rules.alert.resend-delay=5s",  # else an alert of the first seconds is told a minute late
        *flags,
    ]
    with running(words, home / "prometheus.log", f"{url}/-/ready"):
        yield url


@contextmanager
def alerting(
    home: Path, config: Mapping[str, Any], *flags: str, env: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run Alertmanager in `home` on `config`, kept as alertmanager.yml there, and yield its URL.

    Every address in `config` is a test's own: nothing of it may lead outwards.
    """
    need("alertmanager" if alertmanager() == "alertmanager" else "prometheus-alertmanager")
    (home / "alertmanager.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    url = f"http://127.0.0.1:{port()}"
    words = [
        alertmanager(),
        f"--config.file={home / 'alertmanager.yml'}",
        f"--storage.path={home / 'alertmanager'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",  # no gossip: it is alone
        "--data.retention=2160h",
        *flags,
    ]
    # From there: some of its secrets it looks for from where it runs.
    with running(words, home / "alertmanager.log", f"{url}/-/ready", env=env, cwd=home):
        yield url


@contextmanager
def running(
    words: Sequence[str],
    log: Path,
    ready: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; it has begun when `ready` (a URL) answers 200."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            words, stdout=out, stderr=out, env=env, cwd=cwd, start_new_session=True
        )
    try:
        until = time.monotonic() + LIMIT
        while not _answers(ready):
            assert process.poll() is None, f"{words[0]} ended: {log.read_text()[-2000:]}"
            assert time.monotonic() < until, f"{words[0]} is late: {log.read_text()[-2000:]}"
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


def backfill(home: Path, openmetrics: str) -> None:
    """Lay samples of the past into `home`/data, as OpenMetrics text with times; before the start.

    promtool makes blocks of them, so that a test need not wait for what takes days. Recording rules
    are not run over them: give their series as well.
    """
    need("promtool")
    text = home / "past.om"
    text.write_text(openmetrics if openmetrics.endswith("# EOF\n") else openmetrics + "# EOF\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), "data"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text.unlink()
