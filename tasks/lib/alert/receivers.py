"""Alertmanager's receivers: which ways each has, and for which of them the secrets are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, NamedTuple

# As people call them, by the keys of Alertmanager's configuration; others by that key.
NAMES = {
    "slack": "Slack",
    "msteams": "Teams",
    "msteamsv2": "Teams",
    "email": "email",
    "pagerduty": "PagerDuty",
    "opsgenie": "OpsGenie",
    "webhook": "webhook",
}


class Way(NamedTuple):
    """One way to a receiver.

    kind: as Alertmanager calls it: slack, email, … number: how many of this kind the receiver has.
    lacking: names of the secret files that aren't there, so that it tells nobody.
    """

    kind: str
    number: int
    lacking: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people call it."""
        return NAMES.get(self.kind, self.kind)


class Receiver(NamedTuple):
    """A receiver and its ways; one without any tells nobody, which may be meant."""

    name: str
    ways: tuple[Way, ...]


def read(config: str, secrets: Path | None) -> tuple[Receiver, ...]:
    """Return the receivers of `config`, Alertmanager's YAML as it shows it.

    secrets: where this machine has the secret files, None where they are somewhere else: then they
    are taken to be there.
    """
    import yaml

    said = yaml.safe_load(config)
    return tuple(
        Receiver(each["name"], tuple(_ways(each, said.get("global") or {}, secrets)))
        for each in said.get("receivers") or ()
    )


def _ways(receiver: dict[str, Any], common: dict[str, Any], secrets: Path | None) -> Iterator[Way]:
    for key, configs in receiver.items():
        if not key.endswith("_configs") or not configs:
            continue
        kind = key.removesuffix("_configs")
        files = [name for each in configs for name in needed(kind, each, common)]
        lacking = [name for name in files if secrets and not _given(secrets / name)]
        yield Way(kind, len(configs), tuple(dict.fromkeys(lacking)))


# What is said once for all receivers, by kind: its key there, and the keys that say it themselves.
_COMMON = {
    "slack": ("slack_api_url_file", ("api_url", "api_url_file")),
    "opsgenie": ("opsgenie_api_key_file", ("api_key", "api_key_file")),
    "email": ("smtp_auth_password_file", ("auth_password", "auth_password_file")),
}


def needed(kind: str, config: dict[str, Any], common: dict[str, Any]) -> list[str]:
    """Return the names of the secret files that one way's configuration reads."""
    found = list(_files(config))
    key, own = _COMMON.get(kind, ("", ()))
    if common.get(key) and not any(config.get(each) for each in own):
        found.append(Path(common[key]).name)
    return found


def _files(value: Any) -> Iterator[str]:
    """Yield the names of the files that are named anywhere in it."""
    if isinstance(value, dict):
        for key, below in value.items():
            if str(key).endswith("_file") and isinstance(below, str) and below:
                yield Path(below).name
            else:
                yield from _files(below)


def _given(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
