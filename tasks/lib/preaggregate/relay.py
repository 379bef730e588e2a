"""Lets containers reach what listens on loopback: passes on what comes to a bridge's address.

Run by itself (`python -I relay.py LISTEN TO NETWORK…`, each of the first two as address:port). Only
peers of the networks named are let in, so that nobody else's packets, routed to this machine, reach
what its developer kept to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import sys
from collections.abc import Sequence

CHUNK = 65536  # bytes


def allowed(peer: str, networks: Sequence[str]) -> bool:
    """Tell whether an address is in one of the networks (`172.18.0.0/16`)."""
    return any(ipaddress.ip_address(peer) in ipaddress.ip_network(each) for each in networks)


async def serve(listen: tuple[str, int], to: tuple[str, int], networks: Sequence[str]) -> None:
    """Pass connections on until we are ended. Raises OSError where `listen` is taken."""

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            if allowed(writer.get_extra_info("peername")[0], networks):
                await _between(reader, writer, to)
        writer.close()

    server = await asyncio.start_server(met, *listen)
    async with server:
        await server.serve_forever()


async def _between(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: tuple[str, int]
) -> None:
    there_reader, there_writer = await asyncio.open_connection(*to)
    try:
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
    finally:
        there_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def _place(said: str) -> tuple[str, int]:
    address, _, port = said.rpartition(":")
    return address, int(port)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(_place(sys.argv[1]), _place(sys.argv[2]), sys.argv[3:]))
