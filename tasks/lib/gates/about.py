"""What a gate is asked about, and what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, NamedTuple

from ..settings import Environment, Settings
from ..source import Source


class About(NamedTuple):
    """A version that is to go to an environment. fixes: the incidents that it mends, by name."""

    settings: Settings
    environment: Environment
    source: Source
    root: Path
    fixes: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """The version in a sentence: its name, and its commit where that isn't its name."""
        short = self.source.commit[:7]
        return short if self.source.version == short else f"{self.source.version} ({short})"


class Answer(NamedTuple):
    """What a gate says. refused: a sentence that names the command which mends it, "" where the
    version may pass. says: what it may pass by."""

    refused: str = ""
    says: str = ""


Gate = Callable[[About], Answer]
