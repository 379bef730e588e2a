"""What every peer deploys: a small service, which says what version it is."""

import json
import os
import time
from pathlib import Path

time.sleep(float(Path("START").read_text(encoding="utf-8")))  # what a larger one would import
VERSION = Path("VERSION").read_text(encoding="utf-8").strip()
ANSWER = {"release": os.environ.get("RELEASE_ID", ""), "version": VERSION}
HEADERS = [
    (b"content-type", b"application/json"),
    (b"x-release-id", ANSWER["release"].encode()),
]


async def app(scope, receive, send):  # type: ignore[no-untyped-def]
    """Answer every request with the version."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": json.dumps(ANSWER).encode()})
