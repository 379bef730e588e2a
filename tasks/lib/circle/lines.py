"""The journals' lines as types: the published schema is made of them, see docs/journal.md.

A line is written from plain mappings and read tolerantly, key by key (`evidence`, `history`): what
is here says what a line promises to whoever reads the files without these recipes.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from .. import journal
from .generated import SAID

PAGE = "docs/schemas/journal.json"
PUBLISHED = "https://json-schema.org/draft/2020-12/schema"
_HASH = "[0-9a-f]{40}|[0-9a-f]{64}"

Version = Annotated[
    int,
    Meta(ge=journal.VERSION, le=journal.VERSION, description="The version of the line's form."),
]
Moment = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$",
        description="When it was written, RFC 3339 in UTC; no clock but the writer's own.",
    ),
]
Commit = Annotated[
    str, Meta(pattern=f"^({_HASH})?$", description="A full hash; empty where none is known.")
]
Who = Annotated[str, Meta(description="Who did it, as user@host.")]


class Line(Struct):
    """A line of a clone's journal, .circle/journal.jsonl: one run of a phase, or of a task beside
    it, when it has ended."""

    v: Version
    at: Moment
    who: Who
    phase: Annotated[
        str,
        Meta(
            pattern=r"^[a-z]+(\.[a-z-]+)?$",
            description="A phase such as deploy, or a task beside it such as deploy.env.",
        ),
    ]
    outcome: Annotated[
        Literal["closed", "troubled", "refused"],
        Meta(
            description="closed: it did what it has to. troubled: it ran and did not close."
            " refused: it did not start, changed nothing and says nothing of the commit."
        ),
    ]
    seconds: Annotated[float, Meta(ge=0, description="How long it took.")]
    commit: Commit
    detail: Annotated[
        dict[str, Any],
        Meta(
            description="What it found or did, which is the phase's own. error and kind: why it"
            " did not close. partial: a part was looked at, which proves nothing of the commit."
        ),
    ]
    environment: Union[
        Annotated[str, Meta(description="The environment it was about, where it was about one.")],
        UnsetType,
    ] = UNSET
    dirty: Union[
        Annotated[
            bool,
            Meta(description="True where the tree differed from the commit: it proves nothing."),
        ],
        UnsetType,
    ] = UNSET


class HostLine(Struct, rename={"from_": "from"}):
    """A line of a host's journal, PATH/journal.jsonl: something that a run has come to there.

    The lines of one run, also on different hosts, have the same `run`. What the operator has to say
    of it (reason, approved_by, without, backup, migrated …) is beside these keys.
    """

    v: Version
    at: Moment
    event: Annotated[
        Literal[
            "switched",
            "closed",
            "kept",
            "reverted",
            "aborted",
            "stuck",
            "caught-up",
            "pushed",
            "unreadable",
        ],
        Meta(
            description="switched: `current` points at it. closed: and it stays."
            " kept: it may not be gone back from, and was not confirmed: live, and not closed."
            " reverted: it was"
            " switched back. aborted: it never was live. stuck: there was nothing to go back to."
            " caught-up: a host that lacked a release was given it. pushed: a new environment"
            " file. unreadable: what was pending made no sense."
        ),
    ]
    run: Union[Annotated[str, Meta(description="The run's own name.")], UnsetType] = UNSET
    kind: Union[Annotated[str, Meta(description="deploy, rollback or environment.")], UnsetType] = (
        UNSET
    )
    who: Union[Who, UnsetType] = UNSET
    release: Union[Annotated[str, Meta(description="What it deploys.")], UnsetType] = UNSET
    from_: Union[
        Annotated[str, Meta(description="What was live before; empty for nothing.")], UnsetType
    ] = UNSET
    version: Union[Annotated[str, Meta(description="The release's version.")], UnsetType] = UNSET
    commit: Union[Commit, UnsetType] = UNSET
    schema: Union[
        Annotated[str, Meta(description="compatible, or breaking: it can't be gone back from.")],
        UnsetType,
    ] = UNSET
    confirmed: Union[
        Annotated[bool, Meta(description="Whether it goes on by itself when nobody is there.")],
        UnsetType,
    ] = UNSET
    why: Union[Annotated[str, Meta(description="What ended the run.")], UnsetType] = UNSET
    error: Union[Annotated[str, Meta(description="What went wrong.")], UnsetType] = UNSET
    begun: Union[
        Annotated[str, Meta(description="When the operator began it, RFC 3339.")], UnsetType
    ] = UNSET
    switched: Union[
        Annotated[str, Meta(description="When the operator had had every host switch.")], UnsetType
    ] = UNSET
    verified: Union[
        Annotated[str, Meta(description="When every host and the public address had answered.")],
        UnsetType,
    ] = UNSET
    watched: Union[
        Annotated[float, Meta(description="For how long a deploy was watched, in seconds.")],
        UnsetType,
    ] = UNSET
    keys: Union[
        Annotated[list[str], Meta(description="Names in a pushed environment file, no values.")],
        UnsetType,
    ] = UNSET
    rotated: Union[
        Annotated[list[str], Meta(description="Those that older releases take over, too.")],
        UnsetType,
    ] = UNSET


def schema() -> dict[str, Any]:
    """Return the JSON schema of a line of either journal."""
    (clone, host), parts = msgspec.json.schema_components(
        (Line, HostLine), ref_template="#/$defs/{name}"
    )
    for part in parts.values():
        part["description"] = " ".join(part["description"].split())  # a docstring's own lines
    return {
        "$schema": PUBLISHED,
        "$comment": SAID,
        "title": f"A line of a journal of the Circle of Closure, version {journal.VERSION}",
        "anyOf": [clone, host],
        "$defs": parts,
    }


def page() -> str:
    """Return the schema as the page that is published."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
