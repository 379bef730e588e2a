"""Docker Compose v2, the plugin: Debian has none, so it is built from its module."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.support import golang

MODULE, VERSION = "github.com/docker/compose/v2", "v2.40.3"


def plugin() -> Path:
    """Return the plugin's program, built now if it wasn't. Skips the test without Go."""

    def make(folder: Path) -> None:
        # Its go.mod has what `go install` refuses; what is built in its own place is the same.
        words = [golang.go(), "mod", "download", "-json", f"{MODULE}@{VERSION}"]
        told = subprocess.run(words, capture_output=True, check=True, text=True).stdout
        flags = f"-s -w -X {MODULE}/internal.Version={VERSION}"
        build = [golang.go(), "build", "-trimpath", f"-ldflags={flags}"]
        golang.run(
            [*build, "-o", str(folder / "docker-compose"), "./cmd"], Path(json.loads(told)["Dir"])
        )

    return golang.built(f"docker-compose-{VERSION}", "docker-compose", make)


def configured(home: Path) -> Path:
    """Make `home` a DOCKER_CONFIG with the plugin in it, and return it."""
    (home / "cli-plugins").mkdir(parents=True)
    (home / "cli-plugins" / "docker-compose").symlink_to(plugin())
    return home
