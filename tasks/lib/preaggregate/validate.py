"""Whether the collector takes its configuration: asked of the collector itself."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from .. import console, tools
from ..developer import compose
from ..developer.compose import Place
from ..errors import Refused

FILE = "otel-collector-config.yaml"
SERVICE = "otel-collector"
PROGRAMS = ("otelcol-contrib", "otelcol")


def validate(root: Path, place: Place) -> None:
    """Have the collector judge its configuration: one on PATH, else that of the stack's image.

    Raises Refused (kind "collector") with what it says.
    """
    console.say(f"Having the collector look at {FILE} …")
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), "")
    if program and (root / FILE).is_file():
        ran = tools.run([program, "validate", f"--config={root / FILE}"], root, show=False)
        if ran.code:
            raise _wrong(said(ran.output))
        return
    words = (*place.words, "run", "--rm", "--no-deps", "-T", SERVICE, "validate")
    done = place.shown(*words, *_configs(compose.config(place)))
    if done:
        raise _wrong("what it says is above")


def _configs(read: dict[str, Any]) -> list[str]:
    """Return the words by which the stack's collector is given its configuration."""
    command = read.get("services", {}).get(SERVICE, {}).get("command") or ()
    words = command.split() if isinstance(command, str) else [str(word) for word in command]
    return [word for word in words if word.startswith("--config")]


def said(output: str) -> str:
    """Return what the collector says is wrong, without what it says besides."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    at = next((n for n, line in enumerate(lines) if line.startswith("Error:")), None)
    told = lines[at:] if at is not None else lines
    told = [line for line in told if "collector server run finished" not in line]
    return "\n".join(told[:12]).removeprefix("Error: ")


def _wrong(why: str) -> Refused:
    return Refused(
        f"The collector doesn't take {FILE}: correct it, then run `inv preaggregate`; nothing was "
        "started.",
        kind="collector",
        evidence=why,
    )
