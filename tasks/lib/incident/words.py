"""Texts of people, hosts and logs on a page: as data, short, and with no secret in them."""

from __future__ import annotations

import html
import os
import re
import unicodedata
from typing import Iterable, Mapping

from ..console import clean

LOOKED = 2000  # characters of a line that are looked at: what hides secrets takes their square
LONGEST = 300  # characters of one line of a log, or of a text in a table
SLUG = 50  # characters of a page's name beside its date
SHORT = 6  # characters from when on a value of the environment is hidden wherever it is
STAR = "***"

# What Markdown or HTML could read as more than the letter that it is, within a line. `#1` would
# point to an issue that this is not about, and `@name` call somebody on GitHub.
_MARKS = re.compile(r"([\\`*_\[\]#|~!<>$])")
_UNMARK = re.compile(r"\\([!-/:-@\[-`{-~])")
_MENTION = re.compile(r"(?<!\w)@(?=\w)")
_AWAY = "\u200b"  # a space of no width

_KINDS = "passw(?:or)?d|passphrase|pwd|secret|token|credential|dsn|_pass"
_KEYS = "|".join(f"{kind}[_-]?key" for kind in ("api", "access", "private", "secret", "signing"))
_NAME = rf"[\w.-]*(?:{_KINDS}|{_KEYS})[\w.-]*"
_QUOTED = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"
_VALUE = rf"\\*[bu]?(?:{_QUOTED}|[\"']?[^\s,;&\"'}}\])]+)"
# What stands between a name and its value: in a file, in JSON (also as a text within JSON), in what
# Python prints of a mapping or of pairs.
_IS = r"(?:\\*[\"']?\s*(?:=>|[:=])|\\*[\"'],)\s*"
_HEADER = r"(?:proxy-)?authorization|(?:set-)?cookie|x-api-key"
_SECRETS = (
    # A private key, to its end or that of the text.
    (r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*-----|\Z)", STAR),
    (rf"\b((?:{_HEADER}){_IS}).+", rf"\1{STAR}"),
    (r"\b(bearer\s+)[\w.~+/=-]{6,}", rf"\1{STAR}"),
    # user:password@ of an address, whose last @ it is that ends it
    (r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/]+(?=@)", rf"\1{STAR}"),
    # password=…, "api_key": "…", --token …
    (rf"((?<![\w.-]){_NAME}{_IS}){_VALUE}", rf"\1{STAR}"),
    (rf"(--{_NAME}\s+)[^\s-]\S*", rf"\1{STAR}"),
    # Slack's and Teams' webhooks: who has the address can write there.
    (r"https://hooks\.slack\.com/\S+|https://\S+\.webhook\.office\.com/\S+", STAR),
    # By how they begin: AWS, Google, GitLab, Slack, Stripe, OpenAI, npm, PyPI, SendGrid; and JWT.
    (r"\b(?-i:AKIA|ASIA)[A-Z0-9]{16}\b|\b(?-i:AIza)[\w-]{35}", STAR),
    (r"\b(?:glpat|xox[abeoprs]|sk|pk|rk|npm|pypi|SG)[-_.][\w.-]{12,}", STAR),
    (r"\b(?-i:eyJ)[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?", STAR),
)
_LONG = re.compile(r"[A-Za-z0-9_+-]{20,}={0,2}")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def own(variables: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the values of this process's environment, .env included, whose names say that they
    are secrets; the longest first."""
    named = re.compile(rf"{_NAME}|\w*(?:webhook|_key|_pass)\w*", re.IGNORECASE)
    found = {text for name, text in variables.items() if named.fullmatch(name)}
    return tuple(sorted((text for text in found if len(text) >= SHORT), key=len, reverse=True))


def hidden(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without `secrets`, and without what is named or looks like one."""
    from .. import gh  # heavy: who reads a page hides nothing

    for secret in secrets:
        text = text.replace(secret, STAR)
    text = gh.hidden(text)
    for looks, instead in _SECRETS:
        text = re.sub(looks, instead, text, flags=re.IGNORECASE)
    return text


def logged(text: str, secrets: Iterable[str] = (), keep: Iterable[str] = ()) -> str:
    """Return a log's text the same, and without anything long that reads like no word.

    A log is written by whatever runs there, and may have the addresses of customers. That hides
    trace ids, too: the host's own has them.
    keep: what is none, such as the release's id.
    """
    known = set(keep)

    def one(found: re.Match[str]) -> str:
        return found[0] if found[0] in known or not _random(found[0]) else STAR

    within = "\n".join(line[:LOOKED] for line in text.splitlines())
    return _LONG.sub(one, _MAIL.sub(STAR, hidden(within, secrets)))


def _random(text: str) -> bool:
    """Tell whether there are digits in the middle of letters, as words and names have none."""
    turns = len(re.findall(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])", text))
    return turns >= 3 or bool(re.fullmatch(r"[0-9a-fA-F]{32,}", text))


def plain(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text as one short line of Markdown that says just what it says."""
    return marked(short(" ".join(hidden(text[:LOOKED], secrets).split())))


def said(text: str, secrets: Iterable[str] = ()) -> str:
    """Return what somebody wrote without secrets and e-mail addresses. Not for what names hosts:
    they may look the same (deploy@web1.example.com)."""
    return unaddressed(hidden(text[:LOOKED], secrets))


def marked(text: str) -> str:
    """Return a line so that Markdown shows it as it is; `unmarked` reads it back."""
    said = _MARKS.sub(r"\\\1", clean(text)).replace("&", "&amp;")
    return _MENTION.sub(f"@{_AWAY}", said)


def unmarked(text: str) -> str:
    """Return what such a line says."""
    return html.unescape(_UNMARK.sub(r"\1", text)).replace(_AWAY, "")


def short(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def fenced(lines: Iterable[str]) -> str:
    """Return lines as a block that nothing in them can end."""
    text = "\n".join(short(clean(line)).replace("\t", "    ") for line in lines)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def unaddressed(text: str) -> str:
    """Return `text` without e-mail addresses: of each the part that names somebody is left.

    What is secret has to be hidden before: without its end, user:password@host is none to see.
    """
    return _MAIL.sub(lambda found: found[0].partition("@")[0], text)


def slug(text: str) -> str:
    """Return `text` as a part of a file's name: ASCII, lower case, dashes; "" where it has no
    letter or digit of ASCII."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore")
    words = "-".join(re.findall(r"[a-z0-9]+", plain.decode().lower()))
    return words if len(words) <= SLUG else words[: SLUG + 1].rpartition("-")[0] or words[:SLUG]
