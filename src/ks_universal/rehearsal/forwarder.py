"""Tells the connections of commands apart, whatever they are: each gets a port of its own that leads to the server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.server import Server
from ks_universal.targets.local.ports import LOOPBACK

_PIECE = 65536


class Forwarder(msgspec.Struct, kw_only=True):
    """A port that leads to the server; `ports` are those of its connections, as the server sees them."""

    port: int
    ports: set[int] = msgspec.field(default_factory=set)

    def lead(self, bench: Bench) -> Bench:
        """Give a bench whose commands use this port."""
        return msgspec.structs.replace(bench, server=msgspec.structs.replace(bench.server, port=self.port))


@contextlib.asynccontextmanager
async def forward(server: Server) -> AsyncIterator[Forwarder]:
    """Listen on a free port, and lead what comes there to the server."""
    forwarder = Forwarder(port=0)
    connections: set[asyncio.Task[None]] = set()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            connections.add(task)
            task.add_done_callback(connections.discard)
        with contextlib.closing(writer):
            to_reader, to_writer = await asyncio.open_connection(LOOPBACK, server.port)
            forwarder.ports.add(to_writer.get_extra_info("sockname")[1])
            with contextlib.closing(to_writer):
                # Either side's end is the other's.
                pumps = [
                    asyncio.ensure_future(_pump(reader, to_writer)),
                    asyncio.ensure_future(_pump(to_reader, writer)),
                ]
                try:
                    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for pump in pumps:
                        pump.cancel()
                    await asyncio.gather(*pumps, return_exceptions=True)

    listener = await asyncio.start_server(lead, LOOPBACK, 0)
    forwarder.port = listener.sockets[0].getsockname()[1]
    try:
        yield forwarder
    finally:
        listener.close()
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(_PIECE):
            target.write(piece)
            await target.drain()
