"""Handing the secrets of .env to Alertmanager, which reads no variables, only files."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Mapping, NamedTuple

from .. import console
from ..declare import Outcome
from ..errors import NotClosed, Refused
from ..telemetry.alertmanager import Alertmanager, Unanswered
from . import receivers
from .settings import Contact

if TYPE_CHECKING:
    from ..settings import Settings

# By the name of the file that alertmanager.yml reads; any other is the variable of its own name.
VARIABLES = {
    "slack_url": "SLACK_WEBHOOK_URL",
    "teams_url": "TEAMS_WEBHOOK_URL",
    "pagerduty_key": "PAGERDUTY_KEY",
    "opsgenie_key": "OPSGENIE_KEY",
    "smtp_password": "SMTP_PASSWORD",
    "webhook_token": "ALERT_WEBHOOK_TOKEN",
}
ADDRESSES = ("slack_url", "teams_url")


CONTACTS = "contacts.tmpl"  # a template of Alertmanager's; the one that ships says nothing


class Secret(NamedTuple):
    """A file of Alertmanager's. state: written, as it was, removed or not given."""

    file: str
    variable: str
    state: str


def variable(file: str) -> str:
    """Return the variable whose value the file `file` has."""
    if file == CONTACTS:
        return "contacts: in invoke.yaml"
    return VARIABLES.get(file, file.upper().replace("-", "_").replace(".", "_"))


def configure(settings: Settings, root: Path, alertmanager: str) -> Outcome:
    """Write each secret that the configuration of Alertmanager reads, tell which ways of being told
    are thereby open, and have a running Alertmanager (at the URL `alertmanager`) read it again.

    Raises Refused before anything is written, NotClosed where Alertmanager keeps its old one.
    """
    home = root / settings.alert.directory
    config = _config(home)
    names = wanted(config)
    given = {name: _given(name) for name in names}
    given |= {CONTACTS: whom(settings.contacts)}
    found = [_write(home, name, value) for name, value in given.items()]
    _close(home)
    rows = [(secret.file, secret.variable, secret.state) for secret in found]
    console.table(rows, ("file", "variable", "state"))
    ways = receivers.read(config, home / "secrets")
    _say(ways)
    reloaded = _reload(alertmanager)
    told = [
        {"receiver": each.name, "way": way.name, "lacking": list(way.lacking)}
        for each in ways
        for way in each.ways
    ]
    files = [secret._asdict() for secret in found]
    return Outcome({"secrets": files, "receivers": told, "reloaded": reloaded})


def whom(contacts: Mapping[str, str | Contact]) -> str:
    """Return the template of what a critical alert says of whom to call, "" where nobody is named.

    Who is on call changes and a template stays, so that it names the roles, and what says who.
    """
    if not contacts:
        return ""
    lines = []
    for role, contact in contacts.items():
        said = contact if isinstance(contact, str) else _reached(contact)
        lines.append(f"  {role}: {said}")
    text = "\n".join(["", "Call:", *lines, "On call now: inv alert.contacts"])
    # As a literal of the template's language: whatever is in it is text.
    literal = json.dumps(text, ensure_ascii=False)
    return f'{{{{ define "pi-forge.contacts" }}}}{{{{ {literal} }}}}{{{{ end }}}}\n'


def _reached(contact: Contact) -> str:
    return ", ".join(filter(None, (" or ".join(contact.channels), contact.availability)))


def _config(home: Path) -> str:
    name = os.environ.get("ALERTMANAGER_CONFIG", "") or "alertmanager.yml"
    try:
        return (home / name).read_text()
    except OSError as error:
        raise Refused(
            f"{home.name}/{name} can't be read ({error.strerror}): say in invoke.yaml where"
            " Alertmanager's configuration is, as `alert: directory: …`.",
            kind="config",
        ) from None


def wanted(config: str) -> list[str]:
    """Return the names of the secret files that a configuration reads. Raises Refused."""
    import yaml

    try:
        said = yaml.safe_load(config)
        common = said.get("global") or {}
        found = [
            name
            for receiver in said["receivers"]
            for key, ways in receiver.items()
            if key.endswith("_configs")
            for way in ways or ()
            for name in receivers.needed(key.removesuffix("_configs"), way, common)
        ]
    except (yaml.YAMLError, AttributeError, LookupError, TypeError):
        raise Refused(
            "Alertmanager's configuration can't be read: run `inv alert.check`.", kind="config"
        ) from None
    return list(dict.fromkeys(found))


def _given(name: str) -> str:
    """Return the value for a file, "" for none. Raises Refused for what can't be one."""
    value = os.environ.get(variable(name), "").strip()
    if "\n" in value or "\0" in value:
        raise Refused(f"{variable(name)} has more than one line: correct it in .env.")
    if value and name in ADDRESSES and not value.startswith(("https://", "http://")):
        raise Refused(f"{variable(name)} is no URL: correct it in .env.")
    return value


def _write(home: Path, name: str, value: str) -> Secret:
    file = home / "secrets" / name
    before = file.read_text() if file.is_file() else ""
    if not value:
        file.unlink(missing_ok=True)  # a key that was taken out of .env is used no more
        return Secret(name, variable(name), "removed" if before else "not given")
    if before == value and stat.S_IMODE(file.stat().st_mode) == 0o644:
        return Secret(name, variable(name), "as it was")
    file.parent.mkdir(parents=True, exist_ok=True)
    _close(home)  # before the first secret is in it
    fresh = file.with_name(f".{name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as out:
            out.write(value)  # no newline: it would be part of some of them
            os.fchmod(descriptor, 0o644)
            os.fsync(descriptor)
        fresh.rename(file)
    finally:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
    return Secret(name, variable(name), "written")


def _close(home: Path) -> None:
    """Let nobody else on this machine into the directory. The files in it can be read by whatever
    user Alertmanager has in its container, which is handed `secrets` itself and not the way to it.
    """
    home.chmod(0o700)
    if (home / "secrets").is_dir():
        (home / "secrets").chmod(0o755)


def _say(found: tuple[receivers.Receiver, ...]) -> None:
    for receiver in found:
        for way in receiver.ways:
            lacking = ", ".join(variable(name) for name in way.lacking)
            console.say(
                f"{receiver.name} by {way.name}: "
                + (f"tells nobody, {lacking} has no value in .env" if lacking else "configured")
            )


def _reload(alertmanager: str) -> bool:
    """Have Alertmanager read it again; where none answers there is nothing to be read again."""
    with Alertmanager(alertmanager) as told:
        if told.answers():
            console.say("No Alertmanager runs here: it reads them when it starts.")
            return False
        try:
            told.reload()
        except Unanswered as error:
            raise NotClosed(f"{error} Run `inv alert.check`.", kind="alertmanager") from None
    console.say("Alertmanager has read its configuration again.")
    return True
