"""A TCP proxy on loopback that a test puts before a host: it delays, and it can be cut and
mended."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any


class Proxy:
    """Forwards 127.0.0.1:`port` (a free one) to `host`:`to`; `delay` seconds each way.

    Use as a context manager.
    """

    def __init__(self, to: int, delay: float = 0.0, host: str = "127.0.0.1") -> None:
        self.to, self.delay, self.host, self.port = to, delay, host, 0
        self._open: set[asyncio.StreamWriter] = set()
        self._whole = True
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Drop every connection, and take no new one until `mend`."""
        self._whole = False
        self._do(self._drop())

    def mend(self) -> None:
        """Forward again."""
        self._whole = True

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _drop(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _end(self) -> None:
        self._server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(self.host, self.to)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, back}
        pumps = self._pump(reader, back), self._pump(there, writer)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*pumps, return_exceptions=True)
        self._open -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what arrives, each piece `delay` later; the end too."""
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await late.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                if not data:
                    writer.close()
                    return
                writer.write(data)

        task = self._loop.create_task(deliver())
        try:
            while True:
                data = await reader.read(65536)
                late.put_nowait((self._loop.time() + self.delay, data))
                if not data:
                    break
            await task
        finally:
            task.cancel()
            writer.close()  # so that the other way ends, too
