"""What the story claims, held against what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.load import Snapshot
from scripts.recipes import Told

ENOUGH = 2000
STEPS = ("v1", "v2", "v3", "v4", "rollback")
NEVER = Told(code=-1)


@dataclass(frozen=True)
class Facts:
    """What happened: by step what `inv` told and which commit was live after it; and the load.

    `commits` are those of v1 to v4. A story that ended early lacks steps.
    """

    commits: Mapping[str, str]
    told: Mapping[str, Told]
    live: Mapping[str, str]
    load: Snapshot

    def of(self, step: str) -> Told:
        """Return what `inv` told at a step."""
        return self.told.get(step, NEVER)

    def served(self, version: str) -> int:
        """Return how many of the load's requests a release of this version answered.

        A release's id ends with the first seven digits of its commit.
        """
        end = self.commits[version][:7]
        return sum(count for name, count in self.load.releases.items() if name.endswith(end))


@dataclass(frozen=True)
class Claim:
    """One sentence of the story, whether it held, and the step that tells more about it."""

    sentence: str
    held: bool
    step: str = ""


def judge(facts: Facts) -> tuple[Claim, ...]:
    """Return the story's claims, each held against the facts."""
    load = facts.load

    def closed(step: str) -> bool:
        told = facts.of(step)
        return told.code == 0 and told.document.get("outcome") == "closed"

    def live(step: str, version: str) -> bool:
        return facts.live.get(step) == facts.commits[version]

    return (
        Claim("v1 went live", closed("v1") and live("v1", "v1"), "v1"),
        Claim("v2 went live under load", closed("v2") and live("v2", "v2"), "v2"),
        Claim(
            "v3 did not start and was refused; no request reached it",
            refused(facts.of("v3")) and live("v3", "v2") and facts.served("v3") == 0,
            "v3",
        ),
        Claim(
            "v4 went live, answered errors under traffic, and the watch took it back",
            reverted(facts.of("v4")) and live("v4", "v2") and facts.served("v4") > 0,
            "v4",
        ),
        Claim(
            "inv rollback went back to v1",
            closed("rollback") and live("rollback", "v1"),
            "rollback",
        ),
        Claim(f"at least {ENOUGH:,} requests were sent", load.requests >= ENOUGH),
        Claim("no request was lost", load.lost == 0),
        Claim("every answer came from one release", load.torn == 0),
    )


def refused(told: Told) -> bool:
    """Return whether a deploy ended before anything was switched."""
    return told.code in (1, 2) and bool(told.document) and not told.detail.get("reverted")


def reverted(told: Told) -> bool:
    """Return whether a deploy was switched back."""
    return told.code == 1 and told.detail.get("reverted") is True


def figures(facts: Facts, claims: tuple[Claim, ...]) -> dict[str, Any]:
    """Return the story in figures, times in seconds: the one object that `--json` prints."""
    deploys = [facts.of(step) for step in STEPS[:-1]]
    back = facts.of("rollback").detail
    return {
        "deploys": len(deploys),
        "requests": facts.load.requests,
        "lost": facts.load.lost,
        "refused": sum(refused(told) for told in deploys),
        "reverted": sum(reverted(told) for told in deploys),
        "deploy_seconds": unwatched(facts.of("v2")),
        "rollback_seconds": _rounded(back.get("total_seconds")),
        "switch_seconds": _rounded(back.get("switch_seconds")),
        "errors": facts.load.errors,
        "torn": facts.load.torn,
        "p95_seconds": round(facts.load.p95, 4),
        "held": all(claim.held for claim in claims),
        "claims": {claim.sentence: claim.held for claim in claims},
    }


def unwatched(told: Told) -> float | None:
    """Return how long a deploy took without its watch, which takes as long as one wants."""
    steps = told.detail.get("steps")
    if isinstance(steps, dict) and steps:
        return _rounded(sum(seconds for step, seconds in steps.items() if step != "watch"))
    return _rounded(told.document.get("seconds"))


def _rounded(seconds: object) -> float | None:
    return round(float(seconds), 3) if isinstance(seconds, int | float) else None
