"""An event as each receiver takes it.

Sources: Slack, https://docs.slack.dev/reference/block-kit/blocks and .../messaging/formatting-
message-text (a header has at most 150 characters, a section 10 fields of 2,000, text 3,000; `&`,
`<` and `>` are markup). Teams, https://learn.microsoft.com/microsoftteams/platform/webhooks-and-
connectors: what were incoming webhooks are workflows, which take a message with an Adaptive Card
(version 1.4, at most 28 KB).
"""

from __future__ import annotations

from typing import Any, Mapping

from .event import Event, facts, headline

LONGEST = 1500  # characters of one text: a failure's sentence may name fifty hosts

Payload = dict[str, Any]


def slack(event: Event) -> Payload:
    """Return a message for one of Slack's incoming webhooks; its `text` is what notifies."""
    mark = ":white_check_mark:" if event.good else ":rotating_light:"
    said = headline(event)
    fields = [_mrkdwn(f"*{name}*\n{_slack_text(value)}") for name, value in facts(event)]
    blocks: list[Payload] = [
        {"type": "header", "text": {"type": "plain_text", "text": f"{mark} {said}"[:150]}},
        {"type": "section", "fields": fields[:10]},
    ]
    blocks += [
        {"type": "section", "text": _mrkdwn(_slack_text(text))}
        for text in (event.why, _contacts(event.contacts))
        if text
    ]
    if event.board:
        button = {"type": "button", "text": {"type": "plain_text", "text": "Board"}}
        blocks.append({"type": "actions", "elements": [{**button, "url": event.board}]})
    return {"text": _slack_text(said), "blocks": blocks}


def _mrkdwn(text: str) -> Payload:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _slack_text(text: str) -> str:
    return _cut(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def teams(event: Event) -> Payload:
    """Return a message for a workflow of Teams ("When a Teams webhook request is received")."""
    colour = "good" if event.good else "attention"
    title = {"size": "medium", "weight": "bolder", "color": colour}
    body: list[Payload] = [
        {**_block(headline(event)), **title},
        {
            "type": "FactSet",
            "facts": [{"title": name, "value": _plain(value)} for name, value in facts(event)],
        },
    ]
    body += [_block(text) for text in (event.why, _contacts(event.contacts)) if text]
    card: Payload = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "msteams": {"width": "Full"},
    }
    if event.board:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Board", "url": event.board}]
    kind = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": kind, "contentUrl": None, "content": card}],
    }


def _block(text: str) -> Payload:
    return {"type": "TextBlock", "text": _plain(text), "wrap": True}


def _plain(text: str) -> str:
    """Keep a card from reading data as Markdown: its links, emphasis and lists."""
    return "".join(f"\\{each}" if each in "\\*_[]`#" else each for each in _cut(text))


def generic(event: Event) -> Payload:
    """Return all of it as named values, for a receiver of one's own."""
    return {"v": 1, **event.document()}


def _contacts(contacts: Mapping[str, str]) -> str:
    return "\n".join(f"{role}: {reached}" for role, reached in contacts.items())


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
