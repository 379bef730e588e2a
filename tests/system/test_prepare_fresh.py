"""`inv host --env=…` on a server that has next to nothing: not even Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.engine import Engine
from tests.system.servers import HOST, ask, fresh, items, tree
from tests.system.site import ENVIRONMENT, Site

pytestmark = pytest.mark.system
PURGED = "python3-minimal python3.11-minimal nginx-common libpam-systemd dbus git"
# Whoever installs something else at that moment.
LOCKED = "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w');"
LOCKED += " fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(4)"


@pytest.mark.timeout(300)
def test_what_is_missing_is_installed_and_a_release_is_served(
    docker: Engine, debian: str, tmp_path: Path
) -> None:
    """The archive is the one that the image was made from."""
    site = Site(docker, debian, count=1)
    try:
        machine = site.machines[0]
        script = (
            "export DEBIAN_FRONTEND=noninteractive; apt-get -q -y --allow-remove-essential"
            f" purge {PURGED} && apt-get -q -y --purge autoremove; rm -rf /var/log/journal;"
            " ! command -v python3 nginx git"
        )
        machine.run("sh", "-c", script)
        project = fresh(site, tmp_path / "project", server={"packages": ["tree"]})
        before = tree(site)
        planned = items(project.document(*HOST, "--plan"), "drifted")
        assert list(planned.values()) == [["python3"]] and tree(site) == before
        done = project.document(*HOST, timeout=240)
        (changed,) = items(done, "changed").values()
        assert changed[:3] == ["python3", "packages", "account"]
        assert machine.run("tree", "--version")
        assert project.inv("deploy", f"--env={ENVIRONMENT}").returncode == 0
        assert ask(machine).json()["text"] == "hello"
        assert project.document(*HOST)["detail"]["hosts"][f"deploy@{machine.name}"]["changed"] == 0
        machine.run("apt-get", "-q", "-y", "purge", "tree")
        machine.run("systemd-run", "-q", "python3", "-c", LOCKED)
        assert list(items(project.document(*HOST), "changed").values()) == [["packages"]]
    finally:
        site.close()
