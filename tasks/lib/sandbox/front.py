"""
The sandbox's front: what nginx is to a real host, a reverse proxy to whatever `current` points at.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

    from aiohttp import ClientResponse, ClientSession, web
    from multidict import CIMultiDict, CIMultiDictProxy

# Relative to the host's directory: a unix socket's path holds about 100 bytes, wherever the project
# is.
CURRENT = "srv/current"
SOCKET = "srv/current/run/app.sock"
# nginx's own defaults, in seconds (proxy_connect_timeout, proxy_read_timeout, keepalive_timeout).
CONNECT_LIMIT, READ_LIMIT, IDLE_LIMIT = 60.0, 60.0, 75.0
# A whole answer up to so many bytes is sent in one piece; what is larger or of unknown length
# streams.
WHOLE = 64 * 1024
BACKLOG = 2048
# RFC 9110, 7.6.1: these concern one connection and are never passed on.
_HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer "
    "transfer-encoding upgrade".split()
)
_AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class Front:
    """
    A reverse proxy: keep-alive towards clients, a new upstream connection for every request.

    So the symlink moves all new requests at once, and those in flight end where they began.
    It answers 503 when there is no `current`, 502 when its socket refuses or cuts, 504 when slow.

    read_limit: seconds that the service may be silent.
    """

    def __init__(self, read_limit: float = READ_LIMIT) -> None:
        self._read_limit = read_limit
        self._told = ""

    async def start(self, sock: socket.socket) -> None:
        """Serve on a bound TCP socket, until the event loop ends."""
        import aiohttp
        from aiohttp import web

        self._session: ClientSession = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=SOCKET, force_close=True, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_LIMIT, sock_read=self._read_limit
            ),
            auto_decompress=False,
            skip_auto_headers=_AUTOMATIC,
        )
        self._server = web.Server(
            self._answer,
            # A client that leaves takes its upstream connection with it, as in nginx.
            handler_cancellation=True,
            keepalive_timeout=IDLE_LIMIT,
            access_log=None,
            auto_decompress=False,
        )
        await asyncio.get_running_loop().create_server(self._server, sock=sock, backlog=BACKLOG)

    async def stop(self) -> None:
        """Close what is open, upstream and towards clients."""
        await self._server.shutdown(timeout=0)
        await self._session.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        from aiohttp import ClientConnectorError, ClientError
        from aiohttp import web

        try:
            upstream = await self._ask(request)
        except ClientConnectorError as error:
            # Tried first and looked at afterwards: between a look and a try the link may move.
            if not os.path.isdir(CURRENT):
                return self._fail(web.Response(status=503), "no release is current")
            return self._fail(web.Response(status=502), error.strerror or str(error))
        except TimeoutError:
            return self._fail(web.Response(status=504), f"silent for {self._read_limit:g} s")
        except (ClientError, OSError) as error:
            return self._fail(web.Response(status=502), f"cut: {error}")
        async with upstream:
            return await self._pass_on(request, upstream)

    async def _ask(self, request: web.BaseRequest) -> ClientResponse:
        from yarl import URL

        headers = _passed(request.headers)
        headers["Connection"] = "close"
        peer = request.remote or ""
        headers["X-Real-IP"] = peer
        headers["X-Forwarded-Proto"] = "http"
        before = request.headers.get("X-Forwarded-For")
        headers["X-Forwarded-For"] = f"{before}, {peer}" if before else peer
        path = request.raw_path if request.raw_path.startswith("/") else request.rel_url.raw_path
        return await self._session.request(
            request.method,
            URL(f"http://{headers.get('Host', 'localhost')}{path}", encoded=True),
            headers=headers,
            data=request.content if request.can_read_body else None,
            allow_redirects=False,
        )

    async def _pass_on(
        self, request: web.BaseRequest, upstream: ClientResponse
    ) -> web.StreamResponse:
        from aiohttp import ClientError, web

        headers = _passed(upstream.headers)
        length = upstream.content_length
        if length is not None and length <= WHOLE and request.method != "HEAD":
            try:
                body = await upstream.read()
            except (ClientError, OSError, TimeoutError) as error:
                return self._fail(web.Response(status=502), f"cut in the answer: {error}")
            return web.Response(
                status=upstream.status, reason=upstream.reason, headers=headers, body=body
            )
        answer = web.StreamResponse(status=upstream.status, reason=upstream.reason, headers=headers)
        await answer.prepare(request)
        try:
            async for chunk in upstream.content.iter_any():
                await answer.write(chunk)
            await answer.write_eof()
        except (ClientError, TimeoutError) as error:
            self._tell(f"cut in the answer: {error}")
            # The status line is out: only a cut connection still says that this is not the whole.
            if request.transport is not None:
                request.transport.abort()
        return answer

    def _fail(self, answer: web.Response, why: str) -> web.Response:
        self._tell(f"{answer.status}: {why}")
        answer.text = f"{answer.status} {answer.reason}\n"
        return answer

    def _tell(self, what: str) -> None:
        """Log a trouble, but not the same one for each of a thousand requests."""
        if what != self._told:
            self._told = what
            print(f"front: {what}", flush=True)


def _passed(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Copy the headers that concern the message and not the connection."""
    copied = headers.copy()
    named = {each.strip().lower() for each in headers.get("Connection", "").split(",")}
    for name in set(copied):
        if name.lower() in _HOP_BY_HOP or name.lower() in named:
            del copied[name]
    return copied
